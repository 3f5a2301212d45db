"""versitygw as a process, for tests that need an S3."""

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

KEY, SECRET = "minioadmin", "minioadmin"
ROOT = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}


def s3_program() -> str:
    """The versitygw of this machine; the test is skipped where there is none."""
    program = os.environ.get("LOTUS_VERSITYGW") or shutil.which("versitygw")
    if program is None:
        pytest.skip("no versitygw: set LOTUS_VERSITYGW to its path, or put it on PATH")
    return program


def s3_command(folder: Path, address: str, certificates: Path | None = None) -> list[str]:
    """An S3 with its buckets in the folder, at an address."""
    for name in ("buckets", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tls = (
        ["--cert", str(certificates / "public.crt"), "--key", str(certificates / "private.key")] if certificates else []
    )
    gateway = [s3_program(), "--quiet", "--port", address, "--health", "/health", *tls]
    return [*gateway, "posix", "--sidecar", str(folder / "metadata"), str(folder / "buckets")]


@contextmanager
def served(folder: Path, *, certificates: Path | None = None) -> Generator[Any]:
    """A client of a new S3, with a bucket `lake`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = s3_command(folder, address, certificates)
    server = subprocess.Popen(command, env={**os.environ, **ROOT}, stdout=subprocess.DEVNULL)
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


def self_signed(folder: Path) -> None:
    """A key and a certificate for 127.0.0.1."""
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
