"""The version that the server answers where Airbyte answers its own."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version as distribution_version


@cache
def version() -> str:
    """Such as ``lotus 0.1.0``."""
    return f"lotus {distribution_version('lotus-server')}"
