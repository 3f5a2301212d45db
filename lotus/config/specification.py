"""A connector's configuration against its spec, with `$secret` and `$config` standing for their values.

Specs are JSON Schema, of which connectors use a small part; a general validator neither names the nearest spelling nor
knows that a oneOf is told apart by its `const`, and would accept unknown keys, which real specs never forbid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lotus.config.document import MAX_DEPTH, Document, Pointer
from lotus.config.faults import Fault, choose, closest
from lotus.config.references import KINDS, NAME, reference, ways_to_set
from lotus.config.shape import kind
from lotus.untyped import as_list, as_mapping, as_mappings, is_list, is_mapping

_NUMBER = (int, float)
_KEPT: dict[str, tuple[type, ...]] = {
    "type": (str, list),
    "required": (list,),
    "enum": (list,),
    "const": (object,),
    "properties": (dict,),
    "items": (dict,),
    "oneOf": (list,),
    "anyOf": (list,),
    "allOf": (list,),
    "minimum": _NUMBER,
    "maximum": _NUMBER,
    "minLength": _NUMBER,
    "maxLength": _NUMBER,
    "minItems": _NUMBER,
    "maxItems": _NUMBER,
    "pattern": (str,),
    "format": (str,),
    "default": (object,),
    "airbyte_secret": (bool,),
}
"""What checks use of a JSON Schema, and the kind of value that it must have to be used."""
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_TYPE_WORDS = {
    "string": "text in double quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def reduced(specification: Mapping[str, Any]) -> dict[str, Any]:
    """A connectionSpecification with what checks need and no prose: types, required, enums, limits, secret marks.

    A default stays only where it tells one variant of a oneOf from another.
    """
    return _reduced(specification, variant=False)


def _reduced(schema: Any, *, variant: bool) -> dict[str, Any]:
    """One level; what has no usable shape is left out, for a spec is a connector's, and checks must not fail on it."""
    if not is_mapping(schema):
        return {}
    usable: dict[str, Any] = {}
    for key, kinds in _KEPT.items():
        value: Any = schema.get(key)
        if key not in schema or not isinstance(value, kinds) or (key == "default" and not variant):
            continue
        if key == "properties":
            usable[key] = {name: _reduced(value[name], variant=variant) for name in sorted(value)}
        elif key == "items":
            usable[key] = _reduced(value, variant=False)
        elif key in ("oneOf", "anyOf", "allOf"):
            usable[key] = [_reduced(item, variant=True) for item in value]
        elif key == "required" or (key == "type" and is_list(value)):
            usable[key] = [name for name in value if isinstance(name, str)]
        else:
            usable[key] = value
    return usable


def secret_paths(specification: Mapping[str, Any]) -> list[Pointer]:
    """The paths that a spec marks as secret, inside variants too."""
    return sorted(set(_secret_paths(specification, ())), key=str)


def _secret_paths(schema: Mapping[str, Any], pointer: Pointer) -> Iterator[Pointer]:
    if schema.get("airbyte_secret") is True:
        yield pointer
    for name, child in as_mapping(schema.get("properties")).items():
        yield from _secret_paths(child, (*pointer, name))
    for variants in ("oneOf", "anyOf", "allOf"):
        for child in as_list(schema.get(variants)):
            yield from _secret_paths(child, pointer)


def at_pointer(specification: Mapping[str, Any], pointer: Pointer) -> Mapping[str, Any]:
    """The part of a spec that describes a value; the first variant that has it, {} where none does."""
    schema: Any = specification
    for part in pointer:
        schema = schema.get("items") if isinstance(part, int) else _property(schema, part)
        if not is_mapping(schema):
            return {}
    return schema


def _property(schema: Mapping[str, Any], name: str) -> Any:
    candidates = [schema, *(v for k in ("oneOf", "anyOf", "allOf") for v in as_list(schema.get(k)))]
    return next((c["properties"][name] for c in candidates if name in (c.get("properties") or {})), None)


class Configuration:
    """One configuration in one file, checked against a spec and its references."""

    def __init__(
        self, document: Document, faults: list[Fault], *, name: str, base: Pointer = ("configuration",)
    ) -> None:
        self._document = document
        self._faults = faults
        self._name = name
        self._base = base

    def check_references(self, value: Any, pointer: Pointer = ()) -> None:
        """Malformed references; runs with or without a spec."""
        if len(pointer) > MAX_DEPTH:
            return
        ref = reference(value)
        if ref:
            self._check_reference(value, ref[0], ref[1], pointer)
            return
        if is_mapping(value):
            for key, item in value.items():
                if key.startswith("$"):
                    fix, allowed, near = choose(key, KINDS)
                    message = f'"{key}" is not a kind of reference'
                    self._fault("LOT049", message, (*pointer, key), key=True, fix=fix, allowed=allowed, nearest=near)
                self.check_references(item, (*pointer, key))
        elif is_list(value):
            for index, item in enumerate(value):
                self.check_references(item, (*pointer, index))

    def check(self, schema: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        """Everything that the spec can say about the configuration."""
        self._object(schema, value, ())

    def _fault(self, code: str, message: str, pointer: Pointer, **more: Any) -> None:
        self._faults.append(self._document.fault(code, message, (*self._base, *pointer), **more))

    def _check_reference(self, value: Mapping[str, Any], kind_: str, name: Any, pointer: Pointer) -> None:
        if len(value) > 1:
            others = ", ".join(f'"{k}"' for k in value if k != kind_)
            message = f"a reference has one key; this one also has {others}"
            self._fault("LOT049", message, pointer, fix=f'write {{"{kind_}": "name"}}')
        elif not isinstance(name, str) or not NAME.fullmatch(name):
            message = f'"{kind_}" takes a name of letters, digits and underscores; it is {kind(name)}'
            self._fault("LOT049", message, (*pointer, kind_), fix=f'write {{"{kind_}": "shopify_api_password"}}')

    def _value(self, schema: Mapping[str, Any], value: Any, pointer: Pointer) -> None:
        if len(pointer) > MAX_DEPTH:
            self._fault("LOT005", f"nested deeper than {MAX_DEPTH} levels", pointer, fix="flatten it")
            return
        ref = reference(value)
        if ref:
            return
        if schema.get("airbyte_secret") is True and isinstance(value, str) and value:
            name = re.sub(r"[^a-z0-9_]+", "_", f"{self._name}_{pointer[-1]}".lower())
            message = f'"{pointer[-1]}" is a secret, and is in the file in plain text'
            fix = f'write {{"$secret": "{name}"}}; then {ways_to_set("$secret", name)}. Rotate it if it was pushed'
            span = self._document.fault("LOT045", message, (*self._base, *pointer), key=True, fix=fix)
            # The line holds the secret: it must not be printed again.
            self._faults.append(span.without_excerpt())
            return
        if is_mapping(value) and any(key.startswith("$") for key in value):
            return  # a misspelt reference: check_references says it
        if not self._type(schema, value, pointer) or not self._choice(schema, value, pointer):
            return
        self._limits(schema, value, pointer)
        if is_mapping(value):
            self._object(schema, value, pointer)
        elif is_list(value) and is_mapping(schema.get("items")):
            for index, item in enumerate(value):
                self._value(schema["items"], item, (*pointer, index))

    def _type(self, schema: Mapping[str, Any], value: Any, pointer: Pointer) -> bool:
        declared_type: Any = schema.get("type")
        if declared_type is None:
            return True
        types = declared_type if is_list(declared_type) else [declared_type]
        for name in types:
            if isinstance(value, _TYPES.get(name, (object,))) and (name == "boolean" or not isinstance(value, bool)):
                return True
            if name == "integer" and isinstance(value, float) and value.is_integer():
                return True
        expected = " or ".join(_TYPE_WORDS.get(name, name) for name in types if name != "null" or len(types) == 1)
        secret = schema.get("airbyte_secret") is True
        actual = "something else" if secret else kind(value)
        message = f'{self._name}: "{_last(pointer)}" must be {expected}; it is {actual}'
        if secret:
            # A number here is somebody's secret: neither shown nor repeated in the fix.
            fault = self._document.fault(
                "LOT043", message, (*self._base, *pointer), key=True, fix='write {"$secret": "…"}'
            )
            self._faults.append(fault.without_excerpt())
            return False
        self._fault("LOT043", message, pointer, fix=_quotes(types, value))
        return False

    def _choice(self, schema: Mapping[str, Any], value: Any, pointer: Pointer) -> bool:
        choices: list[Any] = [schema["const"]] if "const" in schema else list(schema.get("enum") or [])
        if not choices or value in choices:
            return True
        fix, allowed, near = choose(str(value), [str(c) for c in choices])
        message = f'{self._name}: "{_last(pointer)}" cannot be {kind(value).removeprefix("the text ")}'
        self._fault("LOT043", message, pointer, fix=fix, allowed=allowed, nearest=near)
        return False

    def _limits(self, schema: Mapping[str, Any], value: Any, pointer: Pointer) -> None:
        name, problem, fix = _last(pointer), "", ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value < schema.get("minimum", value):
                problem = f"must be at least {schema['minimum']}"
            elif value > schema.get("maximum", value):
                problem = f"must be at most {schema['maximum']}"
        elif isinstance(value, str):
            pattern = schema.get("pattern")
            if len(value) < schema.get("minLength", 0):
                problem = "is too short" if value else "is empty"
            elif isinstance(pattern, str) and not _matches(pattern, value):
                problem, fix = "does not have the form that the connector takes", f"it must match {pattern}"
        elif is_list(value) and len(value) < schema.get("minItems", 0):
            problem = f"needs at least {schema['minItems']} entries"
        if problem:
            self._fault("LOT043", f'{self._name}: "{name}" {problem}', pointer, fix=fix)

    def _object(self, schema: Mapping[str, Any], value: Mapping[str, Any], pointer: Pointer) -> None:
        variant = self._variant(schema, value, pointer)
        if variant is None:
            return
        properties = _properties(schema, variant)
        required = [*as_list(schema.get("required")), *as_list(variant.get("required"))]
        misspelt = {closest(name, properties) for name in value if properties and name not in properties}
        for name in dict.fromkeys(required):
            if name not in value and name not in misspelt:
                message = f'{self._name}: "{name}" is missing in {_inside(pointer)}'
                fix = f'add "{name}": {_sample(properties.get(name, {}), self._name, name)}'
                self._fault("LOT044", message, pointer, key=True, fix=fix)
        if not properties:
            return
        for name, item in value.items():
            if name in properties:
                self._value(properties[name], item, (*pointer, name))
            elif not name.startswith("$"):
                fix, allowed, near = choose(name, sorted(properties))
                message = f'{self._name} has no setting "{name}" in {_inside(pointer)}'
                self._fault("LOT042", message, (*pointer, name), key=True, fix=fix, allowed=allowed, nearest=near)

    def _variant(self, schema: Mapping[str, Any], value: Mapping[str, Any], pointer: Pointer) -> dict[str, Any] | None:
        """The variant of a oneOf that the value means; None after a fault, {} where the schema has none."""
        variants = [v for v in as_mappings(schema.get("oneOf") or schema.get("anyOf")) if v.get("properties")]
        if not variants:
            return {}
        if len(variants) == 1:
            return variants[0]
        key = _discriminator(variants)
        if key is None:
            # Nothing tells the variants apart: what any of them knows is known, and nothing is required.
            return {"properties": _any_of([v["properties"] for v in variants])}
        if key not in value:
            return self._untagged_variant(variants, key, value, pointer)
        if reference(value[key]):
            return {}
        return self._tagged_variant(variants, key, value[key], pointer)

    def _untagged_variant(
        self, variants: list[dict[str, Any]], key: str, value: Mapping[str, Any], pointer: Pointer
    ) -> dict[str, Any] | None:
        """The first variant that has all keys of the value, unless every variant requires the tag."""
        required_by_all = all(key in as_list(variant.get("required")) for variant in variants)
        fitting = [variant for variant in variants if set(value) <= set(variant["properties"])]
        if fitting and not required_by_all:
            return fitting[0]
        tags = tuple(str(tag) for variant in variants for tag in _tags(variant, key))
        message = f'{self._name}: "{key}" is missing in {_inside(pointer)}; it selects the form of the settings'
        fix = f'add "{key}": one of {", ".join(dict.fromkeys(tags))}'
        self._fault("LOT044", message, pointer, key=True, fix=fix, allowed=tuple(dict.fromkeys(tags)))
        return None

    def _tagged_variant(
        self, variants: list[dict[str, Any]], key: str, tag: Any, pointer: Pointer
    ) -> dict[str, Any] | None:
        by_tag = {tag: variant for variant in variants for tag in _tags(variant, key)}
        if isinstance(tag, str | int | bool) and tag in by_tag:
            return by_tag[tag]
        fix, allowed, near = choose(str(tag), [str(other) for other in by_tag])
        message = f'{self._name}: "{key}" cannot be {kind(tag).removeprefix("the text ")}'
        self._fault("LOT043", message, (*pointer, key), fix=fix, allowed=allowed, nearest=near)
        return None


def _properties(schema: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a schema knows: its own, those of the variant and those of each part of `allOf`."""
    parts = as_mappings(schema.get("allOf"))
    parts += [item for part in parts for key in ("oneOf", "anyOf") for item in as_mappings(part.get(key))]
    shared = _any_of([as_mapping(part.get("properties")) for part in parts])
    return {**shared, **as_mapping(schema.get("properties")), **as_mapping(variant.get("properties"))}


def _tags(variant: Mapping[str, Any], key: str) -> list[Any]:
    schema = as_mapping(as_mapping(variant.get("properties")).get(key))
    if "const" in schema:
        return [schema["const"]]
    return list(schema.get("enum") or [])


def _discriminator(variants: Iterable[Mapping[str, Any]]) -> str | None:
    """The key whose const or one-valued enum differs in every variant."""
    variants = list(variants)
    for key in variants[0]["properties"]:
        tags = [_tags(v, key) for v in variants]
        flat = [tag for t in tags for tag in t]
        if all(tags) and len(set(map(str, flat))) == len(flat):
            return key
    return None


def _any_of(variants: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The properties of several variants together; one that differs between them takes anything."""
    merged: dict[str, Any] = {}
    for properties in variants:
        for name, schema in properties.items():
            secret = {"airbyte_secret": True} if schema.get("airbyte_secret") is True else {}
            merged[name] = schema if merged.get(name, schema) == schema else secret
    return merged


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # A pattern of another dialect than Python's: the connector itself will say.
        return True


def _last(pointer: Pointer) -> str:
    return str(next((part for part in reversed(pointer) if isinstance(part, str)), "configuration"))


def _inside(pointer: Pointer) -> str:
    return f'"{".".join(map(str, pointer))}"' if pointer else "configuration"


def _quotes(types: list[str], value: Any) -> str:
    if isinstance(value, str) and value.lower() in ("true", "false") and "boolean" in types:
        return f"write {value.lower()} without quotes"
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) and {"integer", "number"} & set(types):
        return f"write {value} without quotes"
    if isinstance(value, int | float) and not isinstance(value, bool) and "string" in types:
        return f'write "{value}"'
    return ""


def _sample(schema: Mapping[str, Any], connector: str, name: str) -> str:
    if schema.get("airbyte_secret") is True:
        return f'{{"$secret": "{re.sub(r"[^a-z0-9_]+", "_", f"{connector}_{name}".lower())}"}}'
    choices = [schema["const"]] if "const" in schema else list(schema.get("enum") or [])
    if choices:
        return " or ".join(f'"{c}"' for c in choices[:6])
    samples = {"string": '"…"', "integer": "a number", "number": "a number", "boolean": "true or false"}
    return samples.get(str(schema.get("type")), "{…}" if schema.get("oneOf") or schema.get("type") == "object" else "…")
