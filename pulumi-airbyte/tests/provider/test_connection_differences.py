"""When two descriptions of a connection mean the same. Numbers are issues of airbytehq/terraform-provider-airbyte."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_airbyte.provider.properties import Fault, accepted
from pulumi_airbyte.provider.resources import RESOURCES
from pulumi_airbyte.provider.values import dotted

CONNECTION = RESOURCES["airbyte:index/connection:Connection"]
ENDS = {"sourceId": "s", "destinationId": "d"}


def changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The leaves that would change, each with how."""
    found = CONNECTION.differences({**ENDS, **old}, {}, {**ENDS, **new}, None)
    return {dotted(one.path): one.kind + (" replaces" if one.replaces else "") for one in found}


def drift(declared: dict[str, Any], server: dict[str, Any]) -> dict[str, str]:
    """What a refresh finds: the inputs after it against those before."""
    actual = CONNECTION.reconciled({**ENDS, **declared}, {**ENDS, "status": "active", **server}, None, importing=False)
    return changes(declared, actual)


def faults(data: dict[str, Any]) -> dict[str, str]:
    """What check says of inputs."""
    found: list[Fault] = []
    CONNECTION.more_faults(accepted(CONNECTION.properties, {**ENDS, **data}, found), found)
    return {dotted(one.path): one.reason for one in found}


def streams(*names: str, **common: Any) -> dict[str, Any]:
    return {"configurations": {"streams": [{"name": name, **common} for name in names]}}


def test_the_order_of_streams_means_nothing():
    """Issue 83: streams are a set."""
    assert changes(streams("a", "b"), streams("b", "a")) == {}


def test_the_order_of_selected_fields_means_nothing():
    """Issue 172: the server answers with its own order."""
    one = streams("a", selectedFields=[{"fieldPath": ["id"]}, {"fieldPath": ["name"]}])
    other = streams("a", selectedFields=[{"fieldPath": ["name"]}, {"fieldPath": ["id"]}])

    assert changes(one, other) == drift(one, other) == {}


def test_no_selected_fields_and_an_empty_list_are_the_same():
    """All fields, either way."""
    assert drift(streams("a"), streams("a", selectedFields=[], mappers=[])) == {}


@pytest.mark.parametrize(
    "shown", ["0 0 3 * * ? UTC", "0 0 3 * * ?", "0 0  3 * * ? utc"], ids=["with UTC", "as given", "spelled otherwise"]
)
def test_a_schedule_in_other_words_is_no_drift(shown: str):
    """Issues 10, 48, 73, 121: the server puts its zone behind the expression."""
    declared = {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}}

    assert drift(declared, {"schedule": {"scheduleType": "cron", "cronExpression": shown}}) == {}


def test_another_hour_is_drift():
    """What differs in meaning is shown, at its leaf."""
    declared = {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}}
    server = {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 4 * * ? UTC"}}

    assert drift(declared, server) == {"schedule.cronExpression": "update"}


def test_a_manual_schedule_with_a_leftover_cron_is_no_drift():
    """Issue 149: Airbyte keeps the expression of a schedule that was switched to manual."""
    server = {"schedule": {"scheduleType": "manual", "cronExpression": "0 0 3 * * ?"}}

    assert drift({"schedule": {"scheduleType": "manual"}}, server) == drift({}, server) == {}


def test_keys_and_cursors_of_the_source_are_no_drift():
    """Issues 31, 66, 89, 91: the server shows what the source defines, the program does not say it."""
    server = streams("a", syncMode="incremental_deduped_history", cursorField=["updated_at"], primaryKey=[["id"]])

    assert drift(streams("a", syncMode="incremental_deduped_history"), server) == {}


def test_what_the_server_fills_in_is_no_drift():
    """Name, status, prefix, namespace, behaviour and tags that nobody declared."""
    server = {
        "name": "Faker <> Lake",
        "schedule": {"scheduleType": "manual"},
        "namespaceDefinition": "destination",
        "namespaceFormat": None,
        "prefix": "",
        "nonBreakingSchemaUpdatesBehavior": "ignore",
        "tags": [],
        **streams("a", syncMode="full_refresh_overwrite"),
    }

    assert drift(streams("a"), server) == drift({}, server) == {}


@pytest.mark.parametrize(
    ("server", "leaf"),
    [
        ({"prefix": "x_"}, "prefix"),
        ({"status": "inactive"}, "status"),
        ({"nonBreakingSchemaUpdatesBehavior": "propagate_fully"}, "nonBreakingSchemaUpdatesBehavior"),
        ({"namespaceDefinition": "source"}, "namespaceDefinition"),
        ({"schedule": {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}}, "schedule.scheduleType"),
        (streams("a", "b"), "configurations.streams[1]"),
        (streams("a", syncMode="full_refresh_append"), "configurations.streams[0].syncMode"),
        (streams("a", selectedFields=[{"fieldPath": ["id"]}]), "configurations.streams[0].selectedFields[0]"),
    ],
)
def test_drift_is_named_by_its_leaf(server: dict[str, Any], leaf: str):
    """What somebody changed by hand shows up at exactly its place."""
    assert list(drift(streams("a"), {**streams("a"), **server})) == [leaf]


def test_taking_a_setting_out_of_the_program_puts_it_back():
    """Absent means the default, so the update that follows says so to the server."""
    assert changes({"prefix": "x_", **streams("a")}, streams("a")) == {"prefix": "delete"}
    assert CONNECTION.body({**ENDS, **streams("a")}, creating=False)["prefix"] == ""


def test_what_the_program_never_said_is_not_sent():
    """Older servers refuse a key that the source defines, even the right one."""
    body = CONNECTION.body({**ENDS, **streams("a")}, creating=False)

    assert body["configurations"] == {"streams": [{"name": "a"}]}
    assert "name" not in body


def test_a_stream_without_a_namespace_is_the_one_of_that_name():
    """A database source shows a namespace that the program need not repeat."""
    assert drift(streams("a"), streams("a", namespace="public")) == {}


def test_two_streams_of_one_name_differ_by_their_namespace():
    """The same table in two schemas."""
    two = {"configurations": {"streams": [{"name": "a", "namespace": "x"}, {"name": "a", "namespace": "y"}]}}

    assert faults(two) == {}
    assert changes(two, two) == {}


def test_streams_that_airbyte_was_asked_to_add_are_no_drift():
    """With propagate_fully new streams come by themselves; the next `up` must not throw them out."""
    declared = {**streams("a"), "nonBreakingSchemaUpdatesBehavior": "propagate_fully"}

    assert drift(declared, {**streams("a", "new"), "nonBreakingSchemaUpdatesBehavior": "propagate_fully"}) == {}


def test_another_source_replaces():
    """A connection keeps its source and destination for life."""
    assert changes({}, {"sourceId": "other"}) == {"sourceId": "update replaces"}


def test_a_new_stream_keeps_the_others_in_their_places():
    """So that a preview shows one stream added, not all shifted."""
    old = CONNECTION.arranged(dict(streams("b", "d")), {})
    new = CONNECTION.arranged(dict(streams("a", "b", "c", "d")), old)

    assert [stream["name"] for stream in new["configurations"]["streams"]] == ["b", "d", "a", "c"]
    assert changes(old, new) == {"configurations.streams[2]": "add", "configurations.streams[3]": "add"}


@pytest.mark.parametrize(
    ("data", "where", "words"),
    [
        ({"configurations": {"stream": []}}, "configurations.stream", 'did you mean "streams"?'),  # issue 67
        ({"shedule": {}}, "shedule", 'did you mean "schedule"?'),  # issue 63
        (streams("a", syncMode="incremental_apend"), "configurations.streams[0].syncMode", '"incremental_append"?'),
        ({"schedule": {"scheduleType": "cron"}}, "schedule.cronExpression", "is required"),
        (
            {"schedule": {"scheduleType": "cron", "cronExpression": "0 3 * * *"}},
            "schedule.cronExpression",
            "0 0 3 * * ?",
        ),
        (
            {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 3 * * ? Europe/Berlin"}},
            "schedule.cronExpression",
            "UTC only",
        ),
        (
            {"schedule": {"scheduleType": "manual", "cronExpression": "0 0 3 * * ?"}},
            "schedule.cronExpression",
            "has no effect",
        ),
        (
            streams("a", cursorField=["at"], selectedFields=[{"fieldPath": ["id"]}]),
            "configurations.streams[0].selectedFields",
            'must contain "at"',
        ),
        (
            streams("a", selectedFields=[{"fieldPath": ["a", "b"]}]),
            "configurations.streams[0].selectedFields[0].fieldPath",
            "top-level",
        ),
        (streams("a", "a"), "configurations.streams[1]", "twice"),
        ({"namespaceFormat": "raw"}, "namespaceFormat", "custom_format"),
        ({"prefix": 3}, "prefix", "must be a string"),
    ],
)
def test_a_fault_is_named_with_what_is_allowed(data: dict[str, Any], where: str, words: str):
    """Before anything is sent, with the place and the way out."""
    assert words in faults(data)[where]


def test_the_registry_packages_plurals_are_understood():
    """A program written for the bridged package says cursorFields and primaryKeys."""
    found: list[Fault] = []
    data = accepted(CONNECTION.properties, {**ENDS, **streams("a", cursorFields=["at"], primaryKeys=[["id"]])}, found)

    assert data["configurations"]["streams"] == [{"name": "a", "cursorField": ["at"], "primaryKey": [["id"]]}]
    assert found == []
