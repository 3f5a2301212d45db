"""The Python language host that is built here, made to honour `virtualenv:` of Pulumi.yaml.

The engine prefers the host in its own folder, and warns of any other: so a launcher takes the host's name there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lotus.tools.catalog import HERE

NAME, HOST = "pulumi-language-python", "pulumi-language-python-host"
LAUNCHER = HERE / NAME / "launcher.sh"


def honour_virtualenv(binaries: Path) -> None:
    """Puts the launcher in front of a built host; pulumi's own download (it has all languages' hosts) needs none.

    Each step leaves a host under the name that the engine looks for: another clone may preview at this moment.
    """
    if (binaries / "pulumi-language-nodejs").exists() or not (binaries / NAME).exists():
        return
    text = LAUNCHER.read_bytes()
    if (binaries / NAME).stat().st_size == len(text) and (binaries / NAME).read_bytes() == text:
        return
    if not (binaries / HOST).exists():
        os.link(binaries / NAME, binaries / HOST)
    with tempfile.NamedTemporaryFile(dir=binaries, prefix=f".{NAME}-", delete=False) as file:
        file.write(text)
    Path(file.name).chmod(0o755)
    Path(file.name).replace(binaries / NAME)
