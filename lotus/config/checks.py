"""A stream's file against what its source offers and its destination takes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, Severity, choose
from lotus.config.landing import field_name
from lotus.config.models import FIELD_TYPES, BackfillFile, DiscoveredFile, StreamFile

_ARTICLES = {"object": "an", "array": "an"}
_TYPES = frozenset(FIELD_TYPES) - {"null", "unknown"}
_CURSOR_TYPES = ("string", "integer", "number")
_PAIRS = {
    ("full_refresh", "overwrite"): "full_refresh_overwrite",
    ("full_refresh", "append"): "full_refresh_append",
    ("full_refresh", "overwrite_dedup"): "full_refresh_overwrite_deduped",
    ("full_refresh", "update"): "full_refresh_update",
    ("full_refresh", "soft_delete"): "full_refresh_soft_delete",
    ("incremental", "append"): "incremental_append",
    ("incremental", "append_dedup"): "incremental_deduped_history",
    ("incremental", "update"): "incremental_update",
    ("incremental", "soft_delete"): "incremental_soft_delete",
}
"""Airbyte's connection sync modes (docs/airbyte-behaviour.md#sync-modes); pairs that are not here do not exist."""

PAIRS: Mapping[tuple[str, str], str] = _PAIRS
MODES: Mapping[str, tuple[str, str]] = {mode: pair for pair, mode in _PAIRS.items()}
"""Airbyte's mode of a stream in a connection → `sync_mode` and `destination_sync_mode` of its file."""
_NEEDS_KEY = ("append_dedup", "overwrite_dedup", "update", "soft_delete")


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a source offers of one stream, kept small: field names with one word for the type."""

    name: str
    namespace: str | None
    sync_modes: tuple[str, ...]
    primary_key: tuple[tuple[str, ...], ...]
    cursor_field: tuple[str, ...]
    source_defined_cursor: bool | None
    fields: Mapping[str, str]
    file: str
    authored: bool = False
    offers_nothing: bool = False
    """Its source was asked, and describes no field."""

    @classmethod
    def of(cls, name: str, file: str, model: DiscoveredFile, fields: Mapping[str, str]) -> Discovered:
        """The compact form of a checked file."""
        return cls(
            model.stream or name,
            model.namespace,
            model.options.sync_modes,
            model.defaults.primary_key,
            model.defaults.cursor_field,
            model.defaults.source_defined_cursor,
            fields,
            file,
            model.authored,
            offers_nothing="fields" in model.model_fields_set and not fields,
        )

    @property
    def incremental(self) -> bool:
        """Whether the stream can be read from where the last read ended."""
        return "incremental" in self.sync_modes


@dataclass(frozen=True, slots=True)
class Modes:
    """The two modes of a stream, and which of Airbyte's it makes."""

    sync_mode: str
    destination_sync_mode: str

    @property
    def connection_sync_mode(self) -> str | None:
        """Airbyte's word for the pair, or None if it has none."""
        return _PAIRS.get((self.sync_mode, self.destination_sync_mode))


def modes(stream: StreamFile, discovered: Discovered | None, destination_modes: Sequence[str] | None) -> Modes:
    """The modes that hold: what the file says; where it is silent, what discovery and destination offer.

    Args:
        destination_modes: the modes of the destination, None if they are not known.
    """
    destination_sync_mode = stream.destination_sync_mode
    has_cursor = bool(stream.cursor_field or (discovered and (discovered.cursor_field)))
    can_increment = (
        discovered is not None and discovered.incremental and (has_cursor or discovered.source_defined_cursor is True)
    )
    sync_mode = stream.sync_mode or _default_sync_mode(destination_sync_mode, can_increment)
    return Modes(sync_mode, destination_sync_mode or _default_destination_sync_mode(sync_mode, destination_modes))


def _default_sync_mode(destination_sync_mode: str | None, can_increment: bool) -> str:
    if destination_sync_mode in ("overwrite", "overwrite_dedup"):
        return "full_refresh"
    if destination_sync_mode == "append_dedup":
        return "incremental"
    return "incremental" if can_increment else "full_refresh"


def _default_destination_sync_mode(sync_mode: str, destination_modes: Sequence[str] | None) -> str:
    if sync_mode == "incremental":
        return "append"
    if destination_modes and "overwrite" not in destination_modes and "append" in destination_modes:
        return "append"
    return "overwrite"


class StreamChecks:
    """All checks of one stream's file; every method adds to the same two lists."""

    def __init__(
        self,
        document: Document,
        stream: StreamFile,
        name: str,
        discovered: Discovered | None,
        results: tuple[list[Fault], list[Fault]],
    ) -> None:
        self._document = document
        self._stream = stream
        self._name = name
        self._discovered = discovered
        self._faults, self._hints = results

    def run(self, pair: Modes, destination_modes: Sequence[str] | None, destination: str, parquet: bool) -> None:
        """Modes, cursor, key, selection, in this order."""
        self._check_modes(pair, destination_modes, destination)
        self._check_backfill(pair)
        if self._discovered is None:
            return
        if parquet and self._discovered.offers_nothing:
            message = "offers no fields: nothing of its records would land"
            fix = 'use the format JSONL, which keeps whole records, or leave the stream out: "selected": false'
            self._add("LOT031", message, ("stream",) if self._stream.stream else (), fix=fix)
            return
        self._check_cursor(self._discovered, pair)
        self._check_key(self._discovered, pair)
        self._check_selection(self._discovered, pair, parquet)

    def _add(self, code: str, message: str, pointer: Pointer = (), severity: Severity = "error", **more: Any) -> None:
        target = self._faults if severity == "error" else self._hints
        target.append(
            self._document.fault(code, f'stream "{self._name}" {message}', pointer, severity=severity, **more)
        )

    def _check_modes(self, pair: Modes, destination_modes: Sequence[str] | None, destination: str) -> None:
        discovered = self._discovered
        if discovered and discovered.sync_modes and pair.sync_mode not in discovered.sync_modes:
            message = f"cannot be read {pair.sync_mode}: the source offers {' and '.join(discovered.sync_modes)}"
            at = "sync_mode" if self._stream.sync_mode else "destination_sync_mode"
            fix = f'write "sync_mode": "{discovered.sync_modes[0]}"'
            self._add("LOT021", message, (at,), fix=fix, allowed=discovered.sync_modes)
        if pair.destination_sync_mode == "merge":
            fix = "use append_dedup if the destination has it, or append"
            self._add("LOT021", "cannot use merge: only dlt supports it", ("destination_sync_mode",), fix=fix)
        elif pair.connection_sync_mode is None:
            others = [d for s, d in _PAIRS if s == pair.sync_mode]
            message = f"cannot be {pair.sync_mode} with {pair.destination_sync_mode}: Airbyte has no such mode"
            fix = f"with {pair.sync_mode}, use one of: {', '.join(others)}"
            self._add("LOT021", message, ("destination_sync_mode",), fix=fix, allowed=tuple(others))
        elif destination_modes is not None and pair.destination_sync_mode not in destination_modes:
            message = f'lands in "{destination}", which has no {pair.destination_sync_mode}'
            possible = tuple(d for d in destination_modes if (pair.sync_mode, d) in _PAIRS)
            fix = f'write "destination_sync_mode": "{possible[0]}"' if possible else ""
            self._add("LOT054", message, ("destination_sync_mode",), fix=fix, allowed=possible)

    def _check_backfill(self, pair: Modes) -> None:
        request = self._stream.backfill
        if not isinstance(request, BackfillFile) or request.start is None:
            return
        at: Pointer = ("backfill", "from")
        try:
            date.fromisoformat(request.start)
        except ValueError:
            self._add("LOT012", f'has a backfill from "{request.start}", which is not a date', at, fix="2025-01-31")
        if request.mode != "refresh_and_retain":
            message = (
                f"cannot be read again from a date with {request.mode}: files are removed whole, not from a date on"
            )
            self._add("LOT014", message, at, key=True, fix='leave "from" out, or the mode')
        if pair.sync_mode != "incremental":
            message = f"cannot be read again from a date: {pair.sync_mode} reads all of it each time"
            self._add("LOT014", message, at, key=True, fix='leave "from" out')

    def _field(self, discovered: Discovered, path: Sequence[str], code: str, role: str, pointer: Pointer) -> str | None:
        """The type word of a field that must exist, None after a fault."""
        if not path:
            return None
        if path[0] not in discovered.fields:
            fix, allowed, near = choose(path[0], sorted(discovered.fields), otherwise="run lotus discover again")
            message = f'has no field "{path[0]}" to use as {role}'
            self._add(code, message, pointer, fix=fix, allowed=allowed, nearest=near)
            return None
        return discovered.fields[path[0]]

    def _check_cursor(self, discovered: Discovered, pair: Modes) -> None:
        cursor = self._stream.cursor_field
        if pair.sync_mode != "incremental":
            if cursor and discovered.fields and cursor[0] not in discovered.fields:
                self._field(discovered, cursor, "LOT022", "a cursor", ("cursor_field", 0))
            return
        if not cursor:
            self._check_default_cursor(discovered)
            return
        if discovered.source_defined_cursor and discovered.cursor_field != cursor:
            default = f" ({json.dumps(discovered.cursor_field)})" if discovered.cursor_field else ""
            message = f"has a cursor that its source defines{default}; Airbyte refuses another"
            self._add("LOT024", message, ("cursor_field",), key=True, fix="leave cursor_field out")
            return
        field_type = self._field(discovered, cursor, "LOT022", "a cursor", ("cursor_field", 0))
        if field_type is not None:
            self._check_cursor_type(discovered, cursor, field_type)

    def _check_default_cursor(self, discovered: Discovered) -> None:
        if discovered.cursor_field or discovered.source_defined_cursor:
            return
        usable = [name for name, type_ in discovered.fields.items() if type_.endswith((":date-time", ":date"))]
        message = "is incremental, but neither its file nor its source names a cursor"
        example = usable[0] if usable else "updated_at"
        fix = f'add "cursor_field": ["{example}"], or "sync_mode": "full_refresh"'
        self._add("LOT025", message, ("sync_mode",), fix=fix, allowed=tuple(usable))

    def _check_cursor_type(self, discovered: Discovered, cursor: tuple[str, ...], field_type: str) -> None:
        kind = field_type.split(":", maxsplit=1)[0]
        if len(cursor) == 1 and kind not in _CURSOR_TYPES:
            usable = [n for n, t in discovered.fields.items() if t.split(":")[0] in _CURSOR_TYPES]
            problem = (
                "its type is unknown" if kind == "unknown" else f"{_ARTICLES.get(kind, 'a')} {kind} never advances"
            )
            fix = f"use a time, a number or a text that only grows: {', '.join(usable[:8])}"
            self._add("LOT023", f'cannot use "{cursor[0]}" as a cursor: {problem}', ("cursor_field", 0), fix=fix)
        elif cursor in self._keys(discovered) and kind == "string" and ":" not in field_type:
            message = f'uses its key "{cursor[0]}" as a cursor: changed records keep their key and are never read again'
            self._add("LOT023", message, ("cursor_field", 0), severity="hint", fix="use the time of the last change")
        elif ":" not in field_type and cursor[0].lower().startswith("created"):
            message = f'uses "{cursor[0]}" as a cursor: records changed after their creation are never read again'
            self._add("LOT023", message, ("cursor_field", 0), severity="hint", fix="use the time of the last change")

    def _keys(self, discovered: Discovered) -> tuple[tuple[str, ...], ...]:
        return self._stream.primary_key or discovered.primary_key

    def _check_key(self, discovered: Discovered, pair: Modes) -> None:
        written = self._stream.primary_key
        if written and discovered.primary_key and set(written) != set(discovered.primary_key):
            default = json.dumps(discovered.primary_key)
            message = f"has a primary key that its source defines ({default}); Airbyte refuses another"
            self._add("LOT027", message, ("primary_key",), key=True, fix="leave primary_key out")
            return
        for index, path in enumerate(written or ()):
            if not path:
                self._add(
                    "LOT026", "has an empty path in its primary key", ("primary_key", index), fix='write [["id"]]'
                )
                continue
            field_type = self._field(discovered, path, "LOT026", "a key", ("primary_key", index, 0))
            if field_type in ("object", "array") and len(path) == 1:
                message = f'cannot use "{path[0]}" as a key: {_ARTICLES[field_type]} {field_type} cannot be compared'
                usable = [n for n, t in discovered.fields.items() if t.split(":")[0] in _CURSOR_TYPES]
                fix = f"use a number or a text: {', '.join(usable[:8])}"
                self._add("LOT026", message, ("primary_key", index, 0), fix=fix)
        if pair.destination_sync_mode in _NEEDS_KEY and not self._keys(discovered):
            message = f"is {pair.destination_sync_mode}, but neither its file nor its source names a primary key"
            at: Pointer = ("destination_sync_mode",)
            self._add("LOT028", message, at, fix='add "primary_key": [["id"]], or use append')

    def _check_selection(self, discovered: Discovered, pair: Modes, parquet: bool) -> None:
        selected = self._stream.fields
        if selected is not None and not selected:
            self._add("LOT031", "selects no field", ("fields",), fix='leave "fields" out for all of them')
            return
        names = list(discovered.fields) if selected is None else list(selected)
        if selected is not None and discovered.fields:
            for name in selected:
                if name not in discovered.fields:
                    self._unknown_field(discovered, name)
                else:
                    self._check_type(discovered, name, selected[name])
            self._check_selected_needs(discovered, pair, selected)
        self._check_columns(discovered, names, selected is not None, parquet)

    def _check_type(self, discovered: Discovered, name: str, written: Any) -> None:
        """The type beside a selected field is for readers downstream; Airbyte takes the source's."""
        selected_type: Any = written.get("type") if type(written) is dict else None
        source_type = discovered.fields[name].split(":", 1)[0]
        if (
            type(selected_type) is str
            and selected_type != source_type
            and selected_type in _TYPES
            and source_type in _TYPES
        ):
            message = f'selects "{name}" as {selected_type}, but its source declares {source_type}, which is what lands'
            self._add(
                "LOT034", message, ("fields", name, "type"), severity="hint", fix=f'write "type": "{source_type}"'
            )

    def _unknown_field(self, discovered: Discovered, name: str) -> None:
        head = name.split(".", maxsplit=1)[0]
        if "." in name and head in discovered.fields:
            message = f'selects "{name}": Airbyte selects top-level fields only'
            self._add("LOT030", message, ("fields", name), key=True, fix=f'select "{head}"', nearest=head)
            return
        fix, allowed, near = choose(name, sorted(discovered.fields), otherwise="run lotus discover again")
        message = f'selects a field "{name}" that its source does not have'
        self._add("LOT029", message, ("fields", name), key=True, fix=fix, allowed=allowed, nearest=near)

    def _check_selected_needs(self, discovered: Discovered, pair: Modes, selected: Mapping[str, Any]) -> None:
        needed: dict[str, str] = {}
        if pair.destination_sync_mode in _NEEDS_KEY:
            needed |= {path[0]: "its key" for path in self._keys(discovered) if path}
        cursor = self._stream.cursor_field or discovered.cursor_field
        if pair.sync_mode == "incremental" and cursor:
            needed[cursor[0]] = "its cursor"
        for name, role in needed.items():
            if name not in selected and name in discovered.fields:
                field_type = discovered.fields[name].split(":")[0]
                message = f'does not select "{name}", {role}; Airbyte refuses that'
                self._add(
                    "LOT031", message, ("fields",), key=True, fix=f'add "{name}": {{"type": "{field_type}"}} to fields'
                )

    def _check_columns(self, discovered: Discovered, names: Sequence[str], chosen: bool, parquet: bool) -> None:
        if not parquet:
            return
        if len({*map(field_name, names)}) == len(names) and "unknown" not in discovered.fields.values():
            return
        columns: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            columns[field_name(name)].append(name)
            if discovered.fields.get(name) == "unknown":
                message = f'lands "{name}", whose type the source does not declare: Parquet may refuse it'
                fix = "select the fields you need, without it" if not chosen else "leave it out of fields"
                self._add("LOT032", message, ("fields", name), key=True, severity="hint", fix=fix)
        for column, sources in columns.items():
            if len(sources) > 1:
                listed = " and ".join(f'"{s}"' for s in sources)
                message = f'has fields {listed} that both become the column "{column}"'
                self._add("LOT033", message, ("fields", sources[-1]), key=True, fix="select one of them")
