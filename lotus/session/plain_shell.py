"""`pulumi` as a person types it in any shell of a clone: what the stack needs comes from the clone's own record."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

OF_A_STACK = {
    *("preview", "pre", "up", "update", "refresh", "destroy", "dn", "import", "watch", "cancel"),
    *("stack", "state", "config", "logs", "env"),
}
"""Pulumi's verbs that open a backend."""


def main(program: str, arguments: Sequence[str]) -> NoReturn:
    """Becomes pulumi; what is missing for it is one sentence."""
    from lotus.errors import LotusError

    try:
        environment = {**os.environ, **_missing(arguments)}
    except LotusError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    # The language host and the provider take the environment that comes first.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    os.execve(program, [program, *arguments], environment)  # noqa: S606  it takes this process's place


def _missing(arguments: Sequence[str]) -> dict[str, str]:
    """The stack's variables; none where the shell names a backend itself, or the command opens none."""
    if os.environ.get("PULUMI_BACKEND_URL") or not arguments or arguments[0] not in OF_A_STACK:
        return {}
    from lotus.errors import ConfigError
    from lotus.example_values import refuse_example
    from lotus.session.project import chosen_stack, find_project, stack_environment

    try:
        project = find_project(_folder(arguments))
    except ConfigError:
        return {}  # a project of another kind: pulumi says what it lacks
    variables = stack_environment(project, chosen_stack(project, _option(arguments, "--stack", "-s")))
    refuse_example(variables.get("PULUMI_BACKEND_URL"), "the state's address", where="lotus:gitops.state")
    return variables


def _folder(arguments: Sequence[str]) -> Path:
    return Path(_option(arguments, "--cwd", "-C") or ".")


def _option(arguments: Sequence[str], name: str, short: str) -> str | None:
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
        if word in (name, short):
            return following
    return None


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
