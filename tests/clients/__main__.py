"""`python -m tests.clients [PART OF A TITLE…] [--write]`: runs the clients, prints each step, writes the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from lotus_server.connectors.environments import Environments, default_cache
from lotus_server.connectors.locks import Package
from server_support.airbyte import shop_repository
from server_support.process import ServerProcess

from tests.clients.environments import CLIENTS, Client, python_of
from tests.clients.proxy import Oracle, Recorder, recording

WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"
PROGRAMS = Path(__file__).with_name("programs")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
MARKS = ("<!-- clients: written by python -m tests.clients --write -->", "<!-- end of clients -->")
CLIENT_SECONDS = 420


@dataclass(frozen=True)
class Result:
    """What came of one client."""

    client: Client
    steps: tuple[dict[str, Any], ...]
    error: str = ""

    @property
    def failed(self) -> list[str]:
        """Steps that did not pass."""
        names = [step["step"] for step in self.steps if not step["passed"]]
        return [*names, self.error] if self.error else names


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every step passed and every answer is one that Airbyte's files allow."""
    chosen = [word for word in arguments if not word.startswith("-")]
    clients = [client for client in CLIENTS if not chosen or any(word in client.title for word in chosen)]
    recorder = Recorder(Oracle(Path(os.environ["LOTUS_SHARED"])))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ServerProcess(folder / "data") as server, recording(server.url, recorder) as url:
            known = prepared(server.url, folder)
            results = [run(client, url, known, folder) for client in clients]
    for fault, count in recorder.faults.items():
        print(f"  an answer that the files do not allow, {count} times: {fault}")
    print(f"{recorder.exchanges} answers were held against Airbyte's OpenAPI files, {recorder.faults.total()} faults")
    if "--write" in arguments and not chosen:
        text = PAGE.read_text()
        before, _, rest = text.partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n\n{table(results)}\n\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")
    failed = sum(len(result.failed) for result in results) + recorder.faults.total()
    print(
        f"{sum(len(result.steps) for result in results) - sum(len(r.failed) for r in results)} passed, {failed} failed"
    )
    return 1 if failed else 0


def prepared(url: str, folder: Path) -> dict[str, str]:
    """A connection that syncs quickly and one that takes its time."""
    with httpx.Client(base_url=f"{url}/v1", timeout=300, trust_env=False) as http:

        def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
            response = http.post(path, json=body)
            assert response.status_code == 200, response.text
            return response.json()

        definition = {"name": "Shop", "dockerRepository": shop_repository(), "dockerImageTag": "1"}
        shop = made(f"/workspaces/{WORKSPACE_ID}/definitions/sources", definition)["id"]
        faker = Environments(default_cache()).install(Package("airbyte-source-faker==7.2.1"))
        known = {"AIRBYTE_WORKSPACE": WORKSPACE_ID, "AIRBYTE_FAKER": str(faker.program("source-faker"))}
        for variable, name, settings in (
            ("AIRBYTE_CONNECTION", "quick", {}),
            ("AIRBYTE_SLOW_CONNECTION", "slow", {"pause": 60}),
        ):
            source = {"name": name, "workspaceId": WORKSPACE_ID, "definitionId": shop}
            source_id = made("/sources", {**source, "configuration": {"shop": "s", **settings}})["sourceId"]
            target = {"destinationType": "local", "destination_path": str(folder / name)}
            body = {"name": name, "workspaceId": WORKSPACE_ID, "configuration": target}
            destination_id = made("/destinations", body)["destinationId"]
            streams = {"streams": [{"name": "orders", "syncMode": "incremental_append"}]}
            connection = {"name": name, "sourceId": source_id, "destinationId": destination_id}
            known[variable] = made("/connections", {**connection, "configurations": streams})["connectionId"]
    return known


def run(client: Client, url: str, known: dict[str, str], folder: Path) -> Result:
    """Runs the program of a client in its environment."""
    began = time.monotonic()
    python = python_of(client)
    installed = time.monotonic()
    scratch = folder / f"client-{client.program}-{int(began * 1000)}"
    scratch.mkdir()
    environment = {**os.environ, **known, "AIRBYTE_URL": url, "PYTHONPATH": str(PROGRAMS), "HOME": str(scratch)}
    environment |= {
        "AIRBYTE_OFFLINE_MODE": "1",
        "AIRBYTE_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    program = [str(python), str(PROGRAMS / f"{client.program}.py")]
    error = ""
    try:
        done = subprocess.run(
            program, env=environment, cwd=scratch, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
        )
        out, complaints = done.stdout, done.stderr
        if done.returncode != 0:
            error = f"ended with exit code {done.returncode}"
    except subprocess.TimeoutExpired as expired:
        out, complaints = str(expired.stdout or ""), str(expired.stderr or "")
        error = f"did not end in {CLIENT_SECONDS} s"
    lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"step"')]
    result = Result(client, tuple(lines), error)
    print(f"{client.title}: {len(lines)} steps, {len(result.failed)} failed", end=" ")
    print(f"({installed - began:.0f} s to have it, {time.monotonic() - installed:.0f} s to run it)", flush=True)
    for line in lines:
        if not line["passed"]:
            print(f"  {line['step']}: {line['detail']}")
    if (result.failed and "-v" in sys.argv) or error:
        print(complaints[-6000:])
    return result


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    lines = ["| client | steps | result |", "| --- | --- | --- |"]
    for result in results:
        names = ", ".join(step["step"] for step in result.steps)
        passed = len(result.steps) - sum(not step["passed"] for step in result.steps)
        missed = f"; not: {', '.join(result.failed)}" if result.failed else ""
        lines.append(f"| {result.client.title} | {names} | {passed} of {len(result.steps)}{missed} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
