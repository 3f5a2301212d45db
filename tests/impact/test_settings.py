"""A connection's settings in two versions of its file: what changes in Airbyte, and what is not managed any more."""

from __future__ import annotations

from typing import Any

import pytest

from lotus.impact.branch import compared
from tests.review.conftest import Repository
from tests.review.conftest import repository as repository  # noqa: PLC0414  a fixture of the reviews

NIGHTLY = {"schedule": "0 0 3 * * ?"}
HOURLY = {"schedule": "0 0 * * * ?"}
MANUAL = {"schedule": "manual"}


def options(**of_the_connection: str) -> dict[str, Any]:
    """A source's file with these options of its connection."""
    return {"connection": of_the_connection}


STOPS = "back to manual; the connection stops running by itself"
BEHAVIOR = "non_breaking_schema_updates_behavior"
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str, str]]]] = {
    "a schedule goes": (
        NIGHTLY, {},
        [("medium", f"schedule: {STOPS}", "stop schedule of Mail → Lake")],
    ),
    "manual goes": (MANUAL, {}, [("low", "schedule: not declared any more", "")]),
    "a schedule is declared": ({}, NIGHTLY, [("low", "schedule not declared → 0 0 3 * * ?", "")]),
    "manual is declared": ({}, MANUAL, [("medium", "schedule not declared → manual", "")]),
    "manual in place of a schedule": (NIGHTLY, MANUAL, [("medium", "schedule 0 0 3 * * ? → manual", "")]),
    "a schedule in place of manual": (MANUAL, NIGHTLY, [("low", "schedule manual → 0 0 3 * * ?", "")]),
    "another schedule": (NIGHTLY, HOURLY, [("low", "schedule 0 0 3 * * ? → 0 0 * * * ?", "")]),
    "a pause goes": (
        options(status="inactive"), {}, [("low", "status: back to active; its schedule runs again", "")],
    ),
    "active goes": (options(status="active"), {}, [("low", "status: not declared any more", "")]),
    "a pause is declared": ({}, options(status="inactive"), [("medium", "status not declared → inactive", "")]),
    "ignored columns are not ignored any more": (
        options(**{BEHAVIOR: "ignore"}), {},
        [("low", "new columns and streams: back to propagate_columns", "widen columns of Mail → Lake")],
    ),
    "fully propagated columns are not any more": (
        options(**{BEHAVIOR: "propagate_fully"}), {},
        [("low", "new columns and streams: back to propagate_columns", "")],
    ),
    "the default for columns goes": (
        options(**{BEHAVIOR: "propagate_columns"}), {}, [("low", "new columns and streams: not declared any more", "")],
    ),
    "a prefix goes": (
        options(prefix="eu_"), {},
        [("high", "1 stream lands at another location: lists", ""), ("low", "prefix: back to none", "")],
    ),
    "a tag goes": (
        {"connection": {"tags": ["gold", "eu"]}}, {"connection": {"tags": ["eu"]}},
        [("low", "tags gold, eu → eu", "")],
    ),
    "an interval goes": (
        {"schedule": {"units": 6, "timeUnit": "hours"}}, {},
        [("medium", f"schedule: {STOPS}", "stop schedule of Mail → Lake")],
    ),
    "a namespace goes": (
        options(namespace_format="post"), {},
        [
            ("high", "1 stream lands at another location: lists", ""),
            ("low", "namespace: back to custom_format mail", ""),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_setting_is_a_line_with_its_effect_and_its_consent(name: str, repository: Repository) -> None:
    """As the provider sees it: what goes back to its default stops or widens by consent alone."""
    before, after, expected = CASES[name]
    source = {"connector": "source-mail", "configuration": {"api_key": {"$secret": "mail_key"}}}
    repository.write("streams/mail/_source.json", {**source, **before, "name": "Mail"})
    repository.commit("before")
    repository.write("streams/mail/_source.json", {**source, **after, "name": "Mail"})

    changes = compared(repository.path, "prod", "HEAD").changes
    assert [(change.risk.value, change.what, change.consent) for change in changes] == expected
    assert all(change.data for change in changes)


def test_a_selection_of_fields_that_goes_needs_consent(repository: Repository) -> None:
    """All fields land from then on, also those that the source adds later."""
    repository.edit("streams/shop/orders.json", fields=None)

    comparison = compared(repository.path, "prod", "HEAD")
    assert [change.what for change in comparison.changes if change.consent] == ["all fields are synced from now on"]
    assert comparison.missing_consents == ("widen stream orders of Shop → Lake",)
    repository.write(
        "Pulumi.prod.yaml", f"{(repository.path / 'Pulumi.prod.yaml').read_text()}  lotus:confirm: [everything]\n"
    )
    assert compared(repository.path, "prod", "HEAD").missing_consents == ()
