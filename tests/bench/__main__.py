"""Measures the way from nothing to Parquet, a preview, and the embedded server; writes docs/benchmarks.md.

The machine is shared and noisy: ratios are taken within one run, interleaved, and medians are quoted.
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from server_support.process import ServerProcess

from lotus.local.dev import path as path_with_tools
from tests.bench.syncs import SECTION
from tests.config import bench_validate
from tests.support.clone import PROJECT, Clone, copy_of_checkout

ROUNDS = 5
IDLE_SECONDS = 5
CONNECTIONS = 1000
CLIENTS = 20
PROJECT_FILE = """name: bench
runtime: python
plugins:
  providers:
    - name: airbyte
      path: {plugin}
"""
STACK = """
import pulumi_airbyte as airbyte
W = "00000000-0000-4000-8000-000000000001"
shop = airbyte.SourceDefinition("shop", workspace_id=W, docker_repository="{command}", docker_image_tag="1")
source = airbyte.Source("shop", workspace_id=W, definition_id=shop.definition_id, configuration={{"shop": "s"}})
lake = airbyte.Destination(
    "lake", workspace_id=W, configuration={{"destinationType": "local", "destination_path": "{lake}"}})
for number in range({number}):
    airbyte.Connection(f"c{{number}}", source_id=source.source_id, destination_id=lake.destination_id)
airbyte.foretell_deletions()
"""
MANY_FILES = """
import atexit, json, os, resource
def told():
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime
    with open(os.environ["BENCH_USED"], "w") as file:
        json.dump({"seconds": seconds, "mb": used.ru_maxrss / 1024}, file)
atexit.register(told)
from lotus.program import declare
declare()
"""
EMPTY_CACHES = ("LOTUS_CACHE", "GOCACHE", "GOMODCACHE", "UV_CACHE_DIR", "PIP_CACHE_DIR", "XDG_CACHE_HOME")
Row = tuple[str, str]


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def first_run(folder: Path) -> tuple[Clone, list[Row]]:
    """A clone brought from empty caches to rows, step by step."""
    for name in EMPTY_CACHES:
        os.environ[name] = str(folder / "cache" / name.lower())
    clone = Clone(copy_of_checkout(folder / "clone"))
    setup = clone.run("make", "setup")
    steps = re.findall(r"\[ *(\d+) s\] (\S+): (?:built in (\d+) s|ready)", setup.stderr)
    rows = [
        (f"make setup: {name}", f"{took} s to build, ready at {at} s" if took else f"ready at {at} s")
        for at, name, took in steps
    ]
    lotus = str(clone.path / ".venv" / "bin" / "lotus")
    rows += [
        ("lotus dev up (with the connectors' install)", f"{seconds(lambda: clone.run(lotus, 'dev', 'up')):.1f} s"),
        ("pulumi up", f"{seconds(lambda: clone.pulumi('up', '--yes', '--skip-preview')):.1f} s"),
        ("lotus sync --all --wait", f"{seconds(lambda: clone.run(lotus, 'sync', '--all', '--wait')):.1f} s"),
        ("lotus landing", f"{seconds(lambda: clone.run(lotus, 'landing')):.1f} s"),
    ]
    return clone, rows


def second_run(clone: Clone) -> list[Row]:
    """The same clone again: everything is there."""
    lotus = str(clone.path / ".venv" / "bin" / "lotus")
    return [
        ("make setup", f"{seconds(lambda: clone.run('make', 'setup')):.1f} s"),
        ("lotus dev up", f"{seconds(lambda: clone.run(lotus, 'dev', 'up')):.1f} s"),
        ("pulumi up", f"{seconds(lambda: clone.pulumi('up', '--yes', '--skip-preview')):.1f} s"),
        ("make run, whole, with the sync", f"{seconds(lambda: clone.run('make', 'run')):.1f} s"),
        ("lotus --help", f"{median_of(lambda: clone.run(lotus, '--help')):.2f} s"),
    ]


def median_of(work: Callable[[], object]) -> float:
    """The median wall seconds of several rounds."""
    return statistics.median(seconds(work) for _ in range(ROUNDS))


def previews(clone: Clone, folder: Path) -> list[Row]:
    """`pulumi preview` of the dev stack against an empty program, in turn."""
    empty = Clone(folder / "empty")
    empty.path.mkdir()
    (empty.path / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
    (empty.path / "__main__.py").write_text('"""Declares nothing."""\n')
    variables = clone.pulumi_environment() | {
        "PULUMI_STACK": "bench",
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
    }
    empty.run("pulumi", "stack", "init", "bench", "--non-interactive", check=True, **variables)
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: clone.pulumi("preview")))
        floor.append(seconds(lambda: empty.run("pulumi", "preview", "--non-interactive", check=True, **variables)))
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    return [
        ("pulumi preview, dev stack, no change", f"{statistics.median(ours):.2f} s"),
        ("pulumi preview, empty program", f"{statistics.median(floor):.2f} s"),
        ("ratio, pair by pair", f"{ratio:.2f}"),
    ]


def server(folder: Path) -> list[Row]:
    """The embedded Airbyte: start to its first healthy answer, memory when idle, large lists, many clients."""
    starts: list[float] = []
    for number in range(ROUNDS):
        process = ServerProcess(folder / f"airbyte-{number}")
        starts.append(process.start())
        process.stop()
    process = ServerProcess(folder / "airbyte")
    process.start()
    try:
        time.sleep(IDLE_SECONDS)
        idle = memory_of(process)
        with httpx.Client(base_url=process.url, timeout=60, trust_env=False) as client:
            workspace = connect_a_thousand(client, folder / "lake")
            listing = "/api/v1/connections/list"
            whole = median_of(lambda: client.post(listing, json={"workspaceId": workspace}).raise_for_status())
            page = "/api/public/v1/connections"
            hundred = median_of(lambda: client.get(page, params={"limit": 100}).raise_for_status())
            schedule_all(client)
        crons = idle_share(process)
        busy, errors = many_clients(process.url)
        after = memory_of(process)
    finally:
        process.stop()
    return [
        ("start to first healthy answer", f"{statistics.median(starts):.2f} s"),
        ("idle memory (resident)", f"{idle / 1e6:.0f} MB"),
        (f"config API: all of {CONNECTIONS} connections in one answer", f"{whole * 1000:.0f} ms"),
        ("public API: a page of 100 of them", f"{hundred * 1000:.0f} ms"),
        (f"{CONNECTIONS} connections with crons, none due: share of a core", f"{crons:.2%}"),
        (f"{CLIENTS} clients at once, 20 pages each", f"{busy:.1f} s, {errors} errors"),
        ("memory after that", f"{after / 1e6:.0f} MB"),
    ]


def schedule_all(client: httpx.Client) -> None:
    """Gives each connection a cron of its own minute, none in the next hours; one of them is far off."""
    connections: list[str] = []
    query = {"limit": 100, "offset": 0}
    while page := client.get("/api/public/v1/connections", params=query).json()["data"]:
        connections += [connection["connectionId"] for connection in page]
        query["offset"] += 100
    hour = (time.gmtime().tm_hour + 12) % 24
    for number, connection_id in enumerate(connections):
        expression = f"0 {number % 60} {hour} * * ?" if number else "0 0 * * * ? 2099"
        schedule = {"scheduleType": "cron", "cronExpression": expression}
        client.patch(f"/api/public/v1/connections/{connection_id}", json={"schedule": schedule}).raise_for_status()


def idle_share(process: ServerProcess, seconds_of_rest: float = 30.0) -> float:
    """Processor seconds that the server takes in each second without requests."""
    assert process.child is not None
    watched = psutil.Process(process.child.pid)
    time.sleep(3)  # the times of the next jobs are computed
    before = watched.cpu_times()
    time.sleep(seconds_of_rest)
    after = watched.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds_of_rest


def connect_a_thousand(client: httpx.Client, lake: Path) -> str:
    """One source, one folder as the destination, and many connections between them; gives the workspace's id."""
    public = "/api/public/v1"

    def made(path: str, body: dict[str, object]) -> dict[str, str]:
        answer = client.post(public + path, json=body)
        answer.raise_for_status()
        return answer.json()

    workspace = client.get(f"{public}/workspaces").json()["data"][0]["workspaceId"]
    program = f"command:{sys.executable} {PROJECT / 'lotus-server' / 'tests' / 'server_support' / 'shop_source.py'}"
    definition: dict[str, object] = {"name": "Shop", "dockerRepository": program, "dockerImageTag": "1"}
    definition_id = made(f"/workspaces/{workspace}/definitions/sources", definition)["id"]
    both: dict[str, object] = {"name": "Bench", "workspaceId": workspace}
    source = made("/sources", {**both, "definitionId": definition_id, "configuration": {"shop": "s"}})
    folder = {"destinationType": "local", "destination_path": str(lake)}
    destination = made("/destinations", {**both, "configuration": folder})
    ends: dict[str, object] = {"sourceId": source["sourceId"], "destinationId": destination["destinationId"]}
    for number in range(CONNECTIONS):
        made("/connections", {**ends, "name": f"connection {number}"})
    return workspace


def many_files(folder: Path) -> list[Row]:
    """5,000 stream files with 100 fields: `lotus validate`, the program's part, a first preview without an Airbyte."""
    told = subprocess.run([sys.executable, bench_validate.__file__], check=True, capture_output=True)
    figures = json.loads(told.stdout)
    clone = Clone(folder / "files")
    clone.path.mkdir()
    bench_validate.write_lake(clone.path, 5000, 100)
    (clone.path / "Pulumi.yaml").write_text(PROJECT_FILE.format(plugin=PROJECT / "pulumi-airbyte" / "plugin"))
    (clone.path / "__main__.py").write_text(MANY_FILES)
    variables = {
        "PATH": path_with_tools(PROJECT),
        "PULUMI_STACK": "bench",
        "PULUMI_BACKEND_URL": f"file://{clone.path}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "AIRBYTE_SERVER_URL": "http://127.0.0.1:1/api/public/v1",
        "BENCH_USED": str(folder / "used.json"),
    }
    clone.run("pulumi", "stack", "init", "bench", "--non-interactive", check=True, **variables)
    for setting in ("lotus:lake=true", "lotus:workspace=00000000-0000-4000-8000-000000000001"):
        clone.run("pulumi", "config", "set", *setting.split("="), "--non-interactive", check=True, **variables)
    quiet = ("--suppress-progress", "--non-interactive")
    preview = seconds(lambda: clone.run("pulumi", "preview", *quiet, check=True, **variables))
    used = json.loads((folder / "used.json").read_text())
    return [
        ("lotus validate", f"{figures['seconds']:.1f} s, {figures['peak_mb']} MB"),
        (
            "the program's own part (files to inputs)",
            f"{figures['program_cpu_seconds']:.1f} s, {figures['program_peak_mb']} MB",
        ),
        (
            "the program's process, with Pulumi's handling of 500,000 selected fields",
            f"{used['seconds']:.0f} s of processor, {used['mb']:.0f} MB",
        ),
        ("pulumi preview, everything new", f"{preview:.0f} s"),
    ]


def stack_of_connections(folder: Path, number: int = CONNECTIONS) -> list[Row]:
    """`pulumi up` and previews of a stack with many connections, with the state in files."""
    process = ServerProcess(folder / "airbyte-of-stack")
    process.start()
    clone = Clone(folder / "stack")
    clone.path.mkdir()
    plugin = PROJECT / "pulumi-airbyte" / "plugin"
    (clone.path / "Pulumi.yaml").write_text(PROJECT_FILE.format(plugin=plugin))
    command = f"command:{sys.executable} {PROJECT / 'lotus-server' / 'tests' / 'server_support' / 'shop_source.py'}"
    (clone.path / "__main__.py").write_text(STACK.format(number=number, command=command, lake=folder / "lake"))
    variables = {
        "PATH": path_with_tools(PROJECT),
        "PULUMI_STACK": "bench",
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "AIRBYTE_SERVER_URL": process.url,
    }

    def pulumi(*arguments: str) -> float:
        return seconds(lambda: clone.run("pulumi", *arguments, "--non-interactive", check=True, **variables))

    try:
        pulumi("stack", "init", "bench")
        clean = ("preview", "--expect-no-changes")
        return [
            (f"pulumi up, {number} connections from nothing", f"{pulumi('up', '--yes', '--skip-preview'):.0f} s"),
            ("the same, checkpoints skipped, on an empty state", without_checkpoints(pulumi, variables)),
            ("pulumi preview, no change", f"{statistics.median(pulumi(*clean) for _ in range(3)):.1f} s"),
            ("pulumi preview --refresh, no change", f"{pulumi(*clean, '--refresh'):.1f} s"),
            ("pulumi up, no change", f"{pulumi('up', '--yes', '--skip-preview'):.1f} s"),
        ]
    finally:
        process.stop()


def without_checkpoints(pulumi: Callable[..., float], variables: dict[str, str]) -> str:
    """Seconds of an `up` that writes the state once, at the end; everything is deleted before."""
    pulumi("destroy", "--yes", "--skip-preview")
    variables["PULUMI_SKIP_CHECKPOINTS"] = "true"
    return f"{pulumi('up', '--yes', '--skip-preview'):.0f} s"


def many_clients(url: str) -> tuple[float, int]:
    """Seconds and failed requests of many clients that list at once."""

    def client(_number: int) -> int:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            answers = [http.get("/api/public/v1/connections", params={"limit": 100}) for _ in range(20)]
            return sum(answer.status_code != 200 for answer in answers)

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        errors = sum(pool.map(client, range(CLIENTS)))
    return time.perf_counter() - started, errors


def memory_of(process: ServerProcess) -> int:
    """Resident bytes."""
    return psutil.Process(process.child.pid).memory_info().rss if process.child else 0


def table(title: str, rows: list[Row]) -> str:
    """One section of the page."""
    lines = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"## {title}\n\n| what | measured |\n| --- | --- |\n{lines}\n"


def main() -> None:
    """Measures everything and writes the page."""
    with tempfile.TemporaryDirectory(prefix="lotus-bench-") as temporary:
        folder = Path(temporary)
        print("first run, with empty caches (some minutes)", file=sys.stderr)
        clone, first = first_run(folder)
        try:
            print("second run", file=sys.stderr)
            second = second_run(clone)
            print("previews", file=sys.stderr)
            compared = previews(clone, folder)
        finally:
            clone.run("make", "stop", check=False)
        print("a stack of connections (minutes)", file=sys.stderr)
        stack = stack_of_connections(folder)
        print("many files", file=sys.stderr)
        files = many_files(folder)
        print("server", file=sys.stderr)
        served = server(folder)
        load = os.getloadavg()[0]
    page = f"""# Benchmarks

`make bench` measures this page again. Medians of {ROUNDS} rounds where a row is not a single run; comparisons are
interleaved. Measured on {os.cpu_count()} cores, {platform.system()} {platform.machine()},
Python {platform.python_version()}, load {load:.1f} at the end.

{table("First run, empty caches", first)}
{table("Second run", second)}
{table("Preview", compared)}
{table("A stack of 1,000 connections", stack)}
{table("5,000 stream files with 100 fields", files)}
{table("Local server", served)}"""
    path = PROJECT / "docs" / "benchmarks.md"
    syncs = SECTION.search(path.read_text())  # measured by `make bench-sync`
    path.write_text(f"{page}\n{syncs[0]}" if syncs else page)
    print(page)


if __name__ == "__main__":
    main()
