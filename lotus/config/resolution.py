"""`$config` and `$secret` of one stack get their values, and what has a value is checked again with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from lotus.config.document import Document, Pointer
from lotus.config.faults import Fault, choose
from lotus.config.references import NAME, SEALED, Kind, conflicting, reference, references, ways_to_set
from lotus.config.settings import Settings
from lotus.config.sops import SopsError
from lotus.config.specification import at_pointer


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
        for item in references(configuration):
            if not NAME.fullmatch(item.name):
                continue
            self.used.add((item.kind, item.name))
            at: Pointer = ("configuration", *item.pointer, item.kind)
            if item.kind == "$secret":
                self._secret(document, item.name, at)
            elif self._settings.values.config(item.name) is None:
                self._missing_config(document, item.name, at)
        return cast("dict[str, Any]", self._resolved(configuration, specification, ()))

    def _resolved(self, value: Any, specification: Mapping[str, Any] | None, pointer: Pointer) -> Any:
        found = reference(value)
        if found:
            kind, name = found
            given = self._settings.values.config(name) if kind == "$config" and isinstance(name, str) else None
            if given is None or given.value is SEALED:
                return value
            return coerced(given.value, at_pointer(specification or {}, pointer))
        if isinstance(value, Mapping):
            entries = cast("Mapping[str, Any]", value)
            return {key: self._resolved(item, specification, (*pointer, key)) for key, item in entries.items()}
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return [self._resolved(item, specification, (*pointer, index)) for index, item in enumerate(items)]
        return value

    def _missing_config(self, document: Document, name: str, at: Pointer) -> None:
        fix, allowed, near = choose(name, self._settings.values.config_names())
        ways = ways_to_set("$config", name, self._settings.stack)
        what = f'this stack gives no value for $config "{name}"'
        fix = f"{fix} Otherwise: {ways}" if near else ways
        allowed = allowed if near else ()
        self._faults.append(document.fault("LOT046", what, at, fix=fix, allowed=allowed, nearest=near))

    def _secret(self, document: Document, name: str, at: Pointer) -> None:
        values = self._settings.values
        try:
            places = values.secret(name)
        except SopsError as error:
            if self._settings.offline:
                self.unresolved[name] = None
            else:
                self._faults.append(self._settings.fault("LOT078", str(error), ("sops",), fix=error.fix))
            return
        except (OSError, UnicodeDecodeError):
            what = f"the file {name} in LOTUS_SECRETS_DIR cannot be read as text"
            self._faults.append(document.fault("LOT047", what, at, fix="check its permissions and content"))
            return
        conflict = conflicting(places)
        known = [place.value for place in places if place.value is not SEALED]
        if conflict:
            what = f'secret "{name}" has two different values: {conflict[0].place} and {conflict[1].place}'
            fix = "remove the stale one: a rotation would not be seen"
            self._faults.append(document.fault("LOT048", what, at, fix=fix))
        elif known:
            self.secrets[name] = known[0]
        elif places or self._settings.offline:
            self.unresolved[name] = None
        else:
            near = choose(name, values.secret_names())[2]
            ways = ways_to_set("$secret", name, self._settings.stack)
            what = f'secret "{name}" has no value here'
            fix = f'did you mean "{near}"? Otherwise: {ways}' if near else ways
            self._faults.append(document.fault("LOT047", what, at, fix=fix, nearest=near))


def coerced(value: Any, schema: Mapping[str, Any]) -> Any:
    """A `$config` value in the type that the spec wants, where it is only written differently.

    The environment has texts only, and `pulumi config set --path` turns what looks like a number into one.
    """
    wanted = schema.get("type")
    types = set(cast("list[str]", wanted) if isinstance(wanted, list) else [str(wanted)])
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
