"""What differs between Linux and macOS, for the dev stack: nothing else asks for the platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def has_attributes(folder: Path, platform: str = sys.platform) -> bool:
    """Whether files in the folder can have extended attributes; macOS's own file systems always do."""
    if platform != "linux":
        return True
    try:
        os.setxattr(folder, "user.lotus-probe", b"")
    except OSError:
        return False
    os.removexattr(folder, "user.lotus-probe")
    return True
