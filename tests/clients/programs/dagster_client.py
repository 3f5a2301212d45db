"""dagster-airbyte: the workspace resource with a materialized asset, and the legacy resource."""

from __future__ import annotations

from urllib.parse import urlsplit

import dagster as dg
from dagster_airbyte import (
    AirbyteResource,
    AirbyteWorkspace,
    build_airbyte_assets_definitions,
    load_assets_from_airbyte_instance,
)
from steps import CONFIG, CONNECTION_ID, PUBLIC, SLOW_CONNECTION_ID, URL, WORKSPACE_ID, check, step

workspace = AirbyteWorkspace(
    rest_api_base_url=PUBLIC,
    configuration_api_base_url=CONFIG,
    workspace_id=WORKSPACE_ID,
    client_id="any",
    client_secret="any",
)
parts = urlsplit(URL)
legacy = AirbyteResource(host=parts.hostname or "", port=str(parts.port), use_https=False)


def materialized():
    definitions = build_airbyte_assets_definitions(workspace=workspace)
    chosen = [
        one for one in definitions if any("quick" in key.to_user_string() or "orders" in key.path for key in one.keys)
    ]
    check(chosen, "no asset")
    result = dg.materialize(chosen[:1], resources={"airbyte": workspace})
    check(result.success)


def cancelled():
    client = workspace.get_client()
    job = client.start_sync_job(SLOW_CONNECTION_ID)
    client.cancel_job(job["jobId"])
    check(client.get_job_details(job["jobId"])["status"] == "cancelled")


def of_legacy():
    cacheable = load_assets_from_airbyte_instance(legacy, workspace_id=WORKSPACE_ID)
    data = cacheable.compute_cacheable_data()
    check(data and cacheable.build_definitions(data))


def legacy_sync():
    output = legacy.sync_and_poll(CONNECTION_ID, poll_interval=0.5, poll_timeout=120)
    check(output.job_details["job"]["status"] == "succeeded", output.job_details)


step("specs of the workspace", lambda: check(workspace.load_asset_specs()))
step("materialize an asset", materialized)
step("cancel", cancelled)
step("legacy: load_assets_from_airbyte_instance", of_legacy)
step("legacy: sync_and_poll", legacy_sync)
