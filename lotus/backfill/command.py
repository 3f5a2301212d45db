"""Backfills from the command line: edit the stream's file, say what became of a request, remove finished ones."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pulumi_airbyte.api import Airbyte, Job, NotFoundError

from lotus.backfill.declared import DEFAULT_MODE, phrase, request_of
from lotus.backfill.journal import Entry, Journal, journal
from lotus.backfill.request import DESTRUCTIVE, BackfillRequest
from lotus.backfill.submission import MAX_TRIES, rows_committed
from lotus.config import Connection, Fault, Project, Stream, from_stack_file, load
from lotus.errors import ConfigError, FaultsError, LotusError
from lotus.session.airbyte import in_our_words
from lotus.session.session import Session

FINISHED = frozenset({"succeeded", "nothing to read again"})
_CONSENT = re.compile(r"(clear|replace) stream .+ of .+: ")
"""Consents to backfills; those to other things are not looked at here."""


@dataclass(frozen=True)
class Edited:
    """A stream's file after the edit; `backfill` is its value now, None where it was removed."""

    file: str
    source: str
    stream: str
    backfill: Any
    consent: str = ""
    """The phrase that `lotus:confirm` needs before the request is made; empty where it needs none."""


@dataclass(frozen=True)
class ListedBackfill:
    """One stream's backfill as its file asks for it."""

    source: str
    stream: str
    request: str
    mode: str
    start: str | None
    file: str


@dataclass(frozen=True)
class Receipt(ListedBackfill):
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
        """Whether it is done, so that the flag can be removed."""
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
    """Writes a new request into the stream's file; the next `pulumi up` sends it.

    Raises:
        ConfigError: there is no such source or stream.
        FaultsError: the file would have faults with the request; it is unchanged.
    """
    files = _files(project)
    connection, stream_model = _stream(files, source, stream)
    day = (today or datetime.now(UTC).date()).isoformat()
    existing = request_of(stream_model)
    token = _token(f"{day} {reason}".strip(), existing.request if existing else "")
    written: Any = token
    if mode != DEFAULT_MODE or start or sync:
        written = {"request": token, "mode": mode}
        written |= {"from": start} if start else {}
        written |= {"sync": True} if sync else {}
    file = project / stream_model.file
    before = file.read_text()
    file.write_text(_with_backfill(before, written))
    faults = [fault for fault in _loaded(project).faults if fault.file == stream_model.file]
    if faults:
        file.write_text(before)
        raise FaultsError(faults)
    new_request = BackfillRequest(stream_model.name, stream_model.namespace, token, mode, start, sync)
    return Edited(
        stream_model.file,
        source,
        stream_model.name,
        written,
        phrase(files.title_of(connection), new_request) if mode in DESTRUCTIVE else "",
    )


def listed(project: Path) -> list[ListedBackfill]:
    """Every backfill that the files ask for; no server is needed."""
    return [
        _listing(connection, stream, requested)
        for connection, stream, requested in _requests(_files(project).connections)
    ]


def status(session: Session) -> list[Receipt]:
    """What has become of every backfill that the files ask for.

    Raises:
        UnavailableError, RemoteError: Airbyte or the state's bucket does not answer.
    """
    files = session.project
    requests = list(_requests(files.connections))
    if not requests:
        return []
    with in_our_words():
        return asyncio.run(_status(session, requests))


def clean(session: Session) -> list[Edited]:
    """Removes finished backfills from their files; the next `pulumi up` drops them without a call."""
    edited: list[Edited] = []
    for receipt in status(session):
        if receipt.finished:
            file = session.root / receipt.file
            file.write_text(_with_backfill(file.read_text(), None))
            edited.append(Edited(receipt.file, receipt.source, receipt.stream, None))
    return edited


def hints(session: Session) -> list[Fault]:
    """A hint for each finished backfill that is still in its file, and for each consent that was used.

    None where nobody can say: Airbyte or the state's bucket does not answer.
    """
    consents = [consent for consent in session.settings.confirm if _CONSENT.match(consent)]
    if not listed(session.root) and not consents:
        return []
    try:
        receipts = status(session)
    except LotusError:
        return []
    return [*_finished(receipts), *_used_consents(session, consents, receipts)]


def _finished(receipts: Sequence[Receipt]) -> list[Fault]:
    return [
        Fault(
            "LOT090",
            f'the backfill of stream "{receipt.stream}" is finished ({receipt.status}) and does nothing more',
            receipt.file,
            fix="lotus backfill clean removes it",
            severity="hint",
        )
        for receipt in receipts
        if receipt.finished
    ]


def _used_consents(session: Session, consents: Sequence[str], receipts: Sequence[Receipt]) -> list[Fault]:
    files = session.project
    unfinished = {(receipt.source, receipt.stream) for receipt in receipts if not receipt.finished}
    needed = {
        phrase(files.title_of(connection), requested)
        for connection, stream, requested in _requests(files.connections)
        if (connection.name, stream.name) in unfinished
    }
    return [
        Fault(
            "LOT091",
            f'no pending backfill needs the consent "{consent}"',
            f"Pulumi.{session.stack}.yaml",
            fix="remove it from lotus:confirm",
            severity="hint",
        )
        for consent in consents
        if consent not in needed
    ]


async def _status(
    session: Session,
    requests: Sequence[tuple[Connection, Stream, BackfillRequest]],
) -> list[Receipt]:
    book = journal(session.environment, root=session.root)
    files = session.project
    async with session.airbyte() as airbyte:
        connections = await airbyte.connections([files.settings.workspace])
        connection_ids = {connection["name"]: connection["connectionId"] for connection in connections}
        receipts: list[Receipt] = []
        for connection, stream, requested in requests:
            name = files.title_of(connection)
            receipts.append(
                await _receipt(
                    airbyte, book, connection_ids.get(name), _listing(connection, stream, requested), requested
                )
            )
        return receipts


async def _receipt(
    airbyte: Airbyte, book: Journal, connection_id: str | None, listing: ListedBackfill, requested: BackfillRequest
) -> Receipt:
    common = {name: getattr(listing, name) for name in ("source", "stream", "request", "mode", "start", "file")}
    entry: Entry | None = None
    if connection_id is not None:
        entry = (await asyncio.to_thread(book.page, connection_id)).entry(requested.stream, requested.namespace)
    if entry is None or entry.identity != requested.identity:
        return Receipt(**common, note="the next pulumi up requests it")
    at = _time(entry.asked_at)
    if entry.stage == "nothing":
        return Receipt(**common, status="nothing to read again", asked_at=at, rows_before=0, note=entry.note)
    if entry.stage == "asking" or entry.job is None:
        note = entry.note or "a run was interrupted; the next pulumi up checks whether Airbyte received the request"
        outcome = "set back; the next sync reads" if entry.stage != "asking" else "not known"
        return Receipt(**common, status=outcome, asked_at=at, rows_before=entry.rows_before, note=note)
    try:
        job = await airbyte.job(entry.sync_job or entry.job)
    except NotFoundError:
        return Receipt(
            **common, status="not known", job_id=entry.job, asked_at=at, note="Airbyte no longer has this job"
        )
    return Receipt(
        **common,
        status=job.status,
        job_id=job.id,
        asked_at=at,
        ended_at=_time(job.updated_at) if job.ended else None,
        rows_before=entry.rows_before,
        rows_read=rows_committed([job], requested.stream, requested.namespace),
        note=_note(job, entry),
    )


def _note(job: Job, entry: Entry) -> str:
    if job.status == "failed":
        then = "the next pulumi up tries again"
        if len(entry.jobs) >= MAX_TRIES:
            then = f"{MAX_TRIES} jobs have failed, so lotus does not retry it without a new request"
        return f"{job.failure or 'it gave no reason'}; {then}"
    if job.status == "cancelled":
        return "the job was cancelled, so lotus does not retry it; make a new request: lotus backfill SOURCE STREAM"
    return entry.note


def _loaded(project: Path) -> Project:
    return load(project, from_stack_file(project, None), resolve=False)


def _files(project: Path) -> Project:
    loaded = _loaded(project)
    if loaded.faults:
        raise FaultsError(loaded.faults)
    return loaded


def _requests(connections: Iterable[Connection]) -> list[tuple[Connection, Stream, BackfillRequest]]:
    requests: list[tuple[Connection, Stream, BackfillRequest]] = []
    for connection in connections:
        for stream in connection.streams:
            requested = request_of(stream)
            if requested is not None:
                requests.append((connection, stream, requested))
    return requests


def _listing(connection: Connection, stream: Stream, requested: BackfillRequest) -> ListedBackfill:
    return ListedBackfill(connection.name, stream.name, requested.request, requested.mode, requested.start, stream.file)


def _stream(files: Project, source: str, stream: str) -> tuple[Connection, Stream]:
    connection = next((candidate for candidate in files.connections if candidate.name == source), None)
    if connection is None:
        raise ConfigError(f'there is no source "{source}"', where=source, fix=_near(source, files.connections))
    stream_model = next((candidate for candidate in connection.streams if candidate.name == stream), None)
    if stream_model is None:
        message = f'source "{source}" has no stream "{stream}" that Airbyte reads'
        raise ConfigError(message, where=f"{source} {stream}", fix=_near(stream, connection.streams))
    return connection, stream_model


def _near(name: str, candidates: Sequence[Connection] | Sequence[Stream]) -> str:
    names = [candidate.name for candidate in candidates]
    close = get_close_matches(name, names, n=1)
    return f'did you mean "{close[0]}"?' if close else f"use one of: {', '.join(names)}"


def _token(text: str, existing: str) -> str:
    """The wanted text, numbered where the file's request has it already: the same text would ask nothing."""
    same = re.fullmatch(rf"{re.escape(text)}(?: \((\d+)\))?", existing)
    return f"{text} ({int(same.group(1) or 1) + 1})" if same else text


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
