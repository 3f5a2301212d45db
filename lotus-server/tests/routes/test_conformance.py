"""The server against Airbyte's OpenAPI files: generated requests, answers held against the schemas."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from server_support.airbyte import serve, with_shop
from server_support.conformance import FILES, OperationResult, openapi, operations_of, run, written
from server_support.conformance import offered as is_offered

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("LOTUS_CONFORMANCE_EXAMPLES", "5"))
"""Requests an operation; 60 make more than the 10,000 of the figures in docs/api.md."""


@pytest.fixture(scope="module")
def shared() -> Path:
    """The folder with Airbyte's files, which are not part of this repository."""
    folder = os.environ.get("LOTUS_SHARED")
    if folder is None:
        pytest.skip("LOTUS_SHARED is not set: Airbyte's OpenAPI files are not part of this repository")
    path = Path(folder)
    assert (path / "airbyte" / "openapi").is_dir(), f"LOTUS_SHARED is {folder}, which has no airbyte/openapi"
    return path


@pytest.mark.parametrize("api", FILES)
def test_no_answer_is_unexpected(api: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No 5xx but 501 for what is not offered; every success fits the file's schema."""
    monkeypatch.setenv("UV_OFFLINE", "1")  # generated names of connectors are not looked up
    monkeypatch.setenv("LOTUS_CACHE", str(tmp_path / "cache"))
    with serve(tmp_path / "data", raising=False) as http:
        results: list[OperationResult] = run(with_shop(http, tmp_path / "lake"), shared, api, examples=EXAMPLES, seed=2)

    assert not [f"{entry.method} {entry.path}: {fault}" for entry in results for fault in entry.faults]


@pytest.mark.parametrize("api", FILES)
def test_the_documented_figures_are_true(api: str, shared: Path) -> None:
    """docs/api.md counts what the table of routes really offers."""
    operations = list(operations_of(openapi(shared, api), api))
    served = [path for method, path, _ in operations if is_offered(method, FILES[api][1] + path)]
    line = f"| {api} | {len(operations)} | {len(served)} | {len(served)} | {len(operations) - len(served)} |"

    assert line in written(Path("docs/api.md").read_text())
