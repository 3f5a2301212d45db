"""What a stack takes over (`lotus:adopt`): objects that are in Airbyte become its own, as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_airbyte as airbyte

from lotus.config import Connection, Destination, Project, Source
from lotus.config.document import Document
from lotus.config.faults import Fault
from lotus.config.project import CONNECTORS, DESTINATIONS
from lotus.config.reading import Files
from lotus.errors import FaultsError
from lotus.untyped import as_mapping
from lotus.words import counted

LAKE = "lotus:index:Lake"
"""The component that everything belongs to."""
Key = tuple[str, str]
"""A resource's class and name, such as `("Source", "shop")`."""


def imports(project: Project) -> Mapping[Key, str]:
    """What the program imports: the objects of `lotus:adopt` that the state does not have yet.

    Raises:
        pulumi.RunError: an object cannot be taken over, or Airbyte does not answer.
    """
    adopted = project.settings.adopt
    if not any(adopted.values()):
        return {}
    wanted = {urns[0]: (key, resource_id, urns, pointer) for key, resource_id, urns, pointer in _wanted(project)}
    places = _Places(project)
    judged = airbyte.adopt(
        project.settings.workspace,
        [
            airbyte.Wanted(urn, resource_id, urns[1:], places.of(key))
            for urn, (key, resource_id, urns, _) in wanted.items()
        ],
    )
    if judged.unreachable is not None:
        names = ", ".join(f"{key[0]} {key[1]}" for key, *_ in wanted.values())
        raise pulumi.RunError(
            f"Airbyte does not answer ({judged.unreachable}): it is not known whether this can be taken over: {names}"
            f"\n  where: {project.settings.file}: lotus:adopt\n  fix:   try again when Airbyte answers"
        )
    faults = [
        _fault(project, wanted[urn][3], f"{wanted[urn][0][1]}: {reason}") for urn, reason in judged.faults.items()
    ]
    if faults:
        raise pulumi.RunError(str(FaultsError(faults)))
    if judged.used:
        used = counted(len(judged.used), "id")
        pulumi.log.info(f"lotus:adopt has {used} of objects that the stack has taken over; they can go")
    return {wanted[urn][0]: text for urn, text in judged.imports.items()}


def _fault(project: Project, pointer: Sequence[str], message: str) -> Fault:
    fix = "give the id that is meant, or take the line out"
    return project.settings.fault("LOT079", message, tuple(pointer), fix=fix)


def _wanted(project: Project) -> Iterator[tuple[Key, str, list[str], tuple[str, str, str]]]:
    """Each object: its resource, its id, the URNs of now and before, and its place in the stack's file."""
    for kind, ids in project.settings.adopt.items():
        for name, resource_id in ids.items():
            found = _resource(project, kind, name)
            if found is not None:
                class_name, names = found
                urns = [_urn(class_name, each) for each in names]
                yield (class_name, names[0]), resource_id, urns, ("adopt", kind, name)


def _resource(project: Project, kind: str, name: str) -> tuple[str, Sequence[str]] | None:
    """The class and the names, now and before, of the resource; None if this stack does not declare it."""
    if kind == "tags":
        return "Tag", [f"tag-{name}"]
    if kind == "definitions":
        return _definition(project, name)
    for each in (*project.sources, *project.destinations, *project.connections):
        if isinstance(each, Source) and kind == "sources" and each.name == name:
            return "Source", each.names
        if isinstance(each, Destination) and kind == "destinations" and each.name == name:
            return "Destination", each.names
        if isinstance(each, Connection) and kind == "connections" and each.name == name:
            return "Connection", resource_names(each, project.destination_of(each))
    return None


def _definition(project: Project, name: str) -> tuple[str, Sequence[str]] | None:
    """The definition of a source's or destination's own connector, or of one that sources share."""
    for source in project.sources:
        shared = source.connector.shared
        if name == (f"{CONNECTORS}/{shared}" if shared else source.name):
            class_name = "SourceDefinition" if source.manifest is None else "DeclarativeSourceDefinition"
            suffix = "-connector" if source.manifest is None else "-manifest"
            return class_name, [name] if shared else [f"{each}{suffix}" for each in source.names]
    for destination in project.destinations:
        if name == f"{DESTINATIONS}/{destination.name}":
            return "DestinationDefinition", [f"{each}-connector" for each in destination.names]
    return None


def resource_names(connection: Connection, destination: Destination) -> list[str]:
    """The names of a connection's resource, now and before."""
    return [f"{name}-to-{other}" for name in connection.names for other in destination.names]


def _urn(class_name: str, name: str) -> str:
    token = f"airbyte:index/{class_name[:1].lower()}{class_name[1:]}:{class_name}"
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{LAKE}${token}::{name}"


class _Places:
    """Where the files declare the leaves of a resource."""

    def __init__(self, project: Project) -> None:
        self._files = Files(project.root, project.settings)
        self._sources = {source.name: source for source in project.sources}
        self._destinations = {destination.name: destination for destination in project.destinations}
        self._connections = {
            resource_names(each, project.destination_of(each))[0]: each for each in project.connections
        }

    def of(self, key: Key) -> Mapping[str, str]:
        """`file:line:column` by a leaf's path, or by the start of it."""
        class_name, name = key
        if class_name == "Source":
            return self._of_actor(self._files.again(self._sources[name].file, name))
        if class_name == "Destination":
            return self._of_actor(self._files.again(self._destinations[name].file, f"{DESTINATIONS}/{name}"))
        if class_name == "Connection":
            return self._of_connection(self._connections[name])
        return {}

    def _of_actor(self, document: Document | None) -> dict[str, str]:
        if document is None:
            return {}
        value = as_mapping(document.value)
        names = [*as_mapping(value.get("configuration"))]
        configured = {f"configuration.{name}": _place(document, "configuration", name) for name in names}
        return {"": document.file, "name": _place(document, "name"), **configured}

    def _of_connection(self, connection: Connection) -> dict[str, str]:
        document = self._files.again(connection.file, connection.name)
        if document is None:
            return {}
        options = as_mapping(as_mapping(document.value).get("connection"))
        places = {_camel_case(name): _place(document, "connection", name) for name in options}
        folder = str(Path(connection.file).parent.as_posix())
        return {"": document.file, "schedule": _place(document, "schedule"), "configurations": folder, **places}


def _place(document: Document, *pointer: Any) -> str:
    return document.fault("LOT079", "", pointer).where


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
