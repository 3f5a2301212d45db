"""Pulumi's locks in the bucket: who holds them, and whether the holder is gone.

A lock of Pulumi's own backends has no expiry and no heartbeat: it is a file that names its host, user and process, and
`pulumi cancel` removes every one of them unasked (docs/pulumi-behaviour.md#locks). So a lock is freed here only when
its owner is proved to be gone.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lotus.errors import UnavailableError
from lotus.state.bucket import Bucket

ROOT = ".pulumi/locks"


@dataclass(frozen=True)
class Lock:
    """One lock file of a stack, as Pulumi writes it."""

    key: str
    host: str
    user: str
    pid: int
    at: str
    """When it was taken, in RFC 3339."""

    @property
    def age(self) -> float:
        """Seconds since it was taken, by this machine's clock; 0 where its time cannot be read."""
        at = self.taken
        return max(0.0, (datetime.now(UTC) - at).total_seconds()) if at else 0.0

    @property
    def taken(self) -> datetime | None:
        """The time as such; None where it cannot be read."""
        try:
            moment = datetime.fromisoformat(self.at)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class LockOwner:
    """What is known of a lock's owner. `gone` is None where nothing proves it either way."""

    lock: Lock
    gone: bool | None
    why: str


def locks_folder(bucket: Bucket, project: str, stack: str) -> str:
    """Where the stack's locks lie."""
    return bucket.key(f"{ROOT}/organization/{project}/{stack}/")


def locks(client: Any, bucket: Bucket, project: str, stack: str) -> Iterator[Lock]:
    """Every lock of the stack."""
    from botocore.exceptions import ClientError

    from lotus.state.bucket import is_missing

    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name, Prefix=locks_folder(bucket, project, stack)
    ):
        for entry in page.get("Contents", ()):
            try:
                content = client.get_object(Bucket=bucket.name, Key=entry["Key"])["Body"].read()
            except ClientError as error:
                if is_missing(error):
                    continue  # it was given back between the list and the look
                raise
            yield _lock(entry["Key"], content)


def _lock(key: str, content: bytes) -> Lock:
    try:
        body: Any = json.loads(content)
        return Lock(
            key,
            host=str(body.get("hostname", "")),
            user=str(body.get("username", "")),
            pid=int(body.get("pid", 0)),
            at=str(body.get("timestamp", "")),
        )
    except (ValueError, TypeError, AttributeError):
        return Lock(key, "", "", 0, "")  # cut off, or not Pulumi's: nobody can be asked, so nothing is proved


def owner_here(lock: Lock) -> LockOwner:
    """What this machine knows of the lock's owner: its own processes."""
    import psutil

    if not lock.host or lock.host != socket.gethostname():
        return LockOwner(
            lock, None, f"it was taken on {lock.host or 'an unknown host'}, which this command cannot inspect"
        )
    if not psutil.pid_exists(lock.pid):
        return LockOwner(lock, True, f"process {lock.pid} of this host has ended")
    try:
        process = psutil.Process(lock.pid)
        begun, name = process.create_time(), process.name()
    except psutil.NoSuchProcess:
        return LockOwner(lock, True, f"process {lock.pid} of this host has ended")
    except psutil.AccessDenied:
        return LockOwner(lock, None, f"process {lock.pid} belongs to another user: this command cannot inspect it")
    # The clocks of the process table and of the lock are the same machine's; a second is their grain.
    if lock.taken and begun > lock.taken.timestamp() + 1:
        return LockOwner(lock, True, f"process {lock.pid} of this host is another one ({name}), started after the lock")
    return LockOwner(lock, False, f"process {lock.pid} ({name}) of this host runs")


@contextmanager
def locked(client: Any, bucket: Bucket, project: str, stack: str) -> Generator[None]:
    """Holds the stack's lock as Pulumi does: list, write, list again, and back off if somebody else was as quick.

    Raises:
        UnavailableError: somebody else holds it.
    """
    others = list(locks(client, bucket, project, stack))
    key = f"{locks_folder(bucket, project, stack)}{uuid.uuid4()}.json"
    if not others:
        body = {
            "pid": os.getpid(),
            "username": _user(),
            "hostname": socket.gethostname(),
            "timestamp": datetime.now(UTC).isoformat(),
        }
        client.put_object(Bucket=bucket.name, Key=key, Body=json.dumps(body).encode())
    try:
        others = [lock for lock in locks(client, bucket, project, stack) if lock.key != key]
        if others:
            first = others[0]
            raise UnavailableError(
                f"stack {stack} is locked by {first.user}@{first.host}, process {first.pid}, since {first.at}",
                where=bucket.url,
                fix=f"wait until that run has ended; if it was killed: lotus state unlock --stack {stack}",
            )
        yield
    finally:
        client.delete_object(Bucket=bucket.name, Key=key)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
