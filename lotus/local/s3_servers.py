"""The S3 of a clone's own: versitygw, or a MinIO that is installed already, as processes of the dev stack."""

from __future__ import annotations

from pathlib import Path

from lotus.errors import ToolError
from lotus.local.machine import has_attributes
from lotus.local.processes import Service, answers
from lotus.local.record import MINIO, Dev
from lotus.tools import find


def s3_program(dev: Dev) -> Path:
    """The server that has this clone's data, or will have it.

    Raises:
        ToolError: it is not installed.
    """
    path = find(dev.s3_server)
    if path is not None:
        return path
    if dev.s3_server == MINIO:
        raise ToolError(
            "this clone's S3 has its data in MinIO's form, and MinIO is not installed",
            where="PATH",
            fix="put minio on PATH, or start over with versitygw: make clean && make run (deletes this clone's data)",
        )
    raise ToolError(
        f"{dev.s3_server} is not installed", fix=f"make setup (or: python3 -m lotus.tools ensure {dev.s3_server})"
    )


def s3_service(home: Path, dev: Dev) -> Service:
    """The process that serves the clone's buckets, its data below `home`."""
    return _minio(home, dev) if dev.s3_server == MINIO else _versitygw(home, dev)


def _versitygw(home: Path, dev: Dev) -> Service:
    data, versions, users, metadata = (home / "s3" / name for name in ("buckets", "versions", "users", "metadata"))
    # Metadata is in extended attributes, so that a clone can be moved; where there are none, it is in files.
    sidecar = () if has_attributes(home) else ("--sidecar", str(metadata))
    return Service(
        name="S3 (versitygw)",
        command=(
            *(str(find(dev.s3_server) or dev.s3_server), "--quiet", "--port", f"127.0.0.1:{dev.s3_port}"),
            *("--health", "/health", "--iam-dir", str(users), "--iam-cache-disable"),
            # Outside of the buckets' folder, and absolute: else versitygw refuses it.
            *("posix", "--versioning-dir", str(versions), *sidecar, str(data)),
        ),
        port=dev.s3_port,
        mark=str(data),
        folders=(data, versions, users, metadata),
        log=home / "log" / "s3.log",
        healthy=lambda: answers(f"http://127.0.0.1:{dev.s3_port}/health"),
        environment={"ROOT_ACCESS_KEY": dev.s3_access_key_id, "ROOT_SECRET_KEY": dev.s3_secret_access_key},
    )


def _minio(home: Path, dev: Dev) -> Service:
    data = str(home / "s3")
    command = (str(find(MINIO) or MINIO), "server", "--quiet", "--address", f"127.0.0.1:{dev.s3_port}", data)
    return Service(
        name="S3 (MinIO)",
        command=command,
        port=dev.s3_port,
        mark=data,
        log=home / "log" / "s3.log",
        healthy=lambda: answers(f"http://127.0.0.1:{dev.s3_port}/minio/health/cluster"),
        environment={
            "MINIO_ROOT_USER": dev.s3_access_key_id,
            "MINIO_ROOT_PASSWORD": dev.s3_secret_access_key,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
    )
