"""Servers, lakes and S3s that tests of several folders share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from server_support import s3 as s3_server
from server_support.airbyte import Airbyte, serve, with_shop
from server_support.lake import Lake, OpenLake, configured_stream
from server_support.postgres import Server, served


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """A client of an S3, with a bucket `lake`."""
    with s3_server.served(tmp_path_factory.mktemp("s3")) as client:
        yield client


@pytest.fixture(scope="session")
def postgres() -> Generator[Server]:
    """A Postgres server of the tests' own."""
    with served() as server:
        yield server


@pytest.fixture
def s3_over_https(tmp_path: Path) -> Generator[tuple[str, Path]]:
    """The endpoint of an S3 that speaks https only, with a bucket `lake`, and its certificate."""
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    s3_server.self_signed(certificates)
    with s3_server.served(tmp_path / "s3", certificates=certificates) as client:
        yield client.meta.endpoint_url, certificates / "public.crt"


@pytest.fixture(scope="session")
def airbyte(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """One server for all tests that do not look at what others made."""
    with serve(tmp_path_factory.mktemp("airbyte") / "data") as http:
        yield with_shop(http, tmp_path_factory.mktemp("lake"))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Airbyte]:
    """A server with nothing else in it."""
    with serve(tmp_path / "data") as http:
        yield with_shop(http, tmp_path / "lake")


@pytest.fixture
def lake(tmp_path: Path) -> OpenLake:
    """Opens the lake: `async with lake() as it`; again, for a restart."""

    @asynccontextmanager
    async def opened(**options: float) -> AsyncGenerator[Lake]:
        it = Lake(tmp_path / "data", **options)
        await it.jobs.start()
        try:
            yield it
        finally:
            await it.jobs.stop()
            it.store.close()

    return opened


@pytest.fixture
def configured() -> Callable[..., dict[str, Any]]:
    """Makes configured streams."""
    return configured_stream
