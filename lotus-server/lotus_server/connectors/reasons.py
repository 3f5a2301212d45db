"""Of what a connector says about its failure, the part that tells a person something."""

from __future__ import annotations

import ast
import contextlib
import re

from lotus_server.protocol import ErrorTrace

MAX_REASON = 600
_LINES = 3

_SAYS_NOTHING = re.compile(
    r"\s*(something went wrong in the connector|an (unknown|unexpected) error (has )?occurred|unexpected error|"
    r"internal (server )?error|unhandled exception)?[.! ]*"
    r"(see the logs for more details)?[.! ]*(contact support.*)?\s*",
    re.IGNORECASE,
)
"""What airbyte-cdk says where no code caught the error; the cause is in `internal_message` then."""

_SCHEMA_RULE = re.compile(r"ValidationError: (?P<what>[^\n]+)\n(?:.*?\n)?On instance(?P<path>[^\n]*):", re.DOTALL)
"""How jsonschema prints a rule that failed: airbyte-cdk names the schema as a whole, and the rule in the traceback."""


def reason_of(error: ErrorTrace) -> str:
    """Why it failed, in the connector's words; empty if it gave no reason."""
    reason = error.message.strip()
    if _SAYS_NOTHING.fullmatch(reason):
        reason = _first_lines(error.internal_message or "") or _last_line(error.stack_trace or "") or reason
    rule = _schema_rule(error) if "schema" in reason.lower() else ""
    return f"{reason[:MAX_REASON]}{f' ({rule})' if rule else ''}"


def readable(message: str) -> str:
    """The answer of a check for people: of a traceback its exception, and no quotes of a Python text around it."""
    text = message.strip()
    if text[:1] in ("'", '"') and text[-1:] == text[:1]:
        with contextlib.suppress(ValueError, SyntaxError):
            text = str(ast.literal_eval(text))
    if "Traceback (most recent call last)" in text:
        return _last_line(text)
    return text


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " ".join(lines[:_LINES])[:MAX_REASON]


def _last_line(text: str) -> str:
    """The exception of a traceback."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:MAX_REASON] if lines else ""


def _schema_rule(error: ErrorTrace) -> str:
    """Which rule of a JSON schema refused what: `streams[0].name: 5 is not of type 'string'`."""
    match = _SCHEMA_RULE.search(f"{error.internal_message or ''}\n{error.stack_trace or ''}")
    if match is None:
        return ""
    path = re.sub(r"\['([^']*)'\]", r".\1", match["path"]).lstrip(".")
    what = match["what"]
    if len(what) > 200:  # it begins with the whole of what was refused
        what = "…" + what[-150:]
    return f"{path}: {what}" if path else what
