"""`lotus state`: the bucket that holds the state, and its one writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, Stack, current_session
from lotus.cli.output import print_json, print_line, print_table, say, size
from lotus.errors import Exit
from lotus.words import counted

if TYPE_CHECKING:
    from lotus.state.identities import Identity
    from lotus.state.stack_state import FindPod, State

state_app = typer.Typer(
    cls=Families, no_args_is_help=True, help="Look after the state's bucket, its keys and its one writer."
)


def _state(stack: str | None) -> State:
    from lotus.state.stack_state import opened

    session = current_session(stack)
    return opened(session.root, session.stack, session.environment)


@state_app.command("init")
def state_init(
    keys: Annotated[Path, typer.Option(help="The folder for the key files.")] = Path(".lotus/keys"),
    rotate: Annotated[
        str | None, typer.Option(help="Create new keys for: reader, operator or break-glass; the old ones stay valid.")
    ] = None,
    retire: Annotated[str, typer.Option(help="Remove this user, once nobody uses its keys.")] = "",
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Create the state's bucket, its versions, and keys by identity.

    Needs the root keys of the S3; can be repeated.

    Example: lotus state init --stack prod
    """
    from lotus.state.stack_state import set_up

    state = _state(stack)
    result = set_up(state, state.project / keys, rotate=_identity(rotate), retire=retire)
    if as_json:
        print_json(result)
    else:
        for line in result.done:
            print_line(f"created  {line}")
        for line in result.there:
            print_line(f"exists   {line}")
    for command in result.by_hand:
        print_line(command)
    if result.users:
        say("next: give each key file to its user (docs/one-writer.md), then delete it here")
    else:
        say(f"next: lotus state check --stack {state.stack}")


def _identity(name: str | None) -> Identity | None:
    from lotus.state.identities import Identity

    if name is None:
        return None
    if name not in list(Identity):
        raise typer.BadParameter(f"one of: {', '.join(Identity)}", param_hint="--rotate")
    return Identity(name)


@state_app.command("check")
def state_check(stack: Stack = None, as_json: Json = False) -> None:
    """Check what these keys can do; exits 1 if the writer cannot write.

    Writes and removes a probe.

    Example: lotus state check --stack prod
    """
    from lotus.state.stack_state import check_state

    state = _state(stack)
    result = check_state(state)
    if as_json:
        print_json(result)
    else:
        words = {True: "yes", False: "no", None: "these keys may not ask"}
        print_line(f"state     {result.where}")
        print_line(f"read      {words[result.reads]}")
        print_line(f"write     {words[result.writes]}")
        print_line(f"remove    {words[result.removes]}")
        print_line(f"versions  {words[result.versioned]}")
        print_line(f"stack     {_resources(result.resources)}")
        print_line(f"writer    {result.writer or 'everybody'}{'' if result.is_writer else ' (not this process)'}")
        for hint in result.hints:
            say(f"hint: {hint}")
    if result.locks:
        say(f"next: lotus state unlock --stack {state.stack}")
    if not result.ok:
        raise typer.Exit(Exit.FAILED)


@state_app.command("snapshots")
def state_snapshots(
    every: Annotated[bool, typer.Option("--all", help="Every version, also those written during a run.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """List the state at the end of each run, newest first.

    Example: lotus state snapshots --stack prod
    """
    from lotus.state.stack_state import state_history

    state = _state(stack)
    snapshots = state_history(state, every=every)
    if as_json:
        print_json(snapshots)
        return
    rows = [
        (
            f"{snapshot.at:%Y-%m-%d %H:%M:%S}",
            snapshot.version,
            "deleted" if snapshot.deleted else snapshot.resources,
            snapshot.pending or "",
            size(snapshot.bytes),
            snapshot.run,
            snapshot.commit,
            "current" if snapshot.latest else "",
        )
        for snapshot in snapshots
    ]
    titles = ("UTC", "version", "resources", "pending", "size", "run", "commit", "")
    print_table(titles, rows, right=("resources", "pending", "size"))
    if snapshots:
        say(f"next: lotus state restore VERSION --stack {state.stack}")


@state_app.command("restore")
def state_restore(
    version: Annotated[str, typer.Argument(help="As `lotus state snapshots` shows it, or its beginning.")],
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Restore an old state, with consent; the current one is kept.

    Example: lotus state restore 3f2a --stack prod
    """
    from lotus.state.stack_state import restore, restore_consent

    state = _state(stack)
    restored, replaced = restore(state, version)
    if as_json:
        print_json({"restored": restored, "replaced": replaced})
    else:
        print_line(
            f"current: {restored.at:%Y-%m-%d %H:%M:%S} UTC, {_resources(restored.resources)} ({restored.version})"
        )
        if replaced:
            print_line(
                f"before: {replaced.at:%Y-%m-%d %H:%M:%S} UTC, {_resources(replaced.resources)} ({replaced.version})"
            )
    say(f'hint: the consent "{restore_consent(state.stack, restored)}" is used: take it out of lotus:confirm')
    say(f"next: pulumi preview --refresh --run-program --stack {state.stack} (what Airbyte has that this state lacks)")


@state_app.command("unlock")
def state_unlock(
    context: Annotated[str | None, typer.Option("--context", help="The kubeconfig's context.")] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Free a killed run's lock; exits 1 when a lock stays.

    A lock is removed only if its owner is proved to be gone.

    Example: lotus state unlock --stack prod
    """
    from lotus.state.stack_state import unlock

    state = _state(stack)
    pod, find = _cluster(state.project, state.stack, context)
    freed, remaining = unlock(state, find, pod_name=pod)
    if as_json:
        print_json({"freed": freed, "kept": remaining})
    else:
        for verb, owners in (("freed", freed), ("kept", remaining)):
            for holder in owners:
                lock = holder.lock
                owner = f"{lock.user}@{lock.host}, process {lock.pid}, since {lock.at} ({_ago(lock.age)})"
                print_line(f"{verb}: {owner}: {holder.why}")
    if remaining:
        say(
            "next: check on that host whether the run goes on; only if it has ended: "
            f"pulumi cancel --stack {state.stack} (removes every lock)"
        )
        raise typer.Exit(Exit.FAILED)
    say("next: pulumi up continues where that run ended" if freed else "nothing is locked")


def _resources(count: int | None) -> str:
    return "none yet" if count is None else counted(count, "resource")


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"


def _cluster(project: Path, stack: str, context: str | None) -> tuple[str, FindPod | None]:
    """The workspace's pod and how to look it up, where a delivery of this stack and a way to its cluster are known."""
    from lotus.errors import ConfigError
    from lotus.gitops.cluster import Cluster
    from lotus.gitops.deliveries import delivery_of

    settings = delivery_of(project, stack)
    if settings is None:
        return "", None
    pod = f"{settings.stack_object}-workspace-0"
    try:
        cluster = Cluster(settings.namespace, context=context)
    except ConfigError:
        return pod, None  # then nothing is proved, and the lock stays
    return pod, lambda name: cluster.get("Pod", name)
