"""A stream's mappers against its fields, step by step: what each takes away and puts in its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.mappers import AesEncryption, AnyMapper, Hashing, RowFiltering, compared_fields, renamed_field
from lotus.config.project import Connection, Stream

_JAVA_REFUSES = ("GCM", "ECB")
"""With these modes Airbyte nulls the field (docs/airbyte-behaviour.md#mappers)."""
_TARGETS = {"field-renaming": "originalFieldName"}


def check_mappers(document: Document, stream: Stream, fields: Iterable[str], faults: list[Fault]) -> None:
    """Faults of mappers whose fields the stream does not land, or whose result takes the place of another field.

    Args:
        fields: the top-level fields that are synced.
    """
    name = stream.name
    present = list(fields)
    for index, mapper in enumerate(stream.mappers or ()):
        at: Pointer = ("mappers", index)
        if isinstance(mapper, AesEncryption) and mapper.mode in _JAVA_REFUSES:
            message = f'stream "{name}" encrypts "{mapper.target_field}" in mode {mapper.mode}, which Airbyte cannot'
            faults.append(document.fault("LOT014", message, (*at, "mode"), fix='write "mode": "CBC"'))
        missing, key = _missing_fields(mapper, present)
        for field in missing:
            fix, allowed, near = choose(field, present)
            message = f'stream "{name}" has no field "{field}" for its mapper, or does not sync it'
            faults.append(document.fault("LOT036", message, (*at, key), fix=fix, allowed=allowed, nearest=near))
        change = renamed_field(mapper)
        if change and not missing:
            _apply(document, name, change, present, at, faults)
    _check_needed(document, stream, faults)


def _missing_fields(mapper: AnyMapper, present: Sequence[str]) -> tuple[list[str], str]:
    """The fields that a mapper works on and the stream lacks, and the mapper's key that names them."""
    if isinstance(mapper, RowFiltering):
        return [field for field in compared_fields(mapper.conditions) if field not in present], "conditions"
    change = renamed_field(mapper)
    missing = [change[0]] if change and change[0] not in present else []
    return missing, _TARGETS.get(mapper.type, "targetField")


def _apply(
    document: Document,
    name: str,
    change: tuple[str, str | None],
    present: list[str],
    at: Pointer,
    faults: list[Fault],
) -> None:
    """Applies one step to the fields."""
    before, after = change
    present.remove(before)
    if after is not None and after in present:
        message = f'stream "{name}" would land two fields "{after}": its own, and what its mapper makes of "{before}"'
        faults.append(document.fault("LOT037", message, at, fix="choose another name or suffix"))
    elif after is not None:
        present.append(after)


def _check_needed(document: Document, stream: Stream, faults: list[Fault]) -> None:
    """A key or cursor that is filtered out is not there for the destination."""
    needed = dict.fromkeys(_keys(stream), "key")
    if stream.effective_cursor and stream.modes.sync_mode == "incremental":
        needed[stream.effective_cursor[0]] = "cursor"
    for index, mapper in enumerate(stream.mappers or ()):
        if mapper.type == "field-filtering" and mapper.target_field in needed:
            message = f'stream "{stream.name}" filters out "{mapper.target_field}", its {needed[mapper.target_field]}'
            at: Pointer = ("mappers", index, "targetField")
            faults.append(document.fault("LOT014", message, at, fix="leave the mapper out"))


def joined_keys(connection: Connection) -> Iterable[tuple[Stream, int, str, str]]:
    """Hashed or encrypted fields by which another stream is joined: stream, mapper, field, and the other's field."""
    for stream in connection.streams:
        for index, mapper in enumerate(stream.mappers or ()):
            if not isinstance(mapper, Hashing):
                continue
            for other in connection.streams:
                field = _joined_by(stream, other, mapper)
                if field:
                    yield stream, index, mapper.target_field, f"{other.name}.{field}"


def _joined_by(stream: Stream, other: Stream, mapper: Hashing) -> str:
    """The field of another stream that has the same values in clear text; empty without one."""
    if other is stream:
        return ""
    fields, mappers = _fields(other), other.mappers or ()
    for field in _joining_names(stream, other, mapper.target_field):
        if field in fields and not _hashed_alike(mappers, field, mapper):
            return field
    return ""


def _joining_names(stream: Stream, other: Stream, target: str) -> list[str]:
    """What a field of the stream is probably called in the other one."""
    keys = _keys(stream)
    names = [f"{stream.name.removesuffix('s')}_{target}"] if target in keys else []
    if target in keys or target in _keys(other) or target.endswith("_id"):
        names.append(target)
    return names


def _fields(stream: Stream) -> Collection[str]:
    """The fields that are synced, as far as they are known."""
    if stream.fields is not None:
        return stream.fields
    return stream.discovered.fields if stream.discovered else ()


def _keys(stream: Stream) -> set[str]:
    return {path[0] for path in stream.effective_key if len(path) == 1}


def _hashed_alike(mappers: Sequence[AnyMapper], field: str, mapper: Hashing) -> bool:
    return any(isinstance(m, Hashing) and m.target_field == field and m.method == mapper.method for m in mappers)
