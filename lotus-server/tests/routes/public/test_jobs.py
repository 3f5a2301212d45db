"""Jobs of both APIs with a real connector process (docs/airbyte-behaviour.md#clears-and-refreshes)."""

from __future__ import annotations

import concurrent.futures
import re
import time
from typing import Any

import pytest
from server_support.airbyte import Airbyte, ended, refusal, started

pytestmark = pytest.mark.slow

ORDERS = {"name": "orders", "syncMode": "incremental_append"}
EVENTS = {"name": "events"}


def connected(airbyte: Airbyte, **configuration: Any) -> str:
    """A connection of two streams, from a source with this configuration."""
    body = {
        "sourceId": airbyte.source(**configuration)["sourceId"],
        "destinationId": airbyte.destination()["destinationId"],
        "namespaceDefinition": "custom_format",
        "namespaceFormat": f"n{time.monotonic_ns()}",
        "configurations": {"streams": [ORDERS, EVENTS]},
    }
    return airbyte.public("POST", "/connections", body).json()["connectionId"]


def test_a_sync_says_what_it_moved(airbyte: Airbyte) -> None:
    """jobId, status, jobType, startTime, lastUpdatedAt when terminal, duration, rows, bytes."""
    connection_id = connected(airbyte)
    first = started(airbyte, connection_id)
    last = ended(airbyte, first["jobId"])

    assert isinstance(first["jobId"], int)
    assert first["status"] in ("pending", "running")
    assert "lastUpdatedAt" not in first
    assert (last["status"], last["jobType"], last["rowsSynced"]) == ("succeeded", "sync", 6)
    assert last["bytesSynced"] > 0
    assert re.fullmatch(r"PT(\d+M)?(\d+S)?", last["duration"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z", last["startTime"])


def test_the_config_api_shows_attempts_and_logs(airbyte: Airbyte) -> None:
    """{job:{id,configType,configId,…}, attempts:[{attempt:{…}, logs:{logLines}}]}."""
    connection_id = connected(airbyte)
    made = airbyte.config("/connections/sync", {"connectionId": connection_id}).json()
    ended(airbyte, made["job"]["id"])
    info = airbyte.config("/jobs/get", {"id": made["job"]["id"]}).json()
    listed = airbyte.config("/jobs/list", {"configTypes": ["sync"], "configId": connection_id}).json()

    assert (info["job"]["configType"], info["job"]["configId"]) == ("sync", connection_id)
    assert info["attempts"][0]["attempt"]["status"] == "succeeded"
    assert {entry["streamName"] for entry in info["attempts"][0]["attempt"]["streamStats"]} == {"orders", "events"}
    assert isinstance(info["attempts"][0]["logs"]["logLines"], list)
    assert (listed["totalJobCount"], listed["jobs"][0]["job"]["id"]) == (1, made["job"]["id"])
    debug = airbyte.config("/jobs/get_debug_info", {"id": made["job"]["id"]}).json()
    assert debug["job"]["sourceDefinition"]["name"] == "Shop"


def test_a_second_sync_has_to_wait(airbyte: Airbyte) -> None:
    """A running job → 409 try-again-later, "A sync is already running for: <connectionId>"."""
    connection_id = connected(airbyte, pause=30)
    job_id = started(airbyte, connection_id)["jobId"]
    again = airbyte.public("POST", "/jobs", {"connectionId": connection_id, "jobType": "sync"})
    cancelled = airbyte.public("DELETE", f"/jobs/{job_id}")

    assert refusal(again) == (409, "try-again-later", f"A sync is already running for: {connection_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


def test_an_ended_job_cannot_be_cancelled(airbyte: Airbyte) -> None:
    """Cancel of a finished job → 409 "Job is not currently running"."""
    job_id = started(airbyte, connected(airbyte))["jobId"]
    ended(airbyte, job_id)

    assert refusal(airbyte.public("DELETE", f"/jobs/{job_id}"))[::2] == (409, "Job is not currently running")
    assert airbyte.config("/jobs/cancel", {"id": job_id}).status_code == 409


def test_an_inactive_connection_does_not_sync(airbyte: Airbyte) -> None:
    """Inactive connection → 409 state-conflict."""
    connection_id = connected(airbyte)
    airbyte.public("PATCH", f"/connections/{connection_id}", {"status": "inactive"})

    response = airbyte.public("POST", "/jobs", {"connectionId": connection_id, "jobType": "sync"})
    assert refusal(response)[:2] == (409, "state-conflict")


def test_refresh_is_refused_in_the_public_api(airbyte: Airbyte) -> None:
    """Refresh → 422 "Refreshes are not supported in the public API"."""
    response = airbyte.public("POST", "/jobs", {"connectionId": connected(airbyte), "jobType": "refresh"})

    assert refusal(response) == (422, "unprocessable-entity", "Refreshes are not supported in the public API")


@pytest.mark.parametrize("job_type", ["reset", "clear"])
def test_reset_and_clear_are_both_resets(airbyte: Airbyte, job_type: str) -> None:
    """In the server both create a reset_connection job (public jobType reset), and state goes."""
    connection_id = connected(airbyte)
    ended(airbyte, started(airbyte, connection_id)["jobId"])
    before = airbyte.config("/state/get", {"connectionId": connection_id}).json()
    job = started(airbyte, connection_id, job_type)
    assert ended(airbyte, job["jobId"])["status"] == "succeeded"

    assert "orders" in [entry["streamDescriptor"]["name"] for entry in before["streamState"]]
    assert job["jobType"] == "reset"
    assert airbyte.config("/state/get", {"connectionId": connection_id}).json()["stateType"] == "not_set"


def test_one_stream_is_cleared_or_refreshed(airbyte: Airbyte) -> None:
    """connections/clear/stream and connections/refresh name streams; unknown ones are told."""
    connection_id = connected(airbyte)
    orders = {"connectionId": connection_id, "streams": [{"streamName": "orders"}]}
    cleared = airbyte.config("/connections/clear/stream", orders).json()["job"]
    ended(airbyte, cleared["id"])
    refreshed = airbyte.config("/connections/refresh", {**orders, "refreshMode": "Merge"}).json()["job"]
    ended(airbyte, refreshed["id"])
    unknown = airbyte.config("/connections/clear/stream", {**orders, "streams": [{"streamName": "nope"}]})

    assert cleared["resetConfig"] == {"streamsToReset": [{"name": "orders"}]}
    assert (refreshed["configType"], refreshed["refreshConfig"]) == (
        "refresh",
        {"streamsToRefresh": [{"name": "orders"}]},
    )
    assert unknown.status_code == 422
    assert "Its streams are: events, orders" in unknown.json()["message"]


def test_jobs_are_filtered_and_ordered(airbyte: Airbyte) -> None:
    """/jobs: connectionId, jobType, status, createdAtStart/End, orderBy=createdAt|DESC; ASC by default."""
    connection_id = connected(airbyte)
    ids = []
    for job_type in ("sync", "reset"):
        ids.append(started(airbyte, connection_id, job_type)["jobId"])
        ended(airbyte, ids[-1])

    def found(**query: Any) -> list[int]:
        page = airbyte.public("GET", "/jobs", connectionId=connection_id, **query).json()
        return [job["jobId"] for job in page["data"]]

    assert found() == ids
    assert found(orderBy="createdAt|DESC") == ids[::-1]
    assert found(jobType="reset", status="succeeded") == ids[1:]
    assert found(createdAtStart="2030-01-01T00:00:00Z") == []
    assert found(createdAtEnd="2030-01-01T00:00:00+00:00", limit=1) == ids[:1]


def test_deleting_a_connection_ends_its_job(airbyte: Airbyte) -> None:
    """What runs for a deleted connection is cancelled."""
    connection_id = connected(airbyte, pause=30)
    job_id = started(airbyte, connection_id)["jobId"]
    airbyte.public("DELETE", f"/connections/{connection_id}")

    assert ended(airbyte, job_id)["status"] == "cancelled"


def test_state_is_not_set_beside_a_running_sync(airbyte: Airbyte) -> None:
    """create_or_update_safe refuses while a sync runs."""
    connection_id = connected(airbyte, pause=30)
    job_id = started(airbyte, connection_id)["jobId"]
    state = {"connectionId": connection_id, "connectionState": {"connectionId": connection_id, "stateType": "not_set"}}
    refused = airbyte.config("/state/create_or_update_safe", state)
    airbyte.public("DELETE", f"/jobs/{job_id}")

    assert refused.status_code == 423
    assert airbyte.config("/state/create_or_update_safe", state).status_code == 200


def test_no_status_is_ever_queued(airbyte: Airbyte) -> None:
    """Dagster and Airflow do not know `queued` (docs/airbyte-behaviour.md#states-of-a-job): no job has it."""
    assert airbyte.public("GET", "/jobs", status="queued").json()["data"] == []


def test_a_secret_that_a_connector_prints_is_nowhere(fresh: Airbyte) -> None:
    """No plaintext secret in store, logs or answers, even if the connector logs it."""
    connection_id = connected(fresh, api_password="swordfish")
    job_id = started(fresh, connection_id)["jobId"]
    ended(fresh, job_id)
    told = fresh.config("/jobs/get", {"id": job_id}).text
    data = fresh.http.app.state.server.store.data  # type: ignore[attr-defined]
    files = [path for path in data.rglob("*") if path.is_file()]

    assert "logging in with" in told
    assert "swordfish" not in told
    assert not [path for path in files if b"swordfish" in path.read_bytes()]


def test_requests_at_the_same_time_do_not_undo_each_other(airbyte: Airbyte) -> None:
    """Two patches of one source at once: both are in it afterwards."""
    source_id = airbyte.source()["sourceId"]
    changes = [{"count": 5}, {"pause": 1}, {"api_password": "p"}]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        path = f"/sources/{source_id}"
        done = [pool.submit(airbyte.public, "PATCH", path, {"configuration": change}) for change in changes]
        assert {response.result().status_code for response in done} == {200}

    kept = airbyte.public("GET", path).json()["configuration"]
    assert kept == {"shop": "s", "count": 5, "pause": 1, "api_password": "**********"}


def test_the_same_tag_at_the_same_time_is_made_once(airbyte: Airbyte) -> None:
    """A name is taken once, however many ask for it at once."""
    workspace_id = airbyte.source()["workspaceId"]
    body = {"name": f"tag {workspace_id}", "color": "ff0000", "workspaceId": workspace_id}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = [pool.submit(airbyte.public, "POST", "/tags", body) for _ in range(8)]
        statuses = sorted(response.result().status_code for response in done)

    assert statuses == [200, *[409] * 7]
