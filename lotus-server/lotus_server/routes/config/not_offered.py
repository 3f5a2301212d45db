"""Operations of the config API that are not offered: most are for Airbyte's own parts, its cloud or its pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def paths() -> Sequence[tuple[str, str]]:
    """Method and path of each, below ``/api/v1``."""
    lines = Path(__file__).with_suffix(".txt").read_text().splitlines()
    return [(method, path) for method, _, path in (line.partition(" ") for line in lines)]
