"""Quartz cron expressions as Airbyte takes them."""

from __future__ import annotations


def normalised(expression: str) -> str:
    """The form in which two expressions are compared: Airbyte answers with ` UTC` behind what it was given.

    Example:
        >>> normalised("0 0  3 * * ? UTC")
        '0 0 3 * * ?'
    """
    fields = expression.upper().split()
    if fields and fields[-1] in ("UTC", "GMT", "Z"):
        fields.pop()
    return " ".join(fields)


def fault(expression: str) -> str | None:  # noqa: PLR0911  (one answer per rule)
    """Why Airbyte would refuse an expression, or None.

    Source: the platform's CronExpressionHelper; 6 or 7 fields, seconds a single number, UTC only.
    """
    fields = expression.split()
    if fields and fields[-1].upper() in ("UTC", "GMT", "Z"):
        fields.pop()
    elif len(fields) > 6 and ("/" in fields[-1] or fields[-1].isalpha()) and not fields[-1].startswith("*"):
        return f'Airbyte runs schedules in UTC only; convert the hours and leave "{fields[-1]}" out'
    if len(fields) == 5:
        return f'a Quartz expression starts with the seconds: "0 {_with_question_mark(fields)}"'
    if len(fields) not in (6, 7):
        return f"a Quartz expression has 6 or 7 fields (seconds first), this one has {len(fields)}"
    if not fields[0].isdigit():
        return f'the first field (seconds) must be one number, not "{fields[0]}"'
    if len(fields) == 7 and not fields[1].isdigit():
        return f'with 7 fields the second one (minutes) must be one number, not "{fields[1]}"'
    if (fields[3] == "?") == (fields[5] == "?"):
        return "exactly one of day of month (4th) and day of week (6th) must be ?"
    return None


def _with_question_mark(fields: list[str]) -> str:
    minute, hour, day, month, weekday = fields
    if weekday == "*":
        weekday = "?"
    elif day == "*":
        day = "?"
    return " ".join([minute, hour, day, month, weekday])
