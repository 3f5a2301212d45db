"""The state in its bucket: set up, check, list versions, restore, and free a dead owner's lock."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lotus.config import from_stack_file
from lotus.config.pulumi_yaml import required_name, writer
from lotus.errors import ConfigError, LotusError, RemoteError
from lotus.private_folder import make_folder
from lotus.state.bucket import Bucket, bucket_errors, code, is_denied, is_missing
from lotus.state.identities import Identity, User, policy
from lotus.state.locks import ROOT, Lock, LockOwner, locked, locks, owner_here
from lotus.state.snapshots import Snapshot, checkpoint, chosen, counts, snapshots, versions, with_contents
from lotus.state.users import users_of
from lotus.untyped import as_mapping, as_mappings
from lotus.words import counted

if TYPE_CHECKING:
    from pulumi_airbyte.provider.guard import BrokenGlass


@dataclass(frozen=True)
class State:
    """Where a stack's state is, and how to get there."""

    project: Path
    name: str
    """The project's name in Pulumi.yaml, a part of every key."""
    stack: str
    environment: Mapping[str, str]
    bucket: Bucket
    client: Any

    @property
    def writer(self) -> str:
        """The stack's `airbyte:writer`; empty: everybody."""
        return writer(self.project, self.stack)


@dataclass(frozen=True)
class Check:
    """What these keys can do with the state, tried and not guessed."""

    where: str
    reads: bool
    writes: bool
    removes: bool
    versioned: bool | None
    """Whether the bucket keeps old versions; None where these keys may not ask."""
    resources: int | None
    """In the stack's state; None where there is none yet."""
    pending: int
    writer: str
    is_writer: bool
    """Whether this process is to write: it has the writer's mark or a reason, or the stack belongs to everybody."""
    locks: tuple[LockOwner, ...]
    hints: tuple[str, ...]
    ok: bool
    """Whether the keys can do what this process is for."""


def opened(project: Path, stack: str, environment: Mapping[str, str]) -> State:
    """The stack's state in its bucket.

    Raises:
        ConfigError: the backend is not an S3 bucket.
    """
    from pulumi_airbyte.provider.state_store import backend_url

    root = {"PULUMI_ROOT_DIRECTORY": str(project)}
    bucket = Bucket.of(backend_url({**root, **environment}))
    return State(project, required_name(project), stack, environment, bucket, bucket.client(environment))


# Trying out.


def check_state(state: State) -> Check:
    """Reads, then writes and removes a probe where Pulumi puts its locks: a key that reads may well not write.

    Raises:
        LotusError: the bucket cannot be reached or read at all.
    """
    from pulumi_airbyte.provider.guard import Guard

    with bucket_errors(state.bucket):
        owners = tuple(owner_here(lock) for lock in locks(state.client, state.bucket, state.name, state.stack))
        resources, pending = _resources(state) or (None, 0)
        writes, removes = _probe(state)
        versioned = _versioned(state)
    is_writer = Guard(state.writer or None, state.environment).refusal(state.stack) is None
    return Check(
        where=state.bucket.url,
        reads=True,
        writes=writes,
        removes=removes,
        versioned=versioned,
        resources=resources,
        pending=pending,
        writer=state.writer,
        is_writer=is_writer,
        locks=owners,
        hints=tuple(_hints(state, is_writer, writes, removes, versioned, pending, owners)),
        ok=(writes and removes) or not is_writer,
    )


def _hints(
    state: State,
    is_writer: bool,
    writes: bool,
    removes: bool,
    versioned: bool | None,
    pending: int,
    owners: Iterable[LockOwner],
) -> Iterator[str]:
    if is_writer and not (writes and removes):
        yield (
            "these keys cannot write: pulumi up stops at its lock (PutObject: AccessDenied), the state unchanged; "
            "preview and refresh --preview-only work"
        )
    if not is_writer and writes:
        yield (
            f'these keys can write, and "{state.writer}" alone changes stack {state.stack}: '
            "people and CI should have the reader's keys"
        )
    if versioned is False:
        yield "the bucket keeps no old versions, so nothing can be restored: lotus state init turns it on"
    if pending:
        yield f"an apply was killed during {counted(pending, 'operation')}: the next pulumi up checks them"
    for owner in owners:
        yield f"locked by {owner.lock.user}@{owner.lock.host}: {owner.why}"


def _resources(state: State) -> tuple[int, int] | None:
    from botocore.exceptions import ClientError

    key = checkpoint(state.bucket, state.name, state.stack)
    for each in (key, f"{key}.gz"):
        try:
            content = state.client.get_object(Bucket=state.bucket.name, Key=each)["Body"].read()
        except ClientError as error:
            if is_missing(error):
                continue
            raise
        counted = counts(content)
        if counted is None:
            raise RemoteError(
                "the stack's state cannot be read: it is not a Pulumi checkpoint",
                where=f"{state.bucket.url}: {each}",
                fix=f"lotus state snapshots --stack {state.stack}, then lotus state restore",
            )
        return counted
    return None


def _probe(state: State) -> tuple[bool, bool]:
    """Whether a file could be written and read back, and whether it could be removed."""
    from botocore.exceptions import ClientError

    key = state.bucket.key(f"{ROOT}/lotus-probe/{uuid.uuid4()}.json")
    content = key.encode()
    at = {"Bucket": state.bucket.name, "Key": key}
    try:
        state.client.put_object(**at, Body=content)
    except ClientError as error:
        if is_denied(error):
            return False, False
        raise
    if state.client.get_object(**at)["Body"].read() != content:
        raise RemoteError("the bucket returned other content than was written", where=state.bucket.url)
    try:
        state.client.delete_object(**at)
        state.client.head_object(**at)
    except ClientError as error:
        if is_denied(error):
            return True, False
        if is_missing(error):
            return True, True
        raise
    return True, False


def _versioned(state: State) -> bool | None:
    from botocore.exceptions import ClientError

    try:
        response = state.client.get_bucket_versioning(Bucket=state.bucket.name)
    except ClientError as error:
        if is_denied(error):
            return None
        raise
    return response.get("Status") == "Enabled"


# Looking back and putting back.


def state_history(state: State, *, every: bool = False) -> list[Snapshot]:
    """The state at the end of the newest twenty runs, or every version that the bucket keeps, newest first."""
    with bucket_errors(state.bucket):
        if every:
            every_version = versions(state.client, state.bucket, state.name, state.stack)
            return [with_contents(state.client, state.bucket, snapshot) for snapshot in every_version]
        return snapshots(state.client, state.bucket, state.name, state.stack)


def restore_consent(stack: str, snapshot: Snapshot) -> str:
    """What `lotus:confirm` has to hold for a restore."""
    return f"restore state {stack} {snapshot.version}"


def _agreed(state: State, snapshot: Snapshot, *, lost: bool) -> None:
    """Checks that the version can be read and that the stack agrees; pulumi configures no stack whose state is lost."""
    if snapshot.resources is None:
        raise ConfigError(f"version {snapshot.version} is not a readable checkpoint", fix="choose another snapshot")
    settings = from_stack_file(state.project, state.stack, environment=state.environment)
    words = restore_consent(state.stack, snapshot)
    if words in settings.confirm:
        return
    file = f"Pulumi.{state.stack}.yaml"
    fix = settings.agree(words)
    if lost:
        fix = f'add lotus:confirm: ["{words}"] below config: in {file} (if pulumi removed it: git restore it)'
    raise ConfigError(
        f"restoring the state of {snapshot.at:%Y-%m-%d %H:%M:%S} UTC needs consent",
        where=f"{file}: lotus:confirm",
        fix=fix,
    )


def restore(state: State, version: str) -> tuple[Snapshot, Snapshot | None]:
    """Makes an old version the present one, under the stack's lock; returns it, and the one that it replaces.

    Nothing is lost by it: what is replaced stays as a version, and can be restored in turn.

    Raises:
        ConfigError: there is no such version, or no consent.
        RemoteError: the keys may not write, or this is not the stack's writer and gives no reason.
        UnavailableError: somebody holds the lock.
    """
    from pulumi_airbyte.provider.faults import ProviderError
    from pulumi_airbyte.provider.guard import Guard

    with bucket_errors(state.bucket):
        every_version = versions(state.client, state.bucket, state.name, state.stack)
        snapshot = with_contents(state.client, state.bucket, chosen(every_version, version))
    _agreed(state, snapshot, lost=every_version[0].deleted)
    guard = Guard(state.writer or None, state.environment)
    refusal = guard.refusal(state.stack)
    if refusal:
        raise RemoteError(refusal.what, where=f"Pulumi.{state.stack}.yaml: airbyte:writer", fix=refusal.fix)
    with bucket_errors(state.bucket), locked(state.client, state.bucket, state.name, state.stack):
        try:
            guard.enter(state.name, state.stack)
        except ProviderError as error:
            raise RemoteError(str(error)) from None
        source = {"Bucket": state.bucket.name, "Key": snapshot.key, "VersionId": snapshot.version}
        state.client.copy_object(Bucket=state.bucket.name, Key=snapshot.key, CopySource=source)
        other = snapshot.key.removesuffix(".gz") if snapshot.key.endswith(".gz") else f"{snapshot.key}.gz"
        if any(each.key == other and each.latest and not each.deleted for each in every_version):
            # Of several Pulumi takes the newest (docs/pulumi-behaviour.md#state-in-a-bucket); one is enough.
            state.client.delete_object(Bucket=state.bucket.name, Key=other)
        replaced = next((each for each in every_version if each.latest and not each.deleted), None)
        return snapshot, with_contents(state.client, state.bucket, replaced) if replaced else None


# Freeing.

Pod = Mapping[str, Any]
FindPod = Callable[[str], Pod | None]


def unlock(
    state: State, find_pod: FindPod | None = None, *, pod_name: str = ""
) -> tuple[list[LockOwner], list[LockOwner]]:
    """Frees the locks whose owners are proved to be gone; returns those, and the ones that stay.

    Each lock is removed by its own name: one that somebody takes meanwhile stays.

    Args:
        find_pod: looks a pod up in the delivery's namespace; None where there is no cluster to ask.
        pod_name: the workspace's pod, whose name a lock of the operator bears.
    """
    freed: list[LockOwner] = []
    remaining: list[LockOwner] = []
    with bucket_errors(state.bucket):
        for lock in list(locks(state.client, state.bucket, state.name, state.stack)):
            owner = owner_here(lock)
            if owner.gone is None and find_pod and lock.host == pod_name:
                owner = _owner_in_cluster(lock, find_pod)
            if owner.gone:
                state.client.delete_object(Bucket=state.bucket.name, Key=lock.key)
                freed.append(owner)
            else:
                remaining.append(owner)
    return freed, remaining


def _owner_in_cluster(lock: Lock, find_pod: FindPod) -> LockOwner:
    pod = find_pod(lock.host)
    if pod is None:
        return LockOwner(lock, True, f"the pod {lock.host} no longer exists")
    for container in as_mappings(as_mapping(pod.get("status")).get("containerStatuses")):
        began = as_mapping(as_mapping(container.get("state")).get("running")).get("startedAt")
        if container.get("name") == "pulumi" and began and lock.taken and _moment(began) > lock.taken:
            return LockOwner(lock, True, f"the pod {lock.host} restarted at {began}, after the lock was taken")
    return LockOwner(lock, False, f"the pod {lock.host} runs: lotus status shows what it does")


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


# Setting up.


@dataclass(frozen=True)
class SetUp:
    """What `init` did, what was there already, and what is left to do by hand."""

    done: tuple[str, ...]
    there: tuple[str, ...]
    by_hand: tuple[str, ...]
    users: tuple[User, ...]


def set_up(state: State, keys: Path, *, rotate: Identity | None = None, retire: str = "") -> SetUp:
    """Bucket, versions, users and policies; repeated, it makes only what is missing.

    Where it finds no way to make users (an S3 of another kind, keys that may not), it writes the policies and says
    what to do with them.

    Args:
        keys: the folder for key files and policies; out of git's reach.
        rotate: make a second user for this identity, to take the place of the first.
        retire: end this user, once nobody uses its keys.
    """
    changes: list[str] = []
    existing: list[str] = []
    bucket = state.bucket
    with bucket_errors(bucket):
        (changes if _bucket_made(state) else existing).append(f"bucket {bucket.name}")
        if _versioned(state):
            existing.append("old versions are kept")
        else:
            state.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
            changes.append("old versions are kept")
    users = users_of(bucket, state.environment)
    if users is None:
        return SetUp(tuple(changes), tuple(existing), tuple(_by_hand(bucket, keys)), ())
    if retire:
        users.remove(retire)
        return SetUp((*changes, f"user {retire} removed"), tuple(existing), (), ())
    new_users: list[User] = []
    for identity, names in users.by_identity().items():
        if names and identity != rotate:
            existing.append(f"{identity}: {', '.join(names)}")
            continue
        user = users.make(identity, keys)
        new_users.append(user)
        changes.append(f"{identity}: {user.name}, keys in {user.file}")
    users.renew_rights()
    return SetUp(tuple(changes), tuple(existing), (), tuple(new_users))


def _bucket_made(state: State) -> bool:
    from botocore.exceptions import ClientError

    with contextlib.suppress(ClientError):
        state.client.head_bucket(Bucket=state.bucket.name)
        return False
    more: dict[str, Any] = {}
    if state.bucket.endpoint is None and state.bucket.region not in (None, "us-east-1"):
        more["CreateBucketConfiguration"] = {"LocationConstraint": state.bucket.region}
    state.client.create_bucket(Bucket=state.bucket.name, **more)
    return True


def _policies(bucket: Bucket, folder: Path) -> dict[Identity, Path]:
    """The policies of this bucket as files, where users cannot be made from here."""
    make_folder(folder)
    files = {identity: folder / f"{identity}.policy.json" for identity in Identity}
    for identity, file in files.items():
        file.write_text(json.dumps(policy(identity, bucket.name), indent=2) + "\n")
    return files


def _by_hand(bucket: Bucket, folder: Path) -> Iterator[str]:
    """How somebody else makes the users, with the policies that were written for them."""
    for identity, file in _policies(bucket, folder).items():
        name = f"{bucket.name}-{identity}"
        if bucket.endpoint is not None:
            yield f"# create a user {name} with the rights in {file}"
            continue
        yield f"aws iam create-user --user-name {name}"
        yield f"aws iam put-user-policy --user-name {name} --policy-name state --policy-document file://{file}"
        yield f"aws iam create-access-key --user-name {name}"


def broken_glass(project: Path, stack: str, environment: Mapping[str, str]) -> list[BrokenGlass]:
    """Who changed the stack in place of its writer, oldest first.

    Raises:
        LotusError: the record cannot be read from here.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from pulumi_airbyte.provider.faults import ProviderError
    from pulumi_airbyte.provider.guard import broken_glass as recorded

    environment = {"PULUMI_ROOT_DIRECTORY": str(project), **environment}
    try:
        return recorded(environment, required_name(project), stack)
    except ProviderError as error:
        raise LotusError(str(error)) from None
    except ClientError as error:
        raise LotusError(f"these keys cannot read the state ({code(error)})") from None
    except (BotoCoreError, OSError) as error:
        raise LotusError(f"the state cannot be reached ({error.__class__.__name__})") from None
