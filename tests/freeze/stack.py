"""A stack that bb0f71e made, with a backfill that was carried out: its clone's `.lotus/`, and its exported state.

`dot-lotus.tar.gz` has `.lotus/dev/dev.json` and the server's data folder (SQLite and key) `.lotus/dev/airbyte`;
`state.json` is `pulumi stack export`, whose secrets are encrypted with the dev stack's passphrase, which is public
(`public-dev-passphrase`).
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.freeze.golden import ORIGINAL, keep
from tests.freeze.lake import FrozenLake, make_lake, set_up_dev_stack
from tests.freeze.server import serving

FOLDER = ORIGINAL / "stack"
ARCHIVE = FOLDER / "dot-lotus.tar.gz"
STATE = FOLDER / "state.json"
FIRST_PORT = 19990
"""The recorded dev stack's ports: no other clone's, those begin at 20000."""

ORDERS = "streams/shop/orders.json"
BACKFILL = "totals were wrong"
MACHINE = ("sourcePosition", "stackTrace")
"""What an export says about the machine that made it."""


@dataclass(frozen=True)
class RestoredLake(FrozenLake):
    """The clone of the stack; its server runs on another port than then, and its state is in a folder."""

    url: str = ""

    @property
    def server(self) -> str:
        """The public API's address."""
        return f"{self.url}/api/public/v1"

    def pulumi_environment(self) -> dict[str, str]:
        """As then, but for the server's address and the backend."""
        backend = f"file://{self.path.parent / 'backend'}"
        return {**super().pulumi_environment(), "AIRBYTE_SERVER_URL": self.server, "PULUMI_BACKEND_URL": backend}

    def state(self) -> dict[str, Any]:
        """The exported state, with its secrets in clear text: they are encrypted anew at each run."""
        return json.loads(self.pulumi("stack", "export", "--show-secrets").stdout)["deployment"]

    def last_changes(self) -> dict[str, int]:
        """Resources by what the last run did to them."""
        history = self.pulumi("stack", "history", "--json", "--page-size", "1").stdout
        return json.loads(history)[0]["resourceChanges"]

    def jobs(self) -> list[int]:
        """The ids of all jobs that the server has had."""
        answer = self.api.get(f"{self.server}/jobs", params={"limit": 100})
        return sorted(job["jobId"] for job in answer.raise_for_status().json()["data"])


def ask_for_a_backfill(lake: FrozenLake) -> None:
    """Asks for a backfill of the orders, in a commit."""
    lake.write(ORDERS, {**lake.read(ORDERS), "backfill": BACKFILL})
    lake.commit("the orders once more")


@contextmanager
def restored(folder: Path) -> Generator[RestoredLake]:
    """The stack with its server, restored below the folder."""
    lake = make_lake(folder / "lake")
    unpack(lake.path)
    ask_for_a_backfill(lake)
    (folder / "backend").mkdir()
    with serving(lake.path / ".lotus" / "dev" / "airbyte") as url:
        clone = RestoredLake(lake.path, url=url)
        clone.pulumi("stack", "init", "dev")
        clone.pulumi("stack", "import", "--file", str(STATE))
        yield clone
        clone.api.close()


def unpack(clone: Path) -> None:
    """Gives the clone the `.lotus/` of the stack."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(clone, filter="data")


def record(folder: Path) -> None:
    """Makes the stack with the code of this checkout and keeps it; only bb0f71e should."""
    lake = make_lake(folder / "lake")
    set_up_dev_stack(lake, FIRST_PORT)
    try:
        lake.lotus("dev", "run")
        ask_for_a_backfill(lake)
        lake.up()
        lake.lotus("sync", "shop", "--wait")
        lake.pulumi("refresh", "--yes", "--skip-preview")  # the receipt says how the backfill ended
        state = json.loads(lake.pulumi("stack", "export").stdout)
    finally:
        lake.lotus("dev", "down", check=False)
    for resource in state["deployment"]["resources"]:
        for name in MACHINE:
            resource.pop(name, None)
    keep(ORIGINAL, STATE.relative_to(ORIGINAL).as_posix(), state)
    _pack(lake.path)


def _pack(clone: Path) -> None:
    dev = clone / ".lotus" / "dev"
    paths = [dev, dev / "dev.json", dev / "airbyte", *sorted((dev / "airbyte").rglob("*"))]
    with tarfile.open(ARCHIVE, "w:gz", compresslevel=9) as archive:
        for path in paths:
            entry = archive.gettarinfo(path, arcname=path.relative_to(clone).as_posix())
            entry.uname = entry.gname = ""
            entry.uid = entry.gid = 0
            archive.addfile(entry, io.BytesIO(path.read_bytes()) if path.is_file() else None)
