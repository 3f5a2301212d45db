"""Streams and what their sources offer become the inputs of a connection."""

from __future__ import annotations

from typing import Any

import pytest

from lotus.config import Stream
from lotus.config.checks import PAIRS, Discovered, Modes
from lotus.program.connection_inputs import configured_stream, configured_streams


def offered(**more: Any) -> Discovered:
    """What a source offers of `orders`: a key and a cursor of its own, unless said otherwise."""
    given: dict[str, Any] = {
        "name": "orders",
        "namespace": None,
        "sync_modes": ("full_refresh", "incremental"),
        "primary_key": (("id",),),
        "cursor_field": ("updated_at",),
        "source_defined_cursor": True,
        "fields": {"id": "integer", "updated_at": "string:date-time"},
        "file": "x",
        **more,
    }
    return Discovered(**given)


def stream(**more: Any) -> Stream:
    """`orders`, incremental and appended, unless said otherwise."""
    given: dict[str, Any] = {
        "name": "orders",
        "namespace": None,
        "file": "x",
        "modes": Modes("incremental", "append"),
        "cursor_field": ("updated_at",),
        "primary_key": (("id",),),
        "fields": None,
        "backfill": None,
        "discovered": offered(),
        **more,
    }
    return Stream(**given)


def test_what_the_source_defines_is_never_written() -> None:
    """Some servers refuse even an equal key (terraform-provider-airbyte 31, 66, 89, 91)."""
    assert configured_stream(stream()) == {"name": "orders", "sync_mode": "incremental_append"}


def test_a_cursor_of_the_users_own_is_written() -> None:
    """The source has none that it insists on."""
    known = offered(source_defined_cursor=False, cursor_field=(), primary_key=())

    configured = configured_stream(stream(discovered=known))

    assert configured["cursor_field"] == ["updated_at"]
    assert configured["primary_key"] == [["id"]]


def test_the_default_cursor_is_not_written() -> None:
    """The server fills it in, and a diff would come back for ever."""
    assert "cursor_field" not in configured_stream(stream(discovered=offered(source_defined_cursor=None)))


def test_a_whole_read_has_no_cursor() -> None:
    """lotus-lake's files name one all the same."""
    assert "cursor_field" not in configured_stream(stream(modes=Modes("full_refresh", "overwrite"), discovered=None))


def test_selected_fields_are_in_name_order() -> None:
    """Their order carries no meaning, so it must not make a diff."""
    configured = configured_stream(stream(fields=("updated_at", "id")))

    assert configured["selected_fields"] == ["id", "updated_at"]


def test_all_fields_means_no_selection() -> None:
    """New columns then come along."""
    assert "selected_fields" not in configured_stream(stream(fields=None))


def test_streams_are_in_name_order() -> None:
    """Whatever the file system says."""
    names = [c["name"] for c in configured_streams([stream(name="b"), stream(name="a")])]

    assert names == ["a", "b"]


def test_a_namespace_is_kept() -> None:
    """It tells two tables of one name apart."""
    assert configured_stream(stream(namespace="public"))["namespace"] == "public"


@pytest.mark.parametrize(("pair", "mode"), PAIRS.items())
def test_every_pair_of_modes_has_airbytes_name(pair: tuple[str, str], mode: str) -> None:
    """The table of the public API."""
    assert configured_stream(stream(modes=Modes(*pair)))["sync_mode"] == mode


def test_a_pair_that_does_not_exist_is_refused() -> None:
    """The checks refuse it before, with its place."""
    with pytest.raises(ValueError, match="no mode"):
        configured_stream(stream(modes=Modes("incremental", "overwrite")))
