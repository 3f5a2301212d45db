"""The terminal: parse, call one function, print. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from lotus.errors import Exit, LotusError, explained

if TYPE_CHECKING:
    from typer.exceptions import TyperException

TRACEBACK = "LOTUS_TRACEBACK"


def main() -> None:
    """The `lotus` command; errors have three short sentences and an exit code, never a traceback."""
    sys.exit(_run())


def _run() -> int:
    try:
        from typer import Abort
        from typer.exceptions import TyperException

        from lotus.cli.app import app
    except ModuleNotFoundError as error:
        message = f"the command line needs the package {error.name}, which is not installed"
        return _ended(explained(message, fix="install lotus with its extra cli (in a project: make setup)"), Exit.TOOL)
    try:
        code = int(app(standalone_mode=False) or Exit.OK)
    except BrokenPipeError:  # `lotus … | head`
        sys.stderr.close()
        return Exit.OK
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  each kind is answered below
        if isinstance(error, TyperException):
            return _ended(_usage(error), Exit.FAULTS)
        if isinstance(error, LotusError):
            return _ended(str(error), error.exit_code)
        if not isinstance(error, (Abort, KeyboardInterrupt)):
            return _bug(error)
        code = Exit.STOPPED
    return _ended("stopped", Exit.STOPPED) if code == Exit.STOPPED else code


def _bug(error: Exception) -> int:
    if os.environ.get(TRACEBACK):
        raise error
    return _ended(
        explained(
            f"lotus has a bug here: {type(error).__name__}: {str(error)[:300]}",
            where=f"lotus {' '.join(sys.argv[1:2])}",
            fix=f"report it, with what `{TRACEBACK}=1 lotus …` prints",
        ),
        Exit.BUG,
    )


def _usage(error: TyperException) -> str:
    """What is wrong with the words of a command; without any, its help."""
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = str(getattr(context, "command_path", "lotus"))
    if type(error).__name__ == "NoArgsIsHelpError":
        return message
    return explained(message[:1].lower() + message[1:].rstrip("."), where=command, fix=f"{command} --help")


def _ended(words: str, code: Exit) -> int:
    print(words, file=sys.stderr)
    return code
