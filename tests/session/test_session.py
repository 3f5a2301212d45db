"""What a session says when pulumi cannot plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from lotus.authoring.init import init
from lotus.errors import FaultsError, ToolError
from lotus.session.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A new project on a machine without pulumi."""
    init(tmp_path / "lake", source="git+https://example.invalid/lotus@v0.1.0")
    return Session(tmp_path / "lake", "dev", {"PATH": ""})


def source(session: Session, text: str) -> None:
    """A source of these files."""
    (session.root / "streams/old").mkdir()
    (session.root / "streams/old/_source.json").write_text(text)


def test_without_a_fault_pulumis_own_reason_is_shown(session: Session) -> None:
    """The files are not the cause."""
    with pytest.raises(ToolError):
        session.preview()


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "LOT003"), ('{"connector": "source-faker", "configuration": {"count": {"$config": "gone"}}}', "LOT046")],
)
def test_a_fault_at_which_the_program_stops_is_why_there_is_no_plan(session: Session, text: str, code: str) -> None:
    """It is what the user has to correct; a value that the stack does not have is one too."""
    source(session, text)

    with pytest.raises(FaultsError, match=code):
        session.preview()
