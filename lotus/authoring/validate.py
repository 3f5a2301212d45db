"""`lotus validate`: everything that is wrong in the files and the stack's settings, without Pulumi or a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lotus.authoring.renames import rename_hints
from lotus.config import Fault, LeftOut, Project, load
from lotus.config.faults import in_order
from lotus.config.loading import file_settings
from lotus.config.pulumi_yaml import writer
from lotus.config.schedule import Manual
from lotus.gitops.deliveries import deliveries_of
from lotus.state.committed import committed_state


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """One stream as it will be synced."""

    name: str
    mode: str
    cursor: tuple[str, ...]
    fields: int | None
    """How many fields are selected; None for all."""
    file: str


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """One source, its connection's schedule, and its streams."""

    name: str
    connector: str
    destination: str
    schedule: str
    streams: tuple[StreamSummary, ...]
    next_runs: tuple[datetime, ...] = ()
    """The next five, in UTC."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a validation found: `faults` stop everything, `hints` do not."""

    stack: str | None
    faults: tuple[Fault, ...]
    hints: tuple[Fault, ...]
    sources: tuple[SourceSummary, ...]
    left_out: tuple[LeftOut, ...]
    unchecked: tuple[str, ...]
    """Secrets that have no readable value here, so that they could not be checked."""
    files: int
    streams: int

    @property
    def ok(self) -> bool:
        """Whether the program would run with these files."""
        return not self.faults

    def json(self) -> dict[str, Any]:
        """The report as a JSON object; the keys are stable."""
        return {
            "stack": self.stack,
            "ok": self.ok,
            "files": self.files,
            "streams": self.streams,
            "faults": [f.json() for f in self.faults],
            "hints": [f.json() for f in self.hints],
            "sources": [
                {
                    "name": s.name,
                    "connector": s.connector,
                    "destination": s.destination,
                    "schedule": s.schedule,
                    "next_runs": [run.isoformat() for run in s.next_runs],
                    "streams": [
                        {"name": t.name, "mode": t.mode, "cursor": list(t.cursor), "fields": t.fields, "file": t.file}
                        for t in s.streams
                    ],
                }
                for s in self.sources
            ],
            "left_out": [{"name": item.name, "reason": item.reason} for item in self.left_out],
            "unchecked": list(self.unchecked),
        }


def validate(project: Path, stack: str | None = None, *, environment: Mapping[str, str] | None = None) -> Report:
    """The faults of all files, the same that the program would stop with.

    Args:
        project: the folder of `Pulumi.yaml`.
        stack: with its settings, `$config` and `$secret` are looked up too; None checks the files of all sources.
        environment: usually `os.environ`.
    """
    settings = file_settings(project, stack, environment=environment)
    loaded = load(project, settings, resolve=bool(stack))
    faults = in_order([*loaded.faults, *committed_state(project)])
    renames = rename_hints(project, settings, loaded) if not faults else []
    hints = in_order([*loaded.hints, *_without_writer(project), *renames])
    return report(replace(loaded, faults=tuple(faults), hints=tuple(hints)), stack)


def _without_writer(project: Path) -> list[Fault]:
    """Hints for stacks that a delivery applies and that do not name their writer."""
    deliveries = [delivery for delivery in deliveries_of(project) if not writer(project, delivery.stack)]
    return [
        Fault(
            "LOT096",
            f"the operator applies stack {delivery.stack}, but the stack does not name it as its only writer",
            f"Pulumi.{delivery.stack}.yaml",
            fix=f"pulumi config set airbyte:writer operator --stack {delivery.stack} (docs/one-writer.md)",
            severity="hint",
        )
        for delivery in deliveries
        if (project / f"Pulumi.{delivery.stack}.yaml").is_file()
    ]


def report(project: Project, stack: str | None) -> Report:
    """The report of a loaded project."""
    now = datetime.now(UTC)
    return Report(
        stack=stack,
        faults=project.faults,
        hints=project.hints,
        sources=tuple(
            SourceSummary(
                connection.name,
                connection.source.settings.connector_text,
                connection.destination,
                str(connection.schedule or Manual()),
                tuple(
                    StreamSummary(
                        stream.name,
                        stream.modes.connection_sync_mode or "",
                        stream.effective_cursor,
                        None if stream.fields is None else len(stream.fields),
                        stream.file,
                    )
                    for stream in connection.streams
                ),
                tuple(connection.schedule.runs(now)) if connection.schedule else (),
            )
            for connection in project.connections
        ),
        left_out=project.left_out,
        unchecked=project.unresolved,
        files=project.files,
        streams=project.streams,
    )
