"""Of what a connector says about its failure, the part that tells a person something."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from pathlib import Path

import pytest
from lotus_server.connectors import ConnectorError, Connectors, Definition
from lotus_server.connectors.reasons import readable, reason_of
from lotus_server.protocol import ErrorTrace

NOTHING = "Something went wrong in the connector. See the logs for more details."


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ErrorTrace("The shop is closed", "HTTP 503"), "The shop is closed"),
        (ErrorTrace(NOTHING, "Custom connector code is not permitted"), "Custom connector code is not permitted"),
        (ErrorTrace("", "a\n\nb\nc\nd"), "a b c"),
        (ErrorTrace(NOTHING, None, "Traceback\n  File x\nKeyError: 'count'\n"), "KeyError: 'count'"),
        (ErrorTrace(NOTHING), NOTHING),
        (ErrorTrace("x" * 5000), "x" * 600),
    ],
)
def test_the_reason_is_what_tells_most(error: ErrorTrace, reason: str):
    """The message where it says something, else the internal one, else the exception."""
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("'Unable to connect to stream a - \\'x\\''", "Unable to connect to stream a - 'x'"),
        ("Traceback (most recent call last):\n  File x\nValueError: no such bucket\n", "ValueError: no such bucket"),
        ("It's closed", "It's closed"),
        ("'a' is not 'b'", "'a' is not 'b'"),
    ],
)
def test_the_answer_of_a_check_is_for_people(message: str, text: str):
    """Many connectors answer with the repr of a text, some with a traceback."""
    assert readable(message) == text


def test_of_a_schema_that_failed_the_rule_is_said():
    """airbyte-cdk names the schema as a whole; the rule is in the traceback."""
    trace = (
        "jsonschema.exceptions.ValidationError: 0 is not of type 'string'\n\nFailed validating 'type' in schema:\n"
        "    {'type': 'string'}\n\nOn instance['dynamic_streams'][0]['field_path'][1]:\n    0\n"
    )
    error = ErrorTrace("Validation against json schema defined in x.yaml schema failed", None, trace)

    assert reason_of(error).endswith("schema failed (dynamic_streams[0].field_path[1]: 0 is not of type 'string')")


def test_a_failed_discover_is_the_connectors_words_and_its_output_is_kept(tmp_path: Path):
    """Readable by its owner alone, without secrets, named after the command and the connector."""
    trace = {"type": "ERROR", "emitted_at": 1, "error": {"message": NOTHING, "internal_message": "no such shop"}}
    program = tmp_path / "source.py"
    program.write_text(
        "import json, sys\n"
        "if sys.argv[1] == 'spec':\n"
        "    print(json.dumps({'type': 'SPEC', 'spec': {'connectionSpecification': {'properties': {\n"
        "        'token': {'type': 'string', 'airbyte_secret': True}}}}}))\n"
        "else:\n"
        "    print('logging in with hush-hush')\n"
        f"    print(json.dumps({{'type': 'TRACE', 'trace': {trace!r}}}))\n"
        "    sys.exit(1)\n".replace("None", "null")
    )
    definition = Definition("id", "lotus trial of shop (host 1)", f"command:{sys.executable} {program}", "1")
    connectors = Connectors(tmp_path / "cache", logs=tmp_path / "logs", owner=str(tmp_path))

    with pytest.raises(ConnectorError) as error:
        asyncio.run(connectors.discover(definition, {"token": "hush-hush"}))

    (log,) = (tmp_path / "logs").glob("*-discover-*.log")
    assert str(error.value) == "no such shop"
    assert "logging in with **********" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert json.dumps(NOTHING)[1:-1] in log.read_text()
