"""A clone with a running dev stack: embedded Airbyte, S3, the demo's API, and the lake applied to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.clone import PROJECT, Clone, copy_of_checkout

STREAMS = ("customers", "orders", "products")
"""What the lake syncs of the demo's shop at the start."""


@dataclass(frozen=True)
class LiveLake(Clone):
    """A clone with a lake; `api` is its Airbyte as a person's UI talks to it."""

    api: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))

    def environment(self) -> dict[str, str]:
        """As every clone's, and without what a workflow would set."""
        return {k: v for k, v in super().environment().items() if not k.startswith(("GITHUB_", "LOTUS_OFFLINE"))}

    @property
    def server(self) -> str:
        """The public API's address."""
        return self.pulumi_environment()["AIRBYTE_SERVER_URL"]

    def objects(self, kind: str) -> dict[str, dict[str, Any]]:
        """Airbyte's objects of a kind (`connections`) by name."""
        answer = self.api.get(f"{self.server}/{kind}", params={"limit": 100})
        return {one["name"]: one for one in answer.raise_for_status().json()["data"]}

    def patch(self, kind: str, name: str, /, **changes: Any) -> None:
        """Changes an object as somebody does in the UI."""
        found = self.objects(kind)[name]
        path = f"{self.server}/{kind}/{found[f'{kind[:-1]}Id']}"
        self.api.patch(path, json=changes).raise_for_status()

    def read(self, name: str) -> Any:
        """A JSON file of the project."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def write(self, name: str, content: Any) -> None:
        """A JSON file of the project; None removes it."""
        path = self.path / name
        if content is None:
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """One git command as some author."""
        author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid", "-c", "commit.gpgsign=false")
        return self.run("git", *author, *arguments).stdout

    def commit(self, words: str) -> None:
        """Everything as it is now."""
        self.git("add", "-A")
        self.git("commit", "-qm", words)

    def up(self) -> str:
        """What the operator does on a push."""
        return self.pulumi("up", "--yes", "--skip-preview", "--refresh").stdout

    def drift(self, *arguments: str, check: bool = False) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON of `lotus drift`."""
        answer = self.lotus("drift", "--stack", "dev", "--format", "json", *arguments, check=check)
        assert answer.returncode in (0, 5), answer.stderr
        return answer.returncode, json.loads(answer.stdout)


@contextmanager
def live_lake(folder: Path, **declared: Any) -> Generator[LiveLake]:
    """A clone whose `main` has the shop alone (its file says `declared` too), applied; its servers end afterwards."""
    lake = LiveLake(copy_of_checkout(folder))
    (folder / ".venv").symlink_to(PROJECT / ".venv")
    (folder / ".git" / "info" / "exclude").write_text(".venv\n")
    shutil.rmtree(folder / "streams" / "faker")
    for stream in (folder / "streams" / "shop").glob("[!_]*.json"):
        if stream.stem not in STREAMS:
            stream.unlink()
    shop = "streams/shop/_source.json"
    lake.write(shop, {**lake.read(shop), **declared})
    lake.git("branch", "-M", "main")
    lake.commit("the shop alone")
    try:
        lake.lotus("dev", "up")
        lake.up()
        yield lake
    finally:
        lake.lotus("dev", "down", check=False)
        lake.api.close()
