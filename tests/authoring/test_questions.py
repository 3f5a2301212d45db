"""The questions of real connectors' specs (LOTUS_SHARED names the folder that has them)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lotus.authoring.questions import Question, fill
from lotus.config.document import Document
from lotus.config.faults import Fault
from lotus.config.specification import Configuration, reduced

CONNECTORS = [
    "destination-s3",
    "source-faker",
    "source-file",
    "source-klaviyo",
    "source-postgres",
    "source-shopify",
    "source-stripe",
]
EXAMPLES = {"port": "5432", "start_date": "2025-01-01T00:00:00Z", "account_id": "acct_123"}


@pytest.fixture(params=CONNECTORS)
def specification(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A connector's spec as it is published."""
    shared = os.environ.get("LOTUS_SHARED")
    if not shared:
        pytest.skip("LOTUS_SHARED is not set")
    path = Path(shared) / "airbyte" / "connectors" / f"{request.param}.spec.json"
    return json.loads(path.read_text())["connectionSpecification"]


@pytest.mark.parametrize("last", [False, True])
def test_answers_make_a_configuration_that_fits_the_spec(specification: dict[str, Any], last: bool):
    """Whichever variant is chosen, nothing is missing and no secret's value is in it."""

    def ask(question: Question) -> str:
        if question.choices:
            return question.choices[-1 if last else 0]
        if question.secret:
            return "hush-hush"
        return question.default or EXAMPLES.get(question.path) or question.example or "x"

    made = fill(specification, {}, name="web", ask=ask)

    text = json.dumps({"configuration": made.configuration})
    faults: list[Fault] = []
    document = Document("_source.json", text, json.loads(text))
    check = Configuration(document, faults, name="web")
    check.check_references(made.configuration)
    check.check(reduced(specification), made.configuration)
    assert [fault.text() for fault in faults] == []
    assert "hush-hush" not in text
