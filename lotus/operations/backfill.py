"""Backfills from the command line: edit the stream's file, say what became of a request, take finished ones out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte, Job, NotFoundError

from lotus.config import Fault, Project, Source, Stream, from_stack_file, load
from lotus.errors import ConfigError, FaultsError, LotusError
from lotus.operations.airbyte import client, in_our_words
from lotus.operations.lake import project_of
from lotus.reread.declared import DEFAULT_MODE, phrase, request_of
from lotus.reread.journal import Entry, Journal, journal
from lotus.reread.request import MAX_TRIES, rows_committed
from lotus.reread.wanted import DESTRUCTIVE, Wanted

FINISHED = frozenset({"succeeded", "nothing to read again"})
_CONSENT = re.compile(r"(clear|replace) stream .+ of .+: ")
"""Consents to backfills; those to other things are not looked at here."""


@dataclass(frozen=True)
class Edited:
    """A stream's file after the edit; `backfill` is what stands in it now, None where it was taken out."""

    file: str
    source: str
    stream: str
    backfill: Any
    consent: str = ""
    """The phrase that `lotus:confirm` needs before the request is made; empty where it needs none."""


@dataclass(frozen=True)
class Asked:
    """One stream's backfill as its file asks for it."""

    source: str
    stream: str
    request: str
    mode: str
    start: str | None
    file: str


@dataclass(frozen=True)
class Receipt(Asked):
    """The same, with what has become of it. Times are UTC in ISO form; rows are those of the stream alone."""

    status: str = "not asked yet"
    job_id: int | None = None
    asked_at: str | None = None
    ended_at: str | None = None
    rows_before: int | None = None
    rows_read: int | None = None
    note: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing more will come of it, and the flag may go."""
        return self.status in FINISHED


def request(
    project: Path,
    source: str,
    stream: str,
    *,
    mode: str = DEFAULT_MODE,
    start: str | None = None,
    sync: bool = False,
    reason: str = "",
    today: date | None = None,
) -> Edited:
    """Writes a new request into the stream's file; nothing is asked before the next `pulumi up`.

    Raises:
        ConfigError: there is no such source or stream.
        FaultsError: with the request the file would have mistakes; it is as it was.
    """
    files = _files(project)
    found_source, found = _stream(files, source, stream)
    day = (today or datetime.now(UTC).date()).isoformat()
    held = request_of(found)
    token = _token(f"{day} {reason}".strip(), held.request if held else "")
    written: Any = token
    if mode != DEFAULT_MODE or start or sync:
        written = {"request": token, "mode": mode}
        written |= {"from": start} if start else {}
        written |= {"sync": True} if sync else {}
    file = project / found.file
    before = file.read_text()
    file.write_text(_with_backfill(before, written))
    faults = [fault for fault in _loaded(project).faults if fault.file == found.file]
    if faults:
        file.write_text(before)
        raise FaultsError(faults)
    wanted = Wanted(found.name, found.namespace, token, mode, start, sync)
    connection = found_source.connection_to(files.destination(found_source.destination))
    return Edited(found.file, source, found.name, written, phrase(connection, wanted) if mode in DESTRUCTIVE else "")


def listed(project: Path) -> list[Asked]:
    """Every backfill that the files ask for; no server is needed."""
    return [_asked(source, stream, wanted) for source, stream, wanted in _requests(_files(project).sources)]


def status(project: Path, stack: str, environment: Mapping[str, str]) -> list[Receipt]:
    """What has become of every backfill that the files ask for.

    Raises:
        UnavailableError, RemoteError: Airbyte or the state's bucket does not answer.
    """
    files = project_of(project, stack, environment)
    requests = list(_requests(files.sources))
    if not requests:
        return []
    with in_our_words():
        return asyncio.run(_status(files, requests, project, stack, environment))


def clean(project: Path, stack: str, environment: Mapping[str, str]) -> list[Edited]:
    """Takes the backfills that are finished out of their files; the next `pulumi up` drops them without a call."""
    edited: list[Edited] = []
    for receipt in status(project, stack, environment):
        if receipt.finished:
            file = project / receipt.file
            file.write_text(_with_backfill(file.read_text(), None))
            edited.append(Edited(receipt.file, receipt.source, receipt.stream, None))
    return edited


def hints(project: Path, stack: str, environment: Mapping[str, str]) -> list[Fault]:
    """A hint for each finished backfill that still stands in its file, and for each consent that was used.

    None where nobody can say: Airbyte or the state's bucket does not answer.
    """
    agreed = from_stack_file(project, stack, environment=environment).confirm
    if not listed(project) and not any(_CONSENT.match(phrase) for phrase in agreed):
        return []
    try:
        receipts = status(project, stack, environment)
    except LotusError:
        return []
    finished = [
        Fault(
            "LOT090",
            f'the backfill of stream "{receipt.stream}" is finished ({receipt.status}); it does nothing more',
            receipt.file,
            fix="lotus backfill --clean takes it out",
            severity="hint",
        )
        for receipt in receipts
        if receipt.finished
    ]
    files = project_of(project, stack, environment)
    open_requests = {(each.source, each.stream) for each in receipts if not each.finished}
    wanted = {
        phrase(source.connection_to(files.destination(source.destination)), one)
        for source, stream, one in _requests(files.sources)
        if (source.name, stream.name) in open_requests
    }
    used = [
        Fault(
            "LOT091",
            f'the consent "{one}" is for no backfill that is still to come',
            f"Pulumi.{stack}.yaml",
            fix="take it out of lotus:confirm",
            severity="hint",
        )
        for one in agreed
        if _CONSENT.match(one) and one not in wanted
    ]
    return finished + used


async def _status(
    files: Project,
    requests: Sequence[tuple[Source, Stream, Wanted]],
    project: Path,
    stack: str,
    environment: Mapping[str, str],
) -> list[Receipt]:
    book = journal(environment, root=project)
    async with client(project, stack, environment) as airbyte:
        there = {one["name"]: one["connectionId"] for one in await airbyte.connections([files.settings.workspace])}
        found: list[Receipt] = []
        for source, stream, wanted in requests:
            name = source.connection_to(files.destination(source.destination))
            found.append(await _receipt(airbyte, book, there.get(name), _asked(source, stream, wanted), wanted))
        return found


async def _receipt(airbyte: Airbyte, book: Journal, connection_id: str | None, asked: Asked, wanted: Wanted) -> Receipt:
    known = {name: getattr(asked, name) for name in ("source", "stream", "request", "mode", "start", "file")}
    entry: Entry | None = None
    if connection_id is not None:
        entry = (await asyncio.to_thread(book.page, connection_id)).entry(wanted.stream, wanted.namespace)
    if entry is None or entry.identity != wanted.identity:
        return Receipt(**known, note="the next pulumi up asks")
    at = _time(entry.asked_at)
    if entry.stage == "nothing":
        return Receipt(**known, status="nothing to read again", asked_at=at, rows_before=0, note=entry.note)
    if entry.stage == "asking" or entry.job is None:
        note = entry.note or "a run was interrupted; the next pulumi up finds out whether Airbyte was asked"
        held = "set back; the next sync reads" if entry.stage != "asking" else "not known"
        return Receipt(**known, status=held, asked_at=at, rows_before=entry.rows_before, note=note)
    try:
        job = await airbyte.job(entry.sync_job or entry.job)
    except NotFoundError:
        return Receipt(
            **known, status="not known", job_id=entry.job, asked_at=at, note="Airbyte no longer has this job"
        )
    return Receipt(
        **known,
        status=job.status,
        job_id=job.id,
        asked_at=at,
        ended_at=_time(job.updated_at) if job.ended else None,
        rows_before=entry.rows_before,
        rows_read=rows_committed([job], wanted.stream, wanted.namespace),
        note=_note(job, entry),
    )


def _note(job: Job, entry: Entry) -> str:
    if job.status == "failed":
        then = "the next pulumi up asks again"
        if len(entry.jobs) >= MAX_TRIES:
            then = f"{MAX_TRIES} jobs have failed, so it is not asked for again without a new request"
        return f"{job.failure or 'it gave no reason'}; {then}"
    if job.status == "cancelled":
        return "somebody cancelled it, so it is not asked for again: a new request is (lotus backfill SOURCE STREAM)"
    return entry.note


def _loaded(project: Path) -> Project:
    return load(project, from_stack_file(project, None), resolve=False)


def _files(project: Path) -> Project:
    loaded = _loaded(project)
    if loaded.faults:
        raise FaultsError(loaded.faults)
    return loaded


def _requests(sources: Iterable[Source]) -> list[tuple[Source, Stream, Wanted]]:
    found: list[tuple[Source, Stream, Wanted]] = []
    for source in sources:
        for stream in source.streams:
            wanted = request_of(stream)
            if wanted is not None:
                found.append((source, stream, wanted))
    return found


def _asked(source: Source, stream: Stream, wanted: Wanted) -> Asked:
    return Asked(source.name, stream.name, wanted.request, wanted.mode, wanted.start, stream.file)


def _stream(files: Project, source: str, stream: str) -> tuple[Source, Stream]:
    found = next((one for one in files.sources if one.name == source), None)
    if found is None:
        raise ConfigError(f'there is no source "{source}"', where=source, fix=_near(source, files.sources))
    held = next((one for one in found.streams if one.name == stream), None)
    if held is None:
        what = f'source "{source}" has no stream "{stream}" that Airbyte reads'
        raise ConfigError(what, where=f"{source} {stream}", fix=_near(stream, found.streams))
    return found, held


def _near(name: str, known: Sequence[Source] | Sequence[Stream]) -> str:
    names = [one.name for one in known]
    close = get_close_matches(name, names, n=1)
    return f'did you mean "{close[0]}"?' if close else f"use one of: {', '.join(names)}"


def _token(wanted: str, held: str) -> str:
    """The wanted text, numbered where the file's request has it already: the same text would ask nothing."""
    same = re.fullmatch(rf"{re.escape(wanted)}(?: \((\d+)\))?", held)
    return f"{wanted} ({int(same.group(1) or 1) + 1})" if same else wanted


def _with_backfill(text: str, value: Any) -> str:
    """The file's text with another `backfill` (None: without), indented as it was."""
    document: dict[str, Any] = json.loads(text)
    if value is None:
        document.pop("backfill", None)
    else:
        document["backfill"] = value
    indent = re.search(r"\n([ \t]+)\S", text)
    return json.dumps(document, indent=indent.group(1) if indent else 2, ensure_ascii=False) + "\n"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
