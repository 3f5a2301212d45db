"""What pulumi itself says: a preview against Airbyte as it is, read from its JSON. Nothing is written or locked.

The JSON is described in docs/pulumi-behaviour.md#json-of-a-preview.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pulumi_airbyte.provider.values import MASK

from lotus.config import leaves
from lotus.config.leaves import Leaf
from lotus.config.schedule import of_interval
from lotus.errors import ToolError
from lotus.tools import pulumi
from lotus.untyped import as_mapping, as_mappings, is_list, is_mapping

Op = Literal["create", "update", "replace", "delete"]

_SIGNATURE = "4dabf18193072939515e22adb298388d"  # the key of pulumi's wrapped values in state and JSON
_OPS: Mapping[str, Op] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
}
"""Pulumi's words that matter; `delete-replaced` is the other half of `create-replacement`."""
NOTES_VARIABLE, NOTES_OFF = "LOTUS_NOTICES", "off"
"""For those who show the same lines themselves, such as `lotus review`: a preview leaves them out."""
_COUNTED = {"create": "to create", "update": "to update", "delete": "to delete", "replace": "to replace"}
_LINE_SECONDS = 300
_SHOWN = ("--show-sames",)
"""What was read of objects that stay is in their entries: their settings that no program declares are among it."""
_READ = "refresh"
"""With `--refresh` every object that the state holds comes first with this word, as it was last applied."""
_TYPE = re.compile(r"airbyte:index/(\w+):(\w+)$")
_DEFAULTS = "defaults"
"""An input that is no setting of the object: what its settings get where no file declares them."""
_PATH_HEAD = re.compile(r"[.\[]")
_PATH_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\.?([^.\[\]]+)')
_NOISE = ("warning: using pulumi-language-", "debug: ")
_PROGRAM_ENDED = "an unhandled error occurred: "
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
class ManagedObject:
    """One of Airbyte's objects that Pulumi's state holds, as it was last applied."""

    kind: str
    name: str
    title: str
    id: str
    unmanaged: tuple[Unmanaged, ...] = ()
    """Settings that exist only in Airbyte, as this preview read them."""

    @property
    def resource(self) -> str:
        """`connection Shopify → Lake`."""
        return f"{_WORDS.get(self.kind, self.kind)} {self.title or self.name}"


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """A setting that the program does not declare and Airbyte has; secrets are masked."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run of pulumi would do."""

    steps: tuple[Step, ...]
    unchanged: int
    messages: tuple[str, ...]
    """Warnings and errors, one line each."""
    managed: tuple[ManagedObject, ...] = ()
    """Every object that the state holds."""

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
    # --run-program: else the last apply configures it (docs/pulumi-behaviour.md#configuration-during-a-refresh).
    report, process = pulumi.preview_json(
        project,
        stack,
        ["--refresh", "--run-program", *_SHOWN],
        {**_without_tokens({**os.environ, **environment}), NOTES_VARIABLE: NOTES_OFF},
    )
    if process.returncode or not report:
        messages = _errors(report) or [line for line in process.stderr.strip().splitlines() if line.strip()][-6:]
        raise ToolError(
            "pulumi preview failed",
            details=[line for message in messages for line in message.splitlines()],
            where=f"stack {stack}",
            fix="correct the cause; lotus review --offline needs no preview",
        )
    return parse(report)


def _without_tokens(environment: Mapping[str, str]) -> dict[str, str]:
    """What a branch's program may see: it is the code of whoever opened the pull request."""
    return {name: value for name, value in environment.items() if name not in _TOKENS}


def preview_line(project: Path, stack: str, environment: Mapping[str, str]) -> str:
    """One line of what a preview says, such as `2 to create, 7 unchanged`; nothing is changed.

    Raises:
        ToolError: pulumi is not installed, or the preview failed; the message has its own words.
    """
    report, process = pulumi.preview_json(project, stack, [], environment, seconds=_LINE_SECONDS)
    if process.returncode or not report:
        words = "\n".join(_errors(report)) or (process.stderr or process.stdout).strip()[-600:]
        raise ToolError(
            "pulumi preview failed",
            details=words.splitlines(),
            where=f"pulumi preview --stack {stack}",
            fix="correct the cause, then run it again",
        )
    counts: dict[str, int] = report.get("changeSummary") or {}
    changes = [f"{counts[key]} {verb}" for key, verb in _COUNTED.items() if counts.get(key)]
    same = counts.get("same", 0)
    return ", ".join([*(changes or ["no change"]), *([f"{same} unchanged"] if same else [])])


def parse(report: Mapping[str, Any]) -> Plan:
    """Pulumi's JSON → steps, in its order."""
    entries = as_mappings(report.get("steps"))
    applied = {str(entry["urn"]): as_mapping(entry.get("oldState")) for entry in entries if entry.get("op") == _READ}
    steps = [(str(entry["urn"]), step) for entry in entries if (step := _step(entry, applied))]
    objects = {str(entry["urn"]) for entry in entries if _kind(str(entry["urn"]))}
    # What was read comes last: the entry of the resource itself follows the one of its refresh.
    read = {str(entry["urn"]): as_mapping(entry.get("oldState")) for entry in entries}
    managed = [_managed_object(urn, state, read[urn]) for urn, state in applied.items() if state]
    return Plan(
        steps=tuple(step for _, step in steps),
        unchanged=len(objects - {urn for urn, _ in steps}),
        messages=tuple(_messages(report)),
        managed=tuple(item for item in managed if item.kind),
    )


def _step(entry: Mapping[str, Any], applied: Mapping[str, dict[str, Any]]) -> Step | None:
    """One entry of the JSON; None for components and the stack itself, which are not in Airbyte."""
    op, urn = _OPS.get(str(entry.get("op"))), str(entry["urn"])
    old, new = as_mapping(entry.get("oldState")), as_mapping(entry.get("newState"))
    kind = _kind(urn)
    if op is None or kind is None or (old or new).get("custom") is False:
        return None
    state = applied.get(urn) or {}
    before, after = _arranged(masked(old.get("inputs"))), _arranged(masked(new.get("inputs")))
    changes = _leaves(before, after, as_mapping(entry.get("detailedDiff"))) if op in ("update", "replace") else ()
    return Step(
        op=op,
        kind=kind,
        name=urn.rsplit("::", 1)[-1],
        title=str((after or before).get("name") or ""),
        id=str((old or state).get("id") or ""),
        leaves=tuple(changes),
        before=before,
        after=after,
        applied=_arranged(masked(state.get("inputs"))) if state else None,
        applied_at=str(state.get("modified") or ""),
    )


def _managed_object(urn: str, state: Mapping[str, Any], read: Mapping[str, Any]) -> ManagedObject:
    title = str(as_mapping(state.get("inputs")).get("name") or "")
    unmanaged = tuple(unmanaged_settings(as_mapping(read.get("outputs"))))
    return ManagedObject(_kind(urn) or "", urn.rsplit("::", 1)[-1], title, str(state.get("id") or ""), unmanaged)


def unmanaged_settings(outputs: Mapping[str, Any]) -> Iterator[Unmanaged]:
    """The settings that the provider lists as unmanaged, with their values."""
    live = _arranged(masked(outputs))
    paths = outputs.get("unmanaged")
    for path in paths if is_list(paths) else ():
        steps = [quoted or word for quoted, word in _PATH_STEP.findall(str(path))]
        if steps[:2] == ["configurations", "streams"]:
            del steps[0]
        value = leaves.printable(_setting(live, steps), secret=leaves.is_secret(tuple(steps), None))
        yield Unmanaged(".".join(steps), value)


def _setting(live: Mapping[str, Any], steps: Sequence[str]) -> Any:
    """The value at a path of the provider's; a stream that only Airbyte has is shown by its mode."""
    if steps[0] != "streams":
        return _below(live, steps)
    named = {name.replace("/", "."): stream for name, stream in as_mapping(live.get("streams")).items()}
    stream = as_mapping(named.get(steps[1]))
    match list(steps[2:]):
        case []:
            return stream.get("syncMode")
        case ["selectedFields"]:
            return ", ".join(stream.get("fields", ()))
        case below:
            return _below(stream, below)


def _leaves(before: Mapping[str, Any], after: Mapping[str, Any], inner: Mapping[str, Any]) -> Iterator[Leaf]:
    """The leaves that differ, and those secrets that differ behind their mask.

    Inputs that no program wrote hold leaves which the files do not declare; the provider's own difference has none.
    """
    heads = {"streams" if path.startswith("configurations") else _PATH_HEAD.split(path, 1)[0] for path in inner}
    for leaf in differing(before, after):
        if not inner or leaf.path.partition(".")[0] in heads:
            yield leaf
    for path in inner:
        if _at(before, path) == _at(after, path) == _MASKED:
            yield Leaf(path, _MASKED, _MASKED, secret=True)


def _at(value: Any, path: str) -> Any:
    return _below(value, path.split("."))


def _below(value: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        value = as_mapping(value).get(step)
    return value


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Leaf]:
    """The leaves that differ; a stream that is only on one side is one leaf."""
    old, new = dict(before), dict(after)
    old_streams, new_streams = old.get("streams"), new.get("streams")
    if is_mapping(old_streams) and is_mapping(new_streams):
        old["streams"] = _by_mode_where_missing(old_streams, new_streams)
        new["streams"] = _by_mode_where_missing(new_streams, old_streams)
    return leaves.differing(old, new)


def _by_mode_where_missing(streams: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stream if name in others else stream["syncMode"] for name, stream in streams.items()}


def masked(value: Any) -> Any:
    """A value from pulumi with every secret as `[secret]`, and Airbyte's own mask too."""
    if is_mapping(value):
        if _SIGNATURE in value:
            return _MASKED
        return {key: masked(item) for key, item in value.items()}
    if is_list(value):
        return [masked(item) for item in value]
    return _MASKED if value == MASK else value


def _arranged(inputs: Any) -> dict[str, Any]:
    """Inputs whose leaves have names for paths: streams and fields are sets, and Airbyte adds `UTC` to cron."""
    # Names with two underscores are the provider's notes, which Pulumi shows nobody.
    hidden = (_DEFAULTS, "unmanaged")
    arranged = {n: value for n, value in as_mapping(inputs).items() if not n.startswith("__") and n not in hidden}
    streams = as_mapping(arranged.get("configurations")).get("streams")
    if is_list(streams):
        arranged.pop("configurations")
        arranged["streams"] = dict(_stream(stream) for stream in as_mappings(streams))
    schedule = arranged.get("schedule")
    if is_mapping(schedule):
        arranged["schedule"] = _schedule(schedule)
    tags = arranged.get("tags")
    if is_list(tags):
        arranged["tags"] = {str(tag.get("name") or tag.get("tagId")): "on" for tag in as_mappings(tags)}
    return arranged


def _schedule(schedule: Mapping[str, Any]) -> str:
    """A schedule in one line, as its file has it or, for an interval, as people say it."""
    cron, timing = schedule.get("cronExpression"), schedule.get("basicTiming")
    if cron:
        return str(cron).removesuffix(" UTC")
    basic = of_interval(str(timing)) if timing else None
    return str(basic or timing or schedule["scheduleType"])


def _stream(stream: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    entry = dict(stream)
    name = entry.pop("name")
    namespace = entry.get("namespace")
    selected = entry.pop("selectedFields", None)
    # A path for each field, and one for "all of them", so that a difference names each field added or removed.
    fields = [_field(field) for field in selected] if is_list(selected) else ["*"]
    entry["fields"] = dict.fromkeys(fields, "selected")
    if entry.get("mappers"):
        entry["mappers"] = {str(index): _mapper(mapper) for index, mapper in enumerate(as_mappings(entry["mappers"]))}
    return (f"{namespace}/{name}" if namespace else str(name)), entry


def _mapper(mapper: Mapping[str, Any]) -> dict[str, Any]:
    """A mapper as a stream's file has it; the id is Airbyte's own."""
    return {"type": mapper.get("type"), **as_mapping(mapper.get("mapperConfiguration"))}


def _field(field: Any) -> str:
    """A selected field: its name, or the API's object, as states of older versions have it."""
    return field if isinstance(field, str) else ".".join(field["fieldPath"])


def _kind(urn: str) -> str | None:
    """The kind of one of Airbyte's objects, or a backfill; None for what else a program declares."""
    typed = urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""
    if typed.endswith(":BackfillReset"):
        return "backfill"
    match = _TYPE.search(typed)
    return match.group(1) if match else None


def _messages(report: Mapping[str, Any], severities: Sequence[str] = ("warning", "error")) -> list[str]:
    messages: list[str] = []
    for entry in as_mappings(report.get("diagnostics")):
        if entry.get("severity") in severities:
            text = re.sub(r"\x1b\[[0-9;]*m", "", str(entry.get("message") or "")).strip()
            if text and text not in messages and not text.startswith(_NOISE):
                messages.append(text)
    return messages


def _errors(report: Mapping[str, Any]) -> list[str]:
    """What failed, without what pulumi adds when the program or a process of its own ends early."""
    messages = _messages(report, ("error",)) or _messages(report)
    causes = [message for message in messages if _PROGRAM_ENDED not in message] or messages
    return [message.partition("Traceback (most recent call last)")[0].rstrip() for message in causes]
