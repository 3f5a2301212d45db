"""A source that offers something else than before: what becomes of its connections, by their preference."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from lotus_server.store.schema import discovered_catalogs
from server_support.airbyte import Airbyte, ended, started
from sqlalchemy import Connection, func, select, update

pytestmark = pytest.mark.slow


def schema(*names: str) -> dict[str, Any]:
    """Texts by these names."""
    return {"type": "object", "properties": {name: {"type": ["null", "string"]} for name in names}}


OFFERED: list[dict[str, Any]] = [
    {
        "name": "orders",
        "json_schema": schema("id", "updated_at", "total"),
        "supported_sync_modes": ["full_refresh", "incremental"],
    },
    {"name": "events", "json_schema": schema("id"), "supported_sync_modes": ["full_refresh"]},
]
ORDERS = {"name": "orders", "syncMode": "incremental_append", "cursorField": ["updated_at"]}


class Shop:
    """A connection whose source offers what the test says."""

    def __init__(self, airbyte: Airbyte, folder: Path, preference: str, **stream: Any) -> None:
        self.airbyte = airbyte
        self.offers = folder / "offers.json"
        self.offer(OFFERED)
        self.source = airbyte.source(offers=str(self.offers))["sourceId"]
        body = {
            "sourceId": self.source,
            "destinationId": airbyte.destination()["destinationId"],
            "namespaceDefinition": "custom_format",
            "namespaceFormat": folder.name,
            "nonBreakingSchemaUpdatesBehavior": preference,
            "configurations": {"streams": [{**ORDERS, **stream}]},
        }
        self.id: str = airbyte.public("POST", "/connections", body).json()["connectionId"]

    def offer(self, streams: list[dict[str, Any]]) -> None:
        """From now on, the source offers these streams."""
        self.offers.write_text(json.dumps(streams))

    def with_columns(self, *names: str) -> None:
        """From now on, its orders have these columns."""
        changed = copy.deepcopy(OFFERED)
        changed[0]["json_schema"] = schema(*names)
        self.offer(changed)

    def discover(self, **more: Any) -> dict[str, Any]:
        """Asks the source anew."""
        answer = self.airbyte.config(
            "/sources/discover_schema", {"sourceId": self.source, "disable_cache": True, **more}
        )
        return answer.json()

    def sync(self) -> dict[str, Any]:
        """A sync, after a discovery that nobody connected with this connection."""
        self.discover()
        return ended(self.airbyte, started(self.airbyte, self.id)["jobId"])

    def streams(self) -> dict[str, dict[str, Any]]:
        """What the connection has, by name of the stream."""
        read = self.airbyte.config("/connections/get", {"connectionId": self.id}).json()
        return {each["stream"]["name"]: each for each in read["syncCatalog"]["streams"]}

    def columns(self) -> list[str]:
        """The columns of its orders."""
        return list(self.streams()["orders"]["stream"]["jsonSchema"]["properties"])

    def read(self) -> dict[str, Any]:
        """The connection."""
        return self.airbyte.public("GET", f"/connections/{self.id}").json()

    def reason(self, job: dict[str, Any]) -> str:
        """Why a job's last attempt ended."""
        read = self.airbyte.config("/jobs/get", {"id": job["jobId"]}).json()
        return read["attempts"][-1]["attempt"]["failureSummary"]["failures"][0]["externalMessage"]


def test_ignore_goes_on_as_before(airbyte: Airbyte, tmp_path: Path) -> None:
    """New columns and streams are left out, and the sync runs."""
    shop = Shop(airbyte, tmp_path, "ignore")
    shop.with_columns("id", "updated_at", "total", "note")

    assert shop.sync()["status"] == "succeeded"
    assert shop.columns() == ["id", "updated_at", "total"]
    assert shop.read()["status"] == "active"


def test_propagate_columns_takes_columns_over_before_a_sync(airbyte: Airbyte, tmp_path: Path) -> None:
    """New ones come, old ones go, a new stream is left out; the next sync has nothing more to do."""
    shop = Shop(airbyte, tmp_path, "propagate_columns")
    shop.offer([*OFFERED, {**OFFERED[1], "name": "refunds"}])
    shop.with_columns("id", "updated_at", "note")

    assert shop.sync()["status"] == "succeeded"
    assert shop.columns() == ["id", "updated_at", "note"]
    assert list(shop.streams()) == ["orders"]
    assert shop.discover(connectionId=shop.id)["catalogDiff"] == {"transforms": []}


def test_new_columns_join_a_selection(airbyte: Airbyte, tmp_path: Path) -> None:
    """As in Airbyte, a connection that selects fields selects the new ones too."""
    fields = [{"fieldPath": ["id"]}, {"fieldPath": ["updated_at"]}]
    shop = Shop(airbyte, tmp_path, "propagate_columns", selectedFields=fields)
    shop.with_columns("id", "updated_at", "total", "note")

    assert shop.sync()["status"] == "succeeded"
    selected = shop.streams()["orders"]["config"]["selectedFields"]
    assert [each["fieldPath"] for each in selected] == [["id"], ["updated_at"], ["note"]]


def test_propagate_fully_takes_streams_over_too(airbyte: Airbyte, tmp_path: Path) -> None:
    """A stream that is new is added as full refresh with overwrite, and synced at once; one that is gone goes."""
    shop = Shop(airbyte, tmp_path, "propagate_fully")
    shop.offer([OFFERED[0], {**OFFERED[1], "name": "refunds"}])

    assert shop.sync()["status"] == "succeeded"
    assert sorted(shop.streams()) == ["orders", "refunds"]
    assert shop.streams()["refunds"]["config"]["destinationSyncMode"] == "overwrite"
    shop.offer([OFFERED[0]])
    shop.sync()
    assert list(shop.streams()) == ["orders"]


def test_disable_connection_stops_at_any_change_and_says_why(airbyte: Airbyte, tmp_path: Path) -> None:
    """The job is cancelled with the reason; whoever sets the connection active again has seen the change."""
    shop = Shop(airbyte, tmp_path, "disable_connection")
    shop.with_columns("id", "updated_at", "total", "note")
    job = shop.sync()

    assert (job["status"], shop.read()["status"]) == ("cancelled", "inactive")
    assert 'stream "orders": note added' in shop.reason(job)
    shop.airbyte.public("PATCH", f"/connections/{shop.id}", {"status": "active"})
    assert shop.sync()["status"] == "succeeded"


@pytest.mark.parametrize("preference", ["ignore", "propagate_fully"])
def test_a_lost_cursor_stops_the_connection_whatever_it_prefers(
    airbyte: Airbyte, tmp_path: Path, preference: str
) -> None:
    """Setting it active does not help; other streams do."""
    shop = Shop(airbyte, tmp_path, preference)
    shop.with_columns("id", "changed_at", "total")
    job = shop.sync()

    assert (job["status"], shop.read()["status"]) == ("cancelled", "inactive")
    assert "in a way that breaks this connection" in shop.reason(job)
    assert "updated_at removed" in shop.reason(job)
    shop.airbyte.public("PATCH", f"/connections/{shop.id}", {"status": "active"})
    assert shop.sync()["status"] == "cancelled"
    streams = [{**ORDERS, "cursorField": ["changed_at"]}]
    change = {"status": "active", "configurations": {"streams": streams}}
    shop.airbyte.public("PATCH", f"/connections/{shop.id}", change)
    assert shop.sync()["status"] == "succeeded"


def test_looking_at_the_schema_of_a_connection_tells_and_stops(airbyte: Airbyte, tmp_path: Path) -> None:
    """discover_schema with connectionId, and the web backend's refresh: the difference, breakingChange, the status."""
    shop = Shop(airbyte, tmp_path, "propagate_columns")
    shop.with_columns("id", "total")
    seen = shop.discover(connectionId=shop.id)

    assert (seen["breakingChange"], seen["connectionStatus"]) == (True, "inactive")
    (transform,) = seen["catalogDiff"]["transforms"]
    (removed,) = transform["updateStream"]["fieldTransforms"]
    assert (removed["transformType"], removed["fieldName"], removed["breaking"]) == (
        "remove_field",
        ["updated_at"],
        True,
    )
    body = {"connectionId": shop.id, "withRefreshedCatalog": True}
    view = shop.airbyte.config("/web_backend/connections/get", body).json()
    assert (view["schemaChange"], view["status"]) == ("breaking", "inactive")
    assert view["catalogDiff"] == seen["catalogDiff"]


def test_a_source_is_asked_again_after_a_day(fresh: Airbyte, tmp_path: Path) -> None:
    """Before a sync, when what is known of it is older than that."""
    shop = Shop(fresh, tmp_path, "propagate_columns")
    shop.with_columns("id", "updated_at", "note")
    assert ended(fresh, started(fresh, shop.id)["jobId"])["status"] == "succeeded"
    assert shop.columns() == ["id", "updated_at", "total"]

    def age(db: Connection) -> None:
        db.execute(update(discovered_catalogs).values(created_at=discovered_catalogs.c.created_at - 24 * 3600 * 1000))

    fresh.store.write_now(age)
    assert ended(fresh, started(fresh, shop.id)["jobId"])["status"] == "succeeded"
    assert shop.columns() == ["id", "updated_at", "note"]


def test_old_catalogs_go(fresh: Airbyte, tmp_path: Path) -> None:
    """A source keeps what it offers now, and what a connection still has to be compared with."""
    shop = Shop(fresh, tmp_path, "ignore")
    for number in range(5):
        shop.with_columns("id", "updated_at", f"column {number}")
        shop.discover()

    def count(db: Connection) -> int:
        return db.execute(select(func.count()).select_from(discovered_catalogs)).scalar_one()

    assert fresh.store.read_now(count) == 2
    fresh.public("DELETE", f"/sources/{shop.source}")
    assert fresh.store.read_now(count) == 0
