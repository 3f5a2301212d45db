"""What a stack takes over (`lotus:adopt`): objects that are in Airbyte become its own, as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_airbyte as airbyte
from pulumi_airbyte.sdk.resource import camel_case

from lotus.config import Connection, Destination, Project
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


def adopted_imports(project: Project) -> Mapping[Key, str]:
    """What the program imports: the objects of `lotus:adopt` that the state does not have yet.

    Raises:
        pulumi.RunError: an object cannot be taken over, or Airbyte does not answer.
    """
    if not any(project.settings.adopt.values()):
        return {}
    objects = {urns[0]: (key, resource_id, urns, pointer) for key, resource_id, urns, pointer in _objects(project)}
    places = _Places(project)
    judged = airbyte.adopt(
        project.settings.workspace,
        [
            airbyte.Wanted(urn, resource_id, urns[1:], places.of(key))
            for urn, (key, resource_id, urns, _) in objects.items()
        ],
    )
    if judged.unreachable is not None:
        names = ", ".join(f"{key[0]} {key[1]}" for key, *_ in objects.values())
        raise pulumi.RunError(
            f"Airbyte does not answer ({judged.unreachable}): it is not known whether this can be taken over: {names}"
            f"\n  where: {project.settings.file}: lotus:adopt\n  fix:   try again when Airbyte answers"
        )
    faults = [
        _fault(project, objects[urn][3], f"{objects[urn][0][1]}: {reason}") for urn, reason in judged.faults.items()
    ]
    if faults:
        raise pulumi.RunError(str(FaultsError(faults)))
    if judged.managed:
        ids = counted(len(judged.managed), "id")
        pulumi.log.info(f"lotus:adopt has {ids} of objects that the stack has taken over; they can go")
    return {objects[urn][0]: text for urn, text in judged.imports.items()}


def _fault(project: Project, pointer: Sequence[str], message: str) -> Fault:
    fix = "give the id that is meant, or take the line out"
    return project.settings.fault("LOT079", message, tuple(pointer), fix=fix)


def _objects(project: Project) -> Iterator[tuple[Key, str, list[str], tuple[str, str, str]]]:
    """Each object: its resource, its id, the URNs of now and before, and its place in the stack's file."""
    for kind, ids in project.settings.adopt.items():
        for name, resource_id in ids.items():
            resource = _resource(project, kind, name)
            if resource is not None:
                class_name, names = resource
                urns = [_urn(class_name, each) for each in names]
                yield (class_name, names[0]), resource_id, urns, ("adopt", kind, name)


def _resource(project: Project, kind: str, name: str) -> tuple[str, Sequence[str]] | None:
    """The class and the names, now and before, of the resource; None if this stack does not declare it."""
    if kind == "tags":
        return "Tag", [f"tag-{name}"]
    candidates = {
        "sources": _sources(project),
        "destinations": _destinations(project),
        "connections": _connections(project),
        "definitions": _definitions(project),
    }
    return candidates[kind].get(name)


Resources = Mapping[str, tuple[str, Sequence[str]]]
"""Class and names of resources, by the name in `lotus:adopt`."""


def _sources(project: Project) -> Resources:
    return {source.name: ("Source", source.names) for source in project.sources}


def _destinations(project: Project) -> Resources:
    return {destination.name: ("Destination", destination.names) for destination in project.destinations}


def _connections(project: Project) -> Resources:
    return {
        connection.name: ("Connection", resource_names(connection, project.destination_of(connection)))
        for connection in project.connections
    }


def _definitions(project: Project) -> Resources:
    """The definitions of sources' and destinations' own connectors, and of those that sources share."""
    definitions: dict[str, tuple[str, Sequence[str]]] = {
        f"{DESTINATIONS}/{each.name}": ("DestinationDefinition", [f"{name}-connector" for name in each.names])
        for each in project.destinations
    }
    for source in project.sources:
        is_manifest = source.manifest is not None
        class_name = "DeclarativeSourceDefinition" if is_manifest else "SourceDefinition"
        if source.connector.shared:
            shared = f"{CONNECTORS}/{source.connector.shared}"
            definitions[shared] = (class_name, [shared])
        else:
            suffix = "manifest" if is_manifest else "connector"
            definitions[source.name] = (class_name, [f"{name}-{suffix}" for name in source.names])
    return definitions


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
        places = {camel_case(name): _place(document, "connection", name) for name in options}
        folder = str(Path(connection.file).parent.as_posix())
        return {"": document.file, "schedule": _place(document, "schedule"), "configurations": folder, **places}


def _place(document: Document, *pointer: Any) -> str:
    return document.fault("LOT079", "", pointer).where
