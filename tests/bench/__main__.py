"""Measures the way from nothing to Parquet, a preview, and the embedded server; writes docs/benchmarks.md.

The machine is shared and noisy: ratios are taken within one run, interleaved, and medians are quoted.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from lotus.operations.processes import port_is_taken
from tests.clone import PROJECT, Clone, copy_of_checkout

ROUNDS = 5
IDLE_SECONDS = 5
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
    empty.run("pulumi", "stack", "init", "bench", "--non-interactive", **variables)
    ours: list[float] = []
    floor: list[float] = []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: clone.pulumi("preview")))
        floor.append(seconds(lambda: empty.run("pulumi", "preview", "--non-interactive", **variables)))
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    return [
        ("pulumi preview, dev stack, no change", f"{statistics.median(ours):.2f} s"),
        ("pulumi preview, empty program", f"{statistics.median(floor):.2f} s"),
        ("ratio, pair by pair", f"{ratio:.2f}"),
    ]


def server(folder: Path) -> list[Row]:
    """Start of the embedded Airbyte to its first healthy answer, and its memory when idle."""
    port = next(port for port in range(31000, 31100) if not port_is_taken(port))
    command = [sys.executable, "-m", "lotus.embedded", "--data", str(folder / "airbyte"), "--port", str(port)]
    starts: list[float] = []
    memory = 0.0
    for round_number in range(ROUNDS):
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not _healthy(port):
                time.sleep(0.01)
            starts.append(time.perf_counter() - started)
            if round_number == ROUNDS - 1:
                time.sleep(IDLE_SECONDS)
                memory = psutil.Process(process.pid).memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait()
    return [
        ("start to first healthy answer", f"{statistics.median(starts):.2f} s"),
        ("idle memory (resident)", f"{memory:.0f} MB"),
    ]


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/public/v1/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


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
        print("server", file=sys.stderr)
        served = server(folder)
        load = os.getloadavg()[0]
    page = f"""# Benchmarks

`make bench` measures this page anew. Medians of {ROUNDS} rounds where a row is not a single run; comparisons are
interleaved. Measured on {os.cpu_count()} cores, {platform.system()} {platform.machine()},
Python {platform.python_version()}, load {load:.1f} at the end.

{table("First run, empty caches", first)}
{table("Second run", second)}
{table("Preview", compared)}
{table("Embedded Airbyte", served)}"""
    (PROJECT / "docs" / "benchmarks.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
