"""Every setting and environment variable that the code reads has its line in the docs, and the docs name no other."""

from __future__ import annotations

import re
from pathlib import Path

from lotus.config.settings import KEYS

ROOT = Path(__file__).resolve().parents[1]
CODE = [
    *ROOT.glob("lotus/**/*.py"),
    *ROOT.glob("pulumi-airbyte/pulumi_airbyte/**/*.py"),
    *ROOT.glob("lotus-server/lotus_server/**/*.py"),
]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
VARIABLE = re.compile(r"\b(?:LOTUS|AIRBYTE|PULUMI_AIRBYTE)_[A-Z0-9_]*[A-Z0-9]\b")
PREFIXES = {"LOTUS_SECRET", "LOTUS_CONFIG"}
"""`LOTUS_SECRET_<NAME>`: the name is a user's."""
INNER = {
    "LOTUS_EMBEDDED_OWNER": "marks the processes of one server",
    "LOTUS_SHARED": "the tests' own",
    "LOTUS_DEMO_TOKEN": "the demo's shop reads it, and lotus starts that",
}
"""Variables that are no setting."""


def read_by_code() -> set[str]:
    """The variables that stand in the code as a text of their own."""
    found = {name for file in CODE for name in re.findall(rf'["\']({VARIABLE.pattern})["\']', file.read_text())}
    values = {name for name in found if name.startswith(tuple(f"{prefix}_" for prefix in PREFIXES))}
    return {name for name in found - values if name not in INNER}


def in_docs() -> set[str]:
    """The variables that some page names."""
    return {name for page in PAGES for name in VARIABLE.findall(page.read_text())}


def test_every_variable_that_the_code_reads_is_documented():
    """Whoever debugs an environment at night searches the docs for the name."""
    assert sorted(read_by_code() - in_docs()) == []


def test_the_docs_name_no_variable_that_nothing_reads():
    """A page that outlived its code sends people the wrong way."""
    others = [
        path
        for pattern in ("tests/**/*.py", "*/tests/**/*.py", ".github/**/*.yml", "Makefile", ".ci/*")
        for path in ROOT.glob(pattern)
    ]
    text = "\n".join(file.read_text() for file in [*CODE, *others] if file.is_file())
    example = {name for name in in_docs() if any(name.startswith(f"{prefix}_") for prefix in PREFIXES)}

    assert sorted(name for name in in_docs() - example if name not in text) == []


def test_every_setting_of_a_stack_is_on_the_page_of_the_files():
    """The table of docs/files.md and the model know the same keys."""
    text = (ROOT / "docs" / "files.md").read_text()
    table = set(re.findall(r"`lotus:([a-z]+)`", text))

    assert set(KEYS) - table == set()
    assert table - set(KEYS) == set()
