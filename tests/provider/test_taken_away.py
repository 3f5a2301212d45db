"""Declarations that are taken away, and states whose inputs no program wrote."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest

from tests.support.airbyte import Airbyte

from .conftest import Project
from .test_consent import connection_id, declare, sync

pytestmark = pytest.mark.slow

CONNECTION = """airbyte.Connection("shop-to-lake", name="Shop → Lake", source_id=source.source_id,
    destination_id=lake.destination_id, {schedule} configurations={{"streams": [{{"name": "orders", {stream}}}]}})"""
NIGHTLY = 'schedule={"schedule_type": "cron", "cron_expression": "0 0 3 * * ?"},'
HASHED = '"mappers": [{"type": "hashing", "mapper_configuration": {"targetField": "total", "method": "MD5"}}]'
ALL = {"schedule": NIGHTLY, "stream": f'"selected_fields": ["id", "at"], {HASHED}'}
CONSENTS = ["stop schedule of Shop → Lake", "widen stream orders of Shop → Lake"]


def test_what_stops_or_widens_data_needs_consent_once_it_has_synced(project: Project, server: Airbyte, shop: str):
    """Said in the preview in words, refused without the line that it prints, done with it."""
    declare(project, shop, connection=CONNECTION.format(**ALL))
    project.up()
    sync(server, connection_id(project))
    before = server.call("GET", f"/connections/{connection_id(project)}")
    declare(project, shop, connection=CONNECTION.format(schedule="", stream=""))
    _, printed = project.preview()
    refused = project.up(check=False)

    assert "schedule: back to manual; the connection stops running by itself. An update refuses that" in printed
    assert "configurations.streams.orders.selectedFields: all fields are synced from now on" in printed
    assert "configurations.streams.orders.mappers: no longer applied; values land as the source gives them" in printed
    agreeing = list(dict.fromkeys(re.findall(r"pulumi config set .*? --stack dev", printed)))
    assert [shlex.split(command)[4] for command in agreeing] == ["airbyte:confirm[0]", "airbyte:confirm[1]"]
    assert {shlex.split(command)[5] for command in agreeing} == set(CONSENTS)
    assert 'connection "Shop → Lake" was not updated: ' in refused
    assert server.call("GET", f"/connections/{connection_id(project)}") == before

    for command in agreeing:
        project.pulumi(*shlex.split(command)[1:])
    assert f'agreed to by "{CONSENTS[0]}"' in project.up()
    after = server.call("GET", f"/connections/{connection_id(project)}")
    assert after["schedule"] == {"scheduleType": "manual"}
    assert "selectedFields" not in after["configurations"]["streams"][0]
    assert project.preview("--refresh")[0] == 0


def test_the_guard_looks_at_airbyte_not_at_the_state(project: Project, server: Airbyte, shop: str):
    """Somebody made the stream append in Airbyte; the commit that overwrites it deletes what landed since."""
    declare(project, shop, connection=CONNECTION.format(schedule="", stream=""))
    project.up()
    streams = {"streams": [{"name": "orders", "syncMode": "full_refresh_append"}]}
    server.call("PATCH", f"/connections/{connection_id(project)}", {"configurations": streams})
    sync(server, connection_id(project))
    declared = CONNECTION.format(schedule="", stream='"sync_mode": "full_refresh_overwrite"')
    declare(project, shop, connection=declared)

    assert "overwrite stream orders of Shop → Lake" in project.up("--refresh", check=False)
    shown = server.call("GET", f"/connections/{connection_id(project)}")["configurations"]["streams"]
    assert shown[0]["syncMode"] == "full_refresh_append"


def test_a_state_of_an_older_version_loses_nothing(project: Project, server: Airbyte, shop: str):
    """It holds leaves that a refresh put there, selected fields in the API's form, and no mark: no diff, no write."""
    declared = CONNECTION.format(schedule="", stream='"selected_fields": ["id", "at"]')
    declare(project, shop, connection=declared)
    project.up()
    connection = connection_id(project)
    body = {
        "status": "inactive",
        "prefix": "ui_",
        "schedule": {"scheduleType": "cron", "cronExpression": "0 0 9 * * ?"},
    }
    server.call("PATCH", f"/connections/{connection}", body)
    fields: list[Any] = [{"fieldPath": [one]} for one in ("id", "at")]
    older = {**body, "configurations": {"streams": [{"name": "orders", "selectedFields": fields}]}}
    export = json.loads(project.pulumi("stack", "export").stdout)
    for resource in export["deployment"]["resources"]:
        resource.get("inputs", {}).pop("__managed", None)
        if resource["type"].endswith(":Connection"):
            resource["inputs"] |= older
            resource["outputs"] |= older
    (project.folder / "older.json").write_text(json.dumps(export))
    project.pulumi("stack", "import", "--file", "older.json")
    before = server.call("GET", f"/connections/{connection}")

    assert project.drift()[0] == 0
    for more in ((), ("--refresh",)):
        code, printed = project.preview(*more)
        assert code == 0, printed
    project.up()
    assert server.call("GET", f"/connections/{connection}") == before
    assert project.preview("--refresh")[0] == 0

    declare(project, shop, connection=CONNECTION.format(schedule="", stream=""))
    assert "all fields are synced from now on" in project.preview()[1]
