"""A MinIO that the tests of destinations and of jobs share."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lotus.tools import find

KEY, SECRET = "minioadmin", "minioadmin"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """A client of it, with a bucket `lake`."""
    program = os.environ.get("LOTUS_MINIO") or shutil.which("minio") or find("minio")
    if program is None:
        pytest.skip("no MinIO: set LOTUS_MINIO, put minio on PATH, or run `python -m lotus.tools setup`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"}
    command = [str(program), "server", "--address", address, "--quiet", str(tmp_path_factory.mktemp("minio"))]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{address}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    for _ in range(100):
        try:
            client.create_bucket(Bucket="lake")
            break
        except (BotoCoreError, ClientError):  # not up yet
            time.sleep(0.2)
    yield client
    server.kill()
    server.wait()
