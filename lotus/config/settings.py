"""What differs per stack: the `lotus:` keys of `Pulumi.<stack>.yaml`, as one checked model.

The program reads them through `pulumi.Config`, the command line from the file itself; both end here, so both report the
same faults. Secret values are never part of a message or of a `repr`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lotus.config.adopted import UUID, adopted_ids
from lotus.config.document import Pointer, read_text
from lotus.config.faults import Fault, choose
from lotus.config.readers import READERS, Readers, UnknownReaders
from lotus.config.references import SEALED, Values
from lotus.config.shape import kind
from lotus.config.sops import SopsFile
from lotus.untyped import is_list, is_mapping

LEAVE_OUT = "LOTUS_LEAVE_OUT"
"""Environment: a JSON object {"source": "reason"} of sources that cannot run here (`make run` fills it in)."""

KEYS = {
    "lake": "bool",
    "gitops": "bool or object",
    "workspace": "text",
    "sources": "include or exclude",
    "config": "object",
    "secrets": "object",
    "sops": "text",
    "readers": "text",
    "overrides": "object of objects",
    "streams": "text",
    "discovered": "text",
    "components": "bool",
    "confirm": "list",
    "adopt": "object of objects",
}
"""Every key below `lotus:`, with what it takes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One stack's settings. `where` finds a setting's place in the stack's file."""

    stack: str = ""
    file: str = ""
    lake: bool = False
    gitops: bool | Mapping[str, Any] = False
    workspace: str = ""
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    streams: str = "streams"
    discovered: str | None = None
    components: bool = False
    """Whether manifests may bring code of their own."""
    confirm: tuple[str, ...] = ()
    adopt: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """The ids of objects that exist in Airbyte, by kind (see `adopted.KINDS`) and by the names of the files."""
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Values = field(default_factory=Values)
    offline: bool = False
    readers: Readers = field(default_factory=UnknownReaders)
    faults: tuple[Fault, ...] = ()
    places: Mapping[Pointer, tuple[int, int, str]] = field(
        default_factory=dict[Pointer, tuple[int, int, str]], repr=False
    )

    def fault(self, code: str, message: str, pointer: Pointer, *, fix: str = "", **more: Any) -> Fault:
        """A fault at a setting, in the stack's file if there is one."""
        return _fault(self.file, self.places, code, message, pointer, fix=fix, **more)

    def agree(self, consent: str, pending: int = 0) -> str:
        """The command that agrees, after those that are given and so many more."""
        place = f"'lotus:confirm[{len(self.confirm) + pending}]'"
        return f"pulumi config set --path {place} {shlex.quote(consent)} --stack {self.stack}"

    def reason_left_out(self, source: str) -> str | None:
        """Why this stack does not have the source, or None if it has."""
        if source in self.left_out:
            return self.left_out[source]
        stack = f"stack {self.stack}" if self.stack else "this stack"
        if self.include is not None and source not in self.include:
            return f"not in lotus:sources of {stack}"
        if source in self.exclude:
            return f"excluded by lotus:sources of {stack}"
        return None


def from_values(
    values: Mapping[str, Any],
    *,
    stack: str = "",
    project: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from plain values without their `lotus:` prefix: texts as `pulumi.Config` gives them, or typed values.

    With `project`, faults get their place in `Pulumi.<stack>.yaml`.
    """
    environment = os.environ if environment is None else environment
    file = f"Pulumi.{stack}.yaml" if stack else "Pulumi.<stack>.yaml"
    places: dict[Pointer, tuple[int, int, str]] = {}
    faults: list[Fault] = []
    if project is not None and stack:
        written, places = _read_stack_file(project / file, file, [])
        faults = _secrets_in_clear(written, places, file)
        # pulumi.Config cannot list what it has: a misspelt key is only seen in the file.
        values = {**{key: None for key in written if key not in KEYS}, **values}
    reader = _Reader(stack, file, places, environment, project)
    reader.faults += faults
    return reader.settings(values)


def _secrets_in_clear(
    values: Mapping[str, Any], places: Mapping[Pointer, tuple[int, int, str]], file: str
) -> list[Fault]:
    """Secrets that the stack's file holds unencrypted, which only the file itself can tell."""
    secrets: Any = values.get("secrets")
    config: Any = values.get("config")
    sealed = [n for n, v in config.items() if v is SEALED] if is_mapping(config) else []
    faults = [
        _fault(
            file,
            places,
            "LOT077",
            f'"{name}" is encrypted, but lotus:config is for public values: the state would hold it in plain text',
            ("config", name),
            fix=f'pulumi config set --path \'lotus:secrets.{name}\' --secret, and {{"$secret": "{name}"}} in the file',
        )
        for name in sealed
    ]
    if not is_mapping(secrets):
        return faults
    return faults + [
        _fault(
            file,
            places,
            "LOT045",
            f'secret "{name}" is in {file} in plain text',
            ("secrets", name),
            fix=f"pulumi config set --path 'lotus:secrets.{name}' --secret, and rotate it if it was pushed",
        )
        for name, value in secrets.items()
        if value is not SEALED
    ]


def from_stack_file(project: Path, stack: str | None, *, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings as `Pulumi.<stack>.yaml` says; encrypted values are known by name only.

    Without a stack: defaults, and all sources.
    """
    environment = os.environ if environment is None else environment
    if not stack:
        return _Reader("", "Pulumi.<stack>.yaml", {}, environment).settings({})
    file = f"Pulumi.{stack}.yaml"
    faults: list[Fault] = []
    if not (project / file).is_file():
        stacks = sorted(p.name[len("Pulumi.") : -len(".yaml")] for p in project.glob("Pulumi.*.yaml"))
        fix, allowed, near = choose(stack, stacks, otherwise="run pulumi stack init")
        message = f'stack "{stack}" has no file {file}'
        faults.append(Fault("LOT076", message, file, fix=fix, allowed=allowed, nearest=near))
        return Settings(stack=stack, file=file, faults=tuple(faults))
    values, places = _read_stack_file(project / file, file, faults)
    faults += _secrets_in_clear(values, places, file)
    reader = _Reader(stack, file, places, environment, project)
    reader.faults += faults
    return reader.settings(values)


def _read_stack_file(
    path: Path, file: str, faults: list[Fault]
) -> tuple[dict[str, Any], dict[Pointer, tuple[int, int, str]]]:
    """The `lotus:` values of a stack's file, without the prefix, and the place of each."""
    text = read_text(path, file, faults) if path.is_file() else None
    if text is None:
        return {}, {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = getattr(error, "problem", None) or "it cannot be read"
        faults.append(Fault("LOT003", f"the file is not YAML: {problem}", file, line, column, 1))
        return {}, {}
    lines = text.splitlines()
    places: dict[Pointer, tuple[int, int, str]] = {}
    values: dict[str, Any] = {}
    config = _mapping(root).get("config") if root else None
    for key, (key_node, node) in _mapping(config[1]).items() if config else ():
        if not key.startswith("lotus:"):
            continue
        name = key.removeprefix("lotus:")
        values[name] = _plain(node, (name,), places, lines)
        places[(name,)] = _mark(key_node, lines)
    return values, places


def _mapping(node: Any) -> dict[str, tuple[Any, Any]]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): (key, value) for key, value in node.value}


def _mark(node: Any, lines: list[str]) -> tuple[int, int, str]:
    line = int(node.start_mark.line)
    return line + 1, int(node.start_mark.column) + 1, lines[line] if line < len(lines) else ""


def _plain(node: Any, pointer: Pointer, places: dict[Pointer, tuple[int, int, str]], lines: list[str]) -> Any:
    places.setdefault(pointer, _mark(node, lines))
    if isinstance(node, yaml.MappingNode):
        entries = _mapping(node)
        if set(entries) == {"secure"}:
            return SEALED
        mapping: dict[str, Any] = {}
        for key, (key_node, value) in entries.items():
            mapping[key] = _plain(value, (*pointer, key), places, lines)
            places[(*pointer, key)] = _mark(key_node, lines)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, (*pointer, index), places, lines) for index, value in enumerate(node.value)]
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_object(node)
    finally:
        constructor.dispose()


def _fault(
    file: str,
    places: Mapping[Pointer, tuple[int, int, str]],
    code: str,
    message: str,
    pointer: Pointer,
    *,
    fix: str = "",
    **more: Any,
) -> Fault:
    while pointer and pointer not in places:
        pointer = pointer[:-1]
    line, column, excerpt = places.get(pointer, (0, 0, ""))
    # A stack's file may hold plain values that should be secrets: the underlined line shows keys, never values.
    if pointer[:1] == ("secrets",):
        excerpt = re.sub(r"^([^:]*(?:lotus:)?[^:]*:\s+)\S.*$", r"\1…", excerpt)
    length = 1
    if pointer:
        prefix = "lotus:" if len(pointer) == 1 else ""
        length = len(f"{prefix}{pointer[-1]}")
    return Fault(code, message, file, line, column, length, excerpt, fix, **more)


class _Reader:
    """Collects every fault of one stack's settings instead of stopping at the first."""

    def __init__(
        self,
        stack: str,
        file: str,
        places: Mapping[Pointer, tuple[int, int, str]],
        environment: Mapping[str, str],
        project: Path | None = None,
    ) -> None:
        self.project = project
        self.stack = stack
        self.file = file
        self.places = places
        self.environment = environment
        self.faults: list[Fault] = []

    def settings(self, values: Mapping[str, Any]) -> Settings:
        for key in values:
            if key not in KEYS:
                fix, allowed, near = choose(key, KEYS)
                self._wrong("LOT070", f'unknown setting "lotus:{key}"', (key,), fix=fix, allowed=allowed, nearest=near)
        entries = {key: value for key, value in values.items() if key in KEYS and value is not None}
        include, exclude = self._sources(entries.get("sources"))
        return Settings(
            stack=self.stack,
            file=self.file,
            lake=self._bool(entries, "lake"),
            gitops=self._gitops(entries),
            workspace=self._workspace(entries),
            include=include,
            exclude=exclude,
            overrides=self._overrides(entries),
            streams=self._text(entries, "streams") or "streams",
            discovered=self._text(entries, "discovered"),
            components=self._bool(entries, "components"),
            confirm=self._names(("confirm",), self._typed(entries.get("confirm"))) or (),
            adopt=adopted_ids(self._object(entries, "adopt"), self._wrong),
            left_out=self._left_out(),
            values=self._values(entries),
            readers=self._readers(entries),
            offline=self.environment.get("LOTUS_OFFLINE", "") not in ("", "0", "false"),
            places=self.places,
            faults=tuple(self.faults),
        )

    def _wrong(self, code: str, message: str, pointer: Pointer, *, fix: str = "", **more: Any) -> None:
        self.faults.append(_fault(self.file, self.places, code, message, pointer, fix=fix, **more))

    def _mistyped(self, pointer: Pointer, expected: str, value: Any, fix: str = "") -> None:
        name = "lotus:" + ".".join(str(part) for part in pointer)
        actual = "a value of another kind" if pointer[0] == "secrets" else kind(value)
        self._wrong("LOT071", f"{name} must be {expected}; it is {actual}", pointer, fix=fix)

    @staticmethod
    def _typed(value: Any) -> Any:
        """A text that holds a JSON object or list, as pulumi.Config gives them, as that."""
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    def _bool(self, entries: Mapping[str, Any], key: str) -> bool:
        value = entries.get(key, False)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            self._mistyped((key,), "true or false", value)
            return False
        return value

    def _gitops(self, entries: Mapping[str, Any]) -> bool | Mapping[str, Any]:
        value = self._typed(entries.get("gitops", False))
        return value if is_mapping(value) else self._bool(entries, "gitops")

    def _text(self, entries: Mapping[str, Any], key: str) -> str | None:
        value = entries.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self._mistyped((key,), "text", value)
        return None

    def _readers(self, entries: Mapping[str, Any]) -> Readers:
        name = self._text(entries, "readers")
        if name is not None and name not in READERS:
            fix, allowed, near = choose(name, READERS)
            message = f'lotus:readers has no conventions named "{name}"'
            self._wrong("LOT071", message, ("readers",), fix=fix, allowed=allowed, nearest=near)
        return READERS.get(name or "", UnknownReaders())

    def _workspace(self, entries: Mapping[str, Any]) -> str:
        value = self._text(entries, "workspace")
        if value is None:
            if self._bool({"lake": entries.get("lake", False)}, "lake"):
                message = f"lotus:workspace is missing in {self.file}, so the lake has no Airbyte workspace"
                self._wrong("LOT075", message, ("lake",), fix="pulumi config set lotus:workspace <id of the workspace>")
            return ""
        if not UUID.fullmatch(value):
            self._mistyped(("workspace",), "a workspace id such as 00000000-0000-4000-8000-000000000001", value)
        return value

    def _sources(self, value: Any) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        value = self._typed(value)
        if value is None:
            return None, ()
        if is_list(value):
            return self._names(("sources",), value), ()
        if not is_mapping(value):
            self._mistyped(("sources",), "{include: [...]} or {exclude: [...]}", value)
            return None, ()
        for key in value:
            if key not in ("include", "exclude"):
                fix, allowed, near = choose(key, ("include", "exclude"))
                message = f'unknown key "{key}" in lotus:sources'
                self._wrong("LOT070", message, ("sources", key), fix=fix, allowed=allowed, nearest=near)
        if "include" in value and "exclude" in value:
            message = "lotus:sources has both include and exclude"
            self._wrong("LOT014", message, ("sources",), fix="keep one: include names all, exclude names the others")
        include = self._names(("sources", "include"), value.get("include"))
        return include, self._names(("sources", "exclude"), value.get("exclude")) or ()

    def _names(self, pointer: Pointer, value: Any) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not is_list(value) or not all(isinstance(item, str) for item in value):
            self._mistyped(pointer, "a list of names", value)
            return None
        return tuple(value)

    def _values(self, entries: Mapping[str, Any]) -> Values:
        name = self._text(entries, "sops")
        sops = SopsFile((self.project or Path()) / name, name, self.environment) if name else None
        return Values(self._object(entries, "config"), self._object(entries, "secrets"), self.environment, sops)

    def _object(self, entries: Mapping[str, Any], key: str) -> dict[str, Any]:
        value = self._typed(entries.get(key))
        if value is None:
            return {}
        if not is_mapping(value):
            option = " --secret" if key == "secrets" else ""
            self._mistyped((key,), "an object", value, f"pulumi config set --path 'lotus:{key}.NAME' VALUE{option}")
            return {}
        return value

    def _overrides(self, entries: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        overrides: dict[str, Mapping[str, Any]] = {}
        for name, value in self._object(entries, "overrides").items():
            if is_mapping(value):
                overrides[name] = value
            else:
                self._mistyped(("overrides", name), "an object that is laid over the file", value)
        return overrides

    def _left_out(self) -> dict[str, str]:
        text = self.environment.get(LEAVE_OUT, "")
        if not text:
            return {}
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not is_mapping(value):
            message = f"{LEAVE_OUT} must be a JSON object of sources and reasons"
            fix = f'write {LEAVE_OUT}=\'{{"faker": "needs Python below 3.13"}}\''
            self.faults.append(Fault("LOT071", message, f"environment variable {LEAVE_OUT}", fix=fix))
            return {}
        return {str(k): str(v) for k, v in value.items()}
