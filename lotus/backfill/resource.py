"""The backfill of one stream as a resource: a request to read it again, once, with a receipt.

Pulumi's state holds `lotus.backfill` and `BackfillResetProvider` by name (docs/pulumi-behaviour.md#dynamic-providers),
and every later `up`, `refresh` and `destroy` looks them up by it. So the names of the package and of both classes are
permanent; what they do may change.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from lotus.untyped import as_mappings

Properties = dict[str, Any]
T = TypeVar("T")

IDENTITY = ("request", "mode", "from", "sync")
"""The properties that make a request: any other value asks again."""
PROVIDER = "__provider"
_QUICK_SECONDS = 3.0
"""How long a preview waits for a server that may be out of reach; it does without then."""
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One request of a connection at a time; the engine creates resources side by side."""


class BackfillResetProvider(ResourceProvider):
    """Create and update ask Airbyte; read completes the receipt; delete forgets the request without a call."""

    __module__ = "lotus.backfill"  # the path that states hold
    serialize_as_secret_always = False  # a module's and a class's name are no secret
    _config: Mapping[str, str]

    def configure(self, req: ConfigureRequest) -> None:
        """Keeps the stack's `airbyte:` settings; each process reads them again."""
        names = ("serverUrl", "clientId", "clientSecret", "bearerAuth", "username", "password", "tokenUrl")
        self._config = {name: str(value) for name in names if (value := req.config.get(f"airbyte:{name}"))}

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Refuses a request that deletes landed files and has no consent; one that was made already needs none."""
        failures: list[CheckFailure] = []
        if not _same(_olds, news) and news.get("consent") not in ("", None, "given"):
            failures.append(CheckFailure("mode", str(news["consent"])))
        if isinstance(news.get("connection_id"), Unknown):
            _say(f"{news['stream']} of {news['connection']}: a new connection has nothing to read again")
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """A change is another request, another connection, a job that failed, or a provider that has moved."""
        changed = (
            not _same(_olds, _news)
            or _olds.get("connection_id") != _news.get("connection_id")
            or _olds.get(PROVIDER) != _news.get(PROVIDER)
            or self._failed(_olds)
        )
        return DiffResult(changes=changed, replaces=[], stables=["stream", "namespace"])

    def create(self, props: Properties) -> CreateResult:
        """Asks, or finds that this request was made already by a run that was killed."""
        receipt = self._ask(props)
        return CreateResult(f"{props['connection_id']}/{props['stream']}", {**_inputs(props), **receipt})

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Asks for another request, and again for one whose job failed; a new connection has nothing to read again."""
        if not _same(_olds, _news):
            return UpdateResult({**_inputs(_news), **self._ask(_news)})
        if _olds.get("connection_id") == _news.get("connection_id") and self._failed(_olds):
            return UpdateResult({**_inputs(_news), **self._ask(_news, again=True)})
        receipt = {name: _olds[name] for name in RECEIPT if name in _olds}
        return UpdateResult({**_inputs(_news), **receipt})

    def read(self, id_: str, props: Properties) -> ReadResult:
        """The receipt with what has become of the job; a job that Airbyte no longer has changes nothing."""
        if not props.get("connection_id") or not props.get("request"):
            raise _fault(
                f"a backfill cannot be imported ({id_}): it is a request, not an object in Airbyte",
                fix='write "backfill" into the stream\'s file',
            )
        if props.get("status") in _FINAL or not props.get("job_id"):
            return ReadResult(id_, props)
        job = _run(self._job(int(props["job_id"])))
        return ReadResult(id_, {**props, **(_completed(job, props) if job else {})})

    def delete(self, _id: str, _props: Properties) -> None:
        """Forgets the request, so that the same one asks again later; Airbyte is not called."""
        from lotus.backfill.journal import journal

        connection_id = str(_props["connection_id"])
        with _locks[connection_id]:
            book = journal()
            page = book.page(connection_id)
            book.write(page.without(str(_props["stream"]), _text(_props.get("namespace"))))

    # Airbyte

    def _airbyte(self, patience: float = 30.0) -> Any:
        from pulumi_airbyte.provider.settings import settings

        # The engine gives a dynamic provider the stack's settings of today, and an empty PULUMI_CONFIG.
        server = settings(cast("Any", getattr(self, "_config", {})), explicit=True)
        if server.server_url is None:
            raise _fault(server.lack, fix="pulumi config set airbyte:serverUrl <the server's address>")
        return server.client(patience=patience, on_wait=_say)

    def _ask(self, props: Properties, *, again: bool = False) -> Properties:
        from pulumi_airbyte.api import AirbyteError

        from lotus.backfill.journal import journal
        from lotus.backfill.submission import SETTLE_SECONDS, WAIT_SECONDS, Submission, ask

        connection_id = str(props["connection_id"])

        async def submit() -> Properties:
            async with self._airbyte(patience=120.0) as airbyte:
                work = Submission(
                    airbyte,
                    journal(),
                    connection_id,
                    str(props.get("connection") or connection_id),
                    say=_say,
                    wait_seconds=_seconds("LOTUS_BACKFILL_WAIT", WAIT_SECONDS),
                    settle_seconds=_seconds("LOTUS_BACKFILL_SETTLE", SETTLE_SECONDS),
                )
                entry = await ask(work, _request(props), [_request(each) for each in _siblings(props)], again=again)
                receipt = _receipt(entry)
                try:
                    job = await airbyte.job(entry.job) if entry.job is not None else None
                except AirbyteError:
                    return receipt  # it was accepted, which is what counts; a refresh completes the receipt
                return {**receipt, **_completed(job, props)} if job else receipt

        with _locks[connection_id]:
            receipt = _run(submit())
        if receipt["note"]:
            _say(f"{props['connection']}, {props['stream']}: {receipt['note']}")
        return receipt

    async def _job(self, job_id: int) -> Any:
        from pulumi_airbyte.api import NotFoundError

        async with self._airbyte() as airbyte:
            try:
                return await airbyte.job(job_id)
            except NotFoundError:
                return None

    def _failed(self, olds: Properties) -> bool:
        """Whether the request's job has failed, and may be tried again; False where nobody can say."""
        from pulumi_airbyte.api import AirbyteError

        from lotus.backfill.submission import MAX_TRIES

        if olds.get("status") in _FINAL or not olds.get("job_id") or len(olds.get("jobs") or ()) >= MAX_TRIES:
            return False

        async def status() -> str:
            async with self._airbyte(patience=_QUICK_SECONDS) as airbyte:
                return (await airbyte.job(int(olds["job_id"]))).status

        try:
            return asyncio.run(status()) == "failed"
        except AirbyteError:
            return False


RECEIPT = ("job_id", "jobs", "sync_job_id", "status", "asked_at", "ended_at", "rows_before", "rows_read", "note")
"""The outputs that are not inputs."""
_FINAL = frozenset({"succeeded", "cancelled", "nothing"})


class BackfillReset(Resource, module="lotus", name="BackfillReset"):
    """The request to read one stream of a connection again.

    Example:
        BackfillReset("shop/orders", connection_id=connection.connection_id, connection="Shop → Lake",
                      stream="orders", request="2026-11-20 ids were null", mode="refresh_and_retain")
    """

    job_id: pulumi.Output[int | None]
    """Airbyte's job; none where there was nothing to read again."""
    status: pulumi.Output[str]
    """The job's status when it was last looked at; `nothing`: there was nothing to read again."""
    rows_before: pulumi.Output[int]
    """Rows of the stream that had landed before, as far back as Airbyte remembers its jobs."""

    def __init__(
        self,
        name: str,
        *,
        connection_id: pulumi.Input[str],
        connection: str,
        stream: str,
        request: str,
        mode: str,
        namespace: str | None = None,
        start: str | None = None,
        sync: bool = False,
        cursor_field: Sequence[str] = (),
        siblings: Sequence[Mapping[str, Any]] = (),
        consent: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        properties: Properties = {
            "connection_id": connection_id,
            "connection": connection,
            "stream": stream,
            "namespace": namespace,
            "request": request,
            "mode": mode,
            "from": start,
            "sync": sync,
            "cursor_field": list(cursor_field),
            "beside": [dict(each) for each in siblings],
            "consent": consent,
            **dict.fromkeys(RECEIPT),
        }
        super().__init__(BackfillResetProvider(), name, properties, opts)


def _inputs(props: Properties) -> Properties:
    return {name: value for name, value in props.items() if name not in RECEIPT and name != PROVIDER}


def _same(olds: Properties, news: Properties) -> bool:
    """Whether both are the same request; values that a state of long ago lacks are the defaults."""
    return all((olds.get(name) or None) == (news.get(name) or None) for name in IDENTITY)


def _request(props: Mapping[str, Any]) -> Any:
    from lotus.backfill.request import BackfillRequest

    return BackfillRequest(
        stream=str(props["stream"]),
        namespace=_text(props.get("namespace")),
        request=str(props["request"]),
        mode=str(props["mode"]),
        start=_text(props.get("from")),
        sync=bool(props.get("sync")),
        cursor_field=tuple(props.get("cursor_field") or ()),
    )


def _siblings(props: Mapping[str, Any]) -> list[dict[str, Any]]:
    return as_mappings(props.get("beside"))


def _receipt(entry: Any) -> Properties:
    return {
        "job_id": entry.job,
        "jobs": list(entry.jobs),
        "sync_job_id": entry.sync_job,
        "status": "nothing" if entry.stage == "nothing" else "accepted",
        "asked_at": _time(entry.asked_at),
        "ended_at": None,
        "rows_before": entry.rows_before,
        "rows_read": None,
        "note": entry.note,
    }


def _completed(job: Any, props: Mapping[str, Any]) -> Properties:
    """What the job says about the stream; it may have read others too."""
    from lotus.backfill.submission import rows_committed

    rows = rows_committed([job], str(props["stream"]), _text(props.get("namespace")))
    return {
        "status": job.status,
        "ended_at": _time(job.updated_at) if job.ended else None,
        "rows_read": rows if job.ended else None,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _seconds(name: str, otherwise: float) -> float:
    try:
        return float(os.environ.get(name) or otherwise)
    except ValueError:
        raise _fault(f"{name} must be a number of seconds", fix=f"unset {name}") from None


def _fault(message: str, *, fix: str) -> Exception:
    from lotus.errors import LotusError

    return LotusError(message, fix=fix)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _say(message: str) -> None:
    """A line in the engine's output; its address is the plugin's first argument."""
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    if len(sys.argv) < 2:
        return
    with grpc.insecure_channel(sys.argv[-1]) as channel:
        stub = engine_pb2_grpc.EngineStub(channel)
        try:
            stub.Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message), timeout=2)
        except grpc.RpcError:
            return  # an engine that is going away shows nothing more; the request goes on
