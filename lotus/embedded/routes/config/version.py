"""What the server calls its version, where Airbyte gives its own."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as distribution_version


@cache
def version() -> str:
    """Such as ``lotus 0.1.0``."""
    return f"lotus {distribution_version('lotus-lake')}"
