"""Tables fit the terminal: every command's table at 80 and 160 columns, beside the text that is expected.

`python -m tests.cli.test_tables` writes the expected text after an intended change; read the difference.
"""

# ruff: noqa: E501 - rows of wide tables

from __future__ import annotations

import ast
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import lotus.cli
from lotus.cli.output import table_text

EXPECTED = Path(__file__).parent / "data" / "tables"
LONG = "hubspot-customer-relationship-production"
ID = "f2a7c1f0-9d5f-4a8a-b0d8-4b1c9f2f8f71"
URL = "s3://acme-data-platform-landing-eu-central-1/raw/hubspot/contact_lists_with_members/"


@dataclass(frozen=True)
class Sample:
    """A command's table with rows as large as people have them."""

    titles: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    right: tuple[str, ...] = ()


SAMPLES = {
    "secrets list": Sample(
        ("secret", "standing", "where its value is", "who uses it"),
        [
            ("hubspot_private_app_token", "missing", "", ("source hubspot", f"source {LONG}")),
            (
                "s3_secret_access_key",
                "set",
                ("LOTUS_SECRET_S3_SECRET_ACCESS_KEY", "Pulumi.prod.yaml"),
                "destination s3",
            ),
        ],
    ),
    "secrets list --old": Sample(
        ("old key", "now"), [("source-hubspot-credentials.token", "hubspot_private_app_token")]
    ),
    "streams list": Sample(
        ("source", "stream", "state", "mode", "cursor", "key", "fields", ""),
        [
            (
                LONG,
                "contact_lists_with_members",
                "synced",
                "incremental append",
                "properties.updatedAt",
                "listId, vid",
                "12 of 148",
                "",
            ),
            ("faker", "users", "offered", "", "", "", 17, "no cursor: it is read from the beginning each time"),
        ],
        ("fields",),
    ),
    "streams show": Sample(
        ("synced", "field", "type", "role"),
        [
            ("x", "properties_hs_lifecyclestage_marketingqualifiedlead_date", "date-time or null", "cursor"),
            ("", "id", "integer", "key"),
        ],
    ),
    "state list": Sample(
        ("UTC", "version", "resources", "pending", "size", "run", "commit", ""),
        [("2026-11-27 21:36:11", ID, 1204, 0, "1.4 MB", "update", "e33d3fd", "current")],
        ("resources", "pending", "size"),
    ),
    "explain": Sample(
        ("code", "what"),
        [
            (
                "LOT061",
                "the path format has no slash at its end, so that its last part becomes the beginning of every file's name",
            )
        ],
    ),
    "sync": Sample(
        ("connection", "stream", "rows", "files", "bytes", "where", "seconds"),
        [
            (f"{LONG}-to-lake", "contact_lists_with_members", 1204331, 12, "148.2 MB", URL, "93.1"),
            ("faker-to-lake", "users", 500, 1, "62.1 kB", "s3://landing/raw/faker/users/", "3.1"),
        ],
        ("rows", "files", "bytes", "seconds"),
    ),
    "landing": Sample(
        ("source", "stream", "day", "files", "rows", "bytes", "note"),
        [
            (LONG, "contact_lists_with_members", "2026-11-27", 12, 1204331, "148.2 MB", ""),
            ("faker", "users", "", 3, 1500, "180.0 kB", "its stream file was removed"),
        ],
        ("files", "rows", "bytes"),
    ),
    "landing gaps": Sample(
        ("source", "stream", "from", "to", "days"),
        [(LONG, "contact_lists_with_members", "2026-11-01", "2026-11-14", 14)],
        ("days",),
    ),
    "landing compare": Sample(
        ("source", "stream", "committed", "landed", "missing", "duplicates", "note"),
        [
            (
                LONG,
                "contact_lists_with_members",
                1204331,
                1204331,
                0,
                12,
                "the landing has duplicates of a key: an append adds a row for each change",
            )
        ],
        ("committed", "landed", "missing", "duplicates"),
    ),
    "landing size": Sample(
        ("source", "stream", "files", "bytes", "mean", "small files", "last 7 days"),
        [(LONG, "contact_lists_with_members", 18230, "148.2 GB", "8.1 MB", 17001, "1.2 GB")],
        ("files", "bytes", "mean", "small files", "last 7 days"),
    ),
    "sources list": Sample(
        ("name", "in Airbyte", "connector", "state", "streams", "schedule", "to", "id", ""),
        [
            (
                LONG,
                "HubSpot (production)",
                "source-hubspot",
                "in Airbyte",
                "12 of 148",
                "0 0 */6 * * ? UTC",
                "lake",
                ID,
                "no value for hubspot_token",
            ),
            ("faker", "faker", "source-faker", "in Airbyte", "3", "every 24 hours", "lake", ID, ""),
        ],
        ("streams",),
    ),
    "destinations list": Sample(
        ("name", "in Airbyte", "connector", "state", "connections", "id", ""),
        [("lake", "lake", "destination-s3", "in Airbyte", f"faker-to-lake, {LONG}-to-lake", ID, "")],
    ),
    "backfill list": Sample(
        ("source", "stream", "request", "mode", "from", "file"),
        [
            (
                LONG,
                "contact_lists_with_members",
                "2026-11-27-wrong-currency",
                "refresh",
                "2026-01-01",
                f"streams/{LONG}/contact_lists_with_members.json",
            )
        ],
    ),
    "backfill status": Sample(
        ("source", "stream", "request", "mode", "status", "job", "rows before", "rows read", "note"),
        [
            (
                LONG,
                "contact_lists_with_members",
                "2026-11-27-wrong-currency",
                "refresh",
                "failed",
                4812,
                1204331,
                12,
                "the source answered 429 Too Many Requests after 12 rows",
            )
        ],
        ("job", "rows before", "rows read"),
    ),
    "adopt": Sample(
        ("", "in Airbyte", "id", "file", "left to Airbyte", "secrets"),
        [
            ("source", LONG, "11111111-1111-4111-8111-111111111111", "streams/shop/_source.json", "", "shop_token"),
            (
                *("connection", f"{LONG} → Lake", "22222222-2222-4222-8222-222222222222", "streams/shop/_source.json"),
                *("fields of orders; mappers of customers, orders", ""),
            ),
        ],
    ),
    "connectors": Sample(("connector", "runs"), [("github", "here, from PyPI"), (LONG, "on a real Airbyte")]),
    "connectors show": Sample(
        ("version", "uploaded", "Python", "licence", "here"),
        [("2.1.33", "2026-10-02", ">=3.11,<3.14", "Elastic License 2.0 (ELv2)", "Python 3.11")],
    ),
    "connectors outdated": Sample(
        ("source", "package", "pinned", "newest", ""),
        [
            ("shop", "airbyte-source-github", "2.1.32", "2.1.33", "newer"),
            (LONG, "airbyte-source-hubspot", "4.5.0", "the package index cannot be reached", ""),
        ],
    ),
    "dev status": Sample(
        ("service", "address", "pid", "state", "memory"),
        [("airbyte", "http://127.0.0.1:8000", 41823, "healthy", "74.2 MB")],
        ("pid", "memory"),
    ),
}


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("command", SAMPLES)
def test_a_table_is_as_expected_and_fits(command: str, width: int) -> None:
    """No line is wider than the terminal, unless it is one word; no word is cut."""
    text = shown(command, width)
    assert text == (EXPECTED / f"{command}.{width}.txt").read_text()
    assert [line for line in text.splitlines() if cell_len(line) > width and " " in line.split("  ")[-1]] == []
    for row in SAMPLES[command].rows:
        for cell in row:
            words = " ".join(cell) if isinstance(cell, tuple) else str(cell)
            assert all(word in text for word in words.split()), words


def test_every_table_of_the_command_line_has_a_sample() -> None:
    """A new table is shown here at both widths."""
    titles = {sample.titles for sample in SAMPLES.values()}
    missing = [each for each in literal_titles() if each not in titles]
    assert missing == []


def test_a_command_on_a_terminal_of_80_columns_fits_it() -> None:
    """The width comes from the terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    command = [Path(sys.executable).with_name("lotus"), "explain"]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(theirs)
        output = b""
        try:
            while block := os.read(ours, 65536):
                output += block
        except OSError:  # the other end is closed
            pass
        assert process.wait() == 0
    os.close(ours)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", output.decode()).splitlines()
    assert len(lines) > 20
    assert max(cell_len(line) for line in lines) <= 80


def literal_titles() -> list[tuple[str, ...]]:
    """The titles that commands give to `print_table`, from their source."""
    found: list[tuple[str, ...]] = []
    for path in sorted(Path(lotus.cli.__file__).parent.glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            value = _titles_of(node)
            if isinstance(value, ast.Tuple) and all(isinstance(each, ast.Constant) for each in value.elts):
                found.append(tuple(str(each.value) for each in value.elts if isinstance(each, ast.Constant)))
    return found


def _titles_of(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print_table":
        return node.args[0]
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "titles":
        return node.value
    return None


def shown(command: str, width: int) -> str:
    """The sample's table."""
    sample = SAMPLES[command]
    return table_text(sample.titles, sample.rows, right=sample.right, width=width)


if __name__ == "__main__":
    EXPECTED.mkdir(parents=True, exist_ok=True)
    for name in SAMPLES:
        for columns in (80, 160):
            (EXPECTED / f"{name}.{columns}.txt").write_text(shown(name, columns))
