"""`lotus state`: the bucket that holds the state, and its one writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.options import Json, Stack, current_stack
from lotus.cli.output import print_json, print_table, say, size

if TYPE_CHECKING:
    from lotus.operations.state import FindPod, State
    from lotus.state.identities import Identity

state_app = typer.Typer(no_args_is_help=True, help="The bucket that holds the state, and its one writer.")


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.add_typer(state_app, name="state")


def _state(stack: str | None) -> State:
    from lotus.operations.state import opened

    return opened(*current_stack(stack))


@state_app.command("init")
def state_init(
    keys: Annotated[Path, typer.Option(help="The folder for the key files.")] = Path(".lotus/keys"),
    rotate: Annotated[
        str | None, typer.Option(help="Make new keys for: reader, operator or break-glass; the old ones go on.")
    ] = None,
    retire: Annotated[str, typer.Option(help="End this user, once nobody uses its keys.")] = "",
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Makes the bucket, its versions, and keys by identity; asks for the root's keys of the S3, and repeats harmlessly.

    Example: lotus state init --stack prod
    """
    from lotus.operations.state import init

    state = _state(stack)
    made = init(state, state.project / keys, rotate=_identity(rotate), retire=retire)
    if as_json:
        print_json(made)
    else:
        for line in made.done:
            print(f"made   {line}")
        for line in made.there:
            print(f"there  {line}")
    for command in made.by_hand:
        print(command)
    if made.users:
        say("next: hand the key files over, each to whom it is for (docs/one-writer.md), then delete them here")
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
    """Tries what these keys can do, by writing and removing a probe; exits 1 when the writer cannot write.

    Example: lotus state check --stack prod
    """
    from lotus.operations.state import check

    state = _state(stack)
    found = check(state)
    if as_json:
        print_json(found)
    else:
        words = {True: "yes", False: "no", None: "these keys may not ask"}
        print(f"state     {found.where}")
        print(f"read      {words[found.reads]}")
        print(f"write     {words[found.writes]}")
        print(f"remove    {words[found.removes]}")
        print(f"versions  {words[found.versioned]}")
        print(f"stack     {'none yet' if found.resources is None else f'{found.resources} resources'}")
        print(f"writer    {found.writer or 'everybody'}{'' if found.is_writer else ' (not this process)'}")
        for hint in found.hints:
            say(f"hint: {hint}")
    if found.locks:
        say(f"next: lotus state unlock --stack {state.stack}")
    if not found.ok:
        raise typer.Exit(1)


@state_app.command("snapshots")
def state_snapshots(
    every: Annotated[bool, typer.Option("--all", help="Every version, also those written on the way.")] = False,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """What the state was at the end of each run, newest first, from the versions that the bucket keeps.

    Example: lotus state snapshots --stack prod
    """
    from lotus.operations.state import history

    state = _state(stack)
    found = history(state, every=every)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}",
            one.version,
            "deleted" if one.deleted else one.resources,
            one.pending or "",
            size(one.bytes),
            one.run,
            one.commit,
            "present" if one.latest else "",
        )
        for one in found
    ]
    titles = ("UTC", "version", "resources", "pending", "size", "run", "commit", "")
    print_table(titles, rows, right=("resources", "pending", "size"))
    if found:
        say(f"next: lotus state restore VERSION --stack {state.stack}")


@state_app.command("restore")
def state_restore(
    version: Annotated[str, typer.Argument(help="As `lotus state snapshots` shows it, or its beginning.")],
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Makes an old state the present one, with consent; the present one stays as a version.

    Example: lotus state restore 3f2a --stack prod
    """
    from lotus.operations.state import consent, restore

    state = _state(stack)
    one, replaced = restore(state, version)
    if as_json:
        print_json({"restored": one, "replaced": replaced})
    else:
        print(f"present now: {one.at:%Y-%m-%d %H:%M:%S} UTC, {one.resources} resources ({one.version})")
        if replaced:
            print(f"before: {replaced.at:%Y-%m-%d %H:%M:%S} UTC, {replaced.resources} resources ({replaced.version})")
    say(f'hint: the consent "{consent(state.stack, one)}" is used: take it out of lotus:confirm')
    say(f"next: pulumi preview --refresh --run-program --stack {state.stack} (what Airbyte has that this state lacks)")


@state_app.command("unlock")
def state_unlock(
    context: Annotated[str | None, typer.Option("--context", help="The kubeconfig's context.")] = None,
    stack: Stack = None,
    as_json: Json = False,
) -> None:
    """Frees a killed run's lock, if its owner provably is no more; exits 1 when a lock stays.

    Example: lotus state unlock --stack prod
    """
    from lotus.operations.state import unlock

    state = _state(stack)
    pod, find = _cluster(state.project, state.stack, context)
    freed, kept = unlock(state, find, pod_name=pod)
    if as_json:
        print_json({"freed": freed, "kept": kept})
    else:
        for verb, owners in (("freed", freed), ("kept", kept)):
            for one in owners:
                lock = one.lock
                owner = f"{lock.user}@{lock.host}, process {lock.pid}, since {lock.at} ({_ago(lock.age)})"
                print(f"{verb}: {owner}: {one.why}")
    if kept:
        say(
            "next: see at that place whether the run goes on; only when you know that it does not: "
            f"pulumi cancel --stack {state.stack} (removes every lock, unasked)"
        )
        raise typer.Exit(1)
    say("next: pulumi up goes on where that run ended" if freed else "nothing is locked")


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
