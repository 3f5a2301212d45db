"""Pulumi's JSON as steps and leaves, and a look's lines as people and machines read them."""

from __future__ import annotations

from typing import Any

from lotus.drift.report import markdown, prometheus, text
from lotus.drift.scan import Drift, Line, Origin
from lotus.session.preview import Plan, parse

URN = "urn:pulumi:prod::lake::lotus:index:Lake$airbyte:index/{0}:{1}::{2}"
SEALED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}


def connection(**more: Any) -> dict[str, Any]:
    """A connection's inputs in pulumi's JSON."""
    streams = [
        {"name": "orders", "syncMode": "incremental_append", "selectedFields": [{"fieldPath": ["id"]}]},
        {"name": "customers", "syncMode": "incremental_append"},
    ]
    return {"name": "Shop → Lake", "configurations": {"streams": streams}, "status": "active", **more}


def planned(*steps: dict[str, Any]) -> Plan:
    """A preview with refresh: what was applied, then what is planned."""
    return parse({"steps": list(steps)})


def step(op: str, kind: str, name: str, old: Any, new: Any, **more: Any) -> dict[str, Any]:
    """One entry; inputs only."""
    states = {
        key: {"inputs": value, "id": "7", "modified": "2026-11-20T06:00:00Z"}
        for key, value in (("oldState", old), ("newState", new))
        if value
    }
    return {"op": op, "urn": URN.format(kind.lower(), kind, name), **states, **more}


def test_a_leaf_is_told_apart_by_who_changed_it() -> None:
    """Airbyte's own change and the files' meet in one update."""
    applied, there = connection(), connection(status="inactive")
    files = connection(prefix="eu_")

    (found,) = planned(
        step("refresh", "Connection", "shop-to-lake", applied, files),
        step("update", "Connection", "shop-to-lake", there, files),
    ).steps

    assert [leaf.text for leaf in found.leaves] == ["prefix: not set → eu_", "status: inactive → active"]
    assert found.drifted == {"status"}
    assert (found.resource, found.applied_at) == ("connection Shop → Lake", "2026-11-20T06:00:00Z")


def test_streams_and_fields_are_sets_with_names() -> None:
    """Their order is no change, and a path says which one comes or goes."""
    there = connection()
    there["configurations"]["streams"].reverse()
    there["configurations"]["streams"][1]["selectedFields"] = [{"fieldPath": ["id"]}, {"fieldPath": ["total"]}]
    there["configurations"]["streams"].append({"name": "refunds", "syncMode": "full_refresh_overwrite"})

    (found,) = planned(step("update", "Connection", "shop-to-lake", there, connection())).steps

    assert [leaf.text for leaf in found.leaves] == [
        "streams.orders.fields.total: selected → not set",
        "streams.refunds: full_refresh_overwrite → not set",
    ]


def test_a_secret_that_changes_is_named_and_never_shown() -> None:
    """Both values are masked; pulumi's own difference says that they are not the same."""
    old = {"name": "Shop", "configuration": {"token": SEALED, "host": "a"}}
    inner = {"configuration.token": {"kind": "update"}, "configuration.host": {"kind": "update"}}
    new = {"name": "Shop", "configuration": {"token": "[secret]", "host": "b"}}

    (found,) = planned(step("update", "Source", "shop", old, new, detailedDiff=inner)).steps

    assert [leaf.text for leaf in found.leaves] == ["configuration.host: a → b", "configuration.token: another secret"]


def test_settings_that_no_program_declares_are_listed_as_they_were_read() -> None:
    """With their values from the outputs; they are no step."""
    stream = {"name": "orders", "namespace": "eu", "syncMode": "incremental_append", "selectedFields": ["id", "at"]}
    paths = ["configuration.api_key", 'configuration["a.b"]', 'configurations.streams["eu.orders"]']
    outputs = {
        "status": "inactive",
        "configurations": {"streams": [stream]},
        "configuration": {"api_key": "x", "a.b": 3},
        "unmanaged": ["status", *paths, f"{paths[-1]}.selectedFields"],
    }
    applied = step("refresh", "Connection", "shop-to-lake", connection(), connection())
    same = step("same", "Connection", "shop-to-lake", connection(), connection())
    same["oldState"]["outputs"] = outputs

    plan = planned(applied, same)
    (item,) = plan.managed
    assert plan.steps == ()
    assert [(setting.path, setting.value) for setting in item.unmanaged] == [
        ("status", "inactive"),
        ("configuration.api_key", "[secret]"),
        ("configuration.a.b", "3"),
        ("streams.eu.orders", "incremental_append"),
        ("streams.eu.orders.selectedFields", "id, at"),
    ]


def test_what_no_file_declares_is_no_leaf_of_an_older_state() -> None:
    """Inputs that an older version wrote hold it; the provider plans nothing for it."""
    old = connection(schedule={"scheduleType": "manual"}, prefix="a_")
    new = {name: value for name, value in connection(prefix="b_").items() if name != "status"}
    inner = {"prefix": {"kind": "update"}}

    (found,) = planned(step("update", "Connection", "shop-to-lake", old, new, detailedDiff=inner)).steps
    assert [leaf.text for leaf in found.leaves] == ["prefix: a_ → b_"]


def test_the_digest_is_of_what_is_done() -> None:
    """Not of when, nor of the order."""
    one = step("delete", "Source", "shop", {"name": "Shop"}, None)
    other = step("create", "Source", "mail", None, {"name": "Mail"})

    assert planned(one, other).digest == planned(other, one).digest
    assert planned(one).digest != planned(other).digest


def look(*lines: Line) -> Drift:
    """A look that could not see the bucket."""
    checked = tuple(origin for origin in Origin if origin is not Origin.BUCKET)
    return Drift("prod", lines, (), ("bucket: the bucket cannot be listed",), checked, Plan((), 0, ()), {})


LINE = Line(
    Origin.AIRBYTE, "shop-to-lake", 'connection "Shop" → Lake', "status", "active", "inactive",
    "somebody @all", "lotus drift accept shop-to-lake", "pulumi up --refresh",
)  # fmt: skip


def test_a_look_is_text_with_both_ways_out() -> None:
    """And what could not be looked at."""
    assert text(look(LINE)) == (
        "stack prod: 1 difference: 1 airbyte\n\n"
        'AIRBYTE       connection "Shop" → Lake\n'
        "  status: active → inactive\n"
        "  who:      somebody @all\n"
        "  accept:   lotus drift accept shop-to-lake\n"
        "  restore:  pulumi up --refresh\n\n"
        "not checked:\n  bucket: the bucket cannot be listed"
    )


def test_a_look_mentions_nobody_in_markdown() -> None:
    """Names come from Airbyte, where anybody may have given them."""
    assert "@all" not in markdown(look(LINE))


def test_what_was_not_checked_has_no_count_for_prometheus() -> None:
    """An alert on zero would call it sound; labels are escaped."""
    found = prometheus(look(LINE))

    assert 'lotus_drift{stack="prod",origin="airbyte"} 1' in found
    assert 'lotus_drift_checked{stack="prod",origin="bucket"} 0' in found
    assert 'lotus_drift{stack="prod",origin="bucket"}' not in found
    assert 'resource="connection \\"Shop\\" → Lake"' in found
