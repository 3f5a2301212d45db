"""What pulumi itself says: a preview, or a refresh that writes nothing, read from its JSON. Neither takes a lock."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lotus.errors import ToolError
from lotus.impact.leaves import Leaf, differing
from lotus.tools import find

Op = Literal["create", "update", "replace", "delete"]

_SIGNATURE = "4dabf18193072939515e22adb298388d"  # the key of pulumi's wrapped values in state and JSON
_MASK = "*" * 10
_OPS: Mapping[str, Op] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
}
"""Pulumi's words that matter; `delete-replaced` is the other half of `create-replacement`."""
_TYPE = re.compile(r"airbyte:index/(\w+):(\w+)$")
_NOISE = ("warning: using pulumi-language-", "debug: ")


@dataclass(frozen=True, slots=True)
class Step:
    """One object that pulumi would change, or that a refresh found changed. Secrets are masked in every value."""

    op: Op
    kind: str
    """`connection`, `source`, `destination`, `declarativeSourceDefinition`, …; empty for what is not Airbyte's."""
    name: str
    title: str
    id: str
    leaves: tuple[Leaf, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def resource(self) -> str:
        """`connection Shopify → Lake`."""
        return f"{self.kind or 'object'} {self.title or self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run of pulumi would do or found."""

    steps: tuple[Step, ...]
    unchanged: int
    messages: tuple[str, ...]
    """Warnings and errors, one line each."""


def preview(project: Path, stack: str, environment: Mapping[str, str], *, refresh: bool) -> Plan:
    """What `pulumi up` would do now; with `refresh`, against Airbyte as it is and not as the state remembers it.

    Raises:
        ToolError: there is no pulumi, or it could not plan; its own words are in it.
    """
    return parse(
        _pulumi(project, stack, environment, ["preview", *(["--refresh", "--run-program"] if refresh else [])])
    )


def refreshed(project: Path, stack: str, environment: Mapping[str, str]) -> Plan:
    """What is in Airbyte, against the state: `update` is a changed object, `delete` one that is gone.

    Raises:
        ToolError: there is no pulumi, or it could not read; its own words are in it.
    """
    return parse(_pulumi(project, stack, environment, ["refresh", "--preview-only", "--run-program"]))


def exported(project: Path, stack: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """The objects that the state holds, as pulumi exports them (secrets stay encrypted).

    Raises:
        ToolError: there is no pulumi, or no such stack.
    """
    answer = _pulumi(project, stack, environment, ["stack", "export"], json_flag=False)
    deployment = cast("dict[str, Any]", answer.get("deployment") or {})
    return cast("list[dict[str, Any]]", deployment.get("resources") or [])


def parse(answer: Mapping[str, Any]) -> Plan:
    """Pulumi's JSON → steps, in its order."""
    steps: list[Step] = []
    unchanged = 0
    for one in cast("list[dict[str, Any]]", answer.get("steps") or []):
        op = _OPS.get(str(one.get("op")))
        kind = _kind(str(one["urn"]))
        if op is None:
            unchanged += one.get("op") == "same" and bool(kind)
            continue
        old = cast("dict[str, Any]", one.get("oldState") or {})
        new = cast("dict[str, Any]", one.get("newState") or {})
        if (old or new).get("custom") is False:
            continue  # components and the stack itself are not in Airbyte
        before, after = _arranged(masked(old.get("inputs"))), _arranged(masked(new.get("inputs")))
        leaves = tuple(differing(before, after)) if op in ("update", "replace") else ()
        title = str((after or before).get("name") or "")
        steps.append(
            Step(op, kind, str(one["urn"]).rsplit("::", 1)[-1], title, str(old.get("id") or ""), leaves, before, after)
        )
    return Plan(tuple(steps), unchanged, tuple(_messages(answer)))


def masked(value: Any) -> Any:
    """A value from pulumi with every secret as `[secret]`, and Airbyte's own mask too."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if _SIGNATURE in entries:
            return "[secret]"
        return {key: masked(item) for key, item in entries.items()}
    if isinstance(value, list):
        return [masked(item) for item in cast("list[Any]", value)]
    return "[secret]" if value == _MASK else value


def _arranged(inputs: Any) -> dict[str, Any]:
    """Inputs whose leaves have names for paths: streams and fields are sets, and Airbyte adds `UTC` to cron."""
    found = dict(cast("dict[str, Any]", inputs)) if isinstance(inputs, dict) else {}
    configurations = found.get("configurations")
    if isinstance(configurations, dict):
        streams = cast("dict[str, Any]", configurations).get("streams")
        if isinstance(streams, list):
            named = [_stream(cast("dict[str, Any]", s)) for s in cast("list[Any]", streams) if isinstance(s, dict)]
            found.pop("configurations")
            found["streams"] = dict(named)
    schedule = found.get("schedule")
    if isinstance(schedule, dict):
        cron = cast("dict[str, Any]", schedule).get("cronExpression")
        found["schedule"] = str(cron).removesuffix(" UTC") if cron else cast("dict[str, Any]", schedule)["scheduleType"]
    return found


def _stream(stream: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    held = dict(stream)
    name = held.pop("name")
    namespace = held.get("namespace")
    selected = held.pop("selectedFields", None)
    if isinstance(selected, list):
        held["fields"] = sorted(".".join(field["fieldPath"]) for field in cast("list[Any]", selected))
    return (f"{namespace}/{name}" if namespace else str(name)), held


def _kind(urn: str) -> str:
    match = _TYPE.search(urn.split("::")[2].rsplit("$", 1)[-1]) if urn.count("::") >= 3 else None
    return match.group(1) if match else ""


def _messages(answer: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for one in cast("list[dict[str, Any]]", answer.get("diagnostics") or []):
        if one.get("severity") in ("warning", "error"):
            text = re.sub(r"\x1b\[[0-9;]*m", "", str(one.get("message") or "")).strip()
            if text and text not in found and not text.startswith(_NOISE):
                found.append(text)
    return found


def _pulumi(
    project: Path, stack: str, environment: Mapping[str, str], arguments: Sequence[str], *, json_flag: bool = True
) -> dict[str, Any]:
    program = find("pulumi")
    if program is None:
        raise ToolError("there is no pulumi here", where="PATH", fix="make setup, or put pulumi on PATH")
    command = [*arguments, *(["--json"] if json_flag else []), "--non-interactive", "--stack", stack]
    answer = subprocess.run(
        [program, *command],
        cwd=project,
        env={**os.environ, **environment, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        # Words of the program can come before the JSON.
        found = json.loads(answer.stdout[answer.stdout.index("{") :])
    except ValueError:
        found = None
    if answer.returncode or not isinstance(found, dict):
        plan = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        words = _messages(plan) or [line for line in answer.stderr.strip().splitlines() if line.strip()][-6:]
        raise ToolError(
            f"pulumi {' '.join(arguments)} failed:\n"
            + "\n".join(f"    {w}" for word in words for w in word.splitlines()),
            where=f"stack {stack}",
            fix="mend what it says; lotus review --offline needs none of it",
        )
    return cast("dict[str, Any]", found)
