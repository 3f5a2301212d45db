"""The server's own log."""

from __future__ import annotations

import logging

from lotus_server.server_log import FramesFormatter


def test_a_message_is_one_line_without_an_effect_on_a_terminal() -> None:
    """A connection's name is text of others: it neither clears a screen nor forges a line."""
    name = "Shop\x1b[2J\n2026-11-27 INFO lotus_server: forged \u202e"
    record = logging.LogRecord(
        "lotus_server", logging.ERROR, __file__, 1, "the schedule of %s is ignored", (name,), None
    )
    line = FramesFormatter("%(levelname)s %(message)s").format(record)
    assert line == ("ERROR the schedule of Shop\\x1b[2J\\n2026-11-27 INFO lotus_server: forged \\u202e is ignored")


def test_a_name_in_any_script_stays_readable() -> None:
    record = logging.LogRecord("lotus_server", logging.ERROR, __file__, 1, "%s", ("Größe 店 😀",), None)
    assert FramesFormatter("%(message)s").format(record) == "Größe 店 😀"
