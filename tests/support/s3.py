"""An S3 on this machine, for states and landing zones."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lotus.local.record import VERSITYGW, Dev
from lotus.local.s3_servers import s3_service
from lotus.state.bucket import Bucket
from lotus.tools import ensure, find
from tests.support.processes import free_port, running

ROOT = {"AWS_ACCESS_KEY_ID": "lotus-root", "AWS_SECRET_ACCESS_KEY": "lotus-root-secret"}
"""The keys that may do everything."""


@dataclass(frozen=True)
class S3:
    """A running S3, and the address of a state in it."""

    endpoint: str

    def backend(self, bucket: str) -> str:
        """Pulumi's address of a bucket."""
        return f"s3://{bucket}?endpoint={self.endpoint}&disableSSL=true&s3ForcePathStyle=true&region=us-east-1"

    def client(self, bucket: str = "state") -> Any:
        """A boto3 client with the root's keys."""
        return Bucket.of(self.backend(bucket)).client(ROOT)


@contextmanager
def started_s3(folder: Path, server: str = VERSITYGW) -> Generator[S3]:
    """An empty S3, as the dev stack starts it, ended with the block; a MinIO only where one is installed."""
    port = free_port()
    if server == VERSITYGW:
        ensure(server)
    elif find(server) is None:
        pytest.skip(f"{server} is not installed")
    record = Dev(0, port, 0, ROOT["AWS_ACCESS_KEY_ID"], ROOT["AWS_SECRET_ACCESS_KEY"], "", {}, server)
    service = s3_service(folder, record)
    for needed in (folder, *service.folders):
        needed.mkdir(parents=True, exist_ok=True)
    with running(list(service.command), folder / "log", service.environment):
        answering(service.healthy, folder / "log")
        yield S3(f"127.0.0.1:{port}")


def answering(healthy: Callable[[], bool], log: Path) -> None:
    """Waits until a server that was started is up."""
    until = time.monotonic() + 60
    while not healthy():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
