"""Removes the locks that this very pod left in the state's bucket when it was killed in mid-update.

A lock of Pulumi's own backends has no expiry; it names its host, which is the pod's name. A StatefulSet's pod exists at
most once under its name (docs/pulumi-behaviour.md#pods-of-a-statefulset), so a lock of that name at the pod's start
belongs to a predecessor that is gone. A lock of any
other host stays: `pulumi cancel` would remove that too, and give a live writer a rival.

`python -m lotus.gitops.stale_locks --backend s3://… --project lotus --stack prod`
"""

from __future__ import annotations

import argparse
import socket
import sys
from typing import Any

from lotus.errors import LotusError
from lotus.state.bucket import Bucket
from lotus.state.locks import Lock, locks
from lotus.untrusted import Untrusted


def release_own(client: Any, bucket: Bucket, project: str, stack: str, *, host: str) -> tuple[list[Lock], list[Lock]]:
    """Deletes the locks that `host` left; returns those, and the ones of others, which stay."""
    released: list[Lock] = []
    others: list[Lock] = []
    for lock in list(locks(client, bucket, project, stack)):
        if lock.host == host:
            client.delete_object(Bucket=bucket.name, Key=lock.key)
            released.append(lock)
        else:
            others.append(lock)
    return released, others


def main() -> int:
    """The workspace's init container. Always 0: see below."""
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(prog="python -m lotus.gitops.stale_locks", description=__doc__)
    for name in ("--backend", "--project", "--stack"):
        parser.add_argument(name, required=True)
    parser.add_argument("--host", default=socket.gethostname())
    options = parser.parse_args()
    try:
        bucket = Bucket.of(options.backend)
        released, others = release_own(bucket.client(), bucket, options.project, options.stack, host=options.host)
    except (BotoCoreError, ClientError, LotusError) as error:
        # A failing init container keeps the pod from starting, and the Stack then only says that it waits. pulumi meets
        # the same fault next, and its words do reach the Stack's status.
        print(Untrusted(f"cannot look for stale locks: {error}"), file=sys.stderr)
        return 0
    for lock in released:
        print(Untrusted(f"removed the lock that {lock.host} left at {lock.at}: {lock.key}"))
    for lock in others:
        print(Untrusted(f"kept the lock of {lock.user}@{lock.host} (pid {lock.pid}) of {lock.at}: {lock.key}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
