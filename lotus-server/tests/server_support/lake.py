"""A lake in a temporary folder: real store, real connectors, real worker processes; no HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from lotus_server.connectors import Connectors
from lotus_server.connectors.registry import definitions
from lotus_server.jobs.jobs import Jobs
from lotus_server.jobs.preparation import SyncLimits
from lotus_server.jobs.queue import BackOff
from lotus_server.store import Store, actors, connections, job_history, sync_states, workspaces
from lotus_server.store import definitions as stored_definitions

SCRIPTED = Path(__file__).with_name("scripted.py")

FINAL = ("succeeded", "failed", "cancelled")


class Lake:
    """The parts of a server, driven without its API."""

    def __init__(self, data: Path, *, silence_seconds: float = 20) -> None:
        self.data = data
        self.store = Store(data, environment={})
        self.connectors = Connectors(owner=str(data.resolve()))
        self.jobs = Jobs(
            self.store,
            self.connectors,
            data=data,
            back_off=BackOff((0.05,), (0.05,)),
            limits=SyncLimits(silence_seconds=silence_seconds),
        )
        self.store.write_now(workspaces.seed)
        self.workspace = self.store.read_now(workspaces.listed)[0].id

    def definition(self, docker_repository: str, tag: str = "", *, manifest: Mapping[str, Any] | None = None) -> str:
        """The id of a definition; registry ones are looked up, others made."""
        for entry in definitions():
            if entry.docker_repository == docker_repository and not manifest:
                self.store.write_now(
                    stored_definitions.put_builtin,
                    [
                        {
                            "id": entry.id,
                            "kind": entry.actor_type,
                            "name": entry.name,
                            "docker_repository": entry.docker_repository,
                            "docker_image_tag": entry.docker_image_tag,
                            "documentation_url": None,
                        }
                    ],
                )
                return entry.id
        return self.store.write_now(
            stored_definitions.create,
            kind="source",
            origin="declarative" if manifest else "custom",
            workspace_id=self.workspace,
            name="made",
            docker_repository=docker_repository,
            docker_image_tag=tag,
            documentation_url=None,
            manifest=manifest,
        ).id

    def actor(self, kind: Any, definition_id: str, configuration: Mapping[str, Any]) -> str:
        """A source or destination."""
        return self.store.write_now(
            actors.create,
            self.store.cipher,
            kind=kind,
            workspace_id=self.workspace,
            definition_id=definition_id,
            name=kind,
            configuration=configuration,
        ).id

    def connection(
        self,
        source: str,
        destination: str,
        streams: list[dict[str, Any]],
        **values: Any,
    ) -> str:
        """A connection of configured streams."""
        defaults: dict[str, Any] = {
            "workspace_id": self.workspace,
            "source_id": source,
            "destination_id": destination,
            "name": "source → destination",
            "status": "active",
            "schedule_type": "manual",
            "cron_expression": None,
            "cron_time_zone": None,
            "basic_units": None,
            "basic_time_unit": None,
            "namespace_definition": "destination",
            "namespace_format": None,
            "prefix": "",
            "non_breaking_schema_updates": "ignore",
            "catalog": {"streams": streams},
            "discovered_catalog_id": None,
            "breaking_change": False,
            "resource_requirements": None,
            "notify_schema_changes": False,
            "notify_schema_changes_by_email": False,
        }
        return self.store.write_now(connections.create, {**defaults, **values}, []).id

    def scripted(self, script: list[Any], streams: list[dict[str, Any]], *, folder: Path, **values: Any) -> str:
        """A connection from a connector that follows a script to a folder of files."""
        path = self.data / f"script-{uuid.uuid4().hex}.json"
        path.write_text(json.dumps(script))
        command = f"command:{sys.executable} {SCRIPTED} {path}"
        source = self.actor("source", self.definition(command), {"password": "hunter22"})
        return self.connection(source, self.local(folder), streams, **values)

    def configuration(self, connection_id: str) -> Any:
        """The configuration of a connection's source."""
        connection = self.store.read_now(connections.connection, connection_id)
        assert connection is not None
        source = self.store.read_now(actors.actor, self.store.cipher, connection.source_id)
        return source.configuration if source else None

    def redirect(self, connection_id: str, destination_id: str) -> None:
        """Lets a connection write to another destination."""
        self.store.write_now(connections.change, connection_id, destination_id=destination_id)

    def local(self, folder: Path, **configuration: Any) -> str:
        """A destination of Parquet files in a folder."""
        settings = {
            "destination_path": str(folder),
            "path_format": "${STREAM_NAME}/",
            "format": {"format_type": "Parquet"},
        }
        return self.actor("destination", self.definition("airbyte/destination-local"), {**settings, **configuration})

    async def run(self, connection_id: str, config_type: Any = "sync", *, seconds: float = 120, **options: Any) -> Any:
        """Submits a job and waits for its end."""
        return await self.ended(await self.jobs.submit(connection_id, config_type, **options), seconds=seconds)

    async def ended(self, job_id: int, *, seconds: float = 120) -> Any:
        """The job once it has ended."""
        return await self.until(lambda job: job.status in FINAL, job_id, seconds=seconds)

    async def until(self, condition: Callable[[Any], bool], job_id: int, *, seconds: float = 60) -> Any:
        """The job once a condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            job = await self.store.read(job_history.job, job_id)
            if job is not None and condition(job):
                return job
            assert time.monotonic() < deadline, f"job {job_id} did not get there in {seconds} s: {job}"
            await asyncio.sleep(0.05)

    def attempts(self, job: Any) -> Any:
        """The attempts of a job."""
        return self.store.read_now(job_history.attempts_of, [job.id])[job.id]

    def reason(self, job: Any) -> str:
        """Why the last attempt failed."""
        return self.attempts(job)[-1].failures[0]["externalMessage"]

    def state(self, connection_id: str, stream: str) -> Any:
        """The committed state of a stream."""
        states = self.store.read_now(sync_states.committed_states, connection_id)
        return next((json.loads(each["text"]) for each in states if each["name"] == stream), None)


def configured_stream(name: str = "orders", **values: Any) -> dict[str, Any]:
    """A configured stream of orders, incremental append unless told otherwise."""
    defaults: dict[str, Any] = {
        "stream": {
            "name": name,
            "json_schema": {"type": "object", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}}},
            "supported_sync_modes": ["full_refresh", "incremental"],
        },
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "cursor_field": ["id"],
        "primary_key": [["id"]],
        "selected": True,
        "selected_fields": None,
        "mappers": [],
    }
    return {**defaults, **values}


OpenLake = Callable[..., AbstractAsyncContextManager[Lake]]
"""Opens the lake of a test; again, for a restart."""
