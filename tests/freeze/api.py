"""One conversation with a fresh server: every operation that it offers, and refusals, in files by subject."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.freeze.golden import Recording
from tests.freeze.placeholders import Placeholders
from tests.freeze.server import serving

PUBLIC, CONFIG = "/api/public/v1", "/api/v1"
WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
ORGANIZATION_ID = "00000000-0000-0000-0000-000000000000"
LOCAL_ID = "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70"
MISSING_ID = "00000000-0000-1000-8000-00000000dead"
WORKSPACE = {"workspaceId": WORKSPACE_ID}
CONNECTOR = f"command:{sys.executable} {Path(__file__).with_name('connector.py')}"
ORDERS = {"name": "orders", "syncMode": "incremental_append"}
CUSTOMERS = {"name": "customers", "syncMode": "incremental_append", "cursorField": ["seen_at"]}
UNRECORDED_HEADERS = {"date", "content-length", "connection"}
JOB_SECONDS = 60


class Conversation:
    """Requests and answers, in the file of the subject that they are about."""

    def __init__(self, http: httpx.Client, folder: Path) -> None:
        self.http = http
        self.folder = folder
        self.recording: Recording = {}
        self._subject: list[dict[str, Any]] = []
        self._placeholders = Placeholders()

    def about(self, subject: str) -> None:
        """What follows goes into a file of its own, with placeholders of its own."""
        self._subject = []
        self.hide(str(self.folder), "<folder>")
        self.recording[f"api/{subject}.json"] = self._subject

    def hide(self, text: str, placeholder: str) -> None:
        """From here on, the placeholder stands for the text."""
        self._placeholders = Placeholders({text: placeholder})

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Sends a request, records it with its answer, and returns the answer's JSON (its text, where it has none)."""
        answer = self.http.request(method, path, json=body, **options)
        content = answer.json() if answer.headers.get("content-type") == "application/json" else answer.text
        request = {"method": method, "path": path, "body": body, **options}
        headers = {name: text for name, text in answer.headers.items() if name not in UNRECORDED_HEADERS}
        exchange = {"request": request, "status": answer.status_code, "headers": headers, "answer": content}
        self._subject.append(self._placeholders.of(exchange))
        return content

    def public(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A request to the public API."""
        return self.ask(method, PUBLIC + path, body, **options)

    def config(self, path: str, body: Any = None) -> Any:
        """A request to the config API."""
        return self.ask("POST", CONFIG + path, {} if body is None else body)

    def idle(self, connection_id: str) -> None:
        """Waits, unrecorded, until no job of the connection runs."""
        query = {"connectionId": connection_id, "limit": "50"}
        end = time.monotonic() + JOB_SECONDS
        while True:
            jobs = self.http.get(f"{PUBLIC}/jobs", params=query).json()["data"]
            if all(job["status"] not in ("pending", "running", "incomplete") for job in jobs):
                return
            assert time.monotonic() < end, "a job does not end"
            time.sleep(0.05)

    def reading(self, connection_id: str) -> int:
        """Starts a sync, unrecorded, and waits until its connector runs; the job's id."""
        new = {"connectionId": connection_id, "jobType": "sync"}
        job_id = self.http.post(f"{PUBLIC}/jobs", json=new).raise_for_status().json()["jobId"]
        end = time.monotonic() + JOB_SECONDS
        while not self.http.post(f"{CONFIG}/jobs/get", json={"id": job_id}).json()["attempts"]:
            assert time.monotonic() < end, "a job does not begin"
            time.sleep(0.05)
        return job_id


def record(folder: Path) -> Recording:
    """The whole conversation, with a server of its own below the folder."""
    recording: Recording = {}
    with serving(folder / "data") as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        conversation = Conversation(http, folder)
        for subject in (
            _fresh, _workspaces, _access, _definitions, _config_definitions, _manifests, _sources, _destinations,
            _config_actors, _tags, _connections, _config_connections, _web_backend, _states, _jobs, _config_jobs,
            _refusals,
        ):  # fmt: skip
            conversation.about(subject.__name__.strip("_"))
            subject(conversation)
        recording.update(conversation.recording)
    client = {"LOTUS_EMBEDDED_CLIENT_ID": "dagster", "LOTUS_EMBEDDED_CLIENT_SECRET": "not-a-secret"}
    guarded = serving(folder / "guarded", "--require-credentials", environment=client)
    with guarded as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        conversation = Conversation(http, folder)
        conversation.about("credentials")
        _credentials(conversation)
        recording.update(conversation.recording)
    return recording


def _fresh(c: Conversation) -> None:
    c.public("GET", "/health")
    c.ask("GET", "/v1/health")
    c.ask("GET", f"{CONFIG}/health")
    c.config("/deployment/metadata")
    for path in ("/workspaces", "/sources", "/destinations", "/connections", "/jobs", "/tags", "/applications"):
        c.public("GET", path)
    c.public("GET", "/organizations")
    c.config("/organizations/get", {"organizationId": ORGANIZATION_ID})
    c.config("/organizations/get_organization_info", {"organizationId": ORGANIZATION_ID})
    c.public("GET", "/connector_definitions", params={"type": "source"})
    c.public("GET", "/connector_definitions", params={"type": "destination"})
    c.public("GET", f"/workspaces/{WORKSPACE_ID}/definitions/sources")
    c.public("GET", f"/workspaces/{WORKSPACE_ID}/definitions/destinations")
    c.config("/source_definitions/list")
    c.config("/destination_definitions/list")


def _workspaces(c: Conversation) -> None:
    made = c.public("POST", "/workspaces", {"name": "second"})
    one = f"/workspaces/{made['workspaceId']}"
    c.public("GET", one)
    c.public("PATCH", one, {"name": "renamed"})
    c.public("GET", "/workspaces", params={"limit": 1, "offset": 1})
    c.config("/workspaces/get", WORKSPACE)
    c.config("/workspaces/get_by_slug", {"slug": "lotus"})
    c.config("/workspaces/list")
    c.config("/workspaces/list_by_organization_id", {"organizationId": ORGANIZATION_ID})
    c.config("/workspaces/get_organization_info", WORKSPACE)
    created = c.config("/workspaces/create", {"name": "third", "email": "a@example.invalid"})
    third = {"workspaceId": created["workspaceId"]}
    c.config("/workspaces/update", {**third, "email": "b@example.invalid"})
    c.config("/workspaces/update_name", {**third, "name": "third again"})
    c.config("/workspaces/delete", third)
    c.config("/workspaces/get", third)
    c.public("DELETE", one)
    c.public("GET", one)


def _access(c: Conversation) -> None:
    user = c.public("GET", "/users", params={"organizationId": ORGANIZATION_ID})["data"][0]
    c.config("/users/get", {"userId": user["id"]})
    c.config("/users/get_by_email", {"email": user["email"]})
    c.config("/workspaces/list_by_user_id", {"userId": user["id"]})
    c.config("/organizations/list_by_user_id", {"userId": user["id"]})
    new = {"userId": user["id"], "workspaceId": WORKSPACE_ID, "permissionType": "workspace_reader"}
    made = c.public("POST", "/permissions", new)
    one = f"/permissions/{made['permissionId']}"
    c.public("GET", one)
    c.public("GET", "/permissions", params={"userId": user["id"]})
    c.public("PATCH", one, {"permissionType": "workspace_admin"})
    c.public("DELETE", one)
    c.public("GET", one)
    created = c.config("/permissions/create", new)
    two = {"permissionId": created["permissionId"]}
    c.config("/permissions/get", two)
    c.config("/permissions/update", {**two, "permissionType": "workspace_editor"})
    c.config("/permissions/list_by_user", {"userId": user["id"]})
    c.config("/permissions/delete", two)
    application = c.public("POST", "/applications", {"name": "dagster"})
    c.public("GET", "/applications")
    c.public("GET", f"/applications/{application['id']}")
    c.public("DELETE", f"/applications/{application['id']}")
    c.public("GET", f"/applications/{application['id']}")


def _new_definition(name: str, tag: str = "1") -> dict[str, str]:
    return {"name": name, "dockerRepository": CONNECTOR, "dockerImageTag": tag}


def make_definition(c: Conversation) -> str:
    """A new definition of the connector; its id."""
    made = c.public("POST", f"/workspaces/{WORKSPACE_ID}/definitions/sources", _new_definition("Shop"))
    return made["id"]


def _definitions(c: Conversation) -> None:
    base = f"/workspaces/{WORKSPACE_ID}/definitions"
    one = f"{base}/sources/{make_definition(c)}"
    c.public("GET", one)
    c.public("PUT", one, {"name": "Shop 2", "dockerImageTag": "2"})
    c.public("GET", f"{base}/sources")
    c.public("DELETE", one)
    c.public("GET", one)
    c.public("POST", f"{base}/sources", {"name": "n", "dockerRepository": "command:/nowhere", "dockerImageTag": "1"})
    c.public("GET", f"{base}/destinations/{LOCAL_ID}")
    c.public("PUT", f"{base}/destinations/{LOCAL_ID}", {"name": "n", "dockerImageTag": "9"})
    c.public("DELETE", f"{base}/destinations/{LOCAL_ID}")
    c.public("POST", f"{base}/destinations", _new_definition("Elsewhere"))


def _config_definitions(c: Conversation) -> None:
    for kind, definition_id in (("source", ""), ("destination", LOCAL_ID)):
        base, new = f"/{kind}_definitions", {f"{kind}Definition": {**_new_definition("Shop"), "documentationUrl": ""}}
        made = c.config(f"{base}/create_custom", {**WORKSPACE, **new})
        one = {f"{kind}DefinitionId": definition_id or made[f"{kind}DefinitionId"]}
        c.config(f"{base}/get", one)
        c.config(f"{base}/get_for_workspace", {**one, **WORKSPACE})
        c.config(f"{base}/list")
        c.config(f"{base}/list_latest")
        c.config(f"{base}/list_for_workspace", WORKSPACE)
        c.config(f"{base.removesuffix('s')}_specifications/get", {**one, **WORKSPACE})
        c.config(f"{base}/update", {**one, "dockerImageTag": "2"})
        c.config(f"{base}/delete", one)
        c.config(f"{base}/get", one)


def _manifests(c: Conversation) -> None:
    base = f"/workspaces/{WORKSPACE_ID}/definitions/declarative_sources"
    specification = {"type": "object", "properties": {"token": {"type": "string", "airbyte_secret": True}}}
    manifest = {"version": "6.0.0", "type": "DeclarativeSource", "spec": {"connection_specification": specification}}
    made = c.public("POST", base, {"name": "Low code", "manifest": manifest})
    one = f"{base}/{made['id']}"
    c.public("GET", base)
    c.public("GET", one)
    c.public("PUT", one, {"manifest": {**manifest, "version": "6.1.0"}})
    c.public("DELETE", one)
    c.public("GET", one)
    c.public("POST", base, {"name": "No manifest", "manifest": {"a": 1}})


def new_source(definition_id: str, **configuration: Any) -> dict[str, Any]:
    """The body that makes a source of the connector."""
    values = {"shop": "s", **configuration}
    return {"name": "Shop", "workspaceId": WORKSPACE_ID, "definitionId": definition_id, "configuration": values}


def _new_destination(c: Conversation) -> dict[str, Any]:
    configuration = {"destinationType": "local", "destination_path": str(c.folder / "lake")}
    return {"name": "Lake", "workspaceId": WORKSPACE_ID, "configuration": configuration}


def _sources(c: Conversation) -> None:
    definition_id = make_definition(c)
    credentials = {"kind": "oauth", "refresh": "r"}
    made = c.public("POST", "/sources", new_source(definition_id, api_password="p", credentials=credentials))
    one = f"/sources/{made['sourceId']}"
    c.public("GET", one)
    c.public("GET", "/sources", params={"workspaceIds": WORKSPACE_ID, "limit": 1})
    c.public("PATCH", one, {"configuration": {"count": 3}})
    c.public("PATCH", one, {"name": "Corner shop"})
    c.public("PUT", one, {"name": "Shop", "configuration": {"shop": "t", "api_password": "**********"}})
    c.public("PATCH", one, {"configuration": {"count": -1}})
    c.public("POST", "/sources", new_source(definition_id, credentials={"kind": "none"}))
    c.public("POST", "/sources", {"name": "n", "workspaceId": WORKSPACE_ID, "configuration": {"sourceType": "nothing"}})
    c.public("POST", "/sources", {**new_source(definition_id), "secretId": "s"})
    c.public("GET", "/streams", params={"sourceId": made["sourceId"]})
    c.public("DELETE", one)
    c.public("GET", one)


def _destinations(c: Conversation) -> None:
    made = c.public("POST", "/destinations", _new_destination(c))
    one = f"/destinations/{made['destinationId']}"
    c.public("GET", one)
    c.public("GET", "/destinations", params={"includeDeleted": "true"})
    jsonl = {"format_type": "JSONL", "compression": {"compression_type": "No Compression"}}
    c.public("PATCH", one, {"configuration": {"format": jsonl}})
    c.public("PUT", one, {"name": "Lake 2", "configuration": {"destination_path": str(c.folder / "lake")}})
    c.public("PATCH", one, {"configuration": {"format": {"format_type": "CSV"}}})
    c.public("POST", "/destinations", {**_new_destination(c), "configuration": {"destinationType": "local"}})
    s3 = {
        "destinationType": "s3", "s3_bucket_name": "landing", "s3_bucket_path": "raw", "s3_bucket_region": "us-east-1",
        "access_key_id": "k", "secret_access_key": "s", "format": {"format_type": "Parquet"},
    }  # fmt: skip
    bucket = c.public("POST", "/destinations", {"name": "S3", "workspaceId": WORKSPACE_ID, "configuration": s3})
    c.public("DELETE", f"/destinations/{bucket['destinationId']}")
    c.public("DELETE", one)
    c.public("GET", one)


def _config_actors(c: Conversation) -> None:
    source = {"sourceDefinitionId": make_definition(c), "connectionConfiguration": {"shop": "s", "api_password": "p"}}
    folder = {"destination_path": str(c.folder / "lake")}
    destination = {"destinationDefinitionId": LOCAL_ID, "connectionConfiguration": folder}
    for kind, new in (("source", source), ("destination", destination)):
        made = c.config(f"/{kind}s/create", {"name": "Actor", **WORKSPACE, **new})
        one = {f"{kind}Id": made[f"{kind}Id"]}
        configuration = made["connectionConfiguration"]
        c.config(f"/{kind}s/get", one)
        c.config(f"/{kind}s/list", WORKSPACE)
        c.config(f"/{kind}s/list_paginated", {"workspaceIds": [WORKSPACE_ID], "pagination": {"pageSize": 1}})
        c.config(f"/{kind}s/update", {**one, "name": "Renamed", "connectionConfiguration": configuration})
        c.config(f"/{kind}s/partial_update", {**one, "name": "Actor"})
        c.config(f"/{kind}s/check_connection", one)
        update = {**one, "name": "Actor", "connectionConfiguration": configuration}
        c.config(f"/{kind}s/check_connection_for_update", update)
        c.config(f"/actor_definition_versions/get_for_{kind}", one)
        c.config(f"/{kind}_definition_specifications/get_for_{kind}", one)
        if kind == "source":
            c.config("/sources/discover_schema", one)
            c.config("/sources/most_recent_source_actor_catalog", one)
            for fault in ("check", "discover"):
                c.config("/sources/partial_update", {**one, "connectionConfiguration": {"fault": fault}})
                path = "/sources/check_connection" if fault == "check" else "/sources/discover_schema"
                c.config(path, {**one, "disable_cache": True})
        c.config(f"/{kind}s/delete", one)
        c.config(f"/{kind}s/get", one)


def _tags(c: Conversation) -> None:
    made = c.public("POST", "/tags", {"name": "gold", "color": "ff0000", **WORKSPACE})
    one = f"/tags/{made['tagId']}"
    c.public("GET", one)
    c.public("PATCH", one, {"name": "silver", "color": "00ff00"})
    c.public("GET", "/tags", params={"workspaceIds": WORKSPACE_ID})
    c.public("POST", "/tags", {"name": "silver", "color": "red", **WORKSPACE})
    c.public("DELETE", one)
    c.public("GET", one)
    created = c.config("/tags/create", {"name": "bronze", "color": "0000ff", **WORKSPACE})
    two = {"tagId": created["tagId"], **WORKSPACE}
    c.config("/tags/list", WORKSPACE)
    c.config("/tags/update", {**two, "name": "iron", "color": "0000aa"})
    c.config("/tags/delete", two)
    c.config("/tags/list", WORKSPACE)


def _ends(c: Conversation) -> dict[str, str]:
    source = c.public("POST", "/sources", new_source(make_definition(c)))
    destination = c.public("POST", "/destinations", _new_destination(c))
    return {"sourceId": source["sourceId"], "destinationId": destination["destinationId"]}


def _connection(c: Conversation, *streams: dict[str, Any]) -> dict[str, Any]:
    configurations = {"streams": list(streams or (ORDERS,))}
    return c.public("POST", "/connections", {**_ends(c), "configurations": configurations})


def _connections(c: Conversation) -> None:
    ends = _ends(c)
    c.public("GET", "/streams", params=ends)
    everything = c.public("POST", "/connections", ends)
    tag = c.public("POST", "/tags", {"name": "daily", "color": "ff0000", **WORKSPACE})
    fields = {"selectedFields": [{"fieldPath": ["id"]}, {"fieldPath": ["updated_at"]}]}
    mapper = {
        "type": "hashing",
        "mapperConfiguration": {"targetField": "id", "method": "SHA-256", "fieldNameSuffix": "_h"},
    }
    made = c.public(
        "POST",
        "/connections",
        {
            **ends,
            "name": "shop to lake",
            "namespaceDefinition": "custom_format",
            "namespaceFormat": "raw_${SOURCE_NAMESPACE}",
            "prefix": "shop_",
            "nonBreakingSchemaUpdatesBehavior": "propagate_columns",
            "schedule": {"scheduleType": "cron", "cronExpression": "0 0 6 * * ? UTC"},
            "tags": [tag],
            "configurations": {"streams": [{**ORDERS, **fields, "mappers": [mapper]}, CUSTOMERS]},
        },
    )
    one = f"/connections/{made['connectionId']}"
    c.public("GET", one)
    c.public("GET", "/connections", params={"workspaceIds": WORKSPACE_ID, "tagIds": tag["tagId"]})
    c.public("PATCH", one, {"status": "inactive", "schedule": {"scheduleType": "manual"}})
    c.public("PATCH", one, {"configurations": {"streams": [{**ORDERS, "syncMode": "full_refresh_overwrite"}]}})
    c.public("PATCH", one, {"name": "again", "tags": [], "prefix": ""})
    c.public("PATCH", one, {"configurations": {"streams": [{"name": "nothing"}]}})
    c.public("PATCH", one, {"configurations": {"streams": [{**ORDERS, "syncMode": "incremental_deduped_history"}]}})
    c.public("PATCH", one, {"schedule": {"scheduleType": "cron", "cronExpression": "every day"}})
    c.public("PATCH", one, {"namespaceDefinition": "custom_format", "namespaceFormat": None})
    c.public("POST", "/connections", {**ends, "sourceId": MISSING_ID})
    c.public("DELETE", one)
    c.public("GET", one)
    c.public("DELETE", f"/connections/{everything['connectionId']}")
    c.public("DELETE", f"/tags/{tag['tagId']}")


def _catalog(c: Conversation, source_id: str, *names: str) -> dict[str, Any]:
    catalog = c.config("/sources/discover_schema", {"sourceId": source_id})["catalog"]
    for entry in catalog["streams"]:
        entry["config"]["selected"] = entry["stream"]["name"] in names
    return catalog


def _config_connections(c: Conversation) -> None:
    ends = _ends(c)
    basic = {"basicSchedule": {"units": 24, "timeUnit": "hours"}}
    new = {
        **ends, "status": "active", "syncCatalog": _catalog(c, ends["sourceId"], "orders"), "scheduleType": "basic",
        "scheduleData": basic, "namespaceDefinition": "customformat", "namespaceFormat": "x",
        "nonBreakingChangesPreference": "disable",
    }  # fmt: skip
    made = c.config("/connections/create", new)
    one = {"connectionId": made["connectionId"]}
    c.config("/connections/get", one)
    c.public("GET", f"/connections/{made['connectionId']}")
    c.config("/connections/list", WORKSPACE)
    c.config("/connections/list_all", WORKSPACE)
    c.config("/connections/update", {**one, "status": "inactive", "prefix": "p_"})
    cron = {"cron": {"cronExpression": "0 0 6 * * ?", "cronTimeZone": "Europe/Oslo"}}
    c.config("/connections/update", {**one, "scheduleType": "cron", "scheduleData": cron})
    c.config("/connections/delete", one)
    c.config("/connections/get", one)


def _web_backend(c: Conversation) -> None:
    ends = _ends(c)
    new = {**ends, "status": "active", "syncCatalog": _catalog(c, ends["sourceId"], "orders")}
    made = c.config("/web_backend/connections/create", new)
    one = {"connectionId": made["connectionId"]}
    view = c.config("/web_backend/connections/get", one)
    view["syncCatalog"]["streams"][1]["config"]["selected"] = True
    c.config("/web_backend/connections/update", {**one, "syncCatalog": view["syncCatalog"], "skipReset": True})
    c.config("/web_backend/connections/get", {**one, "withRefreshedCatalog": True})
    c.config("/sources/discover_schema", {"sourceId": ends["sourceId"], **one, "disable_cache": True})
    c.config("/web_backend/state/get_type", one)
    c.config("/connections/delete", one)


def _states(c: Conversation) -> None:
    connection_id = _connection(c, ORDERS, CUSTOMERS)["connectionId"]
    one = {"connectionId": connection_id}
    streams = [{"streamDescriptor": {"name": "orders"}, "streamState": {"a": [1, None]}}]
    c.config("/state/get", one)
    for state in (
        {"stateType": "stream", "streamState": streams},
        {"stateType": "global", "globalState": {"shared_state": {"x": 1}, "streamStates": streams}},
        {"stateType": "legacy", "state": {"y": 2}},
        {"stateType": "not_set"},
    ):
        c.config("/state/create_or_update_safe", {**one, "connectionState": {**one, **state}})
        c.config("/state/get", one)
        c.config("/web_backend/state/get_type", one)
    c.config(
        "/state/create_or_update", {**one, "connectionState": {**one, "stateType": "stream", "streamState": streams}}
    )
    changed = {"streams": [CUSTOMERS, {**ORDERS, "syncMode": "full_refresh_append"}]}
    c.public("PATCH", f"/connections/{connection_id}", {"configurations": changed})
    c.config("/state/get", one)
    c.public("DELETE", f"/connections/{connection_id}")
    c.config("/state/get", one)


def _jobs(c: Conversation) -> None:
    connection_id = _connection(c)["connectionId"]
    first = c.public("POST", "/jobs", {"connectionId": connection_id, "jobType": "sync"})
    c.idle(connection_id)
    c.public("GET", f"/jobs/{first['jobId']}")
    c.config("/state/get", {"connectionId": connection_id})
    for kind in ("reset", "clear"):
        c.public("POST", "/jobs", {"connectionId": connection_id, "jobType": kind})
        c.idle(connection_id)
    c.public("POST", "/jobs", {"connectionId": connection_id, "jobType": "refresh"})
    c.public("GET", "/jobs", params={"connectionId": connection_id, "limit": 10})
    c.public("GET", "/jobs", params={"connectionId": connection_id, "jobType": "sync", "status": "succeeded"})
    c.public(
        "GET", "/jobs", params={"connectionId": connection_id, "orderBy": "createdAt|ASC", "limit": 1, "offset": 1}
    )
    c.public("DELETE", f"/jobs/{first['jobId']}")
    c.public("GET", "/jobs/999999")
    c.public("POST", "/jobs", {"connectionId": MISSING_ID, "jobType": "sync"})
    c.public("DELETE", f"/connections/{connection_id}")


def _config_jobs(c: Conversation) -> None:
    source = c.public("POST", "/sources", new_source(make_definition(c)))
    destination = c.public("POST", "/destinations", _new_destination(c))
    ends = {"sourceId": source["sourceId"], "destinationId": destination["destinationId"]}
    streams = {"streams": [ORDERS, {**CUSTOMERS, "syncMode": "full_refresh_overwrite"}]}
    connection_id = c.public("POST", "/connections", {**ends, "configurations": streams})["connectionId"]
    one = {"connectionId": connection_id}
    c.config("/connections/sync", one)
    c.idle(connection_id)
    job = c.config("/jobs/get_last_replication_job", one)["job"]
    for form in ("get", "get_without_logs", "get_light", "get_debug_info"):
        c.config(f"/jobs/{form}", {"id": job["id"]})
    orders = {"streams": [{"streamName": "orders"}]}
    for path, body in (
        ("/connections/refresh", {**orders, "refreshMode": "Truncate"}),
        ("/connections/refresh", {**orders, "refreshMode": "Merge"}),
        ("/connections/clear/stream", orders),
        ("/connections/reset/stream", orders),
        ("/connections/clear", {}),
        ("/connections/reset", {}),
    ):
        c.config(path, {**one, **body})
        c.idle(connection_id)
    c.public("PATCH", f"/sources/{source['sourceId']}", {"configuration": {"fault": "read"}})
    c.config("/connections/sync", one)
    c.idle(connection_id)
    kinds = ["sync", "refresh", "reset_connection", "clear"]
    c.config("/jobs/list", {"configTypes": kinds, "configId": connection_id, "pagination": {"pageSize": 20}})
    c.config("/jobs/list", {"configTypes": ["sync"], "configId": connection_id, "statuses": ["failed"]})
    c.config("/jobs/cancel", {"id": job["id"]})
    c.config("/jobs/get", {"id": 999999})
    c.config("/connections/refresh", {**one, "streams": [{"streamName": "nothing"}], "refreshMode": "Merge"})
    c.public("PATCH", f"/sources/{source['sourceId']}", {"configuration": {"fault": None, "pause": 60}})
    for method in ("public", "config"):
        running = c.reading(connection_id)
        c.config("/connections/sync", one)
        if method == "public":
            c.public("DELETE", f"/jobs/{running}")
        else:
            c.config("/jobs/cancel", {"id": running})
        c.idle(connection_id)
        c.public("GET", f"/jobs/{running}")
    c.config("/connections/delete", one)


def _refusals(c: Conversation) -> None:
    for kind in ("workspaces", "sources", "destinations", "connections", "permissions", "tags", "applications"):
        c.public("GET", f"/{kind}/{MISSING_ID}")
        c.public("GET", f"/{kind}/not-an-id")
    c.public("GET", "/jobs/not-a-number")
    c.public("GET", "/connections", params={"limit": "many"})
    c.public("GET", "/connections", params={"workspaceIds": "x"})
    c.public("GET", "/streams")
    c.public("GET", "/connector_definitions")
    c.public("POST", "/sources", {"name": "no definition"})
    c.public("POST", "/sources", ["a list"])
    c.public("POST", "/jobs", {"connectionId": MISSING_ID, "jobType": "dance"})
    c.ask("POST", f"{PUBLIC}/sources", content="{", headers={"content-type": "application/json"})
    c.ask("POST", f"{PUBLIC}/sources", content="{}", headers={"content-type": "text/plain"})
    c.ask("POST", f"{PUBLIC}/sources")
    c.ask("GET", f"{PUBLIC}/nothing")
    c.ask("PUT", f"{PUBLIC}/jobs")
    c.ask("GET", "/")
    c.ask("GET", f"{CONFIG}/sources/get")
    c.config("/sources/get", {"sourceId": MISSING_ID})
    c.config("/sources/get", {"sourceId": "x"})
    c.config("/sources/get")
    c.config("/connector_builder_projects/list", WORKSPACE)
    for method, path in (
        ("GET", "/regions"), ("GET", "/groups"), ("GET", "/dataplanes"), ("POST", "/sources/initiateOAuth"),
        ("POST", "/embedded/widget_token"), ("PUT", f"/organizations/{ORGANIZATION_ID}/oauthCredentials"),
    ):  # fmt: skip
        c.public(method, path, {})
    c.ask("GET", f"{PUBLIC}/health", headers={"host": "evil.example.invalid"})
    c.ask("POST", f"{PUBLIC}/workspaces", {"name": "x"}, headers={"origin": "https://evil.example.invalid"})


def _credentials(c: Conversation) -> None:
    c.public("GET", "/health")
    c.public("GET", "/workspaces")
    c.public("GET", "/workspaces", headers={"authorization": "Bearer wrong"})
    wrong = {"client_id": "dagster", "client_secret": "wrong"}
    c.public("POST", "/applications/token", wrong)
    client = {"client_id": "dagster", "client_secret": "not-a-secret", "grant_type": "client_credentials"}
    for path in ("/applications/token", f"{PUBLIC}/applications/token", f"{CONFIG}/applications/token"):
        answer = c.http.post(path, json=client)
        token = answer.json()["access_token"]
        c.hide(token, "<token>")
        c.ask("POST", path, client)
