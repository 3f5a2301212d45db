"""From a connector's spec to a configuration: what is given, what must be asked, what is only named."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from lotus.config.document import Pointer
from lotus.config.faults import choose
from lotus.config.references import reference
from lotus.config.resolution import coerced
from lotus.config.specification import at_pointer
from lotus.errors import ConfigError
from lotus.untyped import as_list, as_mapping, is_mapping


@dataclass(frozen=True, slots=True)
class Question:
    """One setting that a person has to enter. An empty answer takes the default, or leaves an optional one out."""

    path: str
    title: str
    description: str
    secret: bool
    required: bool
    choices: tuple[str, ...] = ()
    default: str = ""
    example: str = ""
    answered: bool = False
    """It was answered before; Enter keeps that answer, also of a secret, which is not shown."""


Ask: TypeAlias = Callable[[Question], str] | None
"""How a question is put; None where nobody can be asked."""


class Remembering:
    """Asks as `ask` does, and offers what was answered before: a failed check does not cost a person's typing."""

    def __init__(self, ask: Callable[[Question], str]) -> None:
        self._ask = ask
        self._answers: dict[str, str] = {}

    def __call__(self, question: Question) -> str:
        """The reply; an empty one keeps the answer that was given before."""
        before = self._answers.get(question.path, "")
        if before:
            shown = question.default if question.secret else before
            question = replace(question, default=shown, answered=True)
        reply = self._ask(question).strip() or before
        self._answers[question.path] = reply
        return reply

    def again(self, failure: str) -> bool:
        """Whether the person wants to change answers and try again."""
        question = Question(
            "again", f"{failure}\nChange the settings and check again?", "", False, True, ("yes", "no"), "yes"
        )
        return (self._ask(question).strip() or question.default) == "yes"


@dataclass(slots=True)
class Filled:
    """A configuration as a file has it, and the secrets that were entered, by name."""

    configuration: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict[str, str], repr=False)


def assignments(settings: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`--set a.b=value` as a nested object; values in the type that the spec wants, JSON where they look like it.

    Raises:
        ConfigError: no `=`, or a secret's value, which would stay in the shell's history.
    """
    assigned: dict[str, Any] = {}
    for text in settings:
        path, equals, value = text.partition("=")
        parts = tuple(path.strip().split("."))
        if not equals or not all(parts):
            raise ConfigError(f'"{text}" sets no value', where="--set", fix="write --set name=value, or a.b=value")
        setting = at_pointer(schema, parts)
        parsed = _parsed(value, setting)
        if setting.get("airbyte_secret") is True and reference(parsed) is None:
            raise ConfigError(
                f'"{path}" is a secret: its value would stay in the shell\'s history',
                where="--set",
                fix=f'omit it to be asked, or refer to it: --set \'{path}={{"$secret": "NAME"}}\'',
                code="LOT045",
            )
        inner = assigned
        for part in parts[:-1]:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(f'"{path}" is set twice', where="--set")
        inner[parts[-1]] = parsed
    return assigned


def _parsed(value: str, schema: Mapping[str, Any]) -> Any:
    if value[:1] in ("{", "[", '"'):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return coerced(value, schema)


def fill(
    schema: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    name: str,
    ask: Ask,
    has_value: Callable[[str], bool] = lambda _secret: False,
) -> Filled:
    """The configuration: what is given, and all else that the spec requires.

    Args:
        has_value: whether a secret of that name has a value already, so that nobody has to be asked for it.

    Raises:
        ConfigError: something is missing and nobody can be asked; all of it is in the message.
    """
    filling = _Filling(name, ask, has_value)
    configuration = filling.object(schema, settings, ())
    if filling.missing:
        raise ConfigError(
            f"{name} needs settings that are not given: {', '.join(filling.missing)}",
            where="--set",
            fix=" ".join(f"--set {path}=…" for path in filling.missing),
            code="LOT044",
            details=filling.options,
        )
    return Filled(configuration, filling.secrets)


class _Filling:
    def __init__(self, name: str, ask: Ask, has_value: Callable[[str], bool]) -> None:
        self._name = name
        self._ask = ask
        self._has_value = has_value
        self.missing: list[str] = []
        self.options: list[str] = []
        """Of missing objects that can be filled in several ways: each way, as options of the command line."""
        self.secrets: dict[str, str] = {}
        self._names: set[str] = set()

    def object(self, schema: Mapping[str, Any], settings: Mapping[str, Any], pointer: Pointer) -> dict[str, Any]:
        variant = self._variant(schema, settings, pointer)
        properties: dict[str, Any] = {**(schema.get("properties") or {}), **(variant.get("properties") or {})}
        required = {*(schema.get("required") or []), *(variant.get("required") or [])}
        filled: dict[str, Any] = {}
        for key in sorted(properties, key=lambda k: (properties[k].get("order", 1000), list(properties).index(k))):
            inner = as_mapping(properties[key])
            inner_pointer = (*pointer, key)
            if key in settings:
                filled[key] = self._setting(inner, settings[key], inner_pointer)
            elif (only := _only_value(inner)) is not None and (key in required or key in variant.get("properties", {})):
                filled[key] = only
            elif key in required:
                self._required(inner, inner_pointer, filled)
            elif self._ask and not pointer and _has_secret(inner):
                # Optional by the spec, yet most connectors do not log in without.
                self._optional(inner, inner_pointer, filled)
        return {**filled, **{key: value for key, value in settings.items() if key not in filled}}

    def _setting(self, schema: Mapping[str, Any], value: Any, pointer: Pointer) -> Any:
        """A setting that has a value already, with what an object of settings still lacks."""
        if is_mapping(value) and reference(value) is None and _is_object(schema):
            return self.object(schema, value, pointer)
        return value

    def _required(self, schema: Mapping[str, Any], pointer: Pointer, filled: dict[str, Any]) -> None:
        if _is_object(schema):
            filled[_last(pointer)] = self.object(schema, {}, pointer)
            return
        if schema.get("airbyte_secret") is True:
            filled[_last(pointer)] = self._secret(schema, pointer, required=True)
            return
        default = schema.get("default")
        if self._ask is None:
            if default is None:
                self.missing.append(".".join(map(str, pointer)))
            else:
                filled[_last(pointer)] = default
            return
        filled[_last(pointer)] = self._ask_until_answered(schema, pointer, default)

    def _optional(self, schema: Mapping[str, Any], pointer: Pointer, filled: dict[str, Any]) -> None:
        if schema.get("airbyte_secret") is True:
            secret = self._secret(schema, pointer, required=False)
            if secret is not None:
                filled[_last(pointer)] = secret
            return
        variants = _variants(schema)
        if not variants:
            return
        choice = self._put(schema, pointer, tuple(variants), "", required=False)
        if choice:
            filled[_last(pointer)] = self.object({**schema, "oneOf": [variants[choice]]}, {}, pointer)

    def _secret(self, schema: Mapping[str, Any], pointer: Pointer, *, required: bool) -> dict[str, Any] | None:
        """The reference to a secret; a value that is entered is kept apart from it."""
        name = secret_name(self._name, pointer[-1:])
        if name in self._names:  # two settings of one name, in two objects
            name = secret_name(self._name, pointer)
        self._names.add(name)
        if self._ask is not None and not self._has_value(name):
            value = self._put(schema, pointer, (), "", required=required)
            if value:
                self.secrets[name] = value
            elif not required:
                return None
        return {"$secret": name}

    def _ask_until_answered(self, schema: Mapping[str, Any], pointer: Pointer, default: Any) -> Any:
        choices = tuple(str(choice) for choice in schema.get("enum") or ())
        suggestion = json.dumps(default) if isinstance(default, bool | list | dict) else str(default or "")
        while True:
            reply = self._put(schema, pointer, choices, suggestion, required=True)
            value = default if reply == suggestion and default is not None else _parsed(reply, schema)
            if reply or default is not None:
                return value

    def _variant(self, schema: Mapping[str, Any], settings: Mapping[str, Any], pointer: Pointer) -> Mapping[str, Any]:
        """The variant of a oneOf that is given or chosen; {} where the schema has none."""
        variants = _variants(schema)
        if not variants:
            return {}
        fitting = {title: variant for title, variant in variants.items() if _fits(variant, settings)}
        if settings and len(fitting) == 1:
            return next(iter(fitting.values()))
        if len(variants) == 1:
            return next(iter(variants.values()))
        if self._ask is None:
            if not settings:
                self.missing.append(".".join(map(str, pointer)))
                self._add_options(variants, pointer)
            return {}
        choice = self._put(schema, pointer, tuple(fitting or variants), next(iter(variants)), required=True)
        return variants[choice]

    def _add_options(self, variants: Mapping[str, Mapping[str, Any]], pointer: Pointer) -> None:
        path = ".".join(map(str, pointer))
        self.options.append(f"{path} is one of:")
        for title, variant in variants.items():
            properties = as_mapping(variant.get("properties"))
            required = as_list(variant.get("required"))
            keys = [
                key for key in properties if key in required or _only_value(as_mapping(properties[key])) is not None
            ]
            self.options.append(f"  {title}: {' '.join(self._option(properties, key, pointer) for key in keys)}")

    def _option(self, properties: Mapping[str, Any], key: str, pointer: Pointer) -> str:
        """How a key is given on the command line; what the spec leaves open is `…`."""
        schema = as_mapping(properties[key])
        path = ".".join(map(str, (*pointer, key)))
        if schema.get("airbyte_secret") is True:
            return f'--set \'{path}={{"$secret": "{secret_name(self._name, (key,))}"}}\''
        only = _only_value(schema)
        return f"--set {shlex.quote(f'{path}={only}')}" if only is not None else f"--set {path}=…"

    def _put(
        self, schema: Mapping[str, Any], pointer: Pointer, choices: tuple[str, ...], default: str, *, required: bool
    ) -> str:
        assert self._ask is not None  # noqa: S101  callers looked
        question = _question(schema, pointer, choices, default, required=required)
        while True:
            reply = self._ask(question).strip() or default
            if not choices or not reply or reply in choices:
                return reply
            near = choose(reply, choices)[2]
            if near:
                return near


def _question(
    schema: Mapping[str, Any], pointer: Pointer, choices: tuple[str, ...], default: str, *, required: bool
) -> Question:
    examples = as_list(schema.get("examples"))
    return Question(
        ".".join(map(str, pointer)),
        str(schema.get("title") or _last(pointer)),
        re.sub(r"<[^>]+>", "", str(schema.get("description") or "")).strip(),
        schema.get("airbyte_secret") is True,
        required,
        choices,
        default,
        str(examples[0]) if examples else "",
    )


def secret_name(of: str, pointer: Pointer) -> str:
    """A name that references allow: letters, digits and _, a letter first."""
    text = re.sub(r"[^a-z0-9_]+", "_", "_".join([of, *map(str, pointer)]).lower())
    return text if text[0].isalpha() else f"s_{text}"


def _last(pointer: Pointer) -> str:
    return str(pointer[-1])


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" or bool(schema.get("properties")) or bool(_variants(schema))


def _variants(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The variants of a oneOf by title."""
    variants: dict[str, Mapping[str, Any]] = {}
    for number, variant in enumerate(as_list(schema.get("oneOf") or schema.get("anyOf"))):
        if variant.get("properties"):
            variants[str(variant.get("title") or _tag(variant) or f"variant {number + 1}")] = variant
    return variants


def _only_value(schema: Mapping[str, Any]) -> Any:
    """The one value that a setting can have (it tells variants apart), or None."""
    choices: list[Any] = [schema["const"]] if "const" in schema else list(schema.get("enum") or [])
    return choices[0] if len(choices) == 1 else None


def _tag(variant: Mapping[str, Any]) -> str:
    for schema in (variant.get("properties") or {}).values():
        if (only := _only_value(schema)) is not None:
            return str(only)
    return ""


def _fits(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    properties: Mapping[str, Any] = variant.get("properties") or {}
    for key, value in settings.items():
        if key not in properties:
            return False
        schema = properties[key]
        allowed: list[Any] = [schema["const"]] if "const" in schema else list(schema.get("enum") or [value])
        if reference(value) is None and value not in allowed:
            return False
    return True


def _has_secret(schema: Any) -> bool:
    if is_mapping(schema):
        return schema.get("airbyte_secret") is True or any(_has_secret(value) for value in schema.values())
    return any(_has_secret(item) for item in as_list(schema))
