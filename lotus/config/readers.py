"""Who reads what lands, by the conventions of one site; a review names them where the stack's `lotus:readers` says so.

Everything that lotus knows about names and habits of somebody's dbt, feeders and sensors is in this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from lotus.config.dbt import model_name

_DAYS = ({"YEAR": "2026", "MONTH": "01", "DAY": "30"}, {"YEAR": "2026", "MONTH": "01", "DAY": "31"})
"""Any day and the one after it: a cursor stands at the first, new files come on the second."""


class Readers(Protocol):
    """The readers of a lake."""

    def of(self, source: str, stream: str) -> tuple[str, ...]:
        """The names of those who read a stream."""
        ...

    def after_move(self, old: str, new: str) -> tuple[str, ...]:
        """What they make of a stream whose files land at another key from now on, in sentences."""
        ...


class UnknownReaders:
    """A lake of which lotus does not know who reads it."""

    def of(self, source: str, stream: str) -> tuple[str, ...]:
        """None are known."""
        return ()

    def after_move(self, old: str, new: str) -> tuple[str, ...]:
        """Nothing is known."""
        return ()


class LotusLakeReaders:
    """lotus-lake's conventions: a dbt model, a Dagster feeder and its sensor for each stream (docs/files.md)."""

    def of(self, source: str, stream: str) -> tuple[str, ...]:
        """The names that the conventions derive from a stream."""
        model = model_name(source, stream)
        return (f"dbt model {model}", f"feeder {source}_{stream}", f"sensor {source}_{stream}_sensor")

    def after_move(self, old: str, new: str) -> tuple[str, ...]:
        """Feeders read keys in their natural order and remember the last one.

        docs/airbyte-behaviour.md#landing-files-of-lotus-lake
        """
        if _natural(_on(new, _DAYS[1])) < _natural(_on(old, _DAYS[0])):
            return (
                "new files sort before old ones: a feeder that continues after its cursor skips them; reset its cursor",
            )
        return ("new files sort after old ones: a feeder that sees both continues after its cursor",)


READERS: Mapping[str, Readers] = {"lotus-lake": LotusLakeReaders()}
"""The conventions that `lotus:readers` can name."""


def _on(key: str, day: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([A-Z]+)\}", lambda m: day.get(m.group(1), "00"), key)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]
