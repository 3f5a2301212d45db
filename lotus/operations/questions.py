"""From a connector's spec to a configuration: what is given, what must be asked, what is only named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from lotus.config.document import Pointer
from lotus.config.faults import choose
from lotus.config.references import reference
from lotus.config.resolution import coerced
from lotus.config.specification import at_pointer
from lotus.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Question:
    """One setting that a person has to say. An empty answer takes the default, or leaves an optional one out."""

    path: str
    title: str
    description: str
    secret: bool
    required: bool
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""


Ask: TypeAlias = Callable[[Question], str] | None
"""How a question is put; None where nobody can be asked."""


@dataclass(slots=True)
class Filled:
    """A configuration as it stands in a file, and the secrets that were told on the way, by name."""

    configuration: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict[str, str], repr=False)


def assignments(settings: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`--set a.b=value` as a nested object; values in the type that the spec wants, JSON where they look like it.

    Raises:
        ConfigError: no `=`, or a secret's value, which would stay in the shell's history.
    """
    found: dict[str, Any] = {}
    for text in settings:
        path, equals, value = text.partition("=")
        parts = tuple(path.strip().split("."))
        if not equals or not all(parts):
            raise ConfigError(f'"{text}" sets nothing', where="--set", fix="write --set name=value, or a.b=value")
        here = at_pointer(schema, parts)
        parsed = _parsed(value, here)
        if here.get("airbyte_secret") is True and reference(parsed) is None:
            raise ConfigError(
                f'"{path}" is a secret: its value would stay in the shell\'s history',
                where="--set",
                fix=f'leave it out to be asked, or name it: --set \'{path}={{"$secret": "NAME"}}\'',
                code="LOT045",
            )
        inner = found
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f'"{path}" is set twice', where="--set")
        inner[parts[-1]] = parsed
    return found


def _parsed(value: str, schema: Mapping[str, Any]) -> Any:
    if value[:1] in ("{", "[", '"'):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return coerced(value, schema)


def fill(
    schema: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    name: str,
    ask: Ask,
    known: Callable[[str], bool] = lambda _secret: False,
) -> Filled:
    """The configuration: what is given, and all else that the spec requires.

    Args:
        known: whether a secret of that name has a value already, so that nobody has to be asked for it.

    Raises:
        ConfigError: something is missing and nobody can be asked; all of it is in the message.
    """
    filling = _Filling(name, ask, known)
    configuration = filling.object(schema, given, ())
    if filling.missing:
        raise ConfigError(
            f"{name} needs settings that are not given: {', '.join(filling.missing)}",
            where="--set",
            fix=" ".join(f"--set {path}=…" for path in filling.missing),
            code="LOT044",
        )
    return Filled(configuration, filling.secrets)


class _Filling:
    def __init__(self, name: str, ask: Ask, known: Callable[[str], bool]) -> None:
        self._name = name
        self._ask = ask
        self._known = known
        self.missing: list[str] = []
        self.secrets: dict[str, str] = {}
        self._named: set[str] = set()

    def object(self, schema: Mapping[str, Any], given: Mapping[str, Any], pointer: Pointer) -> dict[str, Any]:
        variant = self._variant(schema, given, pointer)
        properties: dict[str, Any] = {**(schema.get("properties") or {}), **(variant.get("properties") or {})}
        required = {*(schema.get("required") or []), *(variant.get("required") or [])}
        found: dict[str, Any] = {}
        for key in sorted(properties, key=lambda k: (properties[k].get("order", 1000), list(properties).index(k))):
            inner = cast("dict[str, Any]", properties[key])
            here = (*pointer, key)
            if key in given:
                value = given[key]
                nested = isinstance(value, dict) and reference(value) is None and _is_object(inner)
                found[key] = self.object(inner, cast("dict[str, Any]", value), here) if nested else value
            elif (only := _only_value(inner)) is not None and (key in required or key in variant.get("properties", {})):
                found[key] = only
            elif key in required:
                self._required(inner, here, found)
            elif self._ask and not pointer and _has_secret(inner):
                # Optional by the spec, yet most connectors do not log in without.
                self._optional(inner, here, found)
        return {**found, **{key: value for key, value in given.items() if key not in found}}

    def _required(self, schema: Mapping[str, Any], pointer: Pointer, found: dict[str, Any]) -> None:
        if _is_object(schema):
            found[_last(pointer)] = self.object(schema, {}, pointer)
            return
        if schema.get("airbyte_secret") is True:
            found[_last(pointer)] = self._secret(schema, pointer, required=True)
            return
        default = schema.get("default")
        if self._ask is None:
            if default is None:
                self.missing.append(".".join(map(str, pointer)))
            else:
                found[_last(pointer)] = default
            return
        found[_last(pointer)] = self._asked(schema, pointer, default)

    def _optional(self, schema: Mapping[str, Any], pointer: Pointer, found: dict[str, Any]) -> None:
        if schema.get("airbyte_secret") is True:
            named = self._secret(schema, pointer, required=False)
            if named is not None:
                found[_last(pointer)] = named
            return
        variants = _variants(schema)
        if not variants:
            return
        answer = self._put(schema, pointer, tuple(variants), "", required=False)
        if answer:
            found[_last(pointer)] = self.object({**schema, "oneOf": [variants[answer]]}, {}, pointer)

    def _secret(self, schema: Mapping[str, Any], pointer: Pointer, *, required: bool) -> dict[str, Any] | None:
        """The secret is named in the file; a value that is told here is kept apart."""
        name = _secret_name(self._name, pointer[-1:])
        if name in self._named:  # two settings of one name, in two objects
            name = _secret_name(self._name, pointer)
        self._named.add(name)
        if self._ask is not None and not self._known(name):
            value = self._put(schema, pointer, (), "", required=required)
            if value:
                self.secrets[name] = value
            elif not required:
                return None
        return {"$secret": name}

    def _asked(self, schema: Mapping[str, Any], pointer: Pointer, default: Any) -> Any:
        choices = tuple(str(choice) for choice in schema.get("enum") or ())
        shown = json.dumps(default) if isinstance(default, bool | list | dict) else str(default or "")
        while True:
            answer = self._put(schema, pointer, choices, shown, required=True)
            value = default if answer == shown and default is not None else _parsed(answer, schema)
            if answer or default is not None:
                return value

    def _variant(self, schema: Mapping[str, Any], given: Mapping[str, Any], pointer: Pointer) -> Mapping[str, Any]:
        """The variant of a oneOf that is given or chosen; {} where the schema has none."""
        variants = _variants(schema)
        if not variants:
            return {}
        fitting = {title: one for title, one in variants.items() if _fits(one, given)}
        if given and len(fitting) == 1:
            return next(iter(fitting.values()))
        if len(variants) == 1:
            return next(iter(variants.values()))
        if self._ask is None:
            if not given:
                self.missing.append(".".join(map(str, pointer)))
            return {}
        answer = self._put(schema, pointer, tuple(fitting or variants), next(iter(variants)), required=True)
        return variants[answer]

    def _put(
        self, schema: Mapping[str, Any], pointer: Pointer, choices: tuple[str, ...], default: str, *, required: bool
    ) -> str:
        assert self._ask is not None  # noqa: S101  callers looked
        examples = cast("list[Any]", schema.get("examples") or [])
        question = Question(
            ".".join(map(str, pointer)),
            str(schema.get("title") or _last(pointer)),
            re.sub(r"<[^>]+>", "", str(schema.get("description") or "")).strip(),
            schema.get("airbyte_secret") is True,
            required,
            choices,
            default,
            str(examples[0]) if examples else "",
        )
        while True:
            answer = self._ask(question).strip() or default
            if not choices or not answer or answer in choices:
                return answer
            near = choose(answer, choices)[2]
            if near:
                return near


def _secret_name(of: str, pointer: Pointer) -> str:
    """A name that references allow: letters, digits and _, a letter first."""
    text = re.sub(r"[^a-z0-9_]+", "_", "_".join([of, *map(str, pointer)]).lower())
    return text if text[0].isalpha() else f"s_{text}"


def _last(pointer: Pointer) -> str:
    return str(pointer[-1])


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" or bool(schema.get("properties")) or bool(_variants(schema))


def _variants(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The variants of a oneOf by title."""
    found: dict[str, Mapping[str, Any]] = {}
    for number, one in enumerate(cast("list[Mapping[str, Any]]", schema.get("oneOf") or schema.get("anyOf") or [])):
        if one.get("properties"):
            found[str(one.get("title") or _tag(one) or f"variant {number + 1}")] = one
    return found


def _only_value(schema: Mapping[str, Any]) -> Any:
    """The one value that a setting can have (it tells variants apart), or None."""
    choices: list[Any] = [schema["const"]] if "const" in schema else list(schema.get("enum") or [])
    return choices[0] if len(choices) == 1 else None


def _tag(variant: Mapping[str, Any]) -> str:
    for schema in (variant.get("properties") or {}).values():
        if (only := _only_value(schema)) is not None:
            return str(only)
    return ""


def _fits(variant: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    properties: Mapping[str, Any] = variant.get("properties") or {}
    for key, value in given.items():
        if key not in properties:
            return False
        schema = properties[key]
        allowed: list[Any] = [schema["const"]] if "const" in schema else list(schema.get("enum") or [value])
        if reference(value) is None and value not in allowed:
            return False
    return True


def _has_secret(schema: Any) -> bool:
    if isinstance(schema, dict):
        entries = cast("dict[str, Any]", schema)
        return entries.get("airbyte_secret") is True or any(_has_secret(value) for value in entries.values())
    if isinstance(schema, list):
        return any(_has_secret(item) for item in cast("list[Any]", schema))
    return False
