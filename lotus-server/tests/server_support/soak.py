"""A server and an S3 that are killed while every mode syncs through the API, and what must hold after it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import duckdb
import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from lotus_server.connectors.process import marked_processes
from server_support.process import free_port
from server_support.s3 import KEY, ROOT, s3_command

SERVER = Path(__file__).with_name("soak_server.py")
SCRIPTED = Path(__file__).with_name("scripted.py")
PUBLIC, CONFIG = "/api/public/v1", "/api/v1"
ROWS, SLICE, PAUSE = 2000, 100, 0.02
OPEN = ("pending", "running", "incomplete")
QUIET_SECONDS = 300.0

NEXT = [["next", "orders", ROWS, SLICE, PAUSE]]
STAMPED = [["stamped", "orders", ROWS, PAUSE]]
RESUME = [["resume", "orders", ROWS, SLICE, PAUSE]]


@dataclass
class Lane:
    """One connection: what it syncs, which jobs it is asked for, and what its rows must be."""

    mode: str
    script: list[Any]
    destination: str
    holds: Callable[[Lane, list[dict[str, Any]], int, int], None]
    jobs: tuple[tuple[str, dict[str, Any]], ...] = (("connections/sync", {}),)
    connection: str = ""
    asked: int = 0
    acknowledged: list[int] = field(default_factory=list[int])
    names: tuple[str, str] = ("", "")
    rows: int = 0
    cron: str | None = None


# What must hold when nothing runs: of the rows, the committed cursor, and the number of syncs that succeeded.


def each_once(_lane: Lane, rows: list[dict[str, Any]], state: int, _succeeded: int) -> None:
    """Every row up to the committed state, exactly once: nothing lost, nothing repeated."""
    assert Counter(row["id"] for row in rows) == Counter(range(1, state + 1))


def each_once_a_generation(_lane: Lane, rows: list[dict[str, Any]], state: int, _succeeded: int) -> None:
    """Each generation begins at the first row and has no gap and no repetition; the newest ends at the state."""
    generations: dict[int, list[int]] = {}
    for row in rows:
        generations.setdefault(row["_airbyte_generation_id"], []).append(row["id"])
    for ids in generations.values():
        assert sorted(ids) == list(range(1, len(ids) + 1))
    assert not rows or len(generations[max(generations)]) == state


def one_run(_lane: Lane, rows: list[dict[str, Any]], _state: int, succeeded: int) -> None:
    """All rows of one run: the old or the new, never both, never a part."""
    assert (len(rows), len({row["note"] for row in rows})) == ((ROWS, 1) if succeeded else (0, 0))


def whole_runs(_lane: Lane, rows: list[dict[str, Any]], _state: int, succeeded: int) -> None:
    """The rows of each run that succeeded, whole, once; nothing of the others."""
    assert sorted(Counter(row["note"] for row in rows).values()) == [ROWS] * succeeded


def lanes() -> list[Lane]:
    """Every mode that a destination here has, and each kind of job."""
    sync = ("connections/sync", {})
    truncate = ("connections/refresh", {"refreshMode": "Truncate"})
    merge = ("connections/refresh", {"refreshMode": "Merge"})
    clear = ("connections/clear", {})
    return [
        Lane("incremental_append", NEXT, "s3", each_once),
        Lane("full_refresh_overwrite", STAMPED, "s3", one_run),
        Lane("full_refresh_append", STAMPED, "s3", whole_runs),
        Lane("incremental_append", RESUME, "s3", each_once, (sync, truncate, truncate, clear)),
        Lane("incremental_append", RESUME, "s3", each_once_a_generation, (sync, merge)),
        Lane("incremental_deduped_history", NEXT, "duckdb", each_once),
        Lane("full_refresh_overwrite_deduped", STAMPED, "duckdb", one_run),
        Lane("full_refresh_overwrite", STAMPED, "local", one_run),
        Lane("incremental_append", NEXT, "local", each_once, jobs=(), cron="0 * * * * ?"),
    ]


class Soak:
    """The processes, who asks them for jobs, who kills them, and who counts."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.chance = chance
        self.killed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.checks = 0
        self.ticks = 0
        self.lanes = lanes()
        self._ports = free_port(), free_port()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self._ports[0]}", timeout=60, trust_env=False)
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._ports[1]}",
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            region_name="us-east-1",
            config=Config(retries={"mode": "standard", "max_attempts": 10}),
        )

    def __enter__(self) -> Soak:
        self._start_s3()
        self._start_server()
        self.s3.create_bucket(Bucket="lake")
        for number, lane in enumerate(self.lanes):
            self._connect(number, lane)
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
        self.api.close()

    def run(self, kills: int, *, every: int) -> None:
        """So many kills at random moments of syncs; quiet, to look at everything, after each `every` of them."""
        while self.killed.total() < kills:
            wait = time.monotonic() + self.chance.uniform(0.1, 2.5)
            while time.monotonic() < wait:
                self._ask()
                time.sleep(0.05)
            self._kill(self.chance.choice(("server", "worker", "connector", "s3")))
            if self.killed.total() // every > self.checks:
                self.look()
        if self.killed.total() % every:
            self.look()

    def look(self) -> None:
        """Waits until nothing runs, then holds every lane against what was promised."""
        self.checks += 1
        deadline = time.monotonic() + QUIET_SECONDS
        while jobs := self._jobs(*OPEN):
            assert time.monotonic() < deadline, f"still open after {QUIET_SECONDS} s: {jobs}"
            time.sleep(0.2)
        deadline = time.monotonic() + 5
        while left := marked_processes(str(self.data.resolve())):
            assert time.monotonic() < deadline, f"left running: {left}"
            time.sleep(0.1)
        self.ended = Counter(job["status"] for job in self._jobs())
        for lane in self.lanes:
            for job in lane.acknowledged:
                assert self.api.get(f"{PUBLIC}/jobs/{job}").status_code == 200, f"job {job} was accepted and is lost"
            lane.acknowledged.clear()
            read = self.api.get(f"{PUBLIC}/connections/{lane.connection}").json()
            assert read["name"] in lane.names, f"{read['name']} is neither of {lane.names}"
            rows = self._rows(lane)
            lane.rows = len(rows)
            succeeded = len(self._jobs("succeeded", connection=lane.connection))
            if lane.cron is not None:
                minutes = self._minutes(lane)
                assert len(set(minutes)) == len(minutes), f"a tick fired twice: {minutes}"
                self.ticks = len(minutes)
            try:
                lane.holds(lane, rows, self._state(lane), succeeded)
            except AssertionError as error:
                raise AssertionError(f"{lane.mode} to {lane.destination} ({lane.connection}): {error}") from error

    def report(self) -> str:
        """The counts."""
        rows = ", ".join(f"{lane.rows} {lane.mode} ({lane.destination})" for lane in self.lanes)
        return (
            f"kill -9: {self.killed.total()} {dict(self.killed)}; jobs: {dict(self.ended)}; rows: {rows}; "
            f"ticks of a schedule: {self.ticks}, each once; looked {self.checks} times: "
            "no accepted write lost, no row lost or repeated, no mix, nothing left running"
        )

    # Who asks.

    def _ask(self) -> None:
        lane = self.chance.choice([lane for lane in self.lanes if lane.jobs])
        path, options = lane.jobs[lane.asked % len(lane.jobs)]
        name = f"{lane.mode} {lane.asked}"
        with contextlib.suppress(httpx.TransportError):
            # Not acknowledged, it may hold or not.
            lane.names = lane.names[0], name
            if self.api.patch(f"{PUBLIC}/connections/{lane.connection}", json={"name": name}).status_code == 200:
                lane.names = name, name
        if self._jobs_quietly(lane):
            return  # a refresh or clear would cancel it
        with contextlib.suppress(httpx.TransportError):
            answer = self.api.post(f"{CONFIG}/{path}", json={"connectionId": lane.connection, **options})
            if answer.status_code == 200:
                lane.asked += 1
                lane.acknowledged.append(answer.json()["job"]["id"])

    def _jobs_quietly(self, lane: Lane) -> bool:
        try:
            return bool(self._jobs(*OPEN, connection=lane.connection))
        except httpx.TransportError:
            return True

    # Who kills.

    def _kill(self, kind: str) -> None:
        with contextlib.suppress(psutil.Error, IndexError):
            self.chance.choice(self._victims(kind)).kill()
            self.killed[kind] += 1
        if kind in self._children:
            self._children[kind].wait()
        if kind == "s3":
            gone = time.monotonic() + self.chance.uniform(0.1, 3.0)
            while time.monotonic() < gone:
                self._ask()
                time.sleep(0.1)
            self._start_s3()
        elif kind == "server":
            self._start_server()

    def _victims(self, kind: str) -> list[psutil.Process]:
        if kind == "s3":
            return [psutil.Process(self._children["s3"].pid)]
        server = psutil.Process(self._children["server"].pid)
        if kind == "server":
            return [server]
        workers = server.children()
        return workers if kind == "worker" else [child for worker in workers for child in worker.children()]

    # The processes.

    def _start_server(self) -> None:
        command = [sys.executable, str(SERVER), str(self.data), str(self._ports[0])]
        log = (self.folder / "server.log").open("ab")
        self._children["server"] = child = subprocess.Popen(command, stderr=log)
        self._until(child, lambda: self.api.get("/v1/health").status_code == 200)

    def _start_s3(self) -> None:
        command = s3_command(self.folder / "s3", f"127.0.0.1:{self._ports[1]}")
        child = subprocess.Popen(command, env=os.environ | ROOT, stdout=subprocess.DEVNULL)
        self._children["s3"] = child
        url = f"http://127.0.0.1:{self._ports[1]}/health"
        self._until(child, lambda: self.api.get(url).status_code == 200)

    def _until(self, child: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if ready():
                    return
            assert child.poll() is None, f"{child.args} ended with {child.returncode}"
            time.sleep(0.05)
        raise AssertionError(f"{child.args} did not get up")

    # The API.

    def _connect(self, number: int, lane: Lane) -> None:
        workspace = self.api.get(f"{PUBLIC}/workspaces").json()["data"][0]["workspaceId"]
        script = self.folder / f"script-{number}.json"
        script.write_text(json.dumps(lane.script))
        program = f"command:{sys.executable} {SCRIPTED} {script}"
        definition = self._made(
            f"workspaces/{workspace}/definitions/sources",
            {"name": "Scripted", "dockerRepository": program, "dockerImageTag": str(number)},
        )
        both = {"name": lane.mode, "workspaceId": workspace}
        source = self._made("sources", {**both, "definitionId": definition["id"], "configuration": {}})
        settings = self._destination(number, lane)
        destination = self._made("destinations", {**both, "configuration": settings})
        key = [["id"]] if "dedup" in lane.mode else None
        stream = {"name": "orders", "syncMode": lane.mode, "cursorField": ["id"], "primaryKey": key}
        ends = {"sourceId": source["sourceId"], "destinationId": destination["destinationId"]}
        body: dict[str, Any] = {**ends, "name": lane.mode, "configurations": {"streams": [stream]}}
        if lane.cron is not None:
            body["schedule"] = {"scheduleType": "cron", "cronExpression": lane.cron}
        made = self._made("connections", body)
        lane.connection = made["connectionId"]
        lane.names = lane.mode, lane.mode

    def _destination(self, number: int, lane: Lane) -> dict[str, Any]:
        place = str(self.folder / f"lane-{number}")
        if lane.destination == "duckdb":
            return {"destinationType": "duckdb", "destination_path": f"{place}.duckdb"}
        if lane.destination == "local":
            return {"destinationType": "local", "destination_path": place, "format": {"format_type": "Parquet"}}
        return {
            "destinationType": "s3",
            "s3_bucket_name": "lake",
            "s3_bucket_path": f"lane-{number}",
            "s3_bucket_region": "us-east-1",
            "s3_endpoint": f"http://127.0.0.1:{self._ports[1]}",
            "access_key_id": KEY,
            "secret_access_key": KEY,
            "s3_path_format": "${STREAM_NAME}/",
            "file_name_pattern": "part_{part_number}{format_extension}",
            "format": {"format_type": "Parquet"},
        }

    def _made(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.api.post(f"{PUBLIC}/{what}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _jobs(self, *statuses: str, connection: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for status in statuses or (None,):
            query = {"limit": 100, "status": status, "connectionId": connection}
            query = {name: value for name, value in query.items() if value is not None}
            while page := self.api.get(f"{PUBLIC}/jobs", params={**query, "offset": len(found)}).json()["data"]:
                found += page
        return found

    def _minutes(self, lane: Lane) -> list[int]:
        """When the jobs of a lane were made."""
        body = {"configTypes": ["sync"], "configId": lane.connection, "pagination": {"pageSize": 1000}}
        jobs = self.api.post(f"{CONFIG}/jobs/list", json=body).json()["jobs"]
        return [each["job"]["createdAt"] // 60 for each in jobs]

    def _state(self, lane: Lane) -> int:
        state = self.api.post(f"{CONFIG}/state/get", json={"connectionId": lane.connection}).json()
        return next((each["streamState"]["id"] for each in state.get("streamState", [])), 0)

    # What landed.

    def _rows(self, lane: Lane) -> list[dict[str, Any]]:
        number = self.lanes.index(lane)
        if lane.destination == "duckdb":
            path = self.folder / f"lane-{number}.duckdb"
            if not path.exists():
                return []
            with duckdb.connect(str(path), read_only=True) as db:
                tables = [name for (name,) in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
                return db.sql("SELECT * FROM orders").to_arrow_table().to_pylist() if "orders" in tables else []
        if lane.destination == "local":
            files: list[Any] = list((self.folder / f"lane-{number}").rglob("*.parquet"))
        else:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=f"lane-{number}/")
            keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
            files = [io.BytesIO(self.s3.get_object(Bucket="lake", Key=key)["Body"].read()) for key in keys]
        columns = ["id", "note", "_airbyte_generation_id"]
        tables = [pq.ParquetFile(file).read(columns) for file in files]
        return pa.concat_tables(tables).to_pylist() if tables else []
