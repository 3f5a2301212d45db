"""The drawing of the rooms in docs/architecture.md is the code's."""

from __future__ import annotations

from tests.rooms import PAGE, drawing, page_with, reduced, rooms


def test_the_drawing_shows_the_imports_as_they_are():
    """`python -m tests.rooms` writes it again."""
    assert page_with(drawing()) == PAGE.read_text()


def test_every_room_has_its_line_on_the_page():
    """A room that nobody explains is a room that nobody finds."""
    text = PAGE.read_text()

    missing = [room for graph in rooms().values() for room in graph if f"`{room.partition('.')[2]}" not in text]

    assert missing == []


def test_an_arrow_that_follows_from_two_others_is_left_out():
    """a → b → c says a → c."""
    assert reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}
