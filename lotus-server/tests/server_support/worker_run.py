"""One attempt by the real worker process, told what to do as the server tells it; its peak memory is measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from lotus_server.jobs.assignment import AssignedStream, Assignment

SCRIPTED = Path(__file__).with_name("scripted.py")
PROPERTIES = {"id": {"type": "integer"}, "note": {"type": "string"}}


@dataclass
class Run:
    """What the worker told and needed; `peak` is its largest resident set in bytes, its connector's left out."""

    events: list[dict[str, Any]] = field(default_factory=list)
    peak: int = 0
    killed: bool = False

    @property
    def ended(self) -> dict[str, Any]:
        """The last event: how it went."""
        return self.events[-1]

    @property
    def states(self) -> dict[str, str]:
        """The states that were committed, by stream."""
        return {s["name"]: s["text"] for e in self.events if e["event"] == "committed" for s in e["states"]}


def incremental(name: str, properties: dict[str, Any] | None = None, *, namespace: str | None = None) -> AssignedStream:
    """A stream in append mode."""
    schema = {"type": "object", "properties": properties or PROPERTIES}
    return AssignedStream(name, namespace, name, namespace, "append", schema, None, [["id"]], ["id"], 1, 0, False)


def run_worker(
    folder: Path,
    script: list[Any],
    streams: list[AssignedStream],
    destination: str,
    configuration: dict[str, Any],
    *,
    at: datetime,
    job_id: int = 1,
    limit: int | None = None,
    environment: dict[str, str] | None = None,
) -> Run:
    """Runs a scripted source into a destination; above `limit` bytes of resident memory the worker is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = folder / "script.json"
    steps.write_text(json.dumps(script))
    catalog = {"streams": [{"stream": {"name": s.name, "json_schema": s.json_schema}} for s in streams]}
    private = Path(tempfile.mkdtemp(dir=folder))
    for name in ("work", "tmp"):
        (private / name).mkdir()
    assignment = Assignment(
        job_id=job_id, attempt_number=0, connection_id="c", started_at=int(at.timestamp() * 1000), streams=streams,
        destination=destination, destination_configuration=configuration, scratch=str(folder / "scratch"),
        private=str(private),
        log_file=str(folder / "log"), owner=str(folder), secrets=[], catalog=catalog,
        command=[sys.executable, str(SCRIPTED), str(steps)],
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "lotus_server.jobs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    run = Run()
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(worker, run, limit, over), daemon=True)
    watch.start()
    try:
        worker.stdin.write(assignment.dumped())
        worker.stdin.flush()
        for line in worker.stdout:
            event = json.loads(line)
            run.events.append(event)
            if event["event"] == "committed":
                worker.stdin.write(json.dumps({"ack": event["number"]}).encode() + b"\n")
                worker.stdin.flush()
    finally:
        worker.kill() if worker.poll() is None and not run.events else None
        worker.wait()
        over.set()
        watch.join()
    return run


def _watch(worker: subprocess.Popen[bytes], run: Run, limit: int | None, over: threading.Event) -> None:
    """The kernel keeps the peak (VmHWM): no spike between two looks is missed."""
    while not over.wait(0.02) and worker.poll() is None:
        try:
            run.peak = max(run.peak, _peak(worker.pid))
        except (OSError, psutil.Error):
            return
        if limit is not None and run.peak > limit:
            run.killed = True
            worker.kill()


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return int(psutil.Process(pid).memory_info().rss)
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024
