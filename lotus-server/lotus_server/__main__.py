"""``python -m lotus_server --data DIR --port N``: the server as a process."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

from lotus_server.errors import StartError

TOKEN_VARIABLE = "LOTUS_EMBEDDED_TOKEN"  # noqa: S105 - a name, no token
CLIENT_ID_VARIABLE = "LOTUS_EMBEDDED_CLIENT_ID"
CLIENT_SECRET_VARIABLE = "LOTUS_EMBEDDED_CLIENT_SECRET"  # noqa: S105 - a name, no secret
KEEP_JOBS_VARIABLE = "LOTUS_EMBEDDED_KEEP_JOBS"
KEEP_DAYS_VARIABLE = "LOTUS_EMBEDDED_KEEP_DAYS"

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
SHUTDOWN_SECONDS = 10
"""How long requests in flight may take after SIGTERM."""
KEEP_ALIVE_SECONDS = 90
"""How long an idle connection stays open: clients keep theirs for up to 75 s."""

UNPROTECTED = (
    "lotus-server: WARNING: this system does not say which user opens a connection, so every user of this machine can "
    f"call the server and run programs as you; start it with --require-credentials, or set {TOKEN_VARIABLE}"
)


class Exit(IntEnum):
    """Exit codes of the process."""

    STOPPED = 0
    CANNOT_START = 1
    WRONG_USAGE = 2
    PORT_IN_USE = 3


class UsageError(Exception):
    """A setting has no valid value."""


def main(arguments: list[str] | None = None) -> int:
    """Serves until a signal stops it: one line on stdout when it is ready, or one sentence on stderr why it is not."""
    options = _parser().parse_args(arguments)
    token = os.environ.get(TOKEN_VARIABLE)
    required = options.require_credentials or token is not None
    if options.host not in LOOPBACK_HOSTS and not required:
        return _failed(
            f"--host {options.host} would let other machines in: set {TOKEN_VARIABLE} to the token "
            "that they must send, or omit --host",
            Exit.WRONG_USAGE,
        )
    try:
        listener = _listener(options.host, options.port)
    except OSError as error:
        return _unbound(options.host, options.port, error)
    with listener:
        try:
            _serve(listener, options, token=token, required=required)
        except StartError as error:
            return _failed(str(error), Exit.CANNOT_START)
        except UsageError as error:
            return _failed(str(error), Exit.WRONG_USAGE)
    return Exit.STOPPED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lotus-server",
        description="An Airbyte-compatible server for this machine: no Docker, no Kubernetes.",
        epilog="Example: lotus-server --data .lotus/airbyte --port 8000",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder for all data (created if missing)")
    parser.add_argument("--locks", type=Path, help="folder of connectors' lock files, such as streams/_connectors")
    parser.add_argument(
        "--components", action="store_true", help="run the code that low-code manifests bring (components.py)"
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port; 0 picks a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help=f"address to listen on; other than loopback needs {TOKEN_VARIABLE}"
    )
    parser.add_argument(
        "--require-credentials",
        action="store_true",
        help=f"require access tokens, issued for {CLIENT_ID_VARIABLE} and {CLIENT_SECRET_VARIABLE}",
    )
    return parser


class Listener(socket.socket):
    """A listening socket that fails once where no file descriptor is left.

    asyncio goes on to accept as often as its backlog says, and sets a timer for each failure: soon they keep a core
    busy ([selector_events.py](https://github.com/python/cpython/blob/v3.11.7/Lib/asyncio/selector_events.py#L164)).
    """

    _failed = False

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection.

        Raises:
            OSError: there is none, or it cannot be had; after a failure the next try finds none.
        """
        if self._failed:
            self._failed = False
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as error:
            self._failed = error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
            raise


def _listener(host: str, port: int) -> Listener:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, not left to the kernel: asyncio sends small answers at once (TCP_NODELAY) only on sockets that say TCP,
    # and a client that keeps its connection waits 40 ms for each answer otherwise.
    listener = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener


def _kept(variable: str, default: int) -> int:
    """A setting that is a positive number."""
    text = os.environ.get(variable, str(default))
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 10**9):
        raise UsageError(f"{variable} must be a positive whole number")
    return int(text)


def _serve(listener: socket.socket, options: argparse.Namespace, *, token: str | None, required: bool) -> None:
    data: Path = options.data
    # Build images set this; here it would compile all modules again at each start of the server and of every sync.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False

    import uvicorn
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    from lotus_server import server_log
    from lotus_server.app import create_app, refuse_other_users
    from lotus_server.jobs.retention import Retention
    from lotus_server.other_users import OtherUsers
    from lotus_server.services.authentication import Access
    from lotus_server.services.startup import open_server

    client_id, client_secret = os.environ.get(CLIENT_ID_VARIABLE), os.environ.get(CLIENT_SECRET_VARIABLE)
    access = Access(required=required, token=token, client_id=client_id, client_secret=client_secret)
    default = Retention()
    retention = Retention(_kept(KEEP_JOBS_VARIABLE, default.jobs), _kept(KEEP_DAYS_VARIABLE, default.days))
    app = create_app(
        open_server(data, access_rules=access, retention=retention, locks=options.locks, components=options.components)
    )
    server_log.write_to(data / "logs")
    host, port = listener.getsockname()[:2]
    address = f"[{host}]" if ":" in host else host

    others: OtherUsers | None = None

    class OwnUsersProtocol(AutoHTTPProtocol):  # pyright: ignore[reportUntypedBaseClass, reportGeneralTypeIssues]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            ends = (transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
            if others is not None and others.opened(*ends):
                self.app = refuse_other_users

    class Announcing(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None]:
            # uvicorn's own raises the signal again after it has stopped, and the exit code would be -15.
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self.handle_exit, number, None)
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            nonlocal others
            await super().startup(sockets)
            others = None if required else OtherUsers((host, port))
            if others is not None and not others.recognised:
                print(UNPROTECTED, file=sys.stderr, flush=True)
            print(f"lotus-server ready on http://{address}:{port}/api/public/v1 (data: {data})", flush=True)

    config = uvicorn.Config(
        app,
        http=OwnUsersProtocol,
        lifespan="on",
        log_config=None,  # see server_log
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    Announcing(config).run(sockets=[listener])


def _unbound(host: str, port: int, error: OSError) -> int:
    if error.errno == errno.EADDRINUSE:
        return _failed(
            f"port {port} on {host} is in use: stop what uses it, or choose another --port", Exit.PORT_IN_USE
        )
    return _failed(f"cannot listen on {host}, port {port}: {error.strerror or error}", Exit.CANNOT_START)


def _failed(message: str, code: Exit) -> int:
    print(f"lotus-server: {message}", file=sys.stderr)
    return code


def command() -> None:
    """The `lotus-server` command."""
    sys.exit(main())


if __name__ == "__main__":
    command()
