"""When two configurations of a source mean the same, and what of them is secret."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_airbyte.provider.properties import Fault, accepted
from pulumi_airbyte.provider.resources import RESOURCES
from pulumi_airbyte.provider.specification import Specification, secrets_by_name
from pulumi_airbyte.provider.values import MASK, UNKNOWN, dotted

SOURCE = RESOURCES["airbyte:index/source:Source"]
SPECIFICATION = Specification(
    {
        "type": "object",
        "required": ["host"],
        "properties": {
            "host": {"type": "string"},
            "port": {"type": "integer", "default": 5432},
            "ssl": {"type": "boolean", "default": True},
            "credentials": {
                "type": "object",
                "oneOf": [
                    {
                        "title": "Password",
                        "required": ["kind", "pin"],
                        "properties": {
                            "kind": {"const": "password"},
                            "pin": {"type": "string", "airbyte_secret": True},
                        },
                    },
                    {"title": "None", "properties": {"kind": {"const": "none"}}},
                ],
            },
            "hosts": {
                "type": "array",
                "items": {"properties": {"key": {"type": "string", "airbyte_secret": True}}},
            },
        },
    }
)


def drift(declared: dict[str, Any], server: dict[str, Any], **more: Any) -> dict[str, str]:
    """What a refresh finds in the configuration."""
    old = {"name": "s", "workspaceId": "w", "configuration": declared}
    item = {"name": "s", "workspaceId": "w", "definitionId": "d", "sourceType": "db", "configuration": server}
    actual = SOURCE.reconciled(old, item, more.get("default_at"))
    found = SOURCE.differences(actual, item, old, more.get("default_at"))
    return {dotted(one.path): one.kind for one in found}


def test_a_masked_secret_keeps_the_states_value():
    """Issues 81, 162, 224: what the server does not show cannot have drifted."""
    assert drift({"host": "h", "password": "right"}, {"host": "h", "password": MASK}) == {}


def test_a_secret_that_was_never_written_from_here_is_written_once():
    """After an import the state holds the mask; the value in the program is a change, a mask there is not."""
    old = {"configuration": {"host": "h", "password": MASK}}

    changed = SOURCE.differences(old, {}, {"configuration": {"host": "h", "password": "right"}}, None)
    kept = SOURCE.differences(old, {}, {"configuration": {"host": "h", "password": MASK}}, None)

    assert [dotted(one.path) for one in changed] == ["configuration.password"]
    assert kept == []


def test_every_other_leaf_is_compared():
    """Issue 160: the host changed by hand is seen, the secret beside it stays; `extra` was never declared."""
    declared = {"host": "h", "nested": {"a": [1, {"b": True}]}, "password": "right"}
    server = {"host": "evil", "nested": {"a": [1, {"b": False}]}, "password": MASK, "extra": 1}

    assert drift(declared, server) == {
        "configuration.host": "update",
        "configuration.nested.a[1].b": "update",
    }


def test_the_connectors_name_is_no_drift():
    """The server takes sourceType out of what it stores."""
    assert drift({"sourceType": "db", "host": "h"}, {"host": "h"}) == {}


def test_a_default_that_the_server_spells_out_is_no_drift():
    """Nor is one that only the program spells out."""

    def default_at(path: tuple[Any, ...]) -> Any:
        return SPECIFICATION.default({}, path[1:])

    assert drift({"host": "h", "ssl": True}, {"host": "h", "port": 5432}, default_at=default_at) == {}
    assert drift({"host": "h", "port": 1}, {"host": "h"}, default_at=default_at) == {"configuration.port": "add"}


def test_true_is_not_one():
    """Python holds them for equal; JSON does not."""
    assert drift({"a": 1}, {"a": True}) == {"configuration.a": "update"}
    assert drift({"a": 1}, {"a": 1.0}) == {}


def test_another_connector_replaces():
    """By its short name, or by its definition."""
    outputs = {"definitionId": "d", "sourceType": "db"}
    old = {"configuration": {"sourceType": "db"}}

    by_name = SOURCE.differences(old, outputs, {"configuration": {"sourceType": "other"}}, None)
    by_id = SOURCE.differences(old, outputs, {"definitionId": "e", "configuration": {"sourceType": "db"}}, None)
    same = SOURCE.differences(old, outputs, {"definitionId": "d", "configuration": {}}, None)

    assert [one.replaces for one in by_name] == [one.replaces for one in by_id] == [True]
    assert same == []


def test_secrets_are_found_in_alternatives_and_lists():
    """Issues 234, 408: whatever variant is chosen."""
    configuration = {"credentials": {"kind": "password", "pin": "1"}, "hosts": [{"key": "k"}], "host": "h"}

    assert SPECIFICATION.secrets(configuration) == {("credentials", "pin"), ("hosts", 0, "key")}


def test_a_name_can_say_that_it_is_secret():
    """Where there is no specification, or it forgot a mark."""
    assert secrets_by_name({"api_key": "k", "host": "h", "deep": {"password": "p"}}) == {
        ("api_key",),
        ("deep", "password"),
    }


@pytest.mark.parametrize(
    ("configuration", "fault"),
    [
        ({}, "lacks host"),
        ({"host": "h", "port": "x"}, "port: must be of type integer"),
        ({"host": "h", "credentials": {"kind": "pasword"}}, 'credentials.kind: "pasword" is not one of password, none'),
        ({"host": "h", "credentials": {"kind": "password"}}, "credentials: lacks pin"),
    ],
)
def test_what_the_connector_would_refuse_is_named(configuration: dict[str, Any], fault: str):
    """With its path, and in the chosen alternative only."""
    found = [f"{dotted(one.path)}: {one.reason}".removeprefix(": ") for one in SPECIFICATION.faults(configuration)]

    assert found == [fault]


def test_unknown_and_masked_values_pass():
    """A preview without secrets, or with a value of a resource that is not there yet, is checked as far as it goes."""
    for value in (UNKNOWN, MASK):
        assert (
            SPECIFICATION.faults({"host": value, "port": value, "credentials": {"kind": "password", "pin": value}})
            == []
        )


def test_a_slip_in_a_name_is_noticed_although_the_connector_allows_it():
    """Most specifications allow any name, and the connector then ignores it."""
    found = SPECIFICATION.unknown_names({"host": "h", "prot": 1})

    assert [(one.path, 'did you mean "port"?' in one.reason) for one in found] == [(("prot",), True)]


def test_a_reason_never_repeats_the_value():
    """It may be a secret in the wrong place."""
    assert "hunter22" not in str(SPECIFICATION.faults({"host": "h", "port": "hunter22", "ssl": "hunter22"}))


def test_a_configuration_may_be_json_text():
    """As in programs written for the registry's package."""
    found: list[Fault] = []
    given = {"name": "s", "workspaceId": "w", "configuration": '{"sourceType": "db", "n": 1}'}
    data = SOURCE.parsed(accepted(SOURCE.properties, given, found), found)

    assert data["configuration"] == {"sourceType": "db", "n": 1}
    assert found == []


def test_a_source_must_name_its_connector():
    """One of two ways, and the fault says both."""
    found: list[Fault] = []
    SOURCE.more_faults({"configuration": {"host": "h"}}, found)

    assert "definitionId" in found[0].reason
    assert "sourceType" in found[0].reason
