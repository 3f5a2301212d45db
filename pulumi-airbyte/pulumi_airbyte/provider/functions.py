"""Functions of the package: what a program may ask of the server without managing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pulumi_airbyte.api import AirbyteError, ConnectorType, Object

from .adoption import Candidate
from .faults import ProviderError
from .properties import Kind
from .resources import RESOURCES
from .specification import Specification, secrets_by_name
from .state import project_and_stack
from .values import Json, Path, Values, dotted

if TYPE_CHECKING:
    from .provider import AirbyteProvider

_STRING = {"type": "string"}
_ANY = {"$ref": "pulumi.json#/Any"}


@dataclass(frozen=True)
class Function:
    """One function: its arguments, what it answers, and the call behind it."""

    description: str
    arguments: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]
    answer: Mapping[str, Mapping[str, Any]]
    call: Callable[[AirbyteProvider, Mapping[str, Json]], Awaitable[Values]]

    def schema(self) -> dict[str, Any]:
        """Its part of the package's schema."""
        return {
            "description": self.description,
            "inputs": {"type": "object", "properties": dict(self.arguments), "required": list(self.required)},
            "outputs": {"type": "object", "properties": dict(self.answer), "required": []},
        }

    def missing(self, arguments: Mapping[str, Json]) -> list[str]:
        """Required arguments that are not given."""
        return [name for name in self.required if arguments.get(name) in (None, "")]


def _get(token: str, id_argument: str) -> Function:
    kind = RESOURCES[token]
    in_workspace = "{workspaceId}" in kind.collection

    async def call(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
        item = await kind.fetch(provider.airbyte, str(arguments[id_argument]), arguments)
        if item is None:
            raise ProviderError(f"there is no {kind.word} {arguments[id_argument]}")
        secrets: set[Path] = set()
        if kind.connector is not None:
            secrets = {("configuration", *path) for path in secrets_by_name(item.get("configuration"))}
        return Values({name: value for name, value in item.items() if value is not None}, frozenset(secrets))

    arguments = {id_argument: _STRING, **({"workspaceId": _STRING} if in_workspace else {})}
    properties = {**kind.properties, **kind.outputs, kind.id_name: kind.outputs.get(kind.id_name)}
    outputs = {name: _type_schema("string" if prop is None else prop.type) for name, prop in properties.items()}
    return Function(kind.description, arguments, tuple(arguments), outputs, call)


def _type_schema(kind: Kind) -> Mapping[str, str]:
    return {"type": kind} if kind in ("string", "integer") else _ANY


async def _connections(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    query = {
        "workspaceIds": cast("list[str]", arguments.get("workspaceIds") or []),
        "tagIds": cast("list[str]", arguments.get("tagIds") or []),
        "includeDeleted": bool(arguments.get("includeDeleted")),
    }
    return Values({"data": await provider.airbyte.objects("/connections", query)})


async def _streams(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    destination = arguments.get("destinationId")
    streams = await provider.airbyte.streams(
        str(arguments["sourceId"]),
        str(destination) if destination else None,
        ignore_cache=bool(arguments.get("ignoreCache")),
    )
    return Values({"streams": streams})


async def _connector_configuration(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    name, workspace = str(arguments["connectorName"]), str(arguments["workspaceId"])
    connector: ConnectorType = "destination" if name.startswith("destination-") else "source"
    definition = await provider.specifications.definition(connector, workspace, name)
    if definition is None:
        raise ProviderError(f'the server has no connector "{name}"; names look like source-faker, destination-s3')
    schema = await provider.airbyte.specification(connector, definition, workspace)
    open_part = cast("Object", arguments.get("configuration") or {})
    secret_part = cast("Object", arguments.get("configurationSecrets") or {})
    merged = _merged(open_part, secret_part)
    specification = Specification(schema)
    faults = specification.faults(merged) if merged else []
    if faults:
        words = "; ".join(f"{dotted(('configuration', *fault.path))} {fault.reason}" for fault in faults)
        raise ProviderError(f"{name}: {words}")
    secrets = specification.secrets(merged) | secrets_by_name(merged)
    return Values(
        {
            "definitionId": definition,
            "connectorType": connector,
            "specification": schema,
            "configuration": merged,
        },
        frozenset(("configuration", *path) for path in secrets),
    )


async def _consent(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    setting = str(arguments["setting"])
    phrases = [str(phrase) for phrase in arguments.get("phrases") or []]
    provider.consents.add(phrases, setting, int(arguments.get("pending") or 0))
    return Values({})


async def _warn_of_deletions(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    urns, ids = (cast("list[str]", arguments.get(name) or []) for name in ("urns", "ids"))
    await provider.losses.warn_of_deletions(str(arguments["project"]), str(arguments["stack"]), urns, ids)
    return Values({"faulty": provider.faulty})


async def _stored_outputs(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    urn = str(arguments["urn"])
    stored = await provider.journal.stored(*project_and_stack(urn))
    if stored is None:
        return Values({"readable": False, "outputs": {}})
    outputs: dict[str, Json] = {}
    for item in stored:
        if item.urn == urn:
            texts = {name: value for name, value in item.outputs.items() if isinstance(value, str)}
            outputs = {**texts, "urn": urn}
    return Values({"readable": True, "outputs": outputs, "planned": provider.planned})


async def _adopt(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    candidates = [
        Candidate(str(each["urn"]), str(each["id"]), each.get("formerUrns") or (), each.get("places") or {})
        for each in arguments["wanted"]
    ]
    project, stack, workspace = (str(arguments[name]) for name in ("project", "stack", "workspaceId"))
    try:
        judged = await provider.adoption.judge(project, stack, workspace, candidates)
    except AirbyteError as error:
        return Values({"unreachable": str(error)})
    return Values({"imports": {**judged.imports}, "managed": [*judged.managed], "faults": {**judged.faults}})


async def _collect_faults(provider: AirbyteProvider, arguments: Mapping[str, Json]) -> Values:
    provider.collect_faults()
    return Values({})


def _merged(base: Object, other: Object) -> Object:
    result = dict(base)
    for name, value in other.items():
        existing = result.get(name)
        if isinstance(existing, dict) and isinstance(value, dict):
            result[name] = _merged(existing, value)
        else:
            result[name] = value
    return result


def _token(name: str) -> str:
    return f"airbyte:index/{name}:{name}"


FUNCTIONS: dict[str, Function] = {
    _token("getSource"): _get("airbyte:index/source:Source", "sourceId"),
    _token("getDestination"): _get("airbyte:index/destination:Destination", "destinationId"),
    _token("getConnection"): _get("airbyte:index/connection:Connection", "connectionId"),
    _token("getWorkspace"): _get("airbyte:index/workspace:Workspace", "workspaceId"),
    _token("getPermission"): _get("airbyte:index/permission:Permission", "permissionId"),
    _token("getTag"): _get("airbyte:index/tag:Tag", "tagId"),
    _token("getSourceDefinition"): _get("airbyte:index/sourceDefinition:SourceDefinition", "definitionId"),
    _token("getDestinationDefinition"): _get(
        "airbyte:index/destinationDefinition:DestinationDefinition", "definitionId"
    ),
    _token("getDeclarativeSourceDefinition"): _get(
        "airbyte:index/declarativeSourceDefinition:DeclarativeSourceDefinition", "definitionId"
    ),
    _token("getConnections"): Function(
        "Every connection of the given workspaces, or of all.",
        {
            "workspaceIds": {"type": "array", "items": _STRING},
            "tagIds": {"type": "array", "items": _STRING},
            "includeDeleted": {"type": "boolean"},
        },
        (),
        {"data": {"type": "array", "items": _ANY}},
        _connections,
    ),
    _token("getStreams"): Function(
        "What a source offers; sync modes only with a destination.",
        {"sourceId": _STRING, "destinationId": _STRING, "ignoreCache": {"type": "boolean"}},
        ("sourceId",),
        {"streams": {"type": "array", "items": _ANY}},
        _streams,
    ),
    _token("getConnectorConfiguration"): Function(
        "A connector's definition and specification on this server, and a configuration checked against it.",
        {
            "connectorName": _STRING,
            "workspaceId": _STRING,
            "configuration": _ANY,
            "configurationSecrets": _ANY,
        },
        ("connectorName", "workspaceId"),
        {"definitionId": _STRING, "connectorType": _STRING, "specification": _ANY, "configuration": _ANY},
        _connector_configuration,
    ),
    _token("consent"): Function(
        "Passes on what the program agrees to lose, before it declares anything.",
        {"phrases": {"type": "array", "items": _STRING}, "setting": _STRING, "pending": {"type": "integer"}},
        ("setting",),
        {},
        _consent,
    ),
    _token("foretellDeletions"): Function(
        "Says in a preview what of the state is not among the declared, and what is lost with it.",
        {
            "project": _STRING,
            "stack": _STRING,
            "urns": {"type": "array", "items": _STRING},
            "ids": {"type": "array", "items": _STRING},
        },
        ("project", "stack"),
        {"faulty": {"type": "array", "items": _STRING}},
        _warn_of_deletions,
    ),
    _token("storedOutputs"): Function(
        "A component's outputs that are texts, as the last `up` left them, and how much a preview has planned so far.",
        {"urn": _STRING},
        ("urn",),
        {"readable": {"type": "boolean"}, "outputs": _ANY, "planned": {"type": "integer"}},
        _stored_outputs,
    ),
    _token("adopt"): Function(
        "Judges which objects of the server a program can take over, before it declares them with an import.",
        {
            "project": _STRING,
            "stack": _STRING,
            "workspaceId": _STRING,
            "wanted": {"type": "array", "items": _ANY},
        },
        ("project", "stack", "workspaceId", "wanted"),
        {"imports": _ANY, "managed": {"type": "array", "items": _STRING}, "faults": _ANY, "unreachable": _STRING},
        _adopt,
    ),
    _token("collectFaults"): Function(
        "Lets a preview go on after a fault in one resource; foretellDeletions answers which those were.",
        {},
        (),
        {},
        _collect_faults,
    ),
}
"""By token."""
