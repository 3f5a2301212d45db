"""A client that hung up before the answer asks again: it gets the object that was made, and what is set is set."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from server_support.airbyte import CONFIG, PUBLIC, shop_repository
from server_support.process import ServerProcess

pytestmark = pytest.mark.slow


class Lake:
    """A server with a connection's source and destination, and a client that may hang up."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.url, trust_env=False, timeout=60)
        workspace = self.http.get(f"{PUBLIC}/workspaces").json()["data"][0]["workspaceId"]
        shop = {"name": "Shop", "dockerRepository": shop_repository(), "dockerImageTag": "1"}
        definition = self.answer(f"{PUBLIC}/workspaces/{workspace}/definitions/sources", shop)
        source = {"name": "Shop", "workspaceId": workspace, "configuration": {"shop": "s"}}
        local = {"destinationType": "local", "destination_path": str(folder)}
        destination = {"name": "Lake", "workspaceId": workspace, "configuration": local}
        self.wanted = {
            "sourceId": self.answer(f"{PUBLIC}/sources", {**source, "definitionId": definition["id"]})["sourceId"],
            "destinationId": self.answer(f"{PUBLIC}/destinations", destination)["destinationId"],
        }

    def answer(self, path: str, body: Any) -> Any:
        """What a patient client gets."""
        return self.http.post(path, json=body).raise_for_status().json()

    def hang_up(self, path: str, body: Any, *, until: Callable[[], Any]) -> None:
        """Sends a request, as `answer` does, and closes the connection at once; again while it had no effect.

        The server drops a request whose client is gone before its body was read.
        """
        content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        deadline = time.monotonic() + 30
        while not until():
            assert time.monotonic() < deadline
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            time.sleep(0.05)

    def connections(self) -> list[str]:
        """The ids of all connections."""
        return [one["connectionId"] for one in self.http.get(f"{PUBLIC}/connections").json()["data"]]

    def state(self, connection: str) -> Any:
        """The connection's sync state."""
        return self.answer(f"{CONFIG}/state/get", {"connectionId": connection}).get("streamState")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """One server for the tests of this file."""
    with ServerProcess(tmp_path_factory.mktemp("abandoned") / "data") as server:
        yield Lake(server, tmp_path_factory.mktemp("landing"))


def test_a_creation_that_nobody_waited_for_is_answered_to_the_next_request(lake: Lake) -> None:
    """Once, however often the client gave up; a request after that is a wish of its own."""
    lake.hang_up(f"{PUBLIC}/connections", lake.wanted, until=lake.connections)
    (made,) = lake.connections()

    assert lake.answer(f"{PUBLIC}/connections", lake.wanted)["connectionId"] == made
    assert lake.connections() == [made]
    assert lake.answer(f"{PUBLIC}/connections", lake.wanted)["connectionId"] != made


def test_a_state_that_is_set_again_is_set(lake: Lake) -> None:
    """Also when nobody waited for the first answer, and another state came in between."""
    connection = lake.answer(f"{PUBLIC}/connections", {**lake.wanted, "name": "of states"})["connectionId"]

    def stated(cursor: str) -> dict[str, Any]:
        streams = [{"streamDescriptor": {"name": "orders"}, "streamState": {"cursor": cursor}}]
        return {
            "connectionId": connection,
            "connectionState": {"connectionId": connection, "stateType": "stream", "streamState": streams},
        }

    lake.hang_up(f"{CONFIG}/state/create_or_update", stated("one"), until=lambda: lake.state(connection))
    lake.answer(f"{CONFIG}/state/create_or_update", stated("two"))
    lake.answer(f"{CONFIG}/state/create_or_update", stated("one"))

    assert lake.state(connection)[0]["streamState"] == {"cursor": "one"}
