"""Notices at a resource: shown by Pulumi beside it, in text and in `--json`."""

from __future__ import annotations

import grpc
import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from ..untrusted import visible_lines


class Notices:
    """The engine's log, reached at the address that it gave the plugin (docs/pulumi-behaviour.md#notices)."""

    def __init__(self, engine: str | None) -> None:
        self._engine = engine
        self._stub: engine_pb2_grpc.EngineStub | None = None

    async def warn(self, message: str, urn: str = "") -> None:
        """A warning that stays."""
        await self._log(engine_pb2.WARNING, message, urn)

    async def error(self, message: str, urn: str = "") -> None:
        """An error that stops nothing by itself."""
        await self._log(engine_pb2.ERROR, message, urn)

    async def info(self, message: str, urn: str = "", *, passing: bool = False) -> None:
        """A line; a passing one is replaced by the next."""
        await self._log(engine_pb2.INFO, message, urn, passing=passing)

    async def _log(
        self, severity: engine_pb2.LogSeverity.ValueType, message: str, urn: str, *, passing: bool = False
    ) -> None:
        if not self._engine:
            return
        if self._stub is None:
            self._stub = engine_pb2_grpc.EngineStub(grpc.aio.insecure_channel(self._engine))
        request = engine_pb2.LogRequest(severity=severity, message=visible_lines(message), urn=urn, ephemeral=passing)
        try:
            await self._stub.Log(request)  # pyright: ignore[reportGeneralTypeIssues]  (the stub of grpc.aio is async)
        except grpc.aio.AioRpcError:
            # An engine that is going away shows nothing more; what the notice is about happens all the same.
            self._engine = None
