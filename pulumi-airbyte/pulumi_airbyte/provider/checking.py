"""Check: inputs under their proper names, secrets marked, and every fault at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from .ownership import BY_PROGRAM, MARK
from .properties import Fault, accepted
from .resources import ResourceKind
from .resources.connectors import masked
from .server import Server
from .specification import Specification, secrets_by_name
from .specifications import UNKNOWN_CONNECTOR, UnknownConnector
from .state import kind_of, outermost
from .values import Json, Path, Values, at, dotted, leaves, replaced

EXACT = 2**53
"""Whole numbers below this one survive Pulumi's wire, which has floats only."""


@dataclass(frozen=True)
class Checked:
    """The inputs as they will be stored, and what is wrong with them."""

    inputs: Values
    faults: Sequence[Fault]


class Checker:
    """Judges what a program declares."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def check(self, urn: str, old: Values, new: Values) -> Checked:
        """Inputs under their proper names, sets in a readable order, secrets marked; and every fault at once."""
        kind = kind_of(urn)
        faults: list[Fault] = _inexact(new)
        declared = {name: value for name, value in new.data.items() if name != MARK}
        data = kind.parsed(accepted(kind.properties, declared, faults), faults)
        kind.more_faults(data, faults)
        data = kind.arranged(data, old.data)
        secrets = set(new.secrets)
        if kind.connector is not None and isinstance(data.get("configuration"), dict):
            data, secrets = _kept(data, secrets, old)
            data, named = await self._checked_configuration(urn, kind, data, secrets, faults)
            secrets |= named
        present = (path for path in secrets if at(data, path) is not None)
        data[MARK] = new.data.get(MARK, BY_PROGRAM)
        return Checked(Values(data, outermost(present)), faults)

    async def _checked_configuration(
        self, urn: str, kind: ResourceKind, data: dict[str, Json], secrets: set[Path], faults: list[Fault]
    ) -> tuple[dict[str, Json], set[Path]]:
        """The inputs with secrets of the right type, and the paths that are secret; faults go to `faults`."""
        configuration = kind.without_connector(data["configuration"])
        named = secrets_by_name(configuration)
        specification = await self._server.specification(kind, data, None)
        if isinstance(specification, UnknownConnector):
            faults.append(Fault(("configuration", f"{kind.connector}Type"), str(specification)))
        elif isinstance(specification, Specification):
            typed = specification.typed(configuration, {path[1:] for path in secrets})
            data = cast("dict[str, Json]", replaced(data, {("configuration", *path): v for path, v in typed.items()}))
            configuration = kind.without_connector(data["configuration"])
            named |= specification.secrets(configuration)
            if not faults:
                await self._judge(urn, specification, configuration, faults)
        elif specification != UNKNOWN_CONNECTOR:
            words = f"configuration not checked against its connector: {specification}"
            await self._server.notices.info(words, urn)
        return data, {("configuration", *path) for path in named}

    async def _judge(
        self, urn: str, specification: Specification, configuration: dict[str, Json], faults: list[Fault]
    ) -> None:
        faults += [Fault(("configuration", *fault.path), fault.reason) for fault in specification.faults(configuration)]
        for fault in specification.unknown_names(configuration):
            await self._server.notices.warn(f"{dotted(('configuration', *fault.path))}: {fault.reason}", urn)


def _kept(data: dict[str, Json], secrets: set[Path], old: Values) -> tuple[dict[str, Json], set[Path]]:
    """Where the program says "keep" (a mask), the value that the state holds."""
    changes: dict[Path, Json] = {}
    for below in masked(data["configuration"]):
        path = ("configuration", *below)
        stored = at(old.data, path)
        secrets.add(path)
        if isinstance(stored, str):
            changes[path] = stored
    return cast("dict[str, Json]", replaced(data, changes)), secrets


def _inexact(new: Values) -> list[Fault]:
    """Numbers that Pulumi's wire has rounded, or may have."""
    return [
        Fault(path, "is a number that Pulumi cannot carry exactly; write it as text, in quotes")
        for path, leaf in leaves(new.data)
        if isinstance(leaf, int | float) and not isinstance(leaf, bool) and abs(leaf) >= EXACT
    ]
