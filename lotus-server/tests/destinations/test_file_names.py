"""Keys of landed files: variables, part numbers, patterns."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lotus_server.destinations.file_names import KeyFormat, path_name

AT = datetime(2026, 3, 5, 7, 8, 9, 12_345, tzinfo=UTC)
LAKE = "raw/${NAMESPACE}/${STREAM_NAME}/year=${YEAR}/month=${MONTH}/day=${DAY}/"


def key_format(
    path: str = LAKE, file: str = "part_{part_number}{format_extension}", namespace: str = "shopify"
) -> KeyFormat:
    return KeyFormat(path, file, ".parquet", namespace, "orders", AT, 42)


def test_the_layout_of_lotus_lake_is_met_byte_for_byte() -> None:
    """Zero-padded month and day, part numbers from 0."""
    names = key_format()
    assert names.key(names.directory(), 0) == "raw/shopify/orders/year=2026/month=03/day=05/part_0.parquet"


@pytest.mark.parametrize(
    ("path", "file", "key"),
    [
        ("raw/${STREAM_NAME}/day=${DAY}", "part_{part_number}", "raw/orders/day=05part_3"),
        ("raw//${STREAM_NAME}/", "{sync_id}{format_extension}", "raw/orders/42.parquet"),
        ("/${HOUR}${MINUTE}${SECOND}${MILLISECOND}/", "x", "0708090012/x"),
        ("${EPOCH}_", "{part_number}", "1772694489012_3"),
        ("${FROG}/", "{frog}", "${FROG}/{frog}"),
    ],
)
def test_variables_and_the_missing_slash(path: str, file: str, key: str) -> None:
    """The file name is glued on; double slashes go; unknown variables stay as they are."""
    names = key_format(path, file)
    assert names.key(names.directory(), 3) == key


def test_an_empty_namespace_vanishes() -> None:
    """No double slash is left behind, and the pattern finds the key again."""
    names = key_format(namespace="")
    key = names.key(names.directory(), 7)
    assert key == "raw/orders/year=2026/month=03/day=05/part_7.parquet"
    assert names.pattern().match(key)


def test_part_numbers_go_on_within_a_path() -> None:
    """The highest part found + 1; other files do not count; a suffixed key does."""
    names = key_format()
    directory = names.directory()
    keys = [names.key(directory, 9), names.key(directory, 10), f"{directory}other_99.parquet"]
    assert names.next_part([]) == 0
    assert names.next_part(keys) == 11


def test_the_pattern_matches_all_dates_and_no_other_stream() -> None:
    """Old generations are found on every day, below the constant prefix."""
    names = key_format()
    assert names.constant_prefix() == "raw/shopify/orders/year="
    assert names.pattern().match("raw/shopify/orders/year=2020/month=01/day=31/part_4.parquet-1")
    assert not names.pattern().match("raw/shopify/orders_lines/year=2020/month=01/day=31/part_4.parquet")
    assert not names.pattern().match("raw/shopify/orders/year=2020/month=01/day=31/mine.parquet")


def test_names_cannot_climb_out_of_their_path() -> None:
    """Dots alone are no path segment; marks are stripped, odd characters replaced."""
    assert path_name("../../etc") == "__/__/etc"
    assert path_name("Bestellungen für 😀") == "Bestellungen_fur__"
