"""JSON with positions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lotus.config.document import MAX_BYTES, MAX_DEPTH, parse, read
from lotus.config.faults import Fault

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé\n€", max_size=5)
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text("ab€", max_size=3), v, max_size=4)
)


@given(VALUES, st.sampled_from([None, 0, 3]))
@settings(max_examples=100, deadline=None)
def test_every_json_value_is_read_as_the_standard_library_reads_it(value: object, indent: int | None) -> None:
    """The strict parser accepts all that JSON is, and gives the same value."""
    faults: list[Fault] = []
    text = json.dumps(value, indent=indent)

    document = parse(text, "x.json", faults)

    assert faults == []
    assert document is not None
    assert document.value == value
    document.fault("LOT011", "x")  # positions of all of it can be had


@given(st.text(max_size=40) | st.text('{}[]",:\\ntrufalse0123.-eE \n\t', max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_text_makes_a_traceback(text: str) -> None:
    """Whatever a file holds: a document, or faults with a place inside the text."""
    faults: list[Fault] = []

    document = parse(text, "x.json", faults)

    assert document is not None or faults
    for fault in faults:
        lines = text.split("\n")
        assert 1 <= fault.line <= len(lines)
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
        fault.text()


@given(VALUES.filter(lambda v: isinstance(v, dict)), st.data())
@settings(max_examples=100, deadline=None)
def test_a_fault_points_at_the_value_it_is_about(value: dict[str, object], data: st.DataObject) -> None:
    """The text at the fault's place begins with the value, or with its key where the value covers several lines."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    document = parse(text, "x.json", [])
    assert document is not None
    if value:
        key = data.draw(st.sampled_from(sorted(value)))

        fault = document.fault("LOT011", "x", (key,))

        rest = "\n".join(text.split("\n")[fault.line - 1 :])[fault.column - 1 :]
        written = json.dumps(value[key], indent=2, ensure_ascii=False)
        assert rest.startswith(json.dumps(key, ensure_ascii=False) if "\n" in written else written)


def test_a_missing_key_points_at_the_object_that_lacks_it() -> None:
    """The nearest thing around it, when the place itself does not exist."""
    document = parse('{\n  "configuration": {}\n}', "x.json", [])
    assert document is not None

    fault = document.fault("LOT013", "missing", ("configuration", "shop"))

    assert (fault.line, fault.column, fault.length) == (2, 3, len('"configuration"'))


def test_doubled_keys_leave_a_document_to_check() -> None:
    """One run finds the doubled key and whatever else is wrong."""
    faults: list[Fault] = []

    document = parse('{"a": 1, "a": 2}', "x.json", faults)

    assert document is not None
    assert [(f.code, f.column) for f in faults] == [("LOT004", 10)]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\xef\xbb\xbf{}", "UTF-8 with a byte order mark"),
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("{}".encode("utf-16-be"), "UTF-16 without a byte order mark"),
        ("{}".encode("utf-32"), "UTF-32"),
        (b'{"a": "\xe9"}', "not UTF-8: byte 0xe9"),
        (b'{"a": \x00}', "NUL byte (byte 7)"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
    ],
)
def test_what_is_not_utf8_says_how_it_is_saved(raw: bytes, what: str, tmp_path: Path) -> None:
    """Encodings that editors produce are named, and how to save instead."""
    path = tmp_path / "x.json"
    path.write_bytes(raw)
    faults: list[Fault] = []

    assert read(path, "x.json", faults) is None

    assert what in faults[0].what
    assert "UTF-8" in faults[0].fix


def test_ten_megabytes_are_refused_without_being_read_whole(tmp_path: Path) -> None:
    """The limit holds before anything is parsed."""
    path = tmp_path / "x.json"
    path.write_bytes(b'{"fields": "' + b"x" * 10_000_000 + b'"}')
    faults: list[Fault] = []

    assert read(path, "x.json", faults) is None

    assert faults[0].what == f"the file is larger than {MAX_BYTES // 1024:,} kB"


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 1000 + "1" + "}" * 1000, "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)],
    ids=["100,000 open brackets", "1,000 objects", "one level too many"],
)
def test_deep_nesting_is_a_fault_and_no_recursion_error(text: str) -> None:
    """Brackets nest 64 deep at most."""
    faults: list[Fault] = []

    assert parse(text, "x.json", faults) is None

    assert faults[0].code == "LOT005"


def test_a_file_that_vanished_is_a_fault(tmp_path: Path) -> None:
    """Reading never raises."""
    faults: list[Fault] = []

    assert read(tmp_path / "x.json", "x.json", faults) is None

    assert "No such file" in faults[0].what
