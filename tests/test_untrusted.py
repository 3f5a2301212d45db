"""Text of others: whatever it holds, it has no effect where it is shown."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path

import pytest
from pulumi_airbyte.untrusted import visible, visible_lines
from rich.console import Console

from lotus.cli import output
from lotus.untrusted import Untrusted, block, json_text, lines

CLI = Path(output.__file__).parent
TERMINAL = (
    "\x1b]0;PWNED\x07\x1b[2J\x1b[31mred\x1b[0m",
    "done\r\nShop → Lake: succeeded",
    "\x1b]8;;http://example.invalid\x07link\x1b]8;;\x07",
    "\u202egnp.exe\u2066",
    "\x9b31m\x85next\u2028line",
    "a\x00b\x08c\x7f",
)
MARKDOWN = (
    "x](http://example.invalid) ![i](http://example.invalid/i.png)",
    "@someone ping @some-org/team",
    "https://example.invalid/autolink www.example.invalid mailto:a@example.invalid",
    "#1 and some-org/repo#2 and GH-3",
    "```\n## heading\n```",
    "<img src=x onerror=1><details><summary>s",
    "`code` ``two``",
    "$\\ce{x}$ and $$\\unicode{x}$$",
    "~~s~~ _u_ **b** __b__",
    "a\r\n\r\n## heading",
    "&lt;b&gt; :tada:",
    "-->\n<!-- lotus review of prod -->",
    "1a2b3c4d5e",
)
CORPUS = TERMINAL + MARKDOWN


@pytest.mark.parametrize("text", CORPUS)
def test_the_provider_spells_out_the_same(text: str):
    """Its errors pass through Pulumi, which prints them as they are; their line ends are meant."""
    assert visible(text) == Untrusted(text).terminal()
    assert visible_lines(text) == lines(*text.split("\n"))


@pytest.mark.parametrize("text", CORPUS)
def test_on_a_terminal_it_is_one_printable_line(text: str):
    """No sequence, no line end, nothing that turns the direction; whoever reads it sees that it was there."""
    shown = Untrusted(text).terminal()

    assert all(character.isprintable() for character in shown)
    assert shown.isascii() or len(shown) >= len(text.strip("\r"))


@pytest.mark.parametrize("text", CORPUS)
def test_in_markdown_no_markup_link_mention_or_number_is_left(text: str):
    """Every character with an effect has a backslash before it, every link a break in it."""
    shown = Untrusted(text).markdown()

    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[`*\[\]<>|$]", shown)
    assert not re.search(r"@\w|#\d|GH-\d|https?:/|www\.|:tada:|\b[0-9a-f]{7,40}\b", shown)
    assert not re.search(r"(?<!\\)~~|(?<![\\\w])_|(?<!\\)_(?!\w)|(?<!\\)&\w", shown)


@pytest.mark.parametrize("text", CORPUS)
def test_a_code_span_and_a_block_end_where_they_should(text: str):
    """The fence is longer than any run of ticks inside."""
    ticks = re.match(r"`+", Untrusted(text).code())
    fence = re.match(r"`+", block(text.splitlines()))

    assert ticks is not None and Untrusted(text).code().count(ticks.group()) == 2
    assert fence is not None and block(text.splitlines()).count(fence.group()) == 2


@pytest.mark.parametrize("text", CORPUS)
def test_in_html_it_is_text(text: str):
    """No tag, no entity of its own, no end of an attribute."""
    shown = Untrusted(text).html()

    assert not set("<>\"'") & set(shown)
    assert not re.search(r"&(?!(amp|lt|gt|quot|#x27);)", shown)


@pytest.mark.parametrize("text", CORPUS)
def test_a_workflow_command_stays_one_command(text: str):
    """`::error::` in a file's name forges no line."""
    shown = Untrusted(f"x\n::error::y,{text}").annotation_property()

    assert not set("\r\n:,") & set(shown)


def test_json_on_a_terminal_is_the_same_json():
    """What has an effect is written as an escape, which every reader of JSON undoes."""
    data = {"texts": list(CORPUS), "emoji": "👩‍💻 ✓"}

    shown = json_text(json.dumps(data, ensure_ascii=False, indent=2))

    assert json.loads(shown) == data
    assert all(character.isprintable() or character in "\n\u200d" for character in shown)


def test_words_of_lotus_pass_as_they_are():
    """Arrows, check marks and accents are text."""
    for text in ("Shop → Lake: 3 rows, ✓", "größer als 1\u202f000", "snake_case__twice and 100 % of it"):
        assert Untrusted(text).terminal().replace("\u202f", "") == text.replace("\u202f", "")
    assert Untrusted("int_shop__orders, s3://landing/raw").markdown() == "int_shop__orders, s3://landing/raw"


def test_a_table_shows_what_is_in_a_cell(capsys: pytest.CaptureFixture[str]):
    """A record's value neither clears the screen nor adds a row."""
    output.print_table(("note",), [(text,) for text in TERMINAL])

    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x9b" not in shown
    assert len(shown.strip().splitlines()) == 2 + len(TERMINAL)
    assert Console(file=io.StringIO()).is_terminal is False


def test_lines_are_as_many_as_were_given():
    """A renderer's text has no line that a name brought along."""
    assert len(lines("first", *TERMINAL).split("\n")) == 1 + len(TERMINAL)


def test_every_command_prints_through_the_one_module():
    """`print` and the streams are used in `output.py` (and for the last word in `__init__.py`) alone."""
    for file in sorted(CLI.glob("*.py")):
        if file.name in ("output.py", "__init__.py"):
            continue
        tree = ast.parse(file.read_text())
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], file.name
        attributes = {call.attr for call in calls if isinstance(call, ast.Attribute)}
        assert not attributes & {"write", "echo", "secho"}, file.name
