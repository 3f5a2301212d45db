"""A server without HTTP that syncs its connections over and over; `test_kills.py` kills it.

    python soak_server.py DATA OUT [drain]

`drain`: ends what is open, syncs each connection once more, prints their last states as JSON, and exits.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_spec = spec_from_file_location("lake", Path(__file__).with_name("conftest.py"))
assert _spec is not None
assert _spec.loader is not None
lake = module_from_spec(_spec)
_spec.loader.exec_module(lake)

OVERWRITE = {"sync_mode": "full_refresh", "destination_sync_mode": "overwrite", "cursor_field": []}


def connections(it: Any, out: Path) -> list[str]:
    """One connection for each mode, made at the first start."""
    known = it.data / "connections.json"
    if known.exists():
        return json.loads(known.read_text())
    append = [["next", "orders", 3000, 100, 0.005]]
    made = [
        it.scripted(append, [lake._configured()], folder=out / "append"),
        it.scripted([["stamped", "orders", 3000, 0.005]], [lake._configured(**OVERWRITE)], folder=out / "overwrite"),
        it.scripted(append, [lake._configured(destination_sync_mode="append_dedup")], folder=out / "unused"),
    ]
    settings = {"destination_path": str(out / "lake.duckdb")}
    database = it.actor("destination", it.definition("airbyte/destination-duckdb"), settings)
    it.store.write_now(lake.connections.change, made[2], destination_id=database)
    known.with_suffix(".tmp").write_text(json.dumps(made))
    known.with_suffix(".tmp").replace(known)
    return made


async def main() -> None:
    data, out, *options = sys.argv[1:]
    it = lake.Lake(Path(data))
    it.jobs._flush_seconds = 0.1
    it.jobs._concurrency = 3
    every = connections(it, Path(out))
    await it.jobs.start()
    if not options:
        while True:
            for connection in every:
                try:
                    await it.jobs.submit(connection, "sync")
                except lake.JobRunningError:
                    continue
            await asyncio.sleep(0.05)
    for row in await it.store.read(lake.stored.open_jobs):
        await it.ended(row["id"])
    for connection in every:
        job = await it.run(connection)
        assert job.status == "succeeded", it.reason(job)
    print(json.dumps([it.state(connection, "orders") for connection in every]))
    assert await it.store.read(lake.stored.open_jobs) == []
    await it.jobs.stop()
    it.store.close()


asyncio.run(main())
