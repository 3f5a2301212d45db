"""The demo's shop, and the manifest that reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from lotus_server.connectors.registry import CDK_VERSION

from lotus.local.shop import ORDERS, DemoServer, Shop

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop() -> Iterator[DemoServer]:
    """The API on a free port."""
    server = DemoServer(0, "token")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def get(server: DemoServer, path: str, credential: str | None = "token") -> httpx.Response:
    """What the API answers."""
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    return httpx.get(f"{server.url}{path}", headers=headers)


def test_the_same_rows_on_every_machine() -> None:
    """Made from a seed, so that figures in the docs hold."""
    assert Shop().tables == Shop().tables
    assert len(Shop().tables["orders"]) == ORDERS


def test_pages_give_every_row_once(shop: DemoServer) -> None:
    """Until next_page is null."""
    pages = [shop.shop.page("orders", since=None, page=n, page_size=100) for n in range(1, 6)]

    assert [len(p["data"]) for p in pages] == [100, 100, 100, 100, 80]
    assert pages[-1]["next_page"] is None
    assert len({row["id"] for page in pages for row in page["data"]}) == ORDERS


def test_updated_since_gives_what_changed_after(shop: DemoServer) -> None:
    """Strictly after: a second sync without changes reads nothing."""
    last = shop.shop.tables["products"][-1]["updated_at"]

    assert get(shop, f"/products?updated_since={last}").json()["data"] == []
    assert len(get(shop, "/products?updated_since=2020-01-01T00:00:00Z&page_size=100").json()["data"]) == 40


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_wrong_token_is_refused(shop: DemoServer, token: str | None) -> None:
    """401, with no row."""
    assert get(shop, "/orders", token).status_code == 401


def test_too_many_requests_are_told_when_to_come_back() -> None:
    """429 with Retry-After in whole seconds."""
    server = DemoServer(0, "token", burst=2, per_second=0.1)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    answers = [get(server, "/products") for _ in range(3)]
    server.shutdown()

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 10


@pytest.mark.parametrize("path", ["/orders?page=0", "/orders?page_size=1000", "/orders?since=x", "/orders?page=x"])
def test_a_bad_request_is_refused(shop: DemoServer, path: str) -> None:
    """400 with the reason."""
    assert get(shop, path).status_code == 400


def test_an_unknown_table_is_not_found(shop: DemoServer) -> None:
    """404."""
    assert get(shop, "/invoices").status_code == 404


def test_a_port_in_use_is_one_sentence(shop: DemoServer) -> None:
    """No traceback, and exit code 3."""
    port = shop.server_address[1]

    done = subprocess.run(
        [sys.executable, "-m", "lotus.local.shop", "--port", str(port), "--token", "x"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="session")
def connector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """source-declarative-manifest of the airbyte-cdk that the embedded Airbyte runs manifests with."""
    folder = tmp_path_factory.mktemp("cdk")
    uv = [str(Path(sys.executable).parent / "uv")]
    subprocess.run([*uv, "venv", "--quiet", str(folder)], check=True)
    python = str(folder / "bin/python")
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, f"airbyte-cdk=={CDK_VERSION}"], check=True)
    return folder / "bin/source-declarative-manifest"


class Conversation:
    """The connector's commands with the manifest of this repository."""

    def __init__(self, command: Path, folder: Path, url: str, token: str) -> None:
        self._command, self._folder = command, folder
        manifest = yaml.safe_load((ROOT / "streams/shop/_manifest.yaml").read_text())
        self._config = self._write(
            "config.json", {"__injected_declarative_manifest": manifest, "base_url": url, "token": token}
        )

    def _write(self, name: str, content: Any) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        return str(path)

    def run(self, verb: str, **files: Any) -> list[dict[str, Any]]:
        """The messages of one command."""
        arguments = [a for name, content in files.items() for a in (f"--{name}", self._write(f"{name}.json", content))]
        done = subprocess.run(
            [self._command, verb, "--config", self._config, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.slow
def test_the_real_connector_reads_the_shop_and_then_only_what_is_new(
    shop: DemoServer, connector: Path, tmp_path: Path
) -> None:
    """check, discover, read, read again with state: pages, 429 and the cursor all work."""
    conversation = Conversation(connector, tmp_path, shop.url, "token")
    status = next(m for m in conversation.run("check") if m["type"] == "CONNECTION_STATUS")
    assert status["connectionStatus"]["status"] == "SUCCEEDED"
    catalog = next(m for m in conversation.run("discover") if m["type"] == "CATALOG")["catalog"]
    configured = {
        "streams": [
            {"stream": s, "sync_mode": "incremental", "destination_sync_mode": "append"} for s in catalog["streams"]
        ]
    }

    first = conversation.run("read", catalog=configured)
    states = [m["state"] for m in first if m["type"] == "STATE"]
    second = conversation.run("read", catalog=configured, state=states)

    rows = Counter(m["record"]["stream"] for m in first if m["type"] == "RECORD")
    assert rows == {"customers": 120, "orders": 480, "products": 40, "suppliers": 12}
    assert [m for m in second if m["type"] == "RECORD"] == []


@pytest.mark.slow
def test_the_real_connector_names_a_refused_token(shop: DemoServer, connector: Path, tmp_path: Path) -> None:
    """The manifest's own sentence reaches the person."""
    answer = Conversation(connector, tmp_path, shop.url, "wrong").run("check")

    status = next(m for m in answer if m["type"] == "CONNECTION_STATUS")["connectionStatus"]
    assert (status["status"], "The shop refuses the token." in status["message"]) == ("FAILED", True)


@pytest.mark.slow
def test_what_is_committed_as_discovered_is_what_the_connector_discovers(
    shop: DemoServer, connector: Path, tmp_path: Path
) -> None:
    """The files in _discovered are the connector's own words."""
    from lotus.config.discovered import discovered_file

    messages = Conversation(connector, tmp_path, shop.url, "token").run("discover")
    catalog = next(m for m in messages if m["type"] == "CATALOG")["catalog"]

    for stream in catalog["streams"]:
        committed = json.loads((ROOT / f"streams/shop/_discovered/{stream['name']}.json").read_text())
        assert committed == discovered_file(stream)
