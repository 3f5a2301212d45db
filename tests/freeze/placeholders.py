"""Placeholders for what differs from run to run: ids, times, ports, folders, process figures.

A placeholder is numbered by its first appearance in a recording, so that an id in two places stays the same id.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SINCE = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
"""When the first recording began, and three days: a later time was taken from a clock, then or now."""
AHEAD_SECONDS = 3 * 86400

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
IDS = re.compile(rf"(?P<id>\b{UUID}\b)|(?P<secret>\b[0-9a-f]{{64}}\b)|(?P<commit>\b[0-9a-f]{{40}}\b)")
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d| UTC)?")
DAYS = re.compile(r"year=\d{4}/month=\d\d/day=\d\d|\b\d{4}[-_]\d\d[-_]\d\d\b")
EPOCHS = re.compile(r"(?<![\w.])\d{10}(?:\d{3}){0,2}(?![\w.])")
OTHERS = (
    (re.compile(r"(127\.0\.0\.1|localhost):\d{4,5}"), r"\1:<port>"),
    (re.compile(r"\bPT[\d.]+[SMH]([\d.]+S)?\b"), "<duration>"),
    (re.compile(r"\(\d+(\.\d+)? s\)"), "(<seconds> s)"),
    (re.compile(r"\b[\d,]+ bytes"), "<bytes> bytes"),
    (re.compile(r"\bpid \d+"), "pid <pid>"),
    (re.compile(r"(lotus-state-[a-z-]+-)[0-9a-f]{6}\b"), r"\1<random>"),
)
FIXED = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",  # the organization
        "00000000-0000-4000-8000-000000000001",  # the workspace
        "1dc2b5e6-6a4b-4c55-9d0e-8a6f4a1f3c70",  # the definitions that come with the server
        "4816b78f-1489-44c1-9060-4b19d5fa9362",
        "778daa7c-feaf-4db6-96f3-70fd645acc77",
        "94bd199c-2ff0-4aa2-b98e-17f0acb72610",
        "95e8cffd-b8c4-4039-968e-d32fb4a69bde",
        "9da77001-af33-4bcd-be46-6252bf9342b9",
        "decd338e-5647-4c0b-adf4-da0e75f5a750",
        "dfd88b22-b603-4c3d-aad7-3701784586b1",
        "e094cb9a-26de-4645-8761-65c0c425d1de",
    }
)
"""Ids that every server has. An id that does not look random (version 4) is fixed too."""

MEASURES = frozenset({"bytes", "pid", "memory", "seconds", "PATH"})
"""Members whose texts and numbers belong to the run or the machine."""


class Placeholders:
    """Replaces what differs from run to run; `names` says what to call folders, programs and other texts."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        known = {
            **(names or {}),
            sys.executable: "<python>",
            str(CHECKOUT): "<checkout>",
            str(os.environ.get("LOTUS_CACHE") or Path.home() / ".cache" / "lotus"): "<cache>",
        }
        self._names = sorted(known.items(), key=lambda pair: -len(pair[0]))
        self._ids: dict[str, str] = {}
        self._now = time.time()

    def of(self, value: Any) -> Any:
        """The JSON value with placeholders."""
        if isinstance(value, dict):
            return {self.text(name): self._member(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner) for inner in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and self._is_clock_time(value):
            return "<time>"
        return value

    def text(self, text: str) -> str:
        """The text with placeholders."""
        for name, placeholder in self._names:
            text = text.replace(name, placeholder)
        text = IDS.sub(self._id, text)
        text = TIMES.sub(lambda match: "<time>" if self._is_clock_text(match[0]) else match[0], text)
        text = DAYS.sub(self._day, text)
        text = EPOCHS.sub(lambda match: "<time>" if self._is_clock_time(int(match[0])) else match[0], text)
        for pattern, replacement in OTHERS:
            text = pattern.sub(replacement, text)
        return text

    def _member(self, name: str, value: Any) -> Any:
        if name in MEASURES and isinstance(value, int | float | str):
            return f"<{name}>"
        return self.of(value)

    def _id(self, match: re.Match[str]) -> str:
        text, kind = match[0], str(match.lastgroup)
        if text in FIXED or (kind == "id" and text[14] != "4"):
            return text
        number = sum(placeholder.startswith(f"<{kind}-") for placeholder in self._ids.values()) + 1
        return self._ids.setdefault(text, f"<{kind}-{number}>")

    def _is_clock_time(self, number: float) -> bool:
        return any(SINCE <= number / unit <= self._now + AHEAD_SECONDS for unit in (1, 1_000, 1_000_000))

    def _is_clock_text(self, text: str) -> bool:
        moment = datetime.fromisoformat(text.replace(" UTC", "Z"))
        return self._is_clock_time(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())

    def _day(self, match: re.Match[str]) -> str:
        digits = "".join(re.findall(r"\d+", match[0]))
        try:
            return "<day>" if self._is_clock_text(f"{digits[:4]}-{digits[4:6]}-{digits[6:]}T12:00") else match[0]
        except ValueError:
            return match[0]
