"""A connection's options, checked: when it runs, and which namespace and prefix its streams land with."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lotus.config import landing
from lotus.config.cron import CronError
from lotus.config.document import Document, Pointer
from lotus.config.models import BasicScheduleFile, ConnectionOptions
from lotus.config.reading import Files
from lotus.config.schedule import BasicSchedule, QuartzSchedule, Schedule, of_interval, schedule_of_text


def schedule_of(files: Files, document: Document, written: str | BasicScheduleFile | None) -> Schedule | None:
    """The schedule that a file declares; None where it declares none, or after a fault."""
    if written is None:
        return None
    if isinstance(written, BasicScheduleFile):
        return BasicSchedule(written.units, written.time_unit)
    at: Pointer = ("schedule",)
    word, _, zone = written.strip().partition(" ")
    if word == "manual" and zone:
        message = f'schedule "{written}": a zone has no effect with "manual"'
        files.faults.append(document.fault("LOT014", message, at, fix='write "manual"'))
        return None
    basic = of_interval(written)
    if basic:
        message = f'schedule "{written}" is an interval, which is not written as a text'
        fix = f'write {{"units": {basic.units}, "timeUnit": "{basic.time_unit}"}}'
        files.faults.append(document.fault("LOT050", message, at, fix=fix))
        return None
    try:
        schedule = schedule_of_text(written)
        never = isinstance(schedule, QuartzSchedule) and not schedule.runs(datetime.now(UTC), 1)
    except CronError as error:
        message = f'schedule "{written}": {error}'
        code = "LOT051" if "never" in str(error) else "LOT050"
        files.faults.append(document.fault(code, message, at, fix=error.fix))
        return None
    if never:
        message = f'schedule "{written}" never runs (again)'
        files.faults.append(document.fault("LOT051", message, at, fix="check day, month and year"))
    return schedule


def check_options(files: Files, document: Document, options: ConnectionOptions) -> None:
    """Faults of namespace, prefix and tags."""
    definition = options.namespace_definition
    if options.namespace_format is not None and definition not in (None, "custom_format"):
        message = f'"namespace_format" has no effect with "namespace_definition": "{definition}"'
        fix = "remove it, or use custom_format"
        at: Pointer = ("connection", "namespace_format")
        files.faults.append(document.fault("LOT053", message, at, key=True, fix=fix))
    for key, text in (("namespace_format", options.namespace_format), ("prefix", options.prefix)):
        if text is not None:
            _check_text(files, document, key, text)
    if options.namespace_format == "":
        message = '"namespace_format" is empty: streams of all sources would land side by side'
        fix = "leave it out for the folder's name"
        files.faults.append(document.fault("LOT053", message, ("connection", "namespace_format"), fix=fix))

    tags = options.tags or ()
    for index, tag in enumerate(tags):
        if tag in tags[:index]:
            message = f'tag "{tag}" is there twice'
            files.faults.append(
                document.fault("LOT014", message, ("connection", "tags", index), fix="keep one of them")
            )


def _check_text(files: Files, document: Document, key: str, text: str) -> None:
    """A namespace or prefix that would land otherwise than it is written."""
    at: Pointer = ("connection", key)
    rest = text.replace("${SOURCE_NAMESPACE}", "") if key == "namespace_format" else text
    stray = re.search(r"\$\{?[A-Za-z_]*\}?", rest)
    if stray:
        message = f'"{key}" holds "{stray.group()}", which Airbyte does not replace'
        fix = "only ${SOURCE_NAMESPACE} is known here" if key == "namespace_format" else "a prefix is plain text"
        files.faults.append(document.fault("LOT053", message, at, fix=fix))
    elif landing.path_name(rest) != rest or "/" in rest or rest != rest.strip():
        message = f'"{key}" would land as "{landing.path_name(rest)}"'
        files.faults.append(document.fault("LOT053", message, at, fix="use letters, digits, - and _"))
