"""What differs between two discovered files of one stream, and what of it breaks those who read the stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lotus.untyped import as_list, as_mapping, is_list, is_mapping


@dataclass(frozen=True, slots=True)
class OfferChange:
    """One difference: of a field, at its path, or of the stream's `sync_modes`, `primary_key` or `cursor_field`."""

    what: Literal["added", "removed", "retyped", "changed"]
    path: tuple[str, ...]
    before: str
    after: str
    breaking: bool
    """Whether what reads the stream may fail, or rows may be missed."""

    @property
    def is_field(self) -> bool:
        """Whether it is about a field, not the stream as a whole."""
        return self.what != "changed"

    @property
    def text(self) -> str:
        """The change in a few words."""
        values = f" {self.before or 'nothing'} → {self.after or 'nothing'}" if self.what != "removed" else " removed"
        return f"{'.'.join(self.path)}{values}"


def offer_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[OfferChange]:
    """What differs between two discovered files of one stream."""
    before, after = _modes(old), _modes(new)
    if before != after:
        lost = bool(set(before) - set(after))
        yield OfferChange("changed", ("sync_modes",), ", ".join(before), ", ".join(after), lost)
    for key in ("primary_key", "cursor_field"):
        first, second = _default(old, key), _default(new, key)
        if first != second:
            yield OfferChange("changed", (key,), _path_text(first), _path_text(second), bool(first))
    for path, kind, first, second in _field_changes(old.get("fields") or {}, new.get("fields") or {}, ()):
        yield OfferChange(kind, path, first, second, kind != "added")


def _modes(content: Mapping[str, Any]) -> list[str]:
    return sorted((content.get("options") or {}).get("sync_modes") or [])


def _default(content: Mapping[str, Any], key: str) -> Any:
    return (content.get("defaults") or {}).get(key) or []


def _path_text(value: Any) -> str:
    parts = [".".join(map(str, v)) if is_list(v) else str(v) for v in as_list(value)]
    return ", ".join(parts)


def _field_changes(
    old: Any, new: Any, path: tuple[str, ...]
) -> Iterable[tuple[tuple[str, ...], Literal["added", "removed", "retyped"], str, str]]:
    for name in [*old, *(name for name in new if name not in old)]:
        inner = (*path, name)
        if name not in new:
            yield inner, "removed", type_text(old[name]), ""
        elif name not in old:
            yield inner, "added", "", type_text(new[name])
        elif type_text(old[name]) != type_text(new[name]):
            yield inner, "retyped", type_text(old[name]), type_text(new[name])
        else:
            yield from _field_changes(inner_fields(old[name]), inner_fields(new[name]), inner)


def inner_fields(entry: Any) -> dict[str, Any]:
    """The fields inside a field: an object's properties, or those of the objects in an array."""
    field = as_mapping(entry)
    if field.get("type") == "array":
        items = as_mapping(field.get("items"))
        return items if all(is_mapping(item) for item in items.values()) else {}
    return as_mapping(field.get("properties"))


def type_text(entry: Any) -> str:
    """A field's type as people read it: `string (date-time)`, `array of integer`."""
    field = as_mapping(entry)
    text = str(field.get("type", "unknown"))
    item_type = as_mapping(field.get("items")).get("type")
    if text == "array" and isinstance(item_type, str):
        return f"array of {item_type}"
    extra = field.get("airbyte_type") or field.get("format")
    return f"{text} ({extra})" if extra else text
