"""`lotus adopt`: a lake of the UI becomes files, and the next apply takes it over as it is."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lotus.authoring.adopt import with_adopted
from tests.backfill.conftest import make_lake
from tests.support.airbyte import SHOP_SOURCE, WORKSPACE, Airbyte, started_airbyte
from tests.support.lake import Lake

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adopt.md"
IDS = {"sources": {"shop": "11111111-1111-4111-8111-111111111111"}}


def empty_project(server: Airbyte, folder: Path) -> FromTheUi:
    """A project without files, with a stack on the server."""
    folder.mkdir()
    project = FromTheUi(folder)
    project.server = server
    project.create_lake(**{"airbyte:serverUrl": server.url})
    (folder / "streams").mkdir()
    project.pulumi("stack", "init", "prod")
    return project


class FromTheUi(Lake):
    """A project without files, and the server whose lake it takes over."""

    server: Airbyte

    def adopt(self, *arguments: str) -> dict[str, Any]:
        """`lotus adopt … --json`."""
        return json.loads(self.lotus("adopt", *arguments, "--stack", "prod", "--json").stdout)

    def states(self) -> dict[str, Any]:
        """The sync state of each connection."""
        connections = self.server.all("connections")
        return {
            one["name"]: self.server.config("/state/get", {"connectionId": one["connectionId"]}) for one in connections
        }

    def lake(self) -> dict[str, Any]:
        """All objects, as Airbyte shows them."""
        return {kind: self.server.all(kind) for kind in ("sources", "destinations", "connections")}


def make(server: Airbyte, folder: Path) -> None:
    """Three sources, two of one name; three destinations; four connections, one of them with all that can be set."""
    definition = server.command_definition("Shop", f"{sys.executable} {SHOP_SOURCE}")
    sources = [
        server.call(
            "POST",
            "/sources",
            {
                "name": name,
                "workspaceId": WORKSPACE,
                "definitionId": definition,
                "configuration": {"shop": "here", "token": f"not-a-secret-{number}"},
            },
        )["sourceId"]
        for number, name in enumerate(["München & Söhne", "ERP", "erp"])
    ]
    keys = {"access_key_id": "not-a-secret-a", "secret_access_key": "not-a-secret-b"}
    bucket = {"s3_bucket_name": "landing", "s3_bucket_path": "raw", "s3_bucket_region": "eu-central-1"}
    configurations: dict[str, dict[str, Any]] = {
        "ERP": {"destinationType": "s3", **keys, **bucket, "format": {"format_type": "Parquet"}},
        "Archive": {"destinationType": "local", "destination_path": str(folder / "archive")},
        "Unused": {"destinationType": "local", "destination_path": str(folder / "unused")},
    }
    lakes = [
        server.call("POST", "/destinations", {"name": name, "workspaceId": WORKSPACE, "configuration": configuration})[
            "destinationId"
        ]
        for name, configuration in configurations.items()
    ]
    orders = {"name": "orders", "syncMode": "incremental_append", "cursorField": ["updated_at"]}
    fields = [{"fieldPath": ["id"]}, {"fieldPath": ["updated_at"]}]
    full = {
        "name": "everything set",
        "sourceId": sources[0],
        "destinationId": lakes[0],
        "prefix": "eu_",
        "namespaceDefinition": "custom_format",
        "namespaceFormat": "raw_${SOURCE_NAMESPACE}",
        "nonBreakingSchemaUpdatesBehavior": "propagate_fully",
        "schedule": {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"},
        "status": "inactive",
        "configurations": {"streams": [{**orders, "selectedFields": fields}]},
    }
    plain = {"configurations": {"streams": [{"name": "orders", "syncMode": "full_refresh_overwrite"}]}}
    made = server.call("POST", "/connections", full)
    server.call("POST", "/connections", {**plain, "sourceId": sources[0], "destinationId": lakes[1]})
    for source in sources[1:]:
        server.call("POST", "/connections", {**plain, "sourceId": source, "destinationId": lakes[1]})
    stream = {"streamDescriptor": {"name": "orders"}, "streamState": {"updated_at": "2026-01-01"}}
    state = {"connectionId": made["connectionId"], "stateType": "stream", "streamState": [stream]}
    server.config("/state/create_or_update", {"connectionId": made["connectionId"], "connectionState": state})


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[FromTheUi]:
    """A project on a server with a lake that somebody made."""
    with started_airbyte(tmp_path / "airbyte") as server:
        make(server, tmp_path)
        yield empty_project(server, tmp_path / "project")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_workspace_is_taken_over_without_a_change_and_without_a_secret(ui: FromTheUi) -> None:
    """Dry run, files, imports alone, nothing else to do; ids, sync states and secrets stay."""
    before, states = ui.lake(), ui.states()
    shown = ui.adopt("--all")
    assert ui.files() == set()
    ui.adopt("--all", "--write")
    again = ui.adopt("--all")

    validated = ui.lotus("validate", "--stack", "prod")
    code, preview = ui.preview()
    ui.up()

    assert [each["file"] for each in shown["objects"] if each["kind"] == "source"] == [
        "streams/erp/_source.json",
        "streams/munchen-sohne/_source.json",
        "streams/erp-2/_source.json",
    ]
    assert again["objects"] == []
    assert len({secret for each in shown["objects"] for secret in each["secrets"]}) == 5
    assert [line.rpartition(": ")[2] for line in shown["skipped"]] == ["no connection lands in it"]
    assert ": 0 faults" in validated.stdout + validated.stderr
    assert code == 7
    assert preview.count("(import)") == 9, preview
    assert "(update)" not in preview
    assert (ui.lake(), ui.states()) == (before, states)
    assert ui.preview("--refresh")[0] == 0
    assert (ui.lake(), ui.states()) == (before, states)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_commands_of_the_page_take_a_lake_over(ui: FromTheUi) -> None:
    """In their order; at its end the stack's file has no id left, and the next preview nothing to do but secrets."""
    typed = re.findall(r"^(lotus|pulumi) (.*?)(?: *#.*)?$", PAGE.read_text(), re.MULTILINE)
    for program, arguments in typed:
        words = [*shlex.split(arguments), *(["--yes", "--skip-preview"] if arguments.startswith("up") else [])]
        ui.pulumi(*words) if program == "pulumi" else ui.lotus(*words)
    settings = yaml.safe_load((ui.folder / "Pulumi.prod.yaml").read_text())

    assert len(typed) == 6
    assert "lotus:adopt" not in settings["config"]
    assert len(ui.resources()) == 9


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_connection_brings_its_source_and_destination(ui: FromTheUi) -> None:
    """What is not asked for is left alone; a secret that is given afterwards is written, and nothing else."""
    written = ui.adopt("everything set", "--write")
    ui.up()
    names = [secret for each in written["objects"] for secret in each["secrets"]]
    (name,) = [each for each in names if each.endswith("token")]
    ui.environment[f"LOTUS_SECRET_{name.upper()}"] = "not-a-secret-0"
    code, preview = ui.preview()

    assert sorted(each["kind"] for each in written["objects"]) == ["connection", "destination", "source"]
    assert written["objects"][-1]["unmanaged"] == ["fields of orders"]
    assert code == 7
    assert "~ token" in preview
    assert "1 to update" in preview


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_next_sync_reads_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    """20 rows landed before the lake was taken over; of 25 the next sync lands five."""
    with started_airbyte(tmp_path / "airbyte") as server:
        (tmp_path / "ledger").mkdir()
        ledger = make_lake(tmp_path / "ledger", server)
        ledger.up()
        ledger.sync()
        project = empty_project(server, tmp_path / "project")
        project.adopt("--all", "--write")
        project.up()
        ledger.mark()
        ledger.control(rows=25)
        ledger.sync()

        assert ledger.more() == (5, 5)


@pytest.mark.slow
def test_a_name_that_is_not_there_or_not_one_is_said(ui: FromTheUi) -> None:
    """With the nearest name, or the ids."""
    missing = ui.lotus("adopt", "everything sett", "--stack", "prod", check=False)
    nothing = ui.lotus("adopt", "--stack", "prod", check=False)

    assert 'Airbyte has nothing named "everything sett"' in missing.stderr
    assert 'did you mean "everything set"?' in missing.stderr
    assert "name sources, destinations or connections, or say --all" in nothing.stderr


@pytest.mark.parametrize(
    "text",
    [
        "config:\n  lotus:lake: true  # ours\n",
        "encryptionsalt: v1\nconfig:\n  lotus:adopt:\n    sources:\n      old: x\n\n  # kept\n  lotus:lake: true\n",
        "config:\n  lotus:config:\n    a: b\n# the end\n",
        "encryptionsalt: v1\n",
    ],
)
def test_a_stacks_file_keeps_all_else_as_it_is(text: str) -> None:
    """Comments, order and blank lines too; and the ids can be taken out again."""
    with_ids = with_adopted(text, IDS)
    before = yaml.safe_load(text).get("config") or {}

    assert yaml.safe_load(with_ids)["config"] == {**before, "lotus:adopt": IDS}
    assert [line for line in text.splitlines() if "#" in line or "salt" in line] == [
        line for line in with_ids.splitlines() if "#" in line or "salt" in line
    ]
    assert "lotus:adopt" not in with_adopted(with_ids, {})
