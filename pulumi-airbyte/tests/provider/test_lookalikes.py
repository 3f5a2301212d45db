"""Which objects an interrupted create may have made: by what a person would go by."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_airbyte.provider.resources import RESOURCES

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "source:Source": ({"name": "n", "workspaceId": "w"}, {"sourceId": "i", "name": "n", "workspaceId": "w"}),
    "destination:Destination": (
        {"name": "n", "workspaceId": "w"},
        {"destinationId": "i", "name": "n", "workspaceId": "w"},
    ),
    "connection:Connection": (
        {"sourceId": "s", "destinationId": "d"},
        {"sourceId": "s", "destinationId": "d", "name": "x"},
    ),
    "workspace:Workspace": ({"name": "n"}, {"workspaceId": "i", "name": "n"}),
    "tag:Tag": ({"name": "n", "workspaceId": "w"}, {"tagId": "i", "name": "n", "workspaceId": "w"}),
    "permission:Permission": (
        {"userId": "u", "workspaceId": "w"},
        {"userId": "u", "workspaceId": "w", "scope": "workspace"},
    ),
    "sourceDefinition:SourceDefinition": ({"name": "n", "workspaceId": "w"}, {"id": "i", "name": "n"}),
    "destinationDefinition:DestinationDefinition": ({"name": "n", "workspaceId": "w"}, {"id": "i", "name": "n"}),
    "declarativeSourceDefinition:DeclarativeSourceDefinition": (
        {"name": "n", "workspaceId": "w"},
        {"id": "i", "name": "n"},
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_was_made_for_these_inputs_is_recognised(kind: str):
    """As the server's list shows it; and what differs in that is not."""
    inputs, item = CASES[kind]
    resource = RESOURCES[f"airbyte:index/{kind}"]
    other = {name: f"other {value}" for name, value in item.items()}

    assert resource.lookalike(item, inputs)
    assert not resource.lookalike(other, inputs)


def test_every_kind_has_its_case():
    """A new kind adds one here."""
    assert {f"airbyte:index/{kind}" for kind in CASES} == set(RESOURCES)
