"""`lotus gitops`, `lotus status` and `lotus reconcile`: the cluster that applies the lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lotus.cli.groups import Families
from lotus.cli.options import Json, current_project
from lotus.cli.output import print_json, print_line, print_text, say
from lotus.errors import Exit
from lotus.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lotus.gitops.cluster import Cluster
    from lotus.gitops.delivery import Commit, Delivery, DriftLook
    from lotus.gitops.settings import GitOpsSettings
    from lotus.lake.status import Status

gitops_app = typer.Typer(
    cls=Families, no_args_is_help=True, help="Set up the operator in the cluster that applies the lake."
)

GitOpsStack = Annotated[str, typer.Option("--gitops", help="The stack whose lotus:gitops describes the delivery.")]
Context = Annotated[str | None, typer.Option("--context", help="The kubeconfig's context; default: its current one.")]


def _delivery(stack: str, context: str | None) -> tuple[Path, GitOpsSettings, Cluster]:
    from lotus.gitops.cluster import Cluster
    from lotus.gitops.delivery import load_settings

    project = current_project()
    settings = load_settings(project, stack)
    return project, settings, Cluster(settings.namespace, context=context)


@gitops_app.command("render")
def gitops_render(stack: GitOpsStack = "gitops") -> None:
    """Write every object of the gitops stack as YAML.

    Example: lotus gitops render | kubectl apply --server-side -f -
    """
    from lotus.config.pulumi_yaml import required_name
    from lotus.gitops.delivery import load_settings
    from lotus.gitops.render import render_manifests

    project = current_project()
    print_text(render_manifests(load_settings(project, stack), project=required_name(project)).rstrip("\n"))


def status_command(stack: GitOpsStack = "gitops", context: Context = None, as_json: Json = False) -> None:
    """Show how far the last commit has come, and what blocks it.

    Exits 1 when something blocks it.

    Example: lotus status
    """
    from lotus.gitops.delivery import Phase
    from lotus.lake.status import delivery_status

    project, settings, cluster = _delivery(stack, context)
    with cluster:
        delivery = delivery_status(cluster, settings, project)
    if as_json:
        print_json(delivery)
    else:
        _print(delivery, _backfills_and_glass(delivery))
    if delivery.phase not in (Phase.APPLIED, Phase.APPLYING):
        raise typer.Exit(Exit.FAILED)


def reconcile_command(
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow until the commit is applied, or its apply failed.")
    ] = False,
    unstick: Annotated[bool, typer.Option("--unstick", help="First end an Update that cannot finish.")] = False,
    seconds: Annotated[float, typer.Option("--timeout", help="How long to follow, in seconds.")] = 1800,
    stack: GitOpsStack = "gitops",
    context: Context = None,
    as_json: Json = False,
) -> None:
    """Make the cluster fetch and apply now; exits 1 when it fails.

    Works also after the operator gave up (three failures).

    Example: lotus reconcile --wait
    """
    from lotus.cli.progress import continues_after_ctrl_c
    from lotus.gitops.reconcile import reconcile

    _, settings, cluster = _delivery(stack, context)
    message = "the cluster continues; to follow it again: lotus reconcile --wait, to suspend it: flux suspend (docs)"
    with continues_after_ctrl_c(message), cluster:
        result = reconcile(cluster, settings, say=say, wait=wait, unstick=unstick, seconds=seconds)
    if as_json:
        print_json(result)
    else:
        _print(result.delivery)
    if result.timed_out:
        say(f"not finished after {result.seconds:.0f} s; to follow it again: lotus reconcile --wait")
        raise typer.Exit(Exit.UNAVAILABLE)
    if wait and not result.applied:
        raise typer.Exit(Exit.FAILED)


def _print(delivery: Delivery, more: Sequence[str] = ()) -> None:
    reason = f" ({delivery.reason})" if delivery.reason else ""
    print_line(f"{delivery.namespace}/{delivery.stack}: {delivery.phase}{reason}")
    if delivery.pushed or delivery.pushed_unknown:
        _print_commit("pushed", delivery.pushed, f"unknown: {delivery.pushed_unknown}")
    _print_commit("fetched", delivery.fetched, "nothing yet")
    _print_commit("applied", delivery.applied, "nothing yet")
    if delivery.failures:
        print_line(f"{'failed':9}{counted(delivery.failures, 'time')} in a row")
    if delivery.fetch_error:
        print_line(f"{'fetch':9}{delivery.fetch_error}")
    for block in delivery.error:
        for number, line in enumerate(block.splitlines()):
            print_line(f"{'' if number else 'error':9}{line}")
    if delivery.drift:
        _print_drift(delivery.drift)
    for line in more:
        print_line(line)
    for hint in delivery.hints:
        say(f"hint: {hint}")
    if delivery.next:
        say(f"next: {delivery.next}")


def _print_commit(title: str, commit: Commit | None, otherwise: str) -> None:
    at = _time(commit.at) if commit else ""
    print_line(f"{title:9}{commit.sha[:12] if commit else otherwise}{at}")


def _print_drift(look: DriftLook) -> None:
    outcome = {True: "found", False: "none", None: "the check failed"}[look.found]
    print_line(f"{'drift':9}{outcome}{_time(look.at)}  {look.job}")


def _time(at: datetime | None) -> str:
    return f"  {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""


def _backfills_and_glass(status: Status) -> list[str]:
    """What the project's files and state add to a delivery."""
    lines: list[str] = []
    for entry in status.backfills:
        job = f" (job {entry.job_id})" if entry.job_id else ""
        lines.append(f"{'backfill':9}{entry.source}/{entry.stream}: {entry.status}{job}")
    if status.backfills_unknown:
        lines.append(f"{'backfill':9}unknown: {status.backfills_unknown}")
    for entry in status.broken_glass:
        lines.append(
            f"{'glass':9}broken {entry.at[:19].replace('T', ' ')} UTC by {entry.user}@{entry.host}: {entry.reason}"
        )
    if status.broken_glass_unknown:
        lines.append(f"{'glass':9}unknown: {status.broken_glass_unknown}")
    return lines
