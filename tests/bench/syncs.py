"""`make bench-sync`: what a sync costs, beside dlt and PyAirbyte on the same source; a section of docs/benchmarks.md.

CPU seconds are those of the whole process tree (user and system), by the kernel: they hold on a machine that others use
too, where wall time does not. Rounds are interleaved, medians are quoted.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lotus_server.connectors.private import TEMPORARY, WORK
from lotus_server.jobs.assignment import AssignedStream, Assignment
from server_support import s3

from lotus.local.dev import path as path_with_tools
from tests.bench import sync_data
from tests.bench.sync_data import FLAT, SCHEMAS, flat, record, state
from tests.support.clone import PROJECT

ROUNDS = int(os.environ.get("LOTUS_BENCH_ROUNDS", "5"))
ROWS = 200_000
ORDER_ROWS = 20_000
HERE = Path(__file__).parent
PEERS = Path(os.environ.get("LOTUS_CACHE", "~/.cache/lotus")).expanduser() / "peers"
PACKAGES = {"dlt": ["dlt[parquet,s3]==1.31.0"], "pyairbyte": ["airbyte==0.71.3"]}
SECTION = re.compile(r"<!-- syncs: .*?<!-- end of syncs -->\n", re.DOTALL)


@dataclass(frozen=True)
class Cost:
    """What one process tree took."""

    cpu: float
    megabytes: float
    wall: float


Answer = Callable[[subprocess.Popen[bytes]], None]


def cost(command: list[str], answer: Answer | None = None, environment: dict[str, str] | None = None) -> Cost:
    """Runs a program to its end.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if answer is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL if answer is None else subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            cwd=PROJECT,
        )
        if answer is not None:
            answer(process)
        _, status, used = os.wait4(process.pid, 0)
        if status != 0:
            errors.seek(0)
            raise RuntimeError(f"{command[:3]} failed: {errors.read()[-2000:].decode()}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, time.perf_counter() - started)


class Bench:
    """Folders, the file of records, and the programs that read it."""

    def __init__(self, folder: Path, s3: Any) -> None:
        self.folder = folder
        self._s3 = s3
        self._number = 0

    def fresh(self) -> Path:
        """A folder of a run's own."""
        self._number += 1
        path = self.folder / str(self._number)
        path.mkdir()
        return path

    def lotus(self, source: Path, schemas: dict[str, Any], destination: str = "local", command: str = "") -> Cost:
        """A sync by lotus's worker, told what to do and acknowledged as the server does."""
        folder = self.fresh()
        settings = self._s3_settings(folder) if destination == "s3" else {"destination_path": str(folder / "lake")}
        streams = [
            AssignedStream(name, None, name, None, "append", {"properties": fields}, None, [], [], 1, 0, whole=False)
            for name, fields in schemas.items()
        ]
        private = folder / "private"
        for name in (WORK, TEMPORARY):
            (private / name).mkdir(parents=True)
        assignment = Assignment(
            job_id=1, attempt_number=0, connection_id="c", started_at=int(time.time() * 1000), streams=streams,
            destination=destination, scratch=str(folder / "scratch"), private=str(private), owner=str(folder),
            log_file=str(folder / "log"), secrets=[], catalog={"streams": []},
            command=["/bin/sh", "-c", command or f"cat {source}"],
            destination_configuration={**settings, "format": {"format_type": "Parquet", "compression_codec": "SNAPPY"}},
        )  # fmt: skip

        def answer(process: subprocess.Popen[bytes]) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(assignment.dumped())
            process.stdin.flush()
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "committed":
                    process.stdin.write(b'{"ack":%d}\n' % event["number"])
                    process.stdin.flush()
                if event["event"] == "ended" and event["status"] != "succeeded":
                    raise RuntimeError(str(event["failures"]))

        return cost([sys.executable, "-m", "lotus_server.jobs.worker"], answer)

    def dlt(self, source: Path, kind: str, destination: str) -> Cost:
        """A load by dlt."""
        folder = self.fresh()
        url = "s3://lake/dlt" + folder.name if destination == "s3" else f"file://{folder}/lake"
        credentials = {
            "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID": "minioadmin",
            "DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY": "minioadmin",
            "DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL": self._s3.meta.endpoint_url,
        }
        python = str(PEERS / "dlt" / "bin" / "python")
        script = [python, str(HERE / "peers" / f"dlt_{kind}.py"), str(source), url, str(folder / "pipelines")]
        arguments = [json.dumps(SCHEMAS)] if kind == "arrow" else []
        environment = {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": str(folder)}
        environment |= credentials if destination == "s3" else {}
        return cost([*script, *arguments], environment=environment)

    def pyairbyte(self, source: Path) -> Cost:
        """A read by PyAirbyte into DuckDB."""
        folder = self.fresh()
        python = str(PEERS / "pyairbyte" / "bin" / "python")
        script = [python, str(HERE / "peers" / "pyairbyte_duckdb.py"), str(source), str(folder), json.dumps(SCHEMAS)]
        return cost(script, environment={"DO_NOT_TRACK": "1", "HOME": str(folder)})

    def floor(self, source: Path) -> float:
        """CPU microseconds a row that decoding and writing take at least."""
        command = [sys.executable, str(HERE / "floor.py"), str(source), json.dumps(SCHEMAS), str(self.fresh())]
        return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    def _s3_settings(self, folder: Path) -> dict[str, Any]:
        return {
            "s3_bucket_name": "lake", "s3_bucket_path": f"lotus{folder.name}", "access_key_id": "minioadmin",
            "s3_endpoint": self._s3.meta.endpoint_url, "secret_access_key": "minioadmin",
        }  # fmt: skip


def install_peers() -> None:
    """Environments of their own, kept in the cache."""
    for name, packages in PACKAGES.items():
        if not (PEERS / name / "installed").exists():
            uv = [str(PROJECT / ".venv" / "bin" / "uv")]
            subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", "3.11", str(PEERS / name)], check=True)
            python = str(PEERS / name / "bin" / "python")
            subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *packages], check=True)
            (PEERS / name / "installed").touch()


def peers(bench: Bench) -> str:
    """The table of a sync of 200,000 mixed records, and of 10."""
    mid = sync_data.write(bench.folder / "mid.jsonl", sync_data.mixed(ROWS // 2))
    tiny = sync_data.write(bench.folder / "tiny.jsonl", sync_data.mixed(5))
    tools: dict[str, tuple[str, Callable[[Path], Cost]]] = {
        "lotus, folder": (
            "Parquet with structs, timestamps, `_airbyte_` columns, states", lambda f: bench.lotus(f, SCHEMAS)),
        "lotus, S3": ("the same, staged multipart upload", lambda f: bench.lotus(f, SCHEMAS, "s3")),
        "dlt, dict rows, folder": (
            "Parquet, nested objects as columns, load packages", lambda f: bench.dlt(f, "rows", "local")),
        "dlt, dict rows, S3": ("the same, uploaded", lambda f: bench.dlt(f, "rows", "s3")),
        "dlt, Arrow tables, folder": (
            "Parquet with structs; one odd value fails the load", lambda f: bench.dlt(f, "arrow", "local")),
        "PyAirbyte, DuckDB": ("tables, nested objects as JSON, no Parquet", bench.pyairbyte),
    }  # fmt: skip
    runs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in tools}
    floors: list[float] = []
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        floors.append(bench.floor(mid))
        for name, (_, tool) in tools.items():
            runs[name].append((tool(mid), tool(tiny)))
    floor = statistics.median(floors)
    lines = [
        f"The floor in the same run, Arrow's decoding by the declared schema and writing: {floor:.1f} µs of CPU a row.",
        "",
        "| tool | does | CPU s | of it for 10 records | net µs a row | to the floor | peak MB | wall s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, (words, _) in tools.items():
        whole = statistics.median(large.cpu for large, _ in runs[name])
        start = statistics.median(small.cpu for _, small in runs[name])
        peak = statistics.median(large.megabytes for large, _ in runs[name])
        wall = statistics.median(large.wall for large, _ in runs[name])
        net = (whole - start) / ROWS * 1e6
        lines.append(
            f"| {name} | {words} | {whole:.2f} | {start:.2f} "
            f"| {net:.1f} | {net / floor:.1f} | {peak:.0f} | {wall:.1f} |"
        )
    return "\n".join(lines)


def orders(bench: Bench) -> str:
    """The table of 20,000 rows in any order."""
    free = {**FLAT, "free": {"type": "object"}}
    value = {"k": 1, "v": [1, 2, 3]}
    count = range(ORDER_ROWS)
    cases: dict[str, tuple[dict[str, Any], Callable[[], Iterator[str]]]] = {
        "five plain columns": ({"s": FLAT}, lambda: (record("s", flat(n)) for n in count)),
        "and a column without a schema": ({"s": free}, lambda: (record("s", flat(n, free=value)) for n in count)),
        "the same, a state after each record": (
            {"s": free}, lambda: (line for n in count for line in (record("s", flat(n, free=value)), state("s", n)))),
        "the same, two streams in turn": (
            {"s": free, "t": free}, lambda: (record("st"[n % 2], flat(n, free=value)) for n in count)),
        "plain, 1 % of the rows misfit": (
            {"s": FLAT}, lambda: (record("s", flat(n, **({} if n % 100 else {"id": "5"}))) for n in count)),
        "plain, half of the rows misfit": (
            {"s": FLAT}, lambda: (record("s", flat(n, **({} if n % 2 else {"id": "5"}))) for n in count)),
        "plain, 50 streams in turn": (
            {f"s{n}": FLAT for n in range(50)}, lambda: (record(f"s{n % 50}", flat(n)) for n in count)),
    }  # fmt: skip
    start = statistics.median(bench.lotus(bench.folder / "tiny.jsonl", SCHEMAS).cpu for _ in range(ROUNDS))
    lines = ["| 20,000 records | net µs a row | peak MB |", "| --- | --- | --- |"]
    for name, (schemas, records) in cases.items():
        source = sync_data.write(bench.folder / "case.jsonl", records())
        runs = [bench.lotus(source, schemas) for _ in range(ROUNDS)]
        net = (statistics.median(run.cpu for run in runs) - start) / ORDER_ROWS * 1e6
        lines.append(f"| {name} | {net:.1f} | {max(run.megabytes for run in runs):.0f} |")
    return "\n".join(lines)


def growth(bench: Bench) -> str:
    """The table of large syncs, each once."""
    lines = ["| sync, once each | CPU s | peak MB |", "| --- | --- | --- |"]
    for rows in (10_000, 100_000, 1_000_000, 3_000_000):
        source = sync_data.write(bench.folder / "growth.jsonl", (record("s", flat(n)) for n in range(rows)))
        run = bench.lotus(source, {"s": FLAT})
        lines.append(f"| {rows:,} plain records | {run.cpu:.1f} | {run.megabytes:.0f} |")
        source.unlink()
    source = sync_data.write(bench.folder / "streams.jsonl", (record(f"s{n}", flat(n)) for n in range(10_000)))
    run = bench.lotus(source, {f"s{n}": FLAT for n in range(10_000)})
    lines.append(f"| 10,000 streams with one record each | {run.cpu:.1f} | {run.megabytes:.0f} |")
    return "\n".join(lines)


def section(bench: Bench) -> str:
    """The section of the page."""
    compared, ordered, grown = peers(bench), orders(bench), growth(bench)
    versions = {name: packages[0].rsplit("=")[-1] for name, packages in PACKAGES.items()}
    return f"""<!-- syncs: written by make bench-sync -->
## Syncs

`make bench-sync` measures this section again: 200,000 records of two streams, 90 MB through a pipe, medians of {ROUNDS}
interleaved rounds. CPU seconds are those of the whole process tree, the source's `cat` included, the S3's not. dlt
{versions["dlt"]} and PyAirbyte {versions["pyairbyte"]} run in environments of their own.
Measured on {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, load
{os.getloadavg()[0]:.0f} at the end: other work ran beside it, so compare within a table only.

{compared}

What a row costs does not depend on the order of the lines, the number of states, or the share of values that do not
fit:

{ordered}

{grown}
<!-- end of syncs -->
"""


def main() -> None:
    """Measures and writes the section."""
    os.environ["PATH"] = path_with_tools(PROJECT)
    install_peers()
    with tempfile.TemporaryDirectory(prefix="lotus-bench-") as temporary:
        folder = Path(temporary)
        with s3.served(folder / "s3") as client:
            text = section(Bench(folder, client))
    page = PROJECT / "docs" / "benchmarks.md"
    before = SECTION.sub("", page.read_text()).rstrip("\n")
    page.write_text(f"{before}\n\n{text}")
    print(text)


if __name__ == "__main__":
    main()
