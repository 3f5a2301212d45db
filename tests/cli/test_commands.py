"""Every command is documented, helps with an example, and starts quickly enough to be asked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lotus.cli.app import app

DOCS = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def commands(command: Any, path: tuple[str, ...] = ("lotus",)) -> Iterator[tuple[str, Any]]:
    """Every command that can be run, by its whole name."""
    inner = getattr(command, "commands", {})
    if not inner or command.invoke_without_command:
        yield " ".join(path), command
    for name, child in inner.items():
        yield from commands(child, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_is_in_the_docs(name: str):
    """docs/commands.md is the one table of all verbs."""
    assert f"`{name}" in DOCS.read_text()


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_helps_with_an_example(name: str):
    """The help of a command ends with a line that can be typed."""
    assert "Example: " in (ALL[name].help or "")


def test_help_imports_neither_pulumi_nor_rich_nor_arrow():
    """`lotus --help` stays fast because a command's imports are its own."""
    program = (
        "import sys, lotus.cli.app; print([m for m in ('pulumi', 'rich', 'pyarrow', 'boto3') if m in sys.modules])"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
