"""`lotus gitops`, `lotus status` and `lotus reconcile`: the cluster that applies the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.options import Json, current_project
from lotus.cli.output import print_json, say

if TYPE_CHECKING:
    from lotus.gitops.cluster import Cluster
    from lotus.gitops.settings import GitOpsSettings
    from lotus.operations.status import Delivery

gitops_app = typer.Typer(no_args_is_help=True, help="What makes the operator in the cluster apply the lake.")

GitOpsStack = Annotated[str, typer.Option("--stack", help="The stack whose lotus:gitops describes the delivery.")]
Context = Annotated[str | None, typer.Option("--context", help="The kubeconfig's context; default: its current one.")]


def _delivery(stack: str, context: str | None) -> tuple[Path, GitOpsSettings, Cluster]:
    from lotus.gitops.cluster import Cluster
    from lotus.operations.status import load_settings

    project = current_project()
    settings = load_settings(project, stack)
    return project, settings, Cluster(settings.namespace, context=context)


@gitops_app.command("render")
def gitops_render(stack: GitOpsStack = "gitops") -> None:
    """Writes every object of the gitops stack as YAML.

    Example: lotus gitops render | kubectl apply --server-side -f -
    """
    from lotus.gitops.render import render
    from lotus.operations.project import project_name
    from lotus.operations.status import load_settings

    project = current_project()
    print(render(load_settings(project, stack), project=project_name(project)), end="")


def status(stack: GitOpsStack = "gitops", context: Context = None, as_json: Json = False) -> None:
    """Where the last commit is on its way into Airbyte, and what is in its way; exits 1 when something is.

    Example: lotus status
    """
    from lotus.operations.status import Phase
    from lotus.operations.status import status as look

    project, settings, cluster = _delivery(stack, context)
    with cluster:
        found = look(cluster, settings, project)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if found.phase not in (Phase.APPLIED, Phase.APPLYING):
        raise typer.Exit(1)


def reconcile(
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow until the commit is applied, or its apply failed.")
    ] = False,
    unstick: Annotated[
        bool, typer.Option("--unstick", help="First end an Update that the operator waits for for ever.")
    ] = False,
    seconds: Annotated[float, typer.Option("--timeout", help="How long to follow, in seconds.")] = 1800,
    stack: GitOpsStack = "gitops",
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Makes the cluster fetch and apply now, also after three failures; exits 1 when the apply failed.

    Example: lotus reconcile --wait
    """
    from lotus.operations.reconcile import reconcile as run

    _, settings, cluster = _delivery(stack, context)
    with cluster:
        result = run(cluster, settings, say=say, wait=wait, unstick=unstick, seconds=seconds)
    if as_json:
        print_json(result)
    else:
        _print(result.delivery)
    if result.timed_out:
        say(f"still at it after {result.seconds:.0f} s; lotus reconcile --wait follows it again")
        raise typer.Exit(4)
    if wait and not result.applied:
        raise typer.Exit(1)


def _print(found: Delivery) -> None:
    from lotus.operations.status import Commit

    def station(name: str, commit: Commit | None, otherwise: str) -> None:
        at = f"  {commit.at:%Y-%m-%d %H:%M:%S} UTC" if commit and commit.at else ""
        print(f"{name:9}{commit.sha[:12] if commit else otherwise}{at}")

    print(f"{found.namespace}/{found.stack}: {found.phase}{f' ({found.reason})' if found.reason else ''}")
    if found.pushed or found.pushed_unknown:
        station("pushed", found.pushed, f"unknown: {found.pushed_unknown}")
    station("fetched", found.fetched, "nothing yet")
    station("applied", found.applied, "nothing yet")
    if found.failures:
        print(f"{'failed':9}{found.failures} times in a row")
    if found.fetch_error:
        print(f"{'fetch':9}{found.fetch_error}")
    for block in found.error:
        print(f"{'error':9}" + block.replace("\n", f"\n{'':9}"))
    if found.drift:
        word = {True: "found", False: "none", None: "the look failed"}[found.drift.found]
        at = f"  {found.drift.at:%Y-%m-%d %H:%M:%S} UTC" if found.drift.at else ""
        print(f"{'drift':9}{word}{at}  {found.drift.job}")
    for one in found.backfills:
        job = f" (job {one.job_id})" if one.job_id else ""
        print(f"{'backfill':9}{one.source}/{one.stream}: {one.status}{job}")
    if found.backfills_unknown:
        print(f"{'backfill':9}unknown: {found.backfills_unknown}")
    for one in found.broken_glass:
        print(f"{'glass':9}broken {one.at[:19].replace('T', ' ')} UTC by {one.user}@{one.host}: {one.reason}")
    if found.broken_glass_unknown:
        print(f"{'glass':9}unknown: {found.broken_glass_unknown}")
    for hint in found.hints:
        say(f"hint: {hint}")
    if found.next:
        say(f"next: {found.next}")


def add_to(app: typer.Typer) -> None:
    """Registers the commands on the main app."""
    app.add_typer(gitops_app, name="gitops")
    for command in (status, reconcile):
        app.command()(command)
