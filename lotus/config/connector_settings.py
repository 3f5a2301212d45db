"""A connector's settings against its committed spec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus.config.document import Document, Pointer
from lotus.config.models import SpecFile
from lotus.config.reading import Files
from lotus.config.shape import checked
from lotus.config.specification import Configuration, reduced
from lotus.untyped import is_list, is_mapping

_EXACT = 2**53
"""Whole numbers below this one survive Pulumi's wire, which has floats only."""


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """What a committed spec says of a connector; None where nothing is known."""

    specification: Mapping[str, Any] | None = None
    sync_modes: tuple[str, ...] | None = None


def read_spec(files: Files, path: Path) -> ConnectorSpec:
    """The committed spec of a connector."""
    if not path.is_file():
        return ConnectorSpec()
    document = files.read(path)
    model = checked(document, SpecFile, files.faults) if document else None
    if model is None:
        return ConnectorSpec()
    return ConnectorSpec(reduced(model.connection_specification), model.supported_destination_sync_modes)


def check_configuration(
    files: Files, document: Document, configuration: dict[str, Any], spec: Mapping[str, Any] | None, name: str
) -> None:
    """Faults of a connector's settings: references, and what its spec says."""
    check = Configuration(document, files.faults, name=name)
    check.check_references(configuration)
    for pointer, number in _numbers(configuration, ("configuration",)):
        if abs(number) >= _EXACT:
            message = f"{name}: {number} is a number that Pulumi cannot carry exactly"
            fix = f'use a smaller one, or write it as text if the connector takes one: "{number}"'
            files.faults.append(document.fault("LOT043", message, pointer, fix=fix))
    if spec is not None:
        check.check(spec, configuration)


def _numbers(value: Any, pointer: Pointer) -> Iterator[tuple[Pointer, int | float]]:
    if is_mapping(value):
        for name, below in value.items():
            yield from _numbers(below, (*pointer, name))
    elif is_list(value):
        for index, below in enumerate(value):
            yield from _numbers(below, (*pointer, index))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield pointer, value
