"""MinIOs that the tests of destinations and of jobs share: one with http for the session, one with https on demand."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from lotus.tools import find

KEY, SECRET = "minioadmin", "minioadmin"


@contextmanager
def _served(folder: Path, *, certificates: Path | None = None) -> Generator[Any]:
    """A client of a MinIO of one's own, with a bucket `lake`."""
    program = os.environ.get("LOTUS_MINIO") or shutil.which("minio") or find("minio")
    if program is None:
        pytest.skip("no MinIO: set LOTUS_MINIO, put minio on PATH, or run `python -m lotus.tools setup`")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"}
    command = [str(program), "server", "--address", address, "--quiet"]
    command += ["--certs-dir", str(certificates)] if certificates else []
    server = subprocess.Popen([*command, str(folder)], env=environment, stdout=subprocess.DEVNULL)
    client = boto3.client(
        "s3",
        endpoint_url=f"{'https' if certificates else 'http'}://{address}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        verify=str(certificates / "public.crt") if certificates else None,
    )
    try:
        for _ in range(100):
            try:
                client.create_bucket(Bucket="lake")
                break
            except (BotoCoreError, ClientError):  # not up yet
                time.sleep(0.2)
        yield client
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """A client of a MinIO, with a bucket `lake`."""
    with _served(tmp_path_factory.mktemp("minio")) as client:
        yield client


@pytest.fixture
def s3_over_https(tmp_path: Path) -> Generator[tuple[str, Path]]:
    """The endpoint of a MinIO that speaks https only, with a bucket `lake`, and its certificate."""
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    _self_signed(certificates)
    with _served(tmp_path / "minio", certificates=certificates) as client:
        yield client.meta.endpoint_url, certificates / "public.crt"


def _self_signed(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1, under the names that MinIO looks for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "public.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "private.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
