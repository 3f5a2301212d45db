"""Words that messages share."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 fault`, `2 faults`, `1,200 rows`.

    Args:
        plural: the plural, where it is not the noun with an `s`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
