"""What the provider stores about an object, and how its resource is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pulumi_airbyte.api import Object

from .differences import DefaultAt
from .faults import ProviderError
from .ownership import MARK
from .resources import RESOURCES, ResourceKind
from .specification import secrets_by_name
from .values import UNKNOWN, Json, Path, Values, at, dotted

UNCHECKED = "__unchecked"
"""An output that says that a new secret did not work yet, so that the next update tries it again."""
UNWRITTEN = "__unwritten"
"""An output with the names of properties that Airbyte does not have yet, so that the next update writes them."""
UNMANAGED = "unmanaged"
"""An output with the paths of settings that exist only in Airbyte."""


@dataclass(frozen=True)
class State:
    """An object's id and what is stored about it."""

    id: str
    outputs: Values
    inputs: Values

    def with_output(self, name: str, value: Json) -> State:
        """The same with another output."""
        return replace(self, outputs=Values({**self.outputs.data, name: value}, self.outputs.secrets))


def kind_of(urn: str, inputs: Mapping[str, Json] | None = None) -> ResourceKind:
    """The kind of a resource, from its URN, with the defaults that its inputs give."""
    token = token_of(urn)
    kind = RESOURCES.get(token)
    if kind is None:
        raise ProviderError(f"this provider has no resource {token}; it has {', '.join(sorted(RESOURCES))}")
    return kind.with_defaults(inputs) if inputs else kind


def token_of(urn: str) -> str:
    """The type token in a URN."""
    return urn.split("::")[2].rsplit("$", 1)[-1]


def project_and_stack(urn: str) -> tuple[str, str]:
    """Where a resource belongs."""
    stack, project, *_ = urn.removeprefix("urn:pulumi:").split("::")
    return project, stack


def name_of(kind: ResourceKind, data: Mapping[str, Json]) -> str:
    """What a message calls an object."""
    name = data.get("name")
    return f'{kind.word} "{name}"' if isinstance(name, str) and name != UNKNOWN else f"this {kind.word}"


def state_of(
    kind: ResourceKind, item: Object, inputs: Values, *, default_at: DefaultAt | None = None, imported: bool = False
) -> State:
    """What is stored: the declared inputs as they are, and what only the server knows."""
    try:
        resource_id = kind.id_of(item)
    except KeyError as error:
        raise ProviderError(f"the server's answer has no {kind.id_name}, so the {kind.word} is not known") from error
    declared = {name: value for name, value in inputs.data.items() if name != MARK}
    data = kind.shown(declared, item)
    # After an import all that Airbyte has is among the inputs: what of it the program leaves out is seen later.
    paths = [] if imported else kind.unmanaged(declared, item, default_at)
    if paths:
        data[UNMANAGED] = sorted(dotted(path) for path in paths)
    return State(resource_id, Values(data, _secrets(kind, data, inputs)), inputs)


def _secrets(kind: ResourceKind, data: Mapping[str, Json], inputs: Values) -> frozenset[Path]:
    """What of the data is secret: as the inputs say, and by names in a connector's configuration."""
    secrets = set(inputs.secrets)
    if kind.connector is not None:
        secrets |= {("configuration", *path) for path in secrets_by_name(data.get("configuration"))}
    return outermost(path for path in secrets if at(data, path) is not None)


def outermost(paths: Iterable[Path]) -> frozenset[Path]:
    """Without those that lie below another one."""
    all_paths = frozenset(paths)
    return frozenset(
        path for path in all_paths if not any(path[:length] in all_paths for length in range(1, len(path)))
    )
