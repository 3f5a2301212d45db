"""kill -9 of server, worker and connector at random moments: no row is lost, none is there twice, no mix is left."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import pyarrow.parquet as pq
import pytest

from lotus.embedded.connectors.process import marked_processes

pytestmark = pytest.mark.slow

SERVER = Path(__file__).with_name("soak_server.py")
KILLS = int(os.environ.get("LOTUS_SOAK_KILLS", "15"))


def victims(server: subprocess.Popen[bytes]) -> dict[str, list[psutil.Process]]:
    """The processes of a server by what they are."""
    root = psutil.Process(server.pid)
    workers = root.children()
    return {
        "server": [root],
        "worker": workers,
        "connector": [child for worker in workers for child in worker.children()],
    }


@pytest.mark.timeout(1800)
def test_nothing_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    """After many kills: append has each row once, overwrite one run's rows, dedup each key once; nothing runs on."""
    seed = int(os.environ.get("LOTUS_SOAK_SEED", str(time.time_ns())))
    print(f"LOTUS_SOAK_SEED={seed}")
    chance = random.Random(seed)
    data, out = tmp_path / "data", tmp_path / "out"
    command = [sys.executable, str(SERVER), str(data), str(out)]
    killed = dict.fromkeys(("server", "worker", "connector"), 0)
    server = subprocess.Popen(command)
    try:
        while sum(killed.values()) < KILLS:
            time.sleep(chance.uniform(0.3, 3.0))
            assert server.poll() is None
            kind = chance.choice(("server", "worker", "connector"))
            with contextlib.suppress(psutil.Error, IndexError):
                chance.choice(victims(server)[kind]).kill()
                killed[kind] += 1
                if kind == "server":
                    server.wait()
                    server = subprocess.Popen(command)
    finally:
        server.kill()
        server.wait()
    drained = subprocess.run([*command, "drain"], capture_output=True, text=True, timeout=600, check=False)
    assert drained.returncode == 0, drained.stderr[-3000:]
    appended, _, deduped = json.loads(drained.stdout)
    assert marked_processes(str(data.resolve())) == []
    ids = pq.read_table(out / "append" / "orders", columns=["id"])["id"].to_pylist()
    assert sorted(ids) == list(range(1, appended["id"] + 1))
    notes = pq.read_table(out / "overwrite" / "orders", columns=["note"])["note"].to_pylist()
    assert (len(notes), len(set(notes))) == (3000, 1)
    with duckdb.connect(str(out / "lake.duckdb"), read_only=True) as db:
        found = db.execute("SELECT count(*), count(DISTINCT id), max(id) FROM orders").fetchone()
    assert found == (deduped["id"],) * 3
    print(f"kills: {killed}; rows appended: {len(ids)}")
