"""The words beside the code: links lead somewhere, and every command can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lotus.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "pulumi-airbyte" / "README.md"]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """The name of a heading in a link, as GitHub and Forgejo make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    """The names of a page's headings."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)}


def typed() -> list[tuple[str, str]]:
    """Every line of a code block that calls lotus, with its page."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text()):
            for line in block.splitlines():
                call = re.match(r"\s*(?:\$ )?(?:\.venv/bin/)?lotus ([a-z-]+ ?.*)$", line)
                if call and "lotus-server ready" not in line:
                    found.append((page.name, call.group(1)))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    """Files and headings exist."""
    broken: list[str] = []
    for target, anchor in LINK.findall(page.read_text()):
        other = (page.parent / target) if target else page
        if not other.exists() or (anchor and other.suffix == ".md" and anchor not in anchors(other)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize(("page", "call"), typed(), ids=lambda value: value[:60])
def test_commands_of_the_docs_can_be_typed(page: str, call: str):
    """Names and options are those of the program; what they do is in the commands' own tests."""
    words = shlex.split(re.split(r" [|&>]", call)[0], comments=True)
    command: Any = typer.main.get_command(app)
    context: Any = None
    while words and words[0] in getattr(command, "commands", {}):
        name = words.pop(0)
        command = command.commands[name]
        context = command.make_context(name, list(words), parent=context, resilient_parsing=True)
    assert context is not None, f"{page}: no such command"
    command.make_context(command.name, words, parent=context.parent)
