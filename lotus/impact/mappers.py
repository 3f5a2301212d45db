"""A stream's mappers before and after: what lands otherwise, in words of data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lotus.config import Stream
from lotus.config.mappers import (
    AesEncryption,
    AnyMapper,
    Equal,
    FieldFiltering,
    FieldRenaming,
    Hashing,
    Not,
    RowFiltering,
    RsaEncryption,
    renamed_field,
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one mapper's coming or going does; `widens`: something lands again that it kept out."""

    summary: str
    stays: str
    """What becomes of rows that landed before."""
    widens: bool = False


def effects(old: Stream, new: Stream) -> Iterator[Effect]:
    """Each mapper that comes, goes or differs."""
    before, after = list(old.mappers or ()), list(new.mappers or ())
    for mapper in after:
        if mapper not in before:
            yield Effect(f"{_lands(mapper)} from the next sync on", _stays(mapper))
    for mapper in before:
        if mapper not in after and not _replaced(mapper, after):
            yield Effect(f"{_lands_again(mapper)} from the next sync on", _stays_mapped(mapper), widens=True)
    if before != after and sorted(map(str, before)) == sorted(map(str, after)):
        yield Effect("its mappers run in another order from the next sync on", "rows that landed before stay")


def condition_text(of: Equal | Not) -> str:
    """A row filter's condition, as people say it."""
    if isinstance(of, Equal):
        return f'{of.field_name} is "{of.comparison_value}"'
    return "not " + " nor ".join(f"({condition_text(inner)})" for inner in of.conditions)


def _replaced(mapper: AnyMapper, after: Sequence[AnyMapper]) -> bool:
    """Whether another mapper of the same kind works on the same field."""
    return any(type(other) is type(mapper) and _field(other) == _field(mapper) for other in after)


def _field(mapper: AnyMapper) -> str:
    return (renamed_field(mapper) or ("", None))[0]


def _lands(mapper: AnyMapper) -> str:
    match mapper:
        case Hashing():
            return f"{_column(mapper)} lands hashed ({mapper.method})"
        case AesEncryption() | RsaEncryption():
            return f"{_column(mapper)} lands encrypted ({mapper.algorithm})"
        case FieldRenaming():
            return f"{mapper.original_field_name} lands as {mapper.new_field_name}"
        case FieldFiltering():
            return f"{mapper.target_field} no longer lands"
        case RowFiltering():
            return f"only rows land where {condition_text(mapper.conditions)}"


def _column(mapper: Hashing | AesEncryption | RsaEncryption) -> str:
    suffix = mapper.field_name_suffix
    return f"{mapper.target_field}{f' (as {mapper.target_field}{suffix})' if suffix else ''}"


def _stays(mapper: AnyMapper) -> str:
    match mapper:
        case Hashing() | AesEncryption() | RsaEncryption():
            return "rows that landed before stay in clear text"
        case FieldRenaming():
            return f"rows that landed before have it as {mapper.original_field_name}"
        case FieldFiltering():
            return "rows that landed before keep it"
        case RowFiltering():
            return "rows that landed before stay, also those that would be filtered now"


def _lands_again(mapper: AnyMapper) -> str:
    match mapper:
        case Hashing() | AesEncryption() | RsaEncryption():
            return f"{mapper.target_field} lands in clear text"
        case FieldRenaming():
            return f"{mapper.original_field_name} lands under its own name instead of {mapper.new_field_name}"
        case FieldFiltering():
            return f"{mapper.target_field} lands"
        case RowFiltering():
            return "all rows land"


def _stays_mapped(mapper: AnyMapper) -> str:
    match mapper:
        case Hashing():
            return "rows that landed before stay hashed"
        case AesEncryption() | RsaEncryption():
            return "rows that landed before stay encrypted"
        case FieldRenaming():
            return f"rows that landed before have it as {mapper.new_field_name}"
        case FieldFiltering():
            return "rows that landed before lack it"
        case RowFiltering():
            return f"rows that were left out before (all but where {condition_text(mapper.conditions)}) need a backfill"
