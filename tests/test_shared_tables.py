"""What a client refuses is what the local server refuses: each has rules of its own, and one table tests them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lotus_server.destinations import DESTINATIONS
from pulumi_airbyte.provider import cron
from pulumi_airbyte.secret_names import is_secret_name

from lotus.config.catalog import local_destinations
from lotus.config.cron import Cron, CronError
from lotus.config.landing import path_name, postgres_name

TABLES = Path(__file__).resolve().parents[1] / "lotus-server/tests/server_support/cases"
SECRET_NAMES: list[tuple[str, bool]] = json.loads((TABLES / "secret_names.json").read_text())
PATH_NAMES: list[tuple[str, str]] = json.loads((TABLES / "path_names.json").read_text())
POSTGRES_NAMES: list[tuple[str, str]] = json.loads((TABLES / "postgres_names.json").read_text())
CRONS: list[tuple[str, str, bool]] = json.loads((TABLES / "crons.json").read_text())


@pytest.mark.parametrize(("name", "secret"), SECRET_NAMES)
def test_the_client_and_the_server_agree_which_names_are_secret(name: str, secret: bool) -> None:
    """A value is masked at both ends or at none."""
    assert is_secret_name(name) is secret


@pytest.mark.parametrize(("name", "expected"), PATH_NAMES)
def test_the_client_looks_for_files_where_the_server_puts_them(name: str, expected: str) -> None:
    """A stream's name in a path, dots that would lead out of it included."""
    assert path_name(name) == expected


@pytest.mark.parametrize(("name", "expected"), POSTGRES_NAMES)
def test_the_client_finds_a_table_under_the_name_that_the_server_gives_it(name: str, expected: str) -> None:
    """Both as Airbyte's destination-postgres writes names."""
    assert postgres_name(name) == expected


@pytest.mark.parametrize(("expression", "accepted"), [(text, ok) for text, zone, ok in CRONS if zone == "UTC"])
def test_a_file_takes_the_schedules_that_airbyte_takes_in_utc(expression: str, accepted: bool) -> None:
    """A file's schedule has no zone."""
    try:
        Cron(expression)
    except CronError:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize(("expression", "zone", "accepted"), [case for case in CRONS if case[1] not in ("", "UTC")])
def test_the_provider_takes_the_zones_that_airbyte_takes(expression: str, zone: str, accepted: bool) -> None:
    """A program writes the zone behind the expression."""
    assert (cron.fault(f"{expression} {zone}") is None) is accepted


@pytest.mark.parametrize(("expression", "zone", "accepted"), [case for case in CRONS if case[1] == "UTC"])
def test_the_provider_refuses_an_expression_that_a_file_may_not_hold(
    expression: str, zone: str, accepted: bool
) -> None:
    """Without its zone, which the provider takes and the public API does not, it is the same expression."""
    assert (cron.fault(cron.without_zone(expression) + f" {zone}") is None) is (
        accepted or cron.zone_of(expression) is not None
    )


def test_the_client_knows_which_destinations_the_server_has() -> None:
    """`lotus connectors` says where each runs."""
    assert set(local_destinations()) == set(DESTINATIONS)
