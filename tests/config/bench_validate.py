"""How long 5,000 stream files with 100 fields take: `python tests/config/bench_validate.py [STREAMS] [FIELDS]`.

Prints one JSON object: seconds (without the interpreter's start and imports), peak memory of the process in MB; then
the same of the program's own part, in a process of its own: it reads the files and makes every connection's inputs.
What Pulumi then does with the inputs is not in it: docs/benchmarks.md has a whole preview.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PER_SOURCE = 50


def write_lake(root: Path, streams: int, fields: int) -> None:
    """A lake of sources with 50 streams each, every one discovered, every field selected."""
    selected: dict[str, Any] = {"id": {"type": "integer"}, "updated_at": {"type": "string", "format": "date-time"}}
    selected |= {f"field_{i}": {"type": "string"} for i in range(fields - len(selected))}
    (root / "streams/_destinations").mkdir(parents=True)
    configuration = {
        "s3_bucket_name": "lake",
        "s3_bucket_path": "raw",
        "s3_path_format": "${NAMESPACE}/${STREAM_NAME}/",
        "format": {"format_type": "Parquet"},
    }
    lake = {"connector": "destination-s3", "configuration": configuration}
    (root / "streams/_destinations/lake.json").write_text(json.dumps(lake))
    stream = {
        "sync_mode": "incremental",
        "destination_sync_mode": "append",
        "primary_key": [["id"]],
        "cursor_field": ["updated_at"],
        "selected": True,
        "fields": selected,
    }
    offered = {
        "options": {"sync_modes": ["full_refresh", "incremental"]},
        "defaults": {"primary_key": [["id"]], "cursor_field": ["updated_at"], "source_defined_cursor": True},
        "fields": selected,
    }
    for number in range(streams):
        folder = root / f"streams/source_{number // PER_SOURCE:03d}"
        if number % PER_SOURCE == 0:
            (folder / "_discovered").mkdir(parents=True)
            (folder / "_source.json").write_text('{"connector": "source-faker"}')
        name = f"stream_{number % PER_SOURCE}"
        (folder / f"{name}.json").write_text(json.dumps({"stream": name, **stream}, indent=2))
        (folder / f"_discovered/{name}.json").write_text(json.dumps({"stream": name, **offered}, indent=2))


def peak_mb() -> int:
    """The largest resident set of this program; getrusage on Linux keeps that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 1024)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def parsing(root: Path) -> float:
    """Processor seconds in which the standard library reads the same files: what this machine needs for them now."""
    cpu = time.process_time()
    for file in root.rglob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))
    return time.process_time() - cpu


def program(root: Path) -> None:
    """Print processor seconds and peak memory of the program's own part, for a stack with all sources."""
    from lotus.config import from_values, load
    from lotus.program.connection_inputs import configured_streams

    cpu = time.process_time()
    found = load(root, from_values({"lake": "true"}, stack="dev", project=root, environment={}))
    inputs = [configured_streams(connection.streams) for connection in found.connections]
    seconds = round(time.process_time() - cpu, 2)
    print(json.dumps({"connections": len(inputs), "program_cpu_seconds": seconds, "program_peak_mb": peak_mb()}))


def main() -> None:
    """Write the lake, validate it once, print the figures."""
    streams, fields = (int(a) for a in [*sys.argv[1:], "5000", "100"][:2])
    from lotus.authoring.validate import validate

    with tempfile.TemporaryDirectory() as folder:
        write_lake(Path(folder), streams, fields)
        start, cpu = time.perf_counter(), time.process_time()
        report = validate(Path(folder))
        figures = {
            "streams": report.streams,
            "files": report.files,
            "faults": len(report.faults),
            "seconds": round(time.perf_counter() - start, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "peak_mb": peak_mb(),
        }
        figures["parse_cpu_seconds"] = round(parsing(Path(folder)), 2)
        told = subprocess.run([sys.executable, __file__, "--program", folder], check=True, capture_output=True)
        figures |= json.loads(told.stdout)
    print(json.dumps(figures))


if __name__ == "__main__":
    program(Path(sys.argv[2])) if sys.argv[1:2] == ["--program"] else main()
