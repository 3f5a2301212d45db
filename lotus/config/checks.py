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
"""Airbyte's connection sync modes (airbyte-api.md (c)); pairs that are not here do not exist."""

PAIRS: Mapping[tuple[str, str], str] = _PAIRS
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


def modes(stream: StreamFile, discovered: Discovered | None, offered: Sequence[str] | None) -> Modes:
    """The modes that hold: what the file says; where it is silent, what discovery and destination offer.

    Args:
        offered: the destination's modes, None if not known.
    """
    wanted_there = stream.destination_sync_mode
    cursor_known = bool(stream.cursor_field or (discovered and (discovered.cursor_field)))
    can_increment = (
        discovered is not None and discovered.incremental and (cursor_known or discovered.source_defined_cursor is True)
    )
    sync_mode = stream.sync_mode
    if sync_mode is None:
        if wanted_there in ("overwrite", "overwrite_dedup"):
            sync_mode = "full_refresh"
        elif wanted_there == "append_dedup":
            sync_mode = "incremental"
        else:
            sync_mode = "incremental" if can_increment else "full_refresh"
    if wanted_there is None:
        wanted_there = "append" if sync_mode == "incremental" else "overwrite"
        if offered and wanted_there not in offered and "append" in offered:
            wanted_there = "append"
    return Modes(sync_mode, wanted_there)


class StreamChecks:
    """All checks of one stream's file; every method adds to the same two lists."""

    def __init__(
        self,
        document: Document,
        stream: StreamFile,
        name: str,
        discovered: Discovered | None,
        found: tuple[list[Fault], list[Fault]],
    ) -> None:
        self._document = document
        self._stream = stream
        self._name = name
        self._discovered = discovered
        self._faults, self._hints = found

    def run(self, held: Modes, offered: Sequence[str] | None, destination: str, parquet: bool) -> None:
        """Modes, cursor, key, selection, in this order."""
        self._check_modes(held, offered, destination)
        self._check_backfill(held)
        if self._discovered is None:
            return
        self._check_cursor(self._discovered, held)
        self._check_key(self._discovered, held)
        self._check_selection(self._discovered, held, parquet)

    def _add(self, code: str, what: str, pointer: Pointer = (), severity: Severity = "error", **more: Any) -> None:
        target = self._faults if severity == "error" else self._hints
        target.append(self._document.fault(code, f'stream "{self._name}" {what}', pointer, severity=severity, **more))

    def _check_modes(self, held: Modes, offered: Sequence[str] | None, destination: str) -> None:
        known = self._discovered
        if known and known.sync_modes and held.sync_mode not in known.sync_modes:
            what = f"cannot be read {held.sync_mode}: the source offers {' and '.join(known.sync_modes)}"
            at = "sync_mode" if self._stream.sync_mode else "destination_sync_mode"
            fix = f'write "sync_mode": "{known.sync_modes[0]}"'
            self._add("LOT021", what, (at,), fix=fix, allowed=known.sync_modes)
        if held.destination_sync_mode == "merge":
            fix = "use append_dedup if the destination has it, or append"
            self._add("LOT021", "cannot be merged: that exists for dlt only", ("destination_sync_mode",), fix=fix)
        elif held.connection_sync_mode is None:
            others = [d for s, d in _PAIRS if s == held.sync_mode]
            what = f"cannot be {held.sync_mode} with {held.destination_sync_mode}: Airbyte has no such mode"
            fix = f"with {held.sync_mode} go {', '.join(others)}"
            self._add("LOT021", what, ("destination_sync_mode",), fix=fix, allowed=tuple(others))
        elif offered is not None and held.destination_sync_mode not in offered:
            what = f'lands in "{destination}", which has no {held.destination_sync_mode}'
            possible = tuple(d for d in offered if (held.sync_mode, d) in _PAIRS)
            fix = f'write "destination_sync_mode": "{possible[0]}"' if possible else ""
            self._add("LOT054", what, ("destination_sync_mode",), fix=fix, allowed=possible)

    def _check_backfill(self, held: Modes) -> None:
        asked = self._stream.backfill
        if not isinstance(asked, BackfillFile) or asked.start is None:
            return
        at: Pointer = ("backfill", "from")
        try:
            date.fromisoformat(asked.start)
        except ValueError:
            self._add("LOT012", f'is to be read again from "{asked.start}", which is no date', at, fix="2025-01-31")
        if asked.mode != "refresh_and_retain":
            what = f"cannot be read again from a date with {asked.mode}: files are removed whole, not from a date on"
            self._add("LOT014", what, at, key=True, fix='leave "from" out, or the mode')
        if held.sync_mode != "incremental":
            what = f"cannot be read again from a date: {held.sync_mode} reads all of it each time"
            self._add("LOT014", what, at, key=True, fix='leave "from" out')

    def _field(self, known: Discovered, path: Sequence[str], code: str, role: str, pointer: Pointer) -> str | None:
        """The type word of a field that must exist, None after a fault."""
        if not path:
            return None
        if path[0] not in known.fields:
            fix, allowed, near = choose(path[0], sorted(known.fields), otherwise="run lotus discover again")
            what = f'has no field "{path[0]}" to use as {role}'
            self._add(code, what, pointer, fix=fix, allowed=allowed, nearest=near)
            return None
        return known.fields[path[0]]

    def _check_cursor(self, known: Discovered, held: Modes) -> None:
        cursor = self._stream.cursor_field
        if held.sync_mode != "incremental":
            if cursor and known.fields and cursor[0] not in known.fields:
                self._field(known, cursor, "LOT022", "a cursor", ("cursor_field", 0))
            return
        if not cursor:
            if not known.cursor_field and not known.source_defined_cursor:
                usable = [n for n, t in known.fields.items() if t.endswith((":date-time", ":date"))]
                what = "is incremental, but neither its file nor its source names a cursor"
                example = usable[0] if usable else "updated_at"
                fix = f'add "cursor_field": ["{example}"], or "sync_mode": "full_refresh"'
                self._add("LOT025", what, ("sync_mode",), fix=fix, allowed=tuple(usable))
            return
        if known.source_defined_cursor and known.cursor_field != cursor:
            default = f" ({json.dumps(known.cursor_field)})" if known.cursor_field else ""
            what = f"has a cursor of its own{default}; Airbyte refuses another"
            self._add("LOT024", what, ("cursor_field",), key=True, fix="leave cursor_field out")
            return
        word = self._field(known, cursor, "LOT022", "a cursor", ("cursor_field", 0))
        if word is None:
            return
        kind = word.split(":")[0]
        if len(cursor) == 1 and kind not in _CURSOR_TYPES:
            usable = [n for n, t in known.fields.items() if t.split(":")[0] in _CURSOR_TYPES]
            problem = (
                "its type is unknown" if kind == "unknown" else f"{_ARTICLES.get(kind, 'a')} {kind} never advances"
            )
            fix = f"use a time, a number or a text that only grows: {', '.join(usable[:8])}"
            self._add("LOT023", f'cannot use "{cursor[0]}" as a cursor: {problem}', ("cursor_field", 0), fix=fix)
        elif cursor in self._keys(known) and kind == "string" and ":" not in word:
            what = f'uses its key "{cursor[0]}" as a cursor: changed records keep their key and are never read again'
            self._add("LOT023", what, ("cursor_field", 0), severity="hint", fix="use the time of the last change")
        elif ":" not in word and cursor[0].lower().startswith("created"):
            what = f'uses "{cursor[0]}" as a cursor: records changed after their creation are never read again'
            self._add("LOT023", what, ("cursor_field", 0), severity="hint", fix="use the time of the last change")

    def _keys(self, known: Discovered) -> tuple[tuple[str, ...], ...]:
        return self._stream.primary_key or known.primary_key

    def _check_key(self, known: Discovered, held: Modes) -> None:
        written = self._stream.primary_key
        if written and known.primary_key and set(written) != set(known.primary_key):
            what = f"has a primary key of its own ({json.dumps(known.primary_key)}); Airbyte refuses another"
            self._add("LOT027", what, ("primary_key",), key=True, fix="leave primary_key out")
            return
        for index, path in enumerate(written or ()):
            if not path:
                self._add(
                    "LOT026", "has an empty path in its primary key", ("primary_key", index), fix='write [["id"]]'
                )
                continue
            word = self._field(known, path, "LOT026", "a key", ("primary_key", index, 0))
            if word in ("object", "array") and len(path) == 1:
                what = f'cannot use "{path[0]}" as a key: {_ARTICLES[word]} {word} cannot be compared'
                usable = [n for n, t in known.fields.items() if t.split(":")[0] in _CURSOR_TYPES]
                fix = f"use a number or a text: {', '.join(usable[:8])}"
                self._add("LOT026", what, ("primary_key", index, 0), fix=fix)
        if held.destination_sync_mode in _NEEDS_KEY and not self._keys(known):
            what = f"is {held.destination_sync_mode}, but neither its file nor its source names a primary key"
            at: Pointer = ("destination_sync_mode",)
            self._add("LOT028", what, at, fix='add "primary_key": [["id"]], or use append')

    def _check_selection(self, known: Discovered, held: Modes, parquet: bool) -> None:
        selected = self._stream.fields
        if selected is not None and not selected:
            self._add("LOT031", "selects no field", ("fields",), fix='leave "fields" out for all of them')
            return
        names = list(known.fields) if selected is None else list(selected)
        if selected is not None and known.fields:
            for name in selected:
                if name not in known.fields:
                    self._unknown_field(known, name)
                else:
                    self._check_type(known, name, selected[name])
            self._check_selected_needs(known, held, selected)
        self._check_columns(known, names, selected is not None, parquet)

    def _check_type(self, known: Discovered, name: str, written: Any) -> None:
        """The type beside a selected field is for readers downstream; Airbyte takes the source's."""
        word: Any = written.get("type") if type(written) is dict else None
        offered = known.fields[name].split(":", 1)[0]
        if type(word) is str and word != offered and word in _TYPES and offered in _TYPES:
            what = f'selects "{name}" as {word}, and its source says {offered}: that is what lands'
            self._add("LOT034", what, ("fields", name, "type"), severity="hint", fix=f'write "type": "{offered}"')

    def _unknown_field(self, known: Discovered, name: str) -> None:
        head = name.split(".", maxsplit=1)[0]
        if "." in name and head in known.fields:
            what = f'selects "{name}": Airbyte selects top-level fields only'
            self._add("LOT030", what, ("fields", name), key=True, fix=f'select "{head}"', nearest=head)
            return
        fix, allowed, near = choose(name, sorted(known.fields), otherwise="run lotus discover again")
        what = f'selects a field "{name}" that its source does not have'
        self._add("LOT029", what, ("fields", name), key=True, fix=fix, allowed=allowed, nearest=near)

    def _check_selected_needs(self, known: Discovered, held: Modes, selected: Mapping[str, Any]) -> None:
        needed: dict[str, str] = {}
        if held.destination_sync_mode in _NEEDS_KEY:
            needed |= {path[0]: "its key" for path in self._keys(known) if path}
        cursor = self._stream.cursor_field or known.cursor_field
        if held.sync_mode == "incremental" and cursor:
            needed[cursor[0]] = "its cursor"
        for name, role in needed.items():
            if name not in selected and name in known.fields:
                word = known.fields[name].split(":")[0]
                what = f'does not select "{name}", {role}; Airbyte refuses that'
                self._add("LOT031", what, ("fields",), key=True, fix=f'add "{name}": {{"type": "{word}"}} to fields')

    def _check_columns(self, known: Discovered, names: Sequence[str], chosen: bool, parquet: bool) -> None:
        if not parquet:
            return
        if len({*map(field_name, names)}) == len(names) and "unknown" not in known.fields.values():
            return
        columns: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            columns[field_name(name)].append(name)
            if known.fields.get(name) == "unknown":
                what = f'lands "{name}", whose type the source does not tell: Parquet may refuse it'
                fix = "select the fields you need, without it" if not chosen else "leave it out of fields"
                self._add("LOT032", what, ("fields", name), key=True, severity="hint", fix=fix)
        for column, sources in columns.items():
            if len(sources) > 1:
                listed = " and ".join(f'"{s}"' for s in sources)
                what = f'has fields {listed} that both become the column "{column}"'
                self._add("LOT033", what, ("fields", sources[-1]), key=True, fix="select one of them")
