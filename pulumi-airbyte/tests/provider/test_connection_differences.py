"""When two descriptions of a connection mean the same. Numbers are issues of airbytehq/terraform-provider-airbyte."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_airbyte.provider.ownership import respelled
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
    actual = CONNECTION.reconciled({**ENDS, **declared}, {**ENDS, "status": "active", **server}, None)
    return changes(declared, actual)


def unmanaged(declared: dict[str, Any], server: dict[str, Any]) -> list[str]:
    """What exists in Airbyte only."""
    return [dotted(path) for path in CONNECTION.unmanaged({**ENDS, **declared}, {**ENDS, **server}, None)]


def written(old: dict[str, Any], new: dict[str, Any], server: dict[str, Any]) -> dict[str, Any]:
    """What an update sends."""
    return CONNECTION.written({**ENDS, **old}, {**ENDS, **new}, {**ENDS, **server}, None)


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
    one = streams("a", selectedFields=["id", "name"])
    other = streams("a", selectedFields=["name", "id"])
    server = streams("a", selectedFields=[{"fieldPath": ["name"]}, {"fieldPath": ["id"]}])

    assert changes(one, other) == drift(one, server) == {}


def test_the_apis_form_of_selected_fields_is_understood():
    """So are states of older versions, which have it: an object for each field costs the engine four times as much."""
    found: list[Fault] = []
    fields = [{"fieldPath": ["id"]}, {"fieldPath": ["a.b"]}]
    data = accepted(CONNECTION.properties, {**ENDS, **streams("a", selectedFields=fields)}, found)

    assert data["configurations"]["streams"][0]["selectedFields"] == ["id", "a.b"]
    assert respelled(CONNECTION.properties, streams("a", selectedFields=fields)) == streams(
        "a", selectedFields=["id", "a.b"]
    )
    assert CONNECTION.body({**ENDS, **streams("a", selectedFields=["id"])})["configurations"] == {
        "streams": [{"name": "a", "selectedFields": [{"fieldPath": ["id"]}]}]
    }


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


DECLARED = {
    "prefix": "p_",
    "status": "active",
    "nonBreakingSchemaUpdatesBehavior": "ignore",
    "namespaceDefinition": "destination",
    "schedule": {"scheduleType": "manual"},
    **streams("a", syncMode="full_refresh_overwrite", selectedFields=["id", "name"]),
}
STREAM = {"syncMode": "full_refresh_overwrite", "selectedFields": [{"fieldPath": ["id"]}, {"fieldPath": ["name"]}]}


@pytest.mark.parametrize(
    ("server", "leaf"),
    [
        ({"prefix": "x_"}, "prefix"),
        ({"status": "inactive"}, "status"),
        ({"nonBreakingSchemaUpdatesBehavior": "propagate_fully"}, "nonBreakingSchemaUpdatesBehavior"),
        ({"namespaceDefinition": "source"}, "namespaceDefinition"),
        ({"schedule": {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}}, "schedule.basicTiming"),
        (streams("b"), "configurations.streams"),
        (streams("a", **{**STREAM, "syncMode": "full_refresh_append"}), "configurations.streams[0].syncMode"),
        (
            streams("a", **{**STREAM, "selectedFields": [{"fieldPath": ["id"]}]}),
            "configurations.streams[0].selectedFields[1]",
        ),
        (streams("a", syncMode="full_refresh_overwrite"), "configurations.streams[0].selectedFields"),
    ],
)
def test_drift_is_named_by_its_leaf(server: dict[str, Any], leaf: str):
    """What somebody changed of the declared shows up at exactly its place."""
    assert leaf in drift(DECLARED, {**DECLARED, **streams("a", **STREAM), **server})


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ({"prefix": "x_"}, "prefix"),
        ({"status": "inactive"}, "status"),
        ({"schedule": {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}}, "schedule"),
        ({"tags": [{"tagId": "t", "workspaceId": "w", "name": "gold", "color": "FFFFFF"}]}, "tags"),
        (streams("a", "b"), "configurations.streams.b"),
        (streams("a", syncMode="full_refresh_append"), "configurations.streams.a.syncMode"),
        (streams("a", selectedFields=[{"fieldPath": ["id"]}]), "configurations.streams.a.selectedFields"),
        (streams("a", mappers=[{"type": "hashing", "mapperConfiguration": {}}]), "configurations.streams.a.mappers"),
        (streams("a", includeFiles=True), "configurations.streams.a.includeFiles"),
    ],
)
def test_what_nobody_declared_is_no_drift_and_is_named(server: dict[str, Any], path: str):
    """It is left as it is; the outputs list it."""
    assert drift(streams("a"), {**streams("a"), **server}) == {}
    assert unmanaged(streams("a"), {**streams("a"), **server}) == [path]
    assert unmanaged(streams("a"), {**streams("a"), "status": "active", "prefix": ""}) == []


def test_an_update_sends_what_differs_and_nothing_else():
    """A connection that was paused, tagged and given a mapper in Airbyte keeps all that."""
    server = {"status": "inactive", "prefix": "x_", **streams("a", mappers=[{"type": "hashing", "id": "1"}])}
    schedule = {"scheduleType": "cron", "cronExpression": "0 0 4 * * ?"}

    assert written(streams("a"), {**streams("a"), "schedule": schedule}, server) == {"schedule": schedule}


def test_streams_and_fields_of_others_are_carried_over():
    """A PATCH replaces the list of streams, so what the program does not declare goes back as it was read."""
    old, new = streams("a", selectedFields=["id"]), streams("a", selectedFields=["id", "at"], syncMode="incremental")
    fields = [{"fieldPath": ["id"]}, {"fieldPath": ["theirs"]}]
    mappers = [{"type": "hashing", "id": "1", "mapperConfiguration": {"targetField": "id"}}]
    stream = {"name": "a", "selectedFields": fields, "mappers": mappers}
    sent = written(old, new, {"configurations": {"streams": [stream, {"name": "theirs"}]}})

    assert sent["configurations"]["streams"] == [
        {"name": "a", "selectedFields": ["id", "theirs", "at"], "mappers": mappers, "syncMode": "incremental"},
        {"name": "theirs"},
    ]


def test_taking_a_setting_out_of_the_program_puts_it_back():
    """Back to the default, visibly; of tags and streams only the declared ones go."""
    assert changes({"prefix": "x_", **streams("a")}, streams("a")) == {"prefix": "delete"}
    assert written({"prefix": "x_"}, {}, {"prefix": "x_"}) == {"prefix": ""}
    tags = [{"tagId": one, "workspaceId": "w", "name": one, "color": "FFFFFF"} for one in ("mine", "theirs")]
    assert written({"tags": tags[:1]}, {}, {"tags": tags}) == {"tags": tags[1:]}
    sent = written(streams("a", "b"), streams("a"), streams("a", "b", "theirs"))
    assert [stream["name"] for stream in sent["configurations"]["streams"]] == ["a", "theirs"]


def test_what_somebody_else_changed_of_the_declared_waits_for_a_read():
    """Only the reviewed difference is written: the status that drifted is not part of it."""
    old = {"status": "active", "prefix": "a_"}

    assert written(old, {**old, "prefix": "b_"}, {"status": "inactive", "prefix": "z_"}) == {"prefix": "b_"}


def test_a_default_that_is_declared_for_the_first_time_is_written_over_another_value():
    """It is compared with what Airbyte has, not with the default."""
    server = {"prefix": "theirs_", **streams("a", syncMode="full_refresh_append")}
    new = {"prefix": "", **streams("a", syncMode="full_refresh_overwrite")}

    assert written(streams("a"), new, server) == new
    assert written(streams("a"), new, new) == {}


def test_what_the_program_never_said_is_not_sent():
    """Older servers refuse a key that the source defines, even the right one."""
    body = CONNECTION.body({**ENDS, **streams("a")})

    assert body == {**ENDS, **streams("a")}


def test_a_stream_without_a_namespace_is_the_one_of_that_name():
    """A database source shows a namespace that the program need not repeat."""
    assert drift(streams("a"), streams("a", namespace="public")) == {}


def test_two_streams_of_one_name_differ_by_their_namespace():
    """The same table in two schemas."""
    two = {"configurations": {"streams": [{"name": "a", "namespace": "x"}, {"name": "a", "namespace": "y"}]}}

    assert faults(two) == {}
    assert changes(two, two) == {}


def test_another_source_replaces():
    """A connection keeps its source and destination for life."""
    assert changes({}, {"sourceId": "other"}) == {"sourceId": "update replaces"}


def test_a_new_stream_keeps_the_others_in_their_places():
    """So that a preview shows one stream added, not all shifted."""
    old = CONNECTION.arranged(dict(streams("b", "d")), {})
    new = CONNECTION.arranged(dict(streams("a", "b", "c", "d")), old)

    assert [stream["name"] for stream in new["configurations"]["streams"]] == ["b", "d", "a", "c"]
    assert changes(old, new) == {"configurations.streams[2]": "add", "configurations.streams[3]": "add"}


def test_a_stream_that_went_hides_no_change_of_another():
    """Pulumi shows one path for both sides: an element that moved and changed would show nothing, so it is whole."""
    old = CONNECTION.arranged(streams("a", "b", "c"), {})
    new = CONNECTION.arranged(streams("b", "c"), old)
    changed = CONNECTION.arranged({"configurations": {"streams": [{"name": "c", "syncMode": "x"}]}}, old)

    assert [stream["name"] for stream in new["configurations"]["streams"]] == ["c", "b"]
    assert changes(old, new) == {"configurations.streams[0]": "delete"}
    assert changes(old, changed) == {
        "configurations.streams[0]": "update",
        "configurations.streams[1]": "delete",
        "configurations.streams[2]": "delete",
    }


def test_a_field_in_place_of_another_shows_both():
    """The removal and the addition have one path."""
    old, new = streams("a", selectedFields=["id", "at"]), streams("a", selectedFields=["id", "total"])

    assert changes(old, new) == {"configurations.streams[0].selectedFields[1]": "update"}


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
            {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 3 * * ? Europe/Berlinn"}},
            "schedule.cronExpression",
            'did you mean "Europe/Berlin"?',
        ),
        ({"schedule": {"scheduleType": "basic", "basicTiming": "daily"}}, "schedule.basicTiming", "Every 24 HOURS"),
        ({"schedule": {"scheduleType": "basic"}}, "schedule.basicTiming", "Every 24 HOURS"),
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
            "configurations.streams[0].selectedFields[0]",
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
