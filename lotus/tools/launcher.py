"""`pulumi` in a clone's environment: it works in a plain shell, since it looks up what the stack needs."""

from __future__ import annotations

import shlex
from pathlib import Path

from lotus.tools.catalog import find

_TEXT = """\
#!/bin/sh
# pulumi, with what the stack needs where the shell does not say it. Written by python -m lotus.tools.
exec {python} -m lotus.session.plain_shell {program} "$@"
"""


def write_launcher(environment: Path) -> None:
    """Puts it into the environment; after `. .venv/bin/activate` it is the first `pulumi`."""
    program = find("pulumi")
    binaries = environment / "bin"
    text = _TEXT.format(python=shlex.quote(str(binaries / "python")), program=shlex.quote(str(program)))
    launcher = binaries / "pulumi"
    if program is None or (launcher.exists() and launcher.read_text() == text):
        return
    fresh = launcher.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o755)
    fresh.replace(launcher)
