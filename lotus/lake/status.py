"""Where a commit is on its way into Airbyte, which backfills are open, and who changed the stack past the operator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lotus.errors import LotusError
from lotus.gitops.cluster import Cluster
from lotus.gitops.delivery import GRACE_SECONDS, Delivery, delivery
from lotus.gitops.settings import GitOpsSettings
from lotus.session.session import Session

if TYPE_CHECKING:
    from pulumi_airbyte.provider.guard import BrokenGlass

    from lotus.backfill.command import Receipt

GLASS_DAYS = 30
"""How long a broken glass is shown."""


@dataclass(frozen=True)
class Status(Delivery):
    """One Stack's way from git to Airbyte, with what the project's files and state add to it."""

    backfills: tuple[Receipt, ...] = ()
    backfills_unknown: str = ""
    broken_glass: tuple[BrokenGlass, ...] = ()
    """Who changed the stack in place of the operator in the last thirty days, newest first."""
    broken_glass_unknown: str = ""


def delivery_status(
    cluster: Cluster, settings: GitOpsSettings, project: Path | None = None, *, grace: float = GRACE_SECONDS
) -> Status:
    """Reads everything that tells where the delivery stands; changes nothing.

    `project`, a git checkout, is asked for the commit that was pushed last and for the backfills in its files.
    """
    state = vars(delivery(cluster, settings, project, grace=grace))
    if project is None:
        return Status(**state)
    backfills, backfills_unknown = open_backfills(project, settings)
    glass, glass_unknown = recent_broken_glass(project, settings)
    return Status(
        **state,
        backfills=backfills,
        backfills_unknown=backfills_unknown,
        broken_glass=glass,
        broken_glass_unknown=glass_unknown,
    )


def open_backfills(
    project: Path, settings: GitOpsSettings, environment: Mapping[str, str] | None = None
) -> tuple[tuple[Receipt, ...], str]:
    """The backfills that the files ask for and that are not finished, or why that cannot be told from here."""
    from lotus.backfill.command import listed
    from lotus.backfill.command import status as receipts

    environment = {"PULUMI_BACKEND_URL": settings.state, **(os.environ if environment is None else environment)}
    try:
        if not listed(project):
            return (), ""
        return tuple(
            receipt for receipt in receipts(Session(project, settings.stack, environment)) if not receipt.finished
        ), ""
    except LotusError as error:
        return (), error.what


def recent_broken_glass(
    project: Path, settings: GitOpsSettings, environment: Mapping[str, str] | None = None
) -> tuple[tuple[BrokenGlass, ...], str]:
    """Who changed the stack in place of the operator in the last thirty days, or why that cannot be told from here."""
    from lotus.state.stack_state import broken_glass

    environment = {"PULUMI_BACKEND_URL": settings.state, **(os.environ if environment is None else environment)}
    oldest = (datetime.now(UTC) - timedelta(days=GLASS_DAYS)).isoformat()
    try:
        entries = broken_glass(project, settings.stack, environment)
    except LotusError as error:
        return (), error.what
    return tuple(entry for entry in reversed(entries) if entry.at >= oldest), ""
