"""The lake that commands are tried on: a git repository with fixed commits, and its dev stack."""

from __future__ import annotations

import json
import os
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.freeze.golden import ORIGINAL
from tests.freeze.placeholders import CHECKOUT
from tests.support.live_lake import LiveLake

KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LOTUS_CACHE")
"""What a command sees of the environment: nothing else of this machine gets into a recording."""
FIXED = {
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "KUBECONFIG": "/nonexistent",
    "LOTUS_BACKFILL_SETTLE": "2",
}
THROWAWAY = "throwaway-of-the-freeze-corpus"
"""The dev stack's keys, on loopback, while a test runs."""


@dataclass(frozen=True)
class FrozenLake(LiveLake):
    """A clone whose commands see a fixed environment."""

    def environment(self) -> dict[str, str]:
        """The fixed environment, in which nobody is logged in to a Pulumi backend."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, **FIXED, "PULUMI_HOME": str(self.path.parent / "pulumi-home")}

    def changed(self) -> list[str]:
        """The files that differ from the last commit or are new, without what git ignores."""
        listed = self.git("status", "--porcelain", "-uall", "-z").split("\0")
        return sorted(line[3:] for line in listed if line)

    def undo(self) -> None:
        """Every file as in the last commit."""
        self.git("checkout", "-q", "--", ".")
        self.git("clean", "-qfd")


def make_lake(folder: Path) -> FrozenLake:
    """The project as bb0f71e had it: `main`, and a branch `change` with a bit of everything."""
    shutil.copytree(ORIGINAL / "project", folder)
    lake = FrozenLake(folder)
    lake.git("init", "-q", "-b", "main")
    for name in (".venv", "pulumi-airbyte"):
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / ".git" / "info" / "exclude").write_text(".venv\npulumi-airbyte\n")
    lake.commit("the lake")
    lake.git("checkout", "-q", "-b", "change")
    _edit(lake)
    lake.commit("a bit of everything")
    lake.git("checkout", "-q", "main")
    return lake


def _edit(lake: FrozenLake) -> None:
    source, orders, customers = (lake.read(f"streams/shop/{name}.json") for name in ("_source", "orders", "customers"))
    lake.write("streams/shop/_source.json", {**source, "schedule": "0 0 6 * * ?", "connection": {"prefix": "shop_"}})
    del orders["fields"]["currency"]
    lake.write("streams/shop/orders.json", {**orders, "backfill": "totals were wrong"})
    lake.write(
        "streams/shop/customers.json", {**customers, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
    )
    lake.write("streams/shop/products.json", None)
    lake.write("streams/shop/suppliers.json", {})


def set_up_dev_stack(lake: FrozenLake, first_port: int = 0) -> None:
    """The record of a dev stack, on three ports from the first on, or on free ones; nothing is started."""
    airbyte, s3, shop = range(first_port, first_port + 3) if first_port else _free_ports(3)
    record: dict[str, Any] = {
        "airbyte_port": airbyte, "s3_port": s3, "shop_port": shop, "s3_access_key_id": "lotus-dev",
        "s3_secret_access_key": THROWAWAY, "shop_token": THROWAWAY, "left_out": {}, "s3_server": "versitygw",
    }  # fmt: skip
    folder = lake.path / ".lotus" / "dev"
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "dev.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(record, indent=1) + "\n")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
