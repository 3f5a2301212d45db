"""`lotus validate`: everything that is wrong in the files and the stack's settings, without Pulumi or a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lotus.config import Fault, LeftOut, Project, load
from lotus.config.cron import Cron
from lotus.config.faults import in_order
from lotus.gitops.deliveries import deliveries_of
from lotus.operations.files import file_settings
from lotus.operations.project import writer
from lotus.state.committed import committed_state


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One stream as it will be synced."""

    name: str
    mode: str
    cursor: tuple[str, ...]
    fields: int | None
    """How many fields are selected; None for all."""
    file: str


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source, its connection's schedule, and its streams."""

    name: str
    connector: str
    destination: str
    schedule: str | None
    streams: tuple[StreamLine, ...]
    next_runs: tuple[datetime, ...] = ()
    """The next five, in UTC."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a validation found: `faults` stop everything, `hints` are worth a look."""

    stack: str | None
    faults: tuple[Fault, ...]
    hints: tuple[Fault, ...]
    sources: tuple[SourceLine, ...]
    left_out: tuple[LeftOut, ...]
    unchecked: tuple[str, ...]
    """Secrets that have no readable value here, so that nothing could be said of them."""
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
                    "schedule": s.schedule or "manual",
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
    found = load(project, settings, resolve=bool(stack))
    faults = in_order([*found.faults, *committed_state(project)])
    hints = in_order([*found.hints, *_without_writer(project)])
    return report(replace(found, faults=tuple(faults), hints=tuple(hints)), stack)


def _without_writer(project: Path) -> list[Fault]:
    """The stacks that a delivery applies and whose files do not say that nobody else does."""
    deliveries = [delivery for delivery in deliveries_of(project) if not writer(project, delivery.stack)]
    return [
        Fault(
            "LOT096",
            f"the operator applies stack {delivery.stack}, and nothing says that nobody else does",
            f"Pulumi.{delivery.stack}.yaml",
            fix=f"pulumi config set airbyte:writer operator --stack {delivery.stack} (docs/one-writer.md)",
            severity="hint",
        )
        for delivery in deliveries
        if (project / f"Pulumi.{delivery.stack}.yaml").is_file()
    ]


def report(found: Project, stack: str | None) -> Report:
    """What a loaded project says of itself."""
    now = datetime.now(UTC)
    return Report(
        stack=stack,
        faults=found.faults,
        hints=found.hints,
        sources=tuple(
            SourceLine(
                source.name,
                source.settings.connector or f"manifest {source.settings.manifest}",
                source.destination,
                source.schedule,
                tuple(
                    StreamLine(
                        stream.name,
                        stream.modes.connection_sync_mode or "",
                        stream.cursor_field or (stream.discovered.cursor_field if stream.discovered else ()),
                        None if stream.fields is None else len(stream.fields),
                        stream.file,
                    )
                    for stream in source.streams
                ),
                tuple(Cron(source.schedule).runs(now)) if source.schedule else (),
            )
            for source in found.sources
        ),
        left_out=found.left_out,
        unchecked=found.unresolved,
        files=found.files,
        streams=found.streams,
    )
