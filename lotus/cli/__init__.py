"""The terminal: parse, call one operation, print. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import os
import sys

TRACEBACK = "LOTUS_TRACEBACK"


def main() -> None:
    """The `lotus` command; faults come as three short sentences and an exit code, never as a traceback."""
    try:
        from lotus.cli.app import app
    except ModuleNotFoundError as error:
        print(
            f"the command line needs the package {error.name}, which is not installed\n"
            "  fix:   pip install 'lotus-lake[cli]'",
            file=sys.stderr,
        )
        sys.exit(3)
    from lotus.errors import LotusError

    try:
        app()
    except LotusError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `lotus … | head`
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        print(
            f"lotus has a mistake of its own here: {type(error).__name__}: {str(error)[:300]}\n"
            f"  where: lotus {' '.join(sys.argv[1:2])}\n"
            f"  fix:   please report it, with what `{TRACEBACK}=1 lotus …` prints",
            file=sys.stderr,
        )
        sys.exit(70)
