"""The state in its bucket: set up, tried out, looked back at, put back, and freed from a dead owner's lock."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lotus.config import from_stack_file
from lotus.errors import ConfigError, LotusError, RemoteError
from lotus.operations.project import project_name, writer
from lotus.state.bucket import Bucket, code, denied, in_our_words, missing
from lotus.state.identities import Identity, MinioUsers, User, policy
from lotus.state.locks import ROOT, Lock, Owner, held, locks, owner_here
from lotus.state.snapshots import Snapshot, checkpoint, chosen, counts, read, snapshots, versions

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
    locks: tuple[Owner, ...]
    hints: tuple[str, ...]
    ok: bool
    """Whether the keys can do what this process is for."""


def opened(project: Path, stack: str, environment: Mapping[str, str]) -> State:
    """The stack's state in its bucket.

    Raises:
        ConfigError: the backend is no S3 bucket.
    """
    from pulumi_airbyte.provider.state_store import backend_url

    root = {"PULUMI_ROOT_DIRECTORY": str(project)}
    bucket = Bucket.of(backend_url({**root, **environment}))
    return State(project, project_name(project), stack, environment, bucket, bucket.client(environment))


# Trying out.


def check(state: State) -> Check:
    """Reads, then writes and removes a probe where Pulumi puts its locks: a key that reads may well not write.

    Raises:
        LotusError: the bucket cannot be reached or read at all.
    """
    from pulumi_airbyte.provider.guard import Guard

    with in_our_words(state.bucket):
        found = tuple(owner_here(lock) for lock in locks(state.client, state.bucket, state.name, state.stack))
        resources, pending = _held_resources(state) or (None, 0)
        writes, removes = _probe(state)
        versioned = _versioned(state)
    is_writer = Guard(state.writer or None, state.environment).refusal(state.stack) is None
    hints: list[str] = []
    if is_writer and not (writes and removes):
        hints.append(
            "these keys cannot write: pulumi up stops at its lock (PutObject: AccessDenied), with the state untouched; "
            "preview and refresh --preview-only work"
        )
    if not is_writer and writes:
        hints.append(
            f'these keys can write, and "{state.writer}" alone changes stack {state.stack}: '
            "people and CI should have the reader's keys"
        )
    if versioned is False:
        hints.append("the bucket keeps no old versions, so nothing can be restored: lotus state init turns it on")
    if pending:
        hints.append(
            f"{pending} operations were under way when an apply was killed: the next pulumi up looks for what became "
            "of them"
        )
    hints += [f"locked by {one.lock.user}@{one.lock.host}: {one.why}" for one in found]
    return Check(
        where=state.bucket.where,
        reads=True,
        writes=writes,
        removes=removes,
        versioned=versioned,
        resources=resources,
        pending=pending,
        writer=state.writer,
        is_writer=is_writer,
        locks=found,
        hints=tuple(hints),
        ok=(writes and removes) or not is_writer,
    )


def _held_resources(state: State) -> tuple[int, int] | None:
    from botocore.exceptions import ClientError

    key = checkpoint(state.bucket, state.name, state.stack)
    for each in (key, f"{key}.gz"):
        try:
            content = state.client.get_object(Bucket=state.bucket.name, Key=each)["Body"].read()
        except ClientError as error:
            if missing(error):
                continue
            raise
        counted = counts(content)
        if counted is None:
            raise RemoteError(
                "the stack's state cannot be read: it is no checkpoint of Pulumi's",
                where=f"{state.bucket.where}: {each}",
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
        if denied(error):
            return False, False
        raise
    if state.client.get_object(**at)["Body"].read() != content:
        raise RemoteError("what was written came back as something else", where=state.bucket.where)
    try:
        state.client.delete_object(**at)
        state.client.head_object(**at)
    except ClientError as error:
        if denied(error):
            return True, False
        if missing(error):
            return True, True
        raise
    return True, False


def _versioned(state: State) -> bool | None:
    from botocore.exceptions import ClientError

    try:
        answer = state.client.get_bucket_versioning(Bucket=state.bucket.name)
    except ClientError as error:
        if denied(error):
            return None
        raise
    return answer.get("Status") == "Enabled"


# Looking back and putting back.


def history(state: State, *, every: bool = False) -> list[Snapshot]:
    """The state at the end of the newest twenty runs, or every version that the bucket keeps, newest first."""
    with in_our_words(state.bucket):
        if every:
            found = versions(state.client, state.bucket, state.name, state.stack)
            return [read(state.client, state.bucket, one) for one in found]
        return snapshots(state.client, state.bucket, state.name, state.stack)


def consent(stack: str, snapshot: Snapshot) -> str:
    """What `lotus:confirm` has to hold for a restore."""
    return f"restore state {stack} {snapshot.version}"


def _agree(stack: str, words: str, place: int, *, there: bool) -> str:
    """How to give the consent; pulumi sets nothing on a stack whose state is gone, so that takes the file by hand."""
    if there:
        return f"pulumi config set --path 'lotus:confirm[{place}]' '{words}' --stack {stack}"
    return f'in Pulumi.{stack}.yaml (git restore it, if pulumi removed it), below config: lotus:confirm: ["{words}"]'


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

    with in_our_words(state.bucket):
        found = versions(state.client, state.bucket, state.name, state.stack)
        one = read(state.client, state.bucket, chosen(found, version))
    if one.resources is None:
        raise ConfigError(f"version {one.version} is no checkpoint that can be read", fix="choose another snapshot")
    agreed = from_stack_file(state.project, state.stack, environment=state.environment).confirm
    if consent(state.stack, one) not in agreed:
        raise ConfigError(
            f"restoring makes the state of {one.at:%Y-%m-%d %H:%M:%S} UTC the present one, which needs consent",
            where=f"Pulumi.{state.stack}.yaml: lotus:confirm",
            fix=_agree(state.stack, consent(state.stack, one), len(agreed), there=not found[0].deleted),
        )
    guard = Guard(state.writer or None, state.environment)
    refusal = guard.refusal(state.stack)
    if refusal:
        raise RemoteError(refusal.what, where=f"Pulumi.{state.stack}.yaml: airbyte:writer", fix=refusal.fix)
    with in_our_words(state.bucket), held(state.client, state.bucket, state.name, state.stack):
        try:
            guard.enter(state.name, state.stack)
        except ProviderError as error:
            raise RemoteError(str(error)) from None
        source = {"Bucket": state.bucket.name, "Key": one.key, "VersionId": one.version}
        state.client.copy_object(Bucket=state.bucket.name, Key=one.key, CopySource=source)
        other = one.key.removesuffix(".gz") if one.key.endswith(".gz") else f"{one.key}.gz"
        if any(each.key == other and each.latest and not each.deleted for each in found):
            # Pulumi takes the compressed one if both are there.
            state.client.delete_object(Bucket=state.bucket.name, Key=other)
        replaced = next((each for each in found if each.latest and not each.deleted), None)
        return one, read(state.client, state.bucket, replaced) if replaced else None


# Freeing.

Pod = Mapping[str, Any]
FindPod = Callable[[str], Pod | None]


def unlock(state: State, find_pod: FindPod | None = None, *, pod_name: str = "") -> tuple[list[Owner], list[Owner]]:
    """Frees the locks whose owners provably are no more; returns those, and the ones that stay.

    Each lock is removed by its own name: one that somebody takes meanwhile stays.

    Args:
        find_pod: looks a pod up in the delivery's namespace; None where there is no cluster to ask.
        pod_name: the workspace's pod, whose name a lock of the operator bears.
    """
    freed: list[Owner] = []
    kept: list[Owner] = []
    with in_our_words(state.bucket):
        for lock in list(locks(state.client, state.bucket, state.name, state.stack)):
            found = owner_here(lock)
            if found.gone is None and find_pod and lock.host == pod_name:
                found = _owner_in_cluster(lock, find_pod)
            if found.gone:
                state.client.delete_object(Bucket=state.bucket.name, Key=lock.key)
                freed.append(found)
            else:
                kept.append(found)
    return freed, kept


def _owner_in_cluster(lock: Lock, find_pod: FindPod) -> Owner:
    pod = find_pod(lock.host)
    if pod is None:
        return Owner(lock, True, f"the pod {lock.host} is no more")
    status = cast("Mapping[str, Any]", pod.get("status") or {})
    for container in cast("list[dict[str, Any]]", status.get("containerStatuses") or []):
        began = ((container.get("state") or {}).get("running") or {}).get("startedAt")
        if container.get("name") == "pulumi" and began and lock.taken and _moment(began) > lock.taken:
            return Owner(lock, True, f"the pod {lock.host} began anew at {began}, after the lock was taken")
    return Owner(lock, False, f"the pod {lock.host} runs: lotus status says what it does")


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


def init(state: State, keys: Path, *, rotate: Identity | None = None, retire: str = "") -> SetUp:
    """Bucket, versions, users and policies; repeated, it makes only what is missing.

    With the root's keys of a MinIO it makes the users too; for AWS it writes the policies and says the commands.

    Args:
        keys: the folder for key files and policies; out of git's reach.
        rotate: make a second user for this identity, to take the place of the first.
        retire: end this user, once nobody uses its keys.
    """
    done: list[str] = []
    there: list[str] = []
    bucket = state.bucket
    with in_our_words(bucket):
        (done if _bucket_made(state) else there).append(f"bucket {bucket.name}")
        if _versioned(state):
            there.append("old versions are kept")
        else:
            state.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
            done.append("old versions are kept")
    if bucket.endpoint is None:
        return SetUp(tuple(done), tuple(there), tuple(_aws_commands(_policies(bucket, keys), bucket)), ())
    users = MinioUsers(bucket, state.environment)
    if not users.offered():
        by_hand = (
            f"# make a user {bucket.name}-{i} with the rights in {f}" for i, f in _policies(bucket, keys).items()
        )
        return SetUp(tuple(done), tuple(there), tuple(by_hand), ())
    if retire:
        users.remove(retire)
        return SetUp((*done, f"user {retire} ended"), tuple(there), (), ())
    made: list[User] = []
    for identity in Identity:
        known = users.names(identity)
        if known and identity != rotate:
            there.append(f"{identity}: {', '.join(known)}")
            continue
        user = users.make(identity, keys)
        made.append(user)
        done.append(f"{identity}: {user.name}, keys in {user.file}")
    return SetUp(tuple(done), tuple(there), (), tuple(made))


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
    folder.mkdir(parents=True, exist_ok=True)
    found = {identity: folder / f"{identity}.policy.json" for identity in Identity}
    for identity, file in found.items():
        file.write_text(json.dumps(policy(identity, bucket.name), indent=2) + "\n")
    return found


def _aws_commands(policies: Mapping[Identity, Path], bucket: Bucket) -> Iterator[str]:
    """The commands that make the users with them."""
    for identity, file in policies.items():
        name = f"{bucket.name}-{identity}"
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
        return recorded(environment, project_name(project), stack)
    except ProviderError as error:
        raise LotusError(str(error)) from None
    except ClientError as error:
        raise LotusError(f"these keys cannot read the state ({code(error)})") from None
    except (BotoCoreError, OSError) as error:
        raise LotusError(f"the state cannot be reached ({error.__class__.__name__})") from None
