"""Which objects an interrupted create may have made: by what a person would go by."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_airbyte.provider.resources import RESOURCES

NAMED = {"name": "n", "workspaceId": "w"}
ENDS = {"sourceId": "s", "destinationId": "d"}
HELD = {"userId": "u", "workspaceId": "w"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "source:Source": (NAMED, {"sourceId": "i", **NAMED}),
    "destination:Destination": (NAMED, {"destinationId": "i", **NAMED}),
    "connection:Connection": (ENDS, {**ENDS, "name": "given by the server"}),
    "workspace:Workspace": ({"name": "n"}, {"workspaceId": "i", "name": "n"}),
    "tag:Tag": (NAMED, {"tagId": "i", **NAMED}),
    "permission:Permission": (HELD, {**HELD, "scope": "workspace"}),
    "sourceDefinition:SourceDefinition": (NAMED, {"id": "i", "name": "n"}),
    "destinationDefinition:DestinationDefinition": (NAMED, {"id": "i", "name": "n"}),
    "declarativeSourceDefinition:DeclarativeSourceDefinition": (NAMED, {"id": "i", "name": "n"}),
}
"""Inputs, and what the server's list shows of the object that was made for them."""


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
