"""A low-code manifest, judged as airbyte-cdk judges it: references resolved, parameters handed down, its own schema.

The schema is airbyte-cdk's (`python -m tests.manifest_schema` writes it). A component's `type`, which the CDK fills in
where it is absent, is not required here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from lotus.config.document import Pointer, read_text
from lotus.config.faults import Fault, choose
from lotus.config.shape import kind
from lotus.config.specification import reduced
from lotus.untyped import as_mapping, is_list, is_mapping

MAX_DEPTH = 60
MAX_NODES = 1_000_000
PARAMETERS = "$parameters"
COMPONENTS = "components.py"
"""Beside a manifest: the code of its custom components."""

_REFERENCE = re.compile(r"#/.+")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong at a place of the manifest, as it is written."""

    message: str
    pointer: Pointer
    fix: str = ""


class _Resolver:
    """A manifest's references, each resolved once."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._targets: dict[str, Any] = {}
        self.complaints: list[Complaint] = []

    def resolved(self, node: Any, pointer: Pointer, open_: tuple[str, ...] = ()) -> Any:
        """The node without references; those that lead nowhere are complaints."""
        if is_mapping(node):
            resolved: dict[str, Any] = {}
            reference = node.get("$ref")
            if isinstance(reference, str):
                target = self._target(reference, (*pointer, "$ref"), open_)
                if not is_mapping(target):
                    return target
                resolved |= target
            for key, value in node.items():
                if key != "$ref":
                    resolved[key] = self.resolved(value, (*pointer, key), open_)
            return resolved
        if is_list(node):
            return [self.resolved(item, (*pointer, index), open_) for index, item in enumerate(node)]
        if isinstance(node, str) and _REFERENCE.fullmatch(node):
            return self._target(node, pointer, open_)
        return node

    def _target(self, reference: str, pointer: Pointer, open_: tuple[str, ...]) -> Any:
        """What a reference stands for, resolved itself; None after a complaint."""
        if reference in self._targets:
            return self._targets[reference]
        if reference in open_ or len(open_) > MAX_DEPTH:
            self.complaints.append(Complaint(f'refers to itself by "{reference}"', pointer, "break the circle"))
            return None
        origin, target = _at(self._manifest, reference)
        if origin is None:
            names = [f"#/definitions/{name}" for name in as_mapping(self._manifest.get("definitions"))]
            fix, _, _ = choose(reference, names)
            message = f'refers to "{reference}", which the manifest does not have'
            self.complaints.append(Complaint(message, pointer, fix))
            return None
        value = self.resolved(target, origin, (*open_, reference))
        self._targets[reference] = value
        return value

    def written(self, pointer: Pointer) -> Pointer:
        """Where a part of the resolved manifest is in the file: behind the references on the way to it."""
        node: Any = self._manifest
        at: Pointer = ()
        for part in pointer:
            at, node = self._behind_references(at, node, part)
            if not _has(node, part):
                break  # a parameter that was handed down
            at, node = (*at, part), node[part]
        return at

    def _behind_references(self, at: Pointer, node: Any, part: str | int) -> tuple[Pointer, Any]:
        """Where a node that is a reference, or gets the part by one, leads to."""
        for _ in range(MAX_DEPTH):
            reference = node.get("$ref") if is_mapping(node) and part not in node else node
            if not isinstance(reference, str):
                break
            origin, node = _at(self._manifest, reference)
            at = origin or at
        return at, node


def complaints(manifest: Mapping[str, Any], *, custom: bool) -> list[Complaint]:
    """Everything that keeps a manifest from running; `custom`: whether its components may be code."""
    # As JSON: what YAML reads as dates are texts for Airbyte.
    manifest = as_mapping(json.loads(json.dumps(manifest, default=str)))
    resolver = _Resolver(manifest)
    resolved = as_mapping(resolver.resolved(manifest, ()))
    if resolver.complaints:
        return resolver.complaints
    try:
        with_parameters = as_mapping(_Parameters().handed_down({"type": "DeclarativeSource", **resolved}, {}))
    except _TooLargeError:
        return [Complaint("is too large once its references are resolved", ())]
    complaints = [*_version(resolved), *_without_spec(resolved)]
    if not custom:
        components = _custom_components({**resolved, "definitions": {}}, ())
        complaints += [_custom(name, resolver.written(pointer)) for name, pointer in components]
    for error in _validator().iter_errors(with_parameters):
        leaf = _leaf(error)
        complaints.append(_complaint(leaf, resolver.written(tuple(leaf.absolute_path))))
    unique = {(complaint.pointer, complaint.message): complaint for complaint in complaints}
    return list(unique.values())


def injected(code: str) -> dict[str, Any]:
    """The settings by which airbyte-cdk takes a manifest's own code; {} for none."""
    if not code:
        return {}
    checksum = hashlib.sha256(code.encode()).hexdigest()
    return {"__injected_components_py": code, "__injected_components_py_checksums": {"sha256": checksum}}


def _faults(wrong: Iterable[Complaint], text: str, file: str) -> Iterator[Fault]:
    """The complaints at their places in the file."""
    root: Any = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    lines = text.splitlines()
    for complaint in wrong:
        yield _fault(complaint, root, lines, file)


def _fault(complaint: Complaint, root: Any, lines: Sequence[str], file: str) -> Fault:
    line, column, length = _position(root, complaint.pointer)
    excerpt = lines[line - 1]
    path = path_text(complaint.pointer)
    subject = f"the manifest's {path}" if path else "the manifest"
    return Fault("LOT041", f"{subject} {complaint.message}", file, line, column, length, excerpt, fix=complaint.fix)


def _position(node: Any, pointer: Pointer) -> tuple[int, int, int]:
    """Line and column (from 1) of a part of a YAML tree and its length there; of the nearest part around it."""
    start, end = node.start_mark, node.start_mark
    for part in pointer:
        entry = _child(node, part)
        if entry is None:
            break
        start, node = entry
        end = node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return start.line + 1, start.column + 1, max(1, length)


def path_text(pointer: Pointer) -> str:
    """`streams[0].retriever.requester`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in pointer)
    return text.removeprefix(".")


def _child(node: Any, part: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark, value) for key, value in node.value if key.value == str(part)), None)
    return None


def _at(manifest: Mapping[str, Any], reference: str) -> tuple[Pointer | None, Any]:
    """Pointer and value; a key may itself contain slashes, so that the longest one at each level comes first."""
    value: Any = manifest
    pointer: list[str | int] = []
    rest = reference.removeprefix("#/").split("/")
    while rest:
        key, length = _step(value, rest)
        if key is None:
            return None, None
        pointer.append(key)
        value, rest = value[key], rest[length:]
    return tuple(pointer), value


def _step(value: Any, rest: list[str]) -> tuple[str | int | None, int]:
    """The next key on a path, and how many of its parts the key takes."""
    if is_list(value) and rest[0].isdigit() and int(rest[0]) < len(value):
        return int(rest[0]), 1
    for length in range(len(rest), 0, -1):
        key = "/".join(rest[:length])
        if is_mapping(value) and key in value:
            return key, length
    return None, 0


def _has(node: Any, part: str | int) -> bool:
    if is_mapping(node):
        return part in node
    return is_list(node) and isinstance(part, int) and part < len(node)


class _TooLargeError(Exception):
    """References that multiply: nobody could read what they make."""


class _Parameters:
    """Hands parameters down: they stand for keys that a component below them does not have."""

    def __init__(self) -> None:
        self._nodes = 0

    def handed_down(self, node: Any, parameters: Mapping[str, Any], depth: int = 0) -> Any:
        """The node with the parameters as keys of its components."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooLargeError
        if depth > MAX_DEPTH:
            return node
        if is_list(node):
            return [self.handed_down(item, parameters, depth + 1) for item in node]
        if not is_mapping(node) or _is_json_schema(node):
            return node
        parameters = {**parameters, **as_mapping(node.get(PARAMETERS))}
        component = _component(node, parameters if depth else {})
        return {key: self.handed_down(value, _without(key, parameters), depth + 1) for key, value in component.items()}


def _without(key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != key}


def _component(node: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The node's own keys, and the parameters that it lacks if it is a component."""
    component = {key: value for key, value in node.items() if key not in (PARAMETERS, "definitions")}
    if "type" in component or "class_name" in component:
        return {**component, **{key: value for key, value in parameters.items() if key not in component}}
    return component


def _is_json_schema(node: Mapping[str, Any]) -> bool:
    return node.get("type") == "object" or is_list(node.get("type")) or is_mapping(node.get("type"))


def _version(manifest: Mapping[str, Any]) -> Iterator[Complaint]:
    """The CDK runs manifests of its own version and older ones."""
    numbers = [re.findall(r"\d+", str(version))[:2] for version in (manifest.get("version"), _data()["airbyte-cdk"])]
    written, ours = ([int(number) for number in version] for version in numbers)
    if written > ours:
        cdk = _data()["airbyte-cdk"]
        message = f"is newer ({manifest.get('version')}) than the airbyte-cdk that runs it ({cdk})"
        yield Complaint(message, ("version",), f"write version: {cdk}, or update lotus")


def _without_spec(manifest: Mapping[str, Any]) -> Iterator[Complaint]:
    schema = as_mapping(manifest.get("spec")).get("connection_specification")
    if not is_mapping(schema):
        yield Complaint(
            "lacks spec.connection_specification, which says what its settings are",
            (),
            "add spec: {type: Spec, connection_specification: {type: object, properties: {}}}; a connector that keeps "
            "its spec in a file of its own has the settings there",
        )


def _custom_components(node: Any, pointer: Pointer) -> Iterator[tuple[str, Pointer]]:
    if is_mapping(node):
        name = node.get("class_name")
        if isinstance(name, str) and not _is_json_schema(node):
            yield name, (*pointer, "class_name")
        for key, value in node.items():
            yield from _custom_components(value, (*pointer, key))
    elif is_list(node):
        for index, item in enumerate(node):
            yield from _custom_components(item, (*pointer, index))


def _custom(name: str, pointer: Pointer) -> Complaint:
    return Complaint(
        f'is "{name}", a component of the manifest\'s own code, which is not run unless the stack allows it',
        pointer,
        f"use a component of the CDK; or put the code beside the manifest as {COMPONENTS}, and allow it once you have "
        "read it: pulumi config set lotus:components true",
    )


@functools.cache
def _data() -> dict[str, Any]:
    return json.loads((files("lotus.config") / "manifest_schema.json").read_text(encoding="utf-8"))


@functools.cache
def _validator() -> Any:
    from jsonschema import Draft7Validator  # 0.1 s that only lakes with manifests need

    return Draft7Validator(_type_optional(_data()["schema"]))


def _type_optional(schema: Any) -> Any:
    if is_list(schema):
        return [_type_optional(item) for item in schema]
    if not is_mapping(schema):
        return schema
    relaxed = {key: _type_optional(value) for key, value in schema.items()}
    if is_list(relaxed.get("required")):
        relaxed["required"] = [name for name in relaxed["required"] if name != "type"]
    return relaxed


def _leaf(error: Any) -> Any:
    """The innermost rule that failed: of several forms, that of the form which the `type` names, or comes closest."""
    while error.validator in ("anyOf", "oneOf") and error.context:
        inner = _inner(error)
        if inner is error:
            break
        error = inner
    return error


def _inner(error: Any) -> Any:
    """The error inside of the form that fits best; the error itself where no form comes close."""
    forms = _forms(error)
    candidates = [form for form in forms if not _wrong_types(form)]
    typed = is_mapping(error.instance) and "type" in error.instance
    if typed and not candidates:
        return _wrong_types(forms[0])[0]
    closest = max(candidates or forms, key=lambda form: (_depth(_deepest(form)), -len(form)))
    deepest = _deepest(closest)
    if not typed and deepest.validator == "type" and _depth(deepest) == _depth(error):
        return error
    return deepest


def _forms(error: Any) -> list[list[Any]]:
    """The errors of each form that the value may have."""
    forms: dict[int, list[Any]] = {}
    for inner in error.context:
        forms.setdefault(inner.schema_path[0], []).append(inner)
    return list(forms.values())


def _deepest(form: list[Any]) -> Any:
    return max(form, key=_depth)


def _depth(error: Any) -> int:
    return len(error.absolute_path)


def _wrong_types(form: list[Any]) -> list[Any]:
    """The errors that say that the value is of another `type` than the form."""
    enums = [error for error in form if error.validator == "enum" and error.relative_path]
    return [error for error in enums if error.relative_path[-1] == "type"]


def _complaint(error: Any, pointer: Pointer) -> Complaint:
    value, expected = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = next(name for name in expected if name not in value)
            return Complaint(f'lacks "{missing}"', pointer, f"add {missing}:")
        case "anyOf" if not pointer:
            return Complaint('lacks "streams"', pointer, "add streams:")
        case "enum":
            fix, _, _ = choose(str(value), map(str, expected))
            return Complaint(f'cannot be "{value}"', pointer, fix)
        case "additionalProperties":
            return _unknown_key(error, pointer)
        case "type":
            words = " or ".join(expected) if is_list(expected) else expected
            return Complaint(f"must be of type {words}; it is {kind(value)}", pointer)
        case _:
            return Complaint(f"fits none of the forms that it may have; it is {kind(value)}", pointer)


def _unknown_key(error: Any, pointer: Pointer) -> Complaint:
    properties = as_mapping(error.schema.get("properties"))
    extra = next(name for name in error.instance if name not in properties)
    fix, _, _ = choose(extra, properties)
    return Complaint("is an unknown key", (*pointer, extra), fix)


def specification_of(manifest: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The spec inside a manifest, reduced to what checks need; None where it has none."""
    spec: Any = (manifest or {}).get("spec")
    specification: Any = spec.get("connection_specification") if is_mapping(spec) else None
    return reduced(specification) if is_mapping(specification) else None


def read_manifest(path: Path, file: str, faults: list[Fault], *, custom: bool) -> Mapping[str, Any] | None:
    """The manifest in a file, or None with its faults added; `custom`: whether its components may be code."""
    text = read_text(path, file, faults)
    if text is None:
        return None
    try:
        manifest: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe loaders
    except yaml.YAMLError as error:
        faults.append(_yaml_fault(error, text, file))
        return None
    except RecursionError:
        faults.append(Fault("LOT005", "the manifest is nested too deeply", file))
        return None
    mapping = _checked_manifest(manifest, file, faults)
    if mapping is None:
        return None
    wrong = complaints(mapping, custom=custom)
    if wrong:
        faults += _faults(wrong, text, file)
        return None
    return mapping


def _yaml_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    line, column, excerpt = 1, 1, ""
    if mark:
        line, column = mark.line + 1, mark.column + 1
        excerpt = "".join(text.splitlines()[mark.line : line])
    return Fault("LOT041", f"the manifest is not YAML: {problem}", file, line, column, 1, excerpt)


def _checked_manifest(manifest: Any, file: str, faults: list[Fault]) -> Mapping[str, Any] | None:
    if not is_mapping(manifest):
        faults.append(Fault("LOT041", "the manifest is not a mapping", file, fix="it starts with version: and type:"))
        return None
    if manifest.get("type", "DeclarativeSource") != "DeclarativeSource":
        message, fix = "the manifest is not a DeclarativeSource", "write type: DeclarativeSource"
        faults.append(Fault("LOT041", message, file, 1, 1, 1, fix=fix))
        return None
    missing = [key for key in ("version", "check") if key not in manifest]
    if "streams" not in manifest and "dynamic_streams" not in manifest:
        missing.append("streams")
    for key in missing:
        faults.append(Fault("LOT041", f'the manifest lacks "{key}"', file, 1, 1, 1, fix=f"add {key}:"))
    return None if missing else manifest
