"""Kills, lost answers and dead servers at every request that a backfill makes, counted: none repeated, none lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.airbyte import LOCAL, REPOSITORY, WORKSPACE, Airbyte

from .conftest import ROWS, Ledger
from .gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(1800)]
MODES = ("refresh_and_retain", "refresh_and_remove", "clear", "clear+sync", "from")


class Bench:
    """One connection whose backfills are asked for by a provider process behind a gate."""

    def __init__(self, folder: Path, server: Airbyte) -> None:
        self.folder = folder
        self.server = server
        self.lake = Ledger(folder, server)
        self.lake.control()
        self.gate = Gate(server.url)
        command = f"{sys.executable} {Path(__file__).with_name('ledger.py')} {folder / 'control.json'}"
        definition = server.command_definition(folder.name, command)
        self._source = self._made("sources", definition, {})
        self._destination = self._made("destinations", LOCAL, {"destination_path": str(folder / "landing")})

    def _made(self, kind: str, definition: str, configuration: dict[str, Any]) -> str:
        body = {"name": self.folder.name, "workspaceId": WORKSPACE, "definitionId": definition}
        made = self.server.call("POST", f"/{kind}", {**body, "configuration": configuration})
        return made[f"{kind.removesuffix('s')}Id"]

    def connection(self) -> str:
        """A new connection that has synced once."""
        streams = [
            {"name": name, "syncMode": "incremental_append", "cursorField": ["updated_at"]}
            for name in ("customers", "orders")
        ]
        body = {
            "sourceId": self._source,
            "destinationId": self._destination,
            "name": "bench",
            "configurations": {"streams": streams},
        }
        made = self.server.call("POST", "/connections", body)["connectionId"]
        self.server.config("/connections/sync", {"connectionId": made})
        self.server.idle(made)
        return made

    def properties(self, connection: str, mode: str, request: str = "first") -> dict[str, Any]:
        """The inputs of a backfill of orders."""
        return {
            "connection_id": connection,
            "connection": "bench",
            "stream": "orders",
            "request": request,
            "mode": {"clear+sync": "clear", "from": "refresh_and_retain"}.get(mode, mode),
            "from": "2025-01-11" if mode == "from" else None,
            "sync": mode in ("clear+sync", "from"),
            "cursor_field": ["updated_at"],
            "beside": [],
        }

    def run(self, method: str, properties: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        """The provider's process, to its end or its death."""
        program = Path(__file__).with_name("provider_process.py")
        environment = {**self.lake.variables(), "AIRBYTE_SERVER_URL": self.gate.url, "LOTUS_BACKFILL_SETTLE": "1"}
        with subprocess.Popen(
            [sys.executable, str(program), method, json.dumps(properties)],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            self.gate.kill = process.kill
            out, err = process.communicate()
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def made(self, connection: str) -> list[str]:
        """Kinds of the jobs after the first sync, when all have ended."""
        self.server.idle(connection)
        return [job["configType"] for job in self.server.jobs(connection)][1:]


@pytest.fixture(scope="module")
def bench(server: Airbyte, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The bench of this module."""
    made = Bench(tmp_path_factory.mktemp("bench"), server)
    yield made
    made.gate.close()


EXPECTED = {
    "refresh_and_retain": ["refresh"],
    "refresh_and_remove": ["refresh"],
    "clear": ["reset_connection"],
    "clear+sync": ["reset_connection", "sync"],
    "from": ["sync"],
}


def calls(bench: Bench, mode: str) -> int:
    """How many requests an undisturbed backfill makes."""
    connection = bench.connection()
    bench.gate.count = 0
    answer = bench.run("create", bench.properties(connection, mode))
    assert answer.returncode == 0, answer.stderr
    assert bench.made(connection) == EXPECTED[mode]
    return bench.gate.count


@pytest.mark.parametrize("mode", MODES)
def test_killed_at_every_request(bench, mode, capsys):
    """A provider killed before or after any of its requests reaches the server: the next run ends the same request."""
    total = calls(bench, mode)
    runs = repeated = lost = undecided = 0
    for number in range(1, total + 1):
        for side in ("before", "after"):
            connection = bench.connection()
            properties = bench.properties(connection, mode)
            bench.gate.count, bench.gate.at = 0, number
            bench.gate.before = bench.gate.after = None
            setattr(bench.gate, side, lambda gate: gate.kill())
            killed = bench.run("create", properties)
            bench.gate.at = None
            answer = bench.run("create", properties)
            runs += 1
            made = bench.made(connection)
            if answer.returncode != 0:
                undecided += 1
                assert "cannot be told" in answer.stderr, answer.stderr
            assert killed.returncode != 0 or number == total
            repeated += len(made) > len(EXPECTED[mode])
            lost += answer.returncode == 0 and len(made) < len(EXPECTED[mode])
    with capsys.disabled():
        print(f"\n{mode}: {runs} kills, {repeated} repeated, {lost} lost, {undecided} undecided (said so)")
    assert (repeated, lost) == (0, 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("accident", ["answer lost", "request lost"])
def test_an_answer_that_never_comes(bench, mode, accident):
    """The connection breaks around the one call that asks: the run, or the next one, ends the same request."""
    connection = bench.connection()
    properties = bench.properties(connection, mode)
    bench.gate.at = {"clear": "/clear/stream", "clear+sync": "/clear/stream", "from": "/create_or_update_safe"}.get(
        mode, "/connections/refresh"
    )
    bench.gate.before = (lambda gate: None) if accident == "request lost" else None
    bench.gate.after = (lambda gate: None) if accident == "answer lost" else None
    first = bench.run("create", properties)
    answer = first if first.returncode == 0 else bench.run("create", properties)

    assert answer.returncode == 0, answer.stderr
    assert bench.made(connection) == EXPECTED[mode]


def test_the_same_request_after_it_was_forgotten_asks_again(bench):
    """delete forgets: a create of the same request afterwards is a new one."""
    connection = bench.connection()
    properties = bench.properties(connection, "refresh_and_retain")
    for method in ("create", "create", "delete", "create"):
        assert bench.run(method, properties).returncode == 0

    assert bench.made(connection) == ["refresh", "refresh"]


def test_a_killed_request_and_then_another_one(bench):
    """A token that changes while an intent is open: the first is ended, the second asked for, each once."""
    connection = bench.connection()
    bench.gate.at = "/connections/refresh"
    bench.gate.before, bench.gate.after = None, lambda gate: gate.kill()
    bench.run("create", bench.properties(connection, "refresh_and_retain"))
    answer = bench.run("create", bench.properties(connection, "refresh_and_retain", "second"))

    assert answer.returncode == 0, answer.stderr
    assert bench.made(connection) == ["refresh", "refresh"]


def test_an_unreadable_journal_stops_before_anything_is_asked(bench):
    """Without its journal lotus cannot tell what was asked: an error, no call."""
    connection = bench.connection()
    page = bench.folder / "state" / ".lotus" / "backfills" / f"{connection}.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("{")
    answer = bench.run("create", bench.properties(connection, "refresh_and_retain"))

    assert "cannot tell what was requested already" in answer.stderr
    assert bench.made(connection) == []
    page.unlink()


def test_without_the_config_api_it_says_what_is_left(bench):
    """The public API can clear a whole connection only: that is said, and nothing is asked."""
    connection = bench.connection()
    bench.gate.only_public = True
    answer = bench.run("create", bench.properties(connection, "refresh_and_retain"))
    bench.gate.only_public = False

    assert "can only clear a whole connection" in answer.stderr
    assert bench.made(connection) == []


def test_a_server_that_is_down_is_asked_when_it_is_back(tmp_path, tmp_path_factory):
    """Ended before the request, started again: the next run asks, once."""
    server = Airbyte(tmp_path_factory.mktemp("own"))
    bench = Bench(tmp_path, server)
    connection = bench.connection()
    properties = {**bench.properties(connection, "refresh_and_retain")}
    server.stop()
    bench.gate.at = 1
    bench.gate.before = lambda gate: gate.kill()
    bench.run("create", properties)
    server.start()
    answer = bench.run("create", properties)
    made = bench.made(connection)
    server.stop()
    server.http.close()

    assert answer.returncode == 0, answer.stderr
    assert made == ["refresh"]
    assert json.loads(answer.stdout)["rows_before"] == ROWS
