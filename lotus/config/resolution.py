"""`$config` and `$secret` of one stack get their values, and what has a value is checked again with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.project import DESTINATIONS
from lotus.config.references import NAME, SEALED, Kind, Reference, conflicting, references, ways_to_set, with_values
from lotus.config.settings import Settings
from lotus.config.sops import SopsError
from lotus.config.specification import at_pointer
from lotus.untyped import is_list


class Resolution:
    """Looks up names for one stack; every missing or contradictory one becomes a fault at the reference."""

    def __init__(self, settings: Settings, faults: list[Fault]) -> None:
        self._settings = settings
        self._faults = faults
        self.used: set[tuple[Kind, str]] = set()
        self.secrets: dict[str, str] = {}
        self.unresolved: dict[str, None] = {}

    def configuration(
        self, document: Document, configuration: Mapping[str, Any], specification: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """The configuration with values in place of `$config`; `$secret` stays, and its value is in `secrets`."""
        self.check(document, configuration, ("configuration",))

        def value_of(reference: Reference) -> Any:
            if reference.kind == "$secret":
                return reference.written
            value = self._settings.values.config(reference.name)
            if value is None or value.value is SEALED:
                return reference.written
            return coerced(value.value, at_pointer(specification or {}, reference.pointer))

        return with_values(configuration, value_of)

    def check(self, document: Document, value: Any, pointer: Pointer) -> None:
        """Faults of references without a value in what is at a pointer; the values of secrets are in `secrets`."""
        for item in references(value):
            if not NAME.fullmatch(item.name):
                continue
            self.used.add((item.kind, item.name))
            at: Pointer = (*pointer, *item.pointer, item.kind)
            if item.kind == "$secret":
                self._secret(document, item.name, at)
            elif self._settings.values.config(item.name) is None:
                self._missing_config(document, item.name, at)

    def _missing_config(self, document: Document, name: str, at: Pointer) -> None:
        fix, allowed, near = choose(name, self._settings.values.config_names())
        ways = ways_to_set("$config", name, self._settings.stack)
        message = f'this stack gives no value for $config "{name}"'
        fix = f"{fix} Otherwise: {ways}" if near else ways
        allowed = allowed if near else ()
        self._faults.append(document.fault("LOT046", message, at, fix=fix, allowed=allowed, nearest=near))

    def _secret(self, document: Document, name: str, at: Pointer) -> None:
        values = self._settings.values
        try:
            candidates = values.secret(name)
        except SopsError as error:
            if self._settings.offline:
                self.unresolved[name] = None
            else:
                self._faults.append(self._settings.fault("LOT078", str(error), ("sops",), fix=error.fix))
            return
        except (OSError, UnicodeDecodeError):
            message = f"the file {name} in LOTUS_SECRETS_DIR cannot be read as text"
            self._faults.append(document.fault("LOT047", message, at, fix="check its permissions and content"))
            return
        conflict = conflicting(candidates)
        readable = [candidate.value for candidate in candidates if candidate.value is not SEALED]
        if conflict:
            message = f'secret "{name}" has two different values: {conflict[0].place} and {conflict[1].place}'
            fix = "remove the stale one: a rotation would not be seen"
            self._faults.append(document.fault("LOT048", message, at, fix=fix))
        elif readable:
            self.secrets[name] = readable[0]
        elif candidates or self._settings.offline:
            self.unresolved[name] = None
        elif not self._is_adopted(document):
            near = choose(name, values.secret_names())[2]
            ways = ways_to_set("$secret", name, self._settings.stack)
            message = f'secret "{name}" has no value here'
            fix = f'did you mean "{near}"? Otherwise: {ways}' if near else ways
            self._faults.append(document.fault("LOT047", message, at, fix=fix, nearest=near))

    def _is_adopted(self, document: Document) -> bool:
        """Whether the file's object is one that the stack takes over: Airbyte keeps the values that it has."""
        path = Path(document.file)
        if path.parent.name == DESTINATIONS:
            return path.stem in self._settings.adopt.get("destinations", {})
        return path.parent.name in self._settings.adopt.get("sources", {})


def coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    """A `$config` value in the type that the spec wants, where it is only written differently.

    The environment has texts only, and `pulumi config set --path` turns what looks like a number into one.
    """
    declared_type = schema.get("type")
    types = set(declared_type if is_list(declared_type) else [str(declared_type)])
    if isinstance(value, str):
        if "string" in types:
            return value
        if "boolean" in types and value in ("true", "false"):
            return value == "true"
        if "integer" in types and re.fullmatch(r"-?[0-9]{1,18}", value):
            return int(value)
        if "number" in types and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]+)?", value):
            return float(value)
    elif types == {"string"} and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
