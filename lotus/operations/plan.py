"""What pulumi itself says: a preview against Airbyte as it is, read from its JSON. Nothing is written or locked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lotus import notices
from lotus.errors import ToolError
from lotus.impact import leaves
from lotus.impact.leaves import Leaf
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
_READ = "refresh"
"""With `--refresh` every object that the state holds comes first with this word, as it was last applied."""
_TYPE = re.compile(r"airbyte:index/(\w+):(\w+)$")
_NOISE = ("warning: using pulumi-language-", "debug: ")
_MASKED = "[secret]"
_TOKENS = ("GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN", "ACTIONS_RUNTIME_TOKEN")
"""What a workflow's step has for its own calls, such as the comment of `lotus review --post`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One object that pulumi would change. Secrets are masked in every value."""

    op: Op
    kind: str
    """`connection`, `source`, `destination`, `declarativeSourceDefinition`, `backfill`; empty for anything else."""
    name: str
    title: str
    id: str
    leaves: tuple[Leaf, ...]
    """What would change, from Airbyte (without refresh: from the state) to the files."""
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    applied: Mapping[str, Any] | None
    """What the state holds since the last apply; None if it does not know the object, or nothing was read."""
    applied_at: str
    """When the state's entry was last written, ISO 8601 in UTC; empty if that is not known."""

    @property
    def resource(self) -> str:
        """`connection Shopify → Lake`."""
        return f"{_WORDS.get(self.kind, self.kind) or 'object'} {self.title or self.name}"

    @property
    def drifted(self) -> frozenset[str]:
        """The paths of the leaves that are no longer as they were applied."""
        if self.applied is None or self.gone:
            return frozenset()
        return frozenset(leaf.path for leaf in differing(self.applied, self.before))

    @property
    def gone(self) -> bool:
        """Whether it was applied and is not in Airbyte any more."""
        return self.applied is not None and self.op == "create"


_WORDS = {"declarativeSourceDefinition": "low-code connector", "sourceDefinition": "connector"}


@dataclass(frozen=True, slots=True)
class Held:
    """One of Airbyte's objects that the state knows, as it was last applied."""

    kind: str
    name: str
    title: str
    id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run of pulumi would do."""

    steps: tuple[Step, ...]
    unchanged: int
    messages: tuple[str, ...]
    """Warnings and errors, one line each."""
    held: tuple[Held, ...] = ()

    @property
    def digest(self) -> str:
        """A short text that two plans share only if they do the same to Airbyte; commits are no part of it."""
        lines = sorted(f"{s.op} {s.resource} {[leaf.text for leaf in s.leaves]}" for s in self.steps)
        return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def preview(project: Path, stack: str, environment: Mapping[str, str]) -> Plan:
    """What `pulumi up --refresh` would do now: the files against Airbyte as it is. No lock, nothing is written.

    Raises:
        ToolError: there is no pulumi, or it could not plan; its own words are in it.
    """
    program = find("pulumi")
    if program is None:
        raise ToolError("there is no pulumi here", where="PATH", fix="make setup, or put pulumi on PATH")
    # --run-program: the provider is configured by the files and the environment of now, not by those of the last apply.
    command = [program, "preview", "--refresh", "--run-program", "--json", "--non-interactive", "--stack", stack]
    answer = subprocess.run(
        command,
        cwd=project,
        env={**_without_tokens({**os.environ, **environment}), "NO_COLOR": "1", notices.VARIABLE: notices.OFF},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        # Words of the program can come before the JSON.
        found: Any = json.loads(answer.stdout[answer.stdout.index("{") :])
    except ValueError:
        found = None
    if answer.returncode or not isinstance(found, dict):
        plan = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        words = _errors(plan) or [line for line in answer.stderr.strip().splitlines() if line.strip()][-6:]
        raise ToolError(
            "pulumi preview failed:\n" + "\n".join(f"    {w}" for word in words for w in word.splitlines()),
            where=f"stack {stack}",
            fix="mend what it says; lotus review --offline needs none of it",
        )
    return parse(cast("dict[str, Any]", found))


def _without_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """What a branch's program may see: it is the code of whoever opened the pull request."""
    return {name: value for name, value in environment.items() if name not in _TOKENS}


def parse(answer: Mapping[str, Any]) -> Plan:
    """Pulumi's JSON → steps, in its order."""
    entries = cast("list[dict[str, Any]]", answer.get("steps") or [])
    read = {str(one["urn"]): one for one in entries if one.get("op") == _READ}
    steps: list[Step] = []
    changed: set[str] = set()
    for one in entries:
        op = _OPS.get(str(one.get("op")))
        urn = str(one["urn"])
        old = cast("dict[str, Any]", one.get("oldState") or {})
        new = cast("dict[str, Any]", one.get("newState") or {})
        if op is None or (old or new).get("custom") is False or _kind(urn) is None:
            continue  # components and the stack itself are not in Airbyte
        changed.add(urn)
        applied = cast("dict[str, Any] | None", (read.get(urn) or {}).get("oldState"))
        before, after = _arranged(masked(old.get("inputs"))), _arranged(masked(new.get("inputs")))
        inner = cast("Mapping[str, Any]", one.get("detailedDiff") or {})
        steps.append(
            Step(
                op,
                _kind(urn) or "",
                urn.rsplit("::", 1)[-1],
                str((after or before).get("name") or ""),
                str((old or applied or {}).get("id") or ""),
                tuple(_leaves(before, after, inner)) if op in ("update", "replace") else (),
                before,
                after,
                _arranged(masked(applied.get("inputs"))) if applied else None,
                str((applied or {}).get("modified") or ""),
            )
        )
    held = [_held(urn, cast("dict[str, Any]", one["oldState"])) for urn, one in read.items() if one.get("oldState")]
    known = {str(one["urn"]) for one in entries if _kind(str(one["urn"]))}
    return Plan(tuple(steps), len(known - changed), tuple(_messages(answer)), tuple(h for h in held if h.kind))


def _held(urn: str, state: Mapping[str, Any]) -> Held:
    inputs = cast("dict[str, Any]", state.get("inputs") or {})
    return Held(_kind(urn) or "", urn.rsplit("::", 1)[-1], str(inputs.get("name") or ""), str(state.get("id") or ""))


def _leaves(before: Mapping[str, Any], after: Mapping[str, Any], inner: Mapping[str, Any]) -> Iterator[Leaf]:
    """The leaves that differ, and those secrets that differ behind their mask."""
    yield from differing(before, after)
    for path in inner:
        if _at(before, path) == _at(after, path) == _MASKED:
            yield Leaf(path, _MASKED, _MASKED, secret=True)


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
    return value


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Leaf]:
    """The leaves that differ; a stream that is only on one side is one leaf."""
    old, new = dict(before), dict(after)
    one, other = old.get("streams"), new.get("streams")
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        old["streams"] = {n: s if n in second else s["syncMode"] for n, s in first.items()}
        new["streams"] = {n: s if n in first else s["syncMode"] for n, s in second.items()}
    return leaves.differing(old, new)


def masked(value: Any) -> Any:
    """A value from pulumi with every secret as `[secret]`, and Airbyte's own mask too."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if _SIGNATURE in entries:
            return _MASKED
        return {key: masked(item) for key, item in entries.items()}
    if isinstance(value, list):
        return [masked(item) for item in cast("list[Any]", value)]
    return _MASKED if value == _MASK else value


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
    # A path for each field, and one for "all of them", so that a difference names what comes or goes.
    fields = [".".join(f["fieldPath"]) for f in cast("list[Any]", selected)] if isinstance(selected, list) else ["*"]
    held["fields"] = dict.fromkeys(fields, "selected")
    return (f"{namespace}/{name}" if namespace else str(name)), held


def _kind(urn: str) -> str | None:
    """The kind of one of Airbyte's objects, or a backfill; None for what else a program declares."""
    typed = urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""
    if typed.endswith(":BackfillReset"):
        return "backfill"
    match = _TYPE.search(typed)
    return match.group(1) if match else None


def _messages(answer: Mapping[str, Any], severities: Sequence[str] = ("warning", "error")) -> list[str]:
    found: list[str] = []
    for one in cast("list[dict[str, Any]]", answer.get("diagnostics") or []):
        if one.get("severity") in severities:
            text = re.sub(r"\x1b\[[0-9;]*m", "", str(one.get("message") or "")).strip()
            if text and text not in found and not text.startswith(_NOISE):
                found.append(text)
    return found


def _errors(answer: Mapping[str, Any]) -> list[str]:
    """What failed, without the traceback that pulumi adds when a process of its own ends early."""
    found = _messages(answer, ("error",)) or _messages(answer)
    return [message.partition("Traceback (most recent call last)")[0].rstrip() for message in found]
