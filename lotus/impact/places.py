"""Where a stream lands before and after, and what readers that go by the order of paths make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lotus.config import Destination, Project, Source, Stream
from lotus.config.landing import folder, is_s3
from lotus.config.references import SEALED, reference

_DAYS = ({"YEAR": "2026", "MONTH": "01", "DAY": "30"}, {"YEAR": "2026", "MONTH": "01", "DAY": "31"})
"""Any day and the one after it: a cursor stands at the first, new files come on the second."""


def known(project: Project, value: Any) -> Any:
    """A configuration with the stack's own `$config` values in place; what it does not give stays a reference."""
    found = reference(value)
    if found and found[0] == "$config":
        given = project.settings.values.config(str(found[1]))
        return value if given is None or given.value is SEALED else given.value
    if found:
        return value
    if isinstance(value, dict):
        return {key: known(project, item) for key, item in value.items()}
    if isinstance(value, list):
        return [known(project, item) for item in value]
    return value


def place(project: Project, source: Source, stream: Stream, destination: Destination) -> str:
    """Where the stream's files land, `s3://landing/raw/shopify/orders/year=${YEAR}/…`; empty where it is not known."""
    if not is_s3(destination.settings.connector):
        return ""
    configuration = known(project, destination.settings.configuration)
    path = folder(configuration, source.namespace_of(stream), source.landed_name(stream)).lstrip("/")
    return f"s3://{bucket(configuration)}/{path}"


def bucket(configuration: Mapping[str, Any]) -> str:
    """The bucket's name, or the reference that names it."""
    name = configuration.get("s3_bucket_name")
    found = reference(name)
    return f"<{found[1]}>" if found else str(name or "")


def short(where: str) -> str:
    """A place without its dates: `s3://landing/raw/shopify/orders/`."""
    return where if "${" not in where else where[: where.index("${")].rpartition("/")[0] + "/"


def sorts_before(old: str, new: str) -> bool:
    """Whether tomorrow's file at `new` comes before today's at `old` in the natural order of paths.

    Then a feeder whose cursor stands at the old place (lotus-lake.md, "Landing files") never sees the new files.
    """
    return _natural(_on(new, _DAYS[1])) < _natural(_on(old, _DAYS[0]))


def _on(where: str, day: Mapping[str, str]) -> str:
    return re.sub(r"\$\{([A-Z]+)\}", lambda m: day.get(m.group(1), "00"), where)


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]
