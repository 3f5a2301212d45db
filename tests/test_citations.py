"""What the code says of Airbyte and Pulumi: citations lead to a fact, and each fact has a source and a use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_docs import ROOT, anchor, anchors

FACTS = ("airbyte-behaviour.md", "pulumi-behaviour.md")
CITATION = re.compile(r"(?<![\w/])docs/(?P<page>[\w-]+\.md)#(?P<anchor>[\w-]+)")
SECTION = re.compile(r"^### (?P<heading>.+)\n(?P<text>(?:(?!^#|^\[[^\]]+\]: ).*\n?)*)", re.MULTILINE)
LINK = re.compile(r"\]\(https://|\[(?P<label>[^\]\[]+)\]\[\]")
FOR_USERS = "For users only."
"""Marks a fact that no code relies on."""
ELSEWHERE = re.compile(
    r"\b(airbyte-api|lotus-lake|peers)\.md|\bpulumi-facts\b|\bgitops-(run|measured)\b|\bengine-experiments\b"
    r"|\b(dataplane|terraform)-(baseline|measured)\b|\b[Ss]ections? \(?[a-f]2?\)?[,:. ]|\(section [a-f]2?\)"
)
"""Names of notes that no reader of this repository has, and of their parts."""


def texts() -> Iterator[tuple[Path, str]]:
    """What git tracks, and what it would track, as far as it is text."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for path in (ROOT / name for name in names if name):
        if path.is_file() and path != Path(__file__).resolve() and b"\0" not in (content := path.read_bytes()):
            yield path.relative_to(ROOT), content.decode(errors="replace")


def facts(page: str) -> dict[str, str]:
    """The facts of a page by the names of their headings."""
    text = (ROOT / "docs" / page).read_text()
    return {anchor(match["heading"]): match["text"] for match in SECTION.finditer(text)}


def test_every_citation_leads_to_a_heading():
    """Page and heading exist."""
    broken: list[str] = []
    for path, text in texts():
        for match in CITATION.finditer(text):
            page = ROOT / "docs" / match["page"]
            if not page.exists() or match["anchor"] not in anchors(page):
                broken.append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}")
    assert broken == []


@pytest.mark.parametrize("page", FACTS)
def test_every_fact_is_cited(page: str):
    """By a module or a test; a fact that no code relies on says so."""
    cited = {m["anchor"] for path, text in texts() if path.suffix == ".py" for m in CITATION.finditer(text)}
    assert [name for name, text in facts(page).items() if name not in cited and FOR_USERS not in text] == []


@pytest.mark.parametrize("page", FACTS)
def test_every_fact_has_a_source(page: str):
    """A link whose address is at the end of the page, or how it was seen."""
    addresses = set(re.findall(r"^\[([^\]]+)\]: https://", (ROOT / "docs" / page).read_text(), re.MULTILINE))
    without: list[str] = []
    for name, text in facts(page).items():
        labels = [match["label"] for match in LINK.finditer(text)]
        if not (labels or "Seen with" in text) or any(label and label not in addresses for label in labels):
            without.append(name)
    assert without == []


def test_nobody_is_sent_to_notes_that_are_not_here():
    """Who reads a docstring can look up what it names."""
    lines = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert lines == []
