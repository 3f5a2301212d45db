"""What a clone's dev stack is made of: ports, keys, which S3. Recorded once, so that it outlives restarts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from lotus.errors import ConfigError
from lotus.local.processes import BLOCK, FIRST_PORT, PORT_BLOCKS, free_block
from lotus.private_folder import make_folder, private_folder
from lotus.tools import find

VERSITYGW, MINIO = "versitygw", "minio"


@dataclass(frozen=True)
class Dev:
    """What this clone's dev stack is made of; kept in `.lotus/dev/dev.json`, which only its owner can read."""

    airbyte_port: int
    s3_port: int
    shop_port: int
    s3_access_key_id: str
    s3_secret_access_key: str
    shop_token: str
    left_out: dict[str, str]
    s3_server: str = MINIO
    """Which program serves this clone's data; records of older lotus, which had MinIO alone, do not say."""
    given_s3: str = ""
    """The address of an S3 that somebody else runs; empty: this clone has its own."""

    @property
    def airbyte_url(self) -> str:
        """Root of the local server's public API."""
        return f"http://127.0.0.1:{self.airbyte_port}/api/public/v1"

    @property
    def s3_endpoint(self) -> str:
        """The S3 that landing and state lie in."""
        return self.given_s3 or f"http://127.0.0.1:{self.s3_port}"


def folder(project: Path) -> Path:
    """Where the dev stack of the clone `project` keeps everything."""
    return private_folder(project, "dev")


def secrets_folder(project: Path) -> Path:
    """Where `lotus sources add` keeps the secrets that a person tells it, one file each, for this clone alone."""
    return folder(project) / "secrets"


def load(project: Path) -> Dev | None:
    """The dev stack as it was last set up, on the S3 that the environment names; None when it never was set up."""
    file = folder(project) / "dev.json"
    if not file.exists():
        return None
    try:
        dev = Dev(**json.loads(file.read_text()))
    except (ValueError, TypeError):
        raise ConfigError(
            "the record of this clone's dev stack cannot be read",
            where=str(file),
            fix="make clean && make run (deletes the data of this clone's dev stack, and creates the demo's again)",
        ) from None
    return _on_the_environments_s3(dev)


def load_or_make(project: Path, port: int | None = None) -> Dev:
    """The dev stack's record, up to date; on the first call, ports derived from the clone's path and fresh credentials.

    Args:
        port: the first of its three ports from now on.
    """
    make_folder(folder(project))  # also of an older lotus, whose folder did not ignore itself
    dev = load(project) or _on_the_environments_s3(_new(project, port))
    if port is not None:
        dev = dataclasses.replace(dev, airbyte_port=port, s3_port=port + 1, shop_port=port + 2)
    save(project, dev)
    return dev


def save(project: Path, dev: Dev) -> None:
    """Writes the record whole or not at all, readable by its owner only."""
    file = folder(project) / "dev.json"
    make_folder(file.parent)
    temporary = file.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(asdict(dev), indent=1) + "\n")
    temporary.replace(file)


def _new(project: Path, port: int | None) -> Dev:
    wish = int.from_bytes(hashlib.sha256(str(project.resolve()).encode()).digest()[:4]) % PORT_BLOCKS
    first = free_block(FIRST_PORT + wish * BLOCK) if port is None else port
    return Dev(
        airbyte_port=first,
        s3_port=first + 1,
        shop_port=first + 2,
        s3_access_key_id="lotus-dev",
        s3_secret_access_key=secrets.token_hex(20),
        shop_token=secrets.token_hex(20),
        left_out={},
        s3_server=MINIO if find(VERSITYGW) is None and find(MINIO) is not None else VERSITYGW,
    )


def _on_the_environments_s3(dev: Dev) -> Dev:
    """`S3_ENDPOINT` chooses an S3, and empty it chooses the clone's own again; without it the record decides."""
    endpoint = os.environ.get("S3_ENDPOINT")
    if endpoint and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    if endpoint is None or endpoint == dev.given_s3:
        return dev
    if not endpoint:
        keys = ("lotus-dev", secrets.token_hex(20))
        return dataclasses.replace(dev, given_s3="", s3_access_key_id=keys[0], s3_secret_access_key=keys[1])
    return dataclasses.replace(
        dev,
        given_s3=endpoint,
        s3_access_key_id=_environment_key("AWS_ACCESS_KEY_ID"),
        s3_secret_access_key=_environment_key("AWS_SECRET_ACCESS_KEY"),
    )


def _environment_key(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise ConfigError(
        f"S3_ENDPOINT is set, but {name} is not",
        where="the environment",
        fix=f"export {name} for that S3, or unset S3_ENDPOINT to use the S3 of this clone",
    )
