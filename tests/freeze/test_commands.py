"""Commands that need no server answer as at bb0f71e, and no command is left out."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.freeze import commands
from tests.freeze.golden import Recording, difference, frozen, names
from tests.freeze.placeholders import CHECKOUT

pytestmark = pytest.mark.slow
NAMES = names("commands")
NOT_FROZEN: dict[str, str] = {
    "lotus adopt": "came after bb0f71e (tests/authoring/test_adopt.py)",
    "lotus connectors list": "came after bb0f71e (tests/cli/test_connectors.py)",
    "lotus connectors show": "came after bb0f71e (tests/cli/test_connectors.py)",
    "lotus connectors outdated": "came after bb0f71e (tests/cli/test_connectors.py)",
    "lotus landing compare": "came after bb0f71e (tests/lake/test_landing.py)",
    "lotus landing gaps": "came after bb0f71e (tests/lake/test_landing.py)",
    "lotus landing sample": "came after bb0f71e (tests/lake/test_landing.py)",
    "lotus landing size": "came after bb0f71e (tests/lake/test_landing.py)",
    "lotus sources sample": "came after bb0f71e (tests/authoring/test_sample.py)",
}
"""Commands without a recording, each with its reason, such as "came after bb0f71e"."""

COMPLETION = """
import contextlib, importlib.metadata, io, json, os, sys

(script,) = importlib.metadata.entry_points(group="console_scripts", name="lotus")
main = script.load()

def completed(words):
    os.environ.update(_LOTUS_COMPLETE="complete_bash", COMP_WORDS=" ".join([*words, ""]), COMP_CWORD=str(len(words)))
    sys.argv = ["lotus"]
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.suppress(SystemExit):
        main()
    return output.getvalue().split()

def below(words):
    for name in completed(words):
        yield [*words, name]
        yield from below([*words, name])

print(json.dumps([" ".join(words) for words in below(["lotus"])]))
"""
"""Walks the command tree as a shell's completion sees it, in one process."""


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What today's commands answer."""
    return commands.record_files(tmp_path_factory.mktemp("commands"))


@pytest.mark.parametrize("name", NAMES)
def test_a_command_answers_as_before(today: Recording, name: str):
    """Exit code, output, the files that it changed, and what a refusal says."""
    assert difference(name, today[name]) == ""


def test_nothing_else_is_recorded(today: Recording):
    """A command without a frozen file would be compared with nothing."""
    assert sorted(today) == NAMES


def test_every_command_is_recorded():
    """Each command of today has a recording, here or on the running lake, or a reason not to."""
    answer = subprocess.run(
        [sys.executable, "-c", COMPLETION], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    listed: list[str] = json.loads(answer.stdout)
    groups = {command.rpartition(" ")[0] for command in listed}
    recorded = [str(frozen(name)["command"]) for name in [*NAMES, *names("live")]]
    missing = {
        command
        for command in set(listed) - groups
        if not any(line == command or line.startswith(f"{command} ") for line in recorded)
    }

    assert len(listed) > 30
    assert missing == set(NOT_FROZEN)
