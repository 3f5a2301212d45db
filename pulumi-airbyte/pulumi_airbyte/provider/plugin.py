"""The gRPC surface: what the engine asks, passed on in plain values; what goes wrong, as one sentence."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2, empty_pb2
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import proto
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from pulumi_airbyte.api import AirbyteError

from ..untrusted import visible_lines
from .differences import Difference
from .faults import PartialError, ProviderError
from .functions import FUNCTIONS
from .notices import Notices
from .package_schema import VERSION, package_schema
from .properties import Fault
from .provider import AirbyteProvider
from .settings import settings
from .state import State, kind_of
from .values import UNKNOWN, Values, dotted, from_wire, secret_words, to_wire

_KINDS = {
    ("add", False): proto.PropertyDiff.ADD,
    ("add", True): proto.PropertyDiff.ADD_REPLACE,
    ("delete", False): proto.PropertyDiff.DELETE,
    ("delete", True): proto.PropertyDiff.DELETE_REPLACE,
    ("update", False): proto.PropertyDiff.UPDATE,
    ("update", True): proto.PropertyDiff.UPDATE_REPLACE,
}
PARENT_SECONDS = 1.0
"""How often the plugin looks whether the engine that started it still lives."""


class Plugin(ProviderServicer):
    """The servicer of `pulumi.provider.experimental`, with this provider's answers.

    The calls are answered here rather than through its `Provider` class, which has no room for what is needed: the old
    inputs in Diff, the URN in Configure, an error as a sentence, an id that outlives a failure
    (docs/pulumi-behaviour.md#the-experimental-provider-host).
    """

    def __init__(self, engine: str | None) -> None:
        super().__init__([], VERSION, Provider(), engine or "")
        self.airbyte = AirbyteProvider(Notices(engine))

    # Finding out about each other.

    async def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Where the engine is, and what both sides can do."""
        if request.engine_address:
            self.airbyte.notify(Notices(request.engine_address))
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    async def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The engine's address, for a provider that was started by somebody else."""
        self.airbyte.notify(Notices(request.address))
        return empty_pb2.Empty()

    async def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The package's schema."""
        return proto.GetSchemaResponse(schema=package_schema())

    async def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Any configuration may be right: it is the server that says so, later."""
        return proto.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Another server or credential replaces nothing: the objects stay the same ones."""
        return proto.DiffResponse(changes=proto.DiffResponse.DIFF_UNKNOWN)

    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remember the settings; the network is not touched."""
        values = from_wire(request.args)
        explicit = bool(request.urn) and not request.urn.split("::")[-1].startswith("default")
        try:
            self.airbyte.configure(settings(values.data, explicit=explicit))
        except ProviderError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return proto.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    # The resources' life.

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Inputs under their proper names, secrets marked, faults named."""
        old, new = from_wire(request.olds), from_wire(request.news)
        with _Sentence(self, old, new) as outcome:
            checked = await self.airbyte.check(request.urn, old, new)
            sentences = [outcome.cleaned(_words(fault)) for fault in checked.faults]
            if sentences and await self.airbyte.collected(request.urn, sentences):
                sentences = []
            # A property's name would make the engine print its value, which may be long, or secret.
            faults = [proto.CheckFailure(reason=sentence) for sentence in sentences]
            outcome.answer = proto.CheckResponse(inputs=to_wire(checked.inputs), failures=faults)
        return await outcome.give(context)

    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        """What would change, leaf by leaf."""
        outputs, new = from_wire(request.olds), from_wire(request.news)
        # Engines need not send old inputs (docs/pulumi-behaviour.md#old-inputs); the outputs hold them too.
        old = from_wire(request.old_inputs) if request.HasField("old_inputs") else outputs
        with _Sentence(self, outputs, new) as outcome:
            found = await self.airbyte.diff(request.urn, request.id, old, outputs, new, list(request.ignoreChanges))
            outcome.answer = _diff_response(found, delete_first=kind_of(request.urn).delete_before_replace)
        return await outcome.give(context)

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make an object."""
        inputs = from_wire(request.properties)
        with _Sentence(self, inputs) as outcome:
            state = await self.airbyte.create(request.urn, inputs, preview=request.preview)
            outcome.answer = proto.CreateResponse(id=state.id, properties=to_wire(state.outputs))
        return await outcome.give(context)

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        """An object as the server has it; an empty id where there is none."""
        outputs, inputs = from_wire(request.properties), from_wire(request.inputs)
        with _Sentence(self, outputs, inputs) as outcome:
            state: State | None = await self.airbyte.read(request.urn, request.id, outputs, inputs)
            outcome.answer = (
                proto.ReadResponse()
                if state is None
                else proto.ReadResponse(id=state.id, properties=to_wire(state.outputs), inputs=to_wire(state.inputs))
            )
        return await outcome.give(context)

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make an object as the inputs say."""
        outputs, inputs = from_wire(request.olds), from_wire(request.news)
        old = from_wire(request.old_inputs) if request.HasField("old_inputs") else outputs
        with _Sentence(self, outputs, old, inputs) as outcome:
            result = await self.airbyte.update(request.urn, request.id, old, outputs, inputs, preview=request.preview)
            outcome.answer = proto.UpdateResponse(properties=to_wire(result))
        return await outcome.give(context)

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Remove an object."""
        outputs = from_wire(request.properties)
        with _Sentence(self, outputs) as outcome:
            await self.airbyte.delete(request.urn, request.id, outputs)
            outcome.answer = empty_pb2.Empty()
        return await outcome.give(context)

    async def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Call a function."""
        arguments = from_wire(request.args)
        with _Sentence(self, arguments) as outcome:
            function = FUNCTIONS.get(request.tok)
            if function is None:
                raise ProviderError(f"this provider has no function {request.tok}")
            missing = [
                proto.CheckFailure(property=name, reason="is required") for name in function.missing(arguments.data)
            ]
            if missing:
                outcome.answer = proto.InvokeResponse(failures=missing)
            else:
                result = await function.call(self.airbyte, arguments.data)
                answer: dict[str, Any] = {"return": to_wire(result)}  # a keyword of Python's
                outcome.answer = proto.InvokeResponse(**answer)
        return await outcome.give(context)


class _Sentence:
    """Turns what is raised inside into a gRPC error of one sentence, without any secret in it."""

    def __init__(self, plugin: Plugin, *values: Values) -> None:
        self._plugin = plugin
        self._values = values
        self._status: tuple[grpc.StatusCode, str, bytes | None] | None = None
        self.answer: Any = None

    def __enter__(self) -> _Sentence:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if isinstance(error, PartialError):
            message = self.cleaned(str(error))
            self._status = (grpc.StatusCode.UNKNOWN, message, _init_failed(error, message))
        elif isinstance(error, ProviderError | AirbyteError):
            self._status = (grpc.StatusCode.UNKNOWN, self.cleaned(str(error)), None)
        else:
            where = traceback.extract_tb(error.__traceback__)[-1]
            words = f"{type(error).__name__}: {error} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"
            message = f"the airbyte provider failed, which is a fault of its own: {words}"
            self._status = (grpc.StatusCode.INTERNAL, self.cleaned(message), None)
        return True

    def cleaned(self, message: str) -> str:
        """The same text: what a server says must neither show a password nor have an effect on a terminal."""
        words: Iterable[str] = [*secret_words(self._values), *self._plugin.airbyte.settings.secrets]
        for word in words:
            if word != UNKNOWN:
                message = message.replace(word, "[secret]")
        return visible_lines(message)

    async def give(self, context: Any) -> Any:
        """The answer, or the error."""
        if self._status is None:
            return self.answer
        code, message, details = self._status
        if details is not None:
            # The id of an object that exists outlives the failure only so: docs/pulumi-behaviour.md#partial-state.
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        await context.abort(code, message)
        return None


def _words(fault: Fault) -> str:
    return f"{dotted(fault.path)}: {fault.reason}" if fault.path else fault.reason


def _init_failed(error: PartialError, message: str) -> bytes:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=to_wire(error.outputs),
        reasons=[message],
        inputs=to_wire(error.inputs),
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    code: int = grpc.StatusCode.UNKNOWN.value[0]
    return status_pb2.Status(code=code, message=message, details=[packed]).SerializeToString()


def _diff_response(found: list[Difference], *, delete_first: bool) -> Any:
    detailed = {
        dotted(one.path): proto.PropertyDiff(kind=_KINDS[one.kind, one.replaces], inputDiff=True) for one in found
    }
    return proto.DiffResponse(
        changes=proto.DiffResponse.DIFF_SOME if found else proto.DiffResponse.DIFF_NONE,
        diffs=sorted({str(one.path[0]) for one in found}),
        replaces=sorted({str(one.path[0]) for one in found if one.replaces}),
        deleteBeforeReplace=delete_first and any(one.replaces for one in found),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


async def _ended(parent: int) -> None:
    """Returns when the engine that started this process is no more: one that is killed ends no plugins."""
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_SECONDS)


async def serve(engine: str | None, *, parent: int) -> None:
    """Answer until the engine ends us; the first line on stdout is the port."""
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    plugin = Plugin(engine)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A plugin has a process group of its own, so Ctrl-C does not reach it: SIGINT is the engine saying that it is done,
    # five seconds before SIGKILL (docs/pulumi-behaviour.md#end-of-a-plugin).
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waiting: list[asyncio.Task[Any]] = [
        asyncio.create_task(stop.wait()),
        asyncio.create_task(server.wait_for_termination()),
    ]
    if engine:
        waiting.append(asyncio.create_task(_ended(parent)))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await plugin.airbyte.close()
    await server.stop(None)
