"""PyAirbyte's CloudWorkspace: deploy, run, read, delete."""

from __future__ import annotations

import os
import tempfile

from airbyte import get_source
from airbyte.cloud import CloudWorkspace
from steps import CONFIG, CONNECTION_ID, PUBLIC, WORKSPACE_ID, check, step

workspace = CloudWorkspace(
    workspace_id=WORKSPACE_ID, client_id="any", client_secret="any", api_root=PUBLIC, config_api_root=CONFIG
)
lake = os.path.join(tempfile.mkdtemp(), "lake.duckdb")


def deployed():
    program = os.environ["AIRBYTE_FAKER"]
    faker = get_source(
        "source-faker", config={"count": 10}, local_executable=program, install_if_missing=False, streams="*"
    )
    source = workspace.deploy_source("pyairbyte-delete-me", faker, unique=False)
    target = {"destinationType": "duckdb", "destination_path": lake}
    destination = workspace.deploy_destination("pyairbyte-delete-me", target, unique=False)
    return workspace.deploy_connection(
        "pyairbyte-delete-me", source=source, destination=destination, selected_streams=["users", "products"]
    )


def noop():
    settings = {"destinationType": "dev-null", "test_destination": {"test_destination_type": "SILENT"}}
    destination = workspace.deploy_destination("noop-delete-me", settings, unique=False)
    workspace.permanently_delete_destination(destination)


def of_state():
    connection = workspace.get_connection(CONNECTION_ID)
    return connection.import_raw_state(connection.dump_raw_state(normalize=False))


step("connect", workspace.connect)
step("list sources", workspace.list_sources)
step("list connections", lambda: check(workspace.list_connections()))
connection = step("deploy source, destination and connection", deployed)
if connection is not None:
    result = step("run a sync", lambda: connection.run_sync(wait=True, wait_timeout=120))
    if result is not None:
        step(
            "its result",
            lambda: check(str(result.get_job_status()).lower().endswith("succeeded") and result.records_synced),
        )
        step("its log", lambda: check(result.get_attempts()[-1].get_full_log_text()))
        step("stream names", lambda: check(set(result.stream_names) >= {"users", "products"}, result.stream_names))
        step("get_dataset", lambda: check(len(list(result.get_dataset("users"))) == 10))
    step("state", connection.dump_raw_state)
    step("catalog", lambda: check(connection.dump_raw_catalog()))
    step("rename", lambda: connection.rename("renamed-delete-me"))
    step("schedule", lambda: connection.set_schedule("0 0 0 * * ?"))
    step(
        "permanently_delete",
        lambda: workspace.permanently_delete_connection(
            connection, cascade_delete_source=True, cascade_delete_destination=True
        ),
    )
step("dev-null destination", noop)
step("write the state back", of_state)
step("list custom definitions", lambda: workspace.list_custom_source_definitions(definition_type="yaml"))
