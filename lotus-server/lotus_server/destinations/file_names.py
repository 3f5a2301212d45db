"""Keys of landed files: path and file-name variables, part numbers, and the pattern that finds them again.

All as Airbyte's destination-s3 does it (docs/airbyte-behaviour.md#paths-and-file-names).
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

DEFAULT_PATH_FORMAT: Final = "${NAMESPACE}/${STREAM_NAME}/${YEAR}_${MONTH}_${DAY}_${EPOCH}_"
DEFAULT_FILE_NAME: Final = "{part_number}{format_extension}"

_PATH_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FILE_VARIABLE = re.compile(r"\{([\w:]+)\}")
_FILE_EXPRESSIONS: Final = {
    "date": r"\d{4}_\d{2}_\d{2}",
    "date:yyyy_MM": r"\d{4}_\d{2}",
    "timestamp": r"\d+",
    "sync_id": r"\d+",
}
_SUFFIX = r"(?:-\d+)?"
"""What is glued behind a key that existed already."""


def path_name(name: str) -> str:
    """A stream's or namespace's name in a path; segments of dots alone cannot climb out of it.

    Example:
        >>> path_name("Café orders")
        'Cafe_orders'
    """
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in decomposed if not unicodedata.category(char).startswith("M"))
    plain = re.sub(r"[^A-Za-z0-9/!_.*')(&$@=;:+,?-]", "_", plain)
    return "/".join("_" * len(part) if part and not part.strip(".") else part for part in plain.split("/"))


@dataclass(frozen=True)
class KeyFormat:
    """How the keys of one stream are made in one sync."""

    path_format: str
    file_format: str
    extension: str
    namespace: str
    stream: str
    started_at: datetime
    sync_id: int

    def directory(self) -> str:
        """The final path: everything before the file name, which is glued on without a slash of its own."""
        values = {name: value for name, (value, _) in self._path_values().items()}
        path = _PATH_VARIABLE.sub(lambda match: values.get(match[1], match[0]), self.path_format)
        return re.sub(r"/{2,}", "/", path).lstrip("/")

    def key(self, directory: str, part: int) -> str:
        """The key of a part below a final path."""
        return directory + _FILE_VARIABLE.sub(lambda match: self._file_value(match, part), self.file_format)

    def pattern(self) -> re.Pattern[str]:
        """Matches every key of this stream, of any time and sync; the part number is the group `part`."""
        return re.compile(self.pattern_text())

    def pattern_text(self) -> str:
        """The pattern as text: the same for two streams whose keys would be the same."""
        expressions = {name: expression for name, (_, expression) in self._path_values().items()}
        path = _escaped(_PATH_VARIABLE, re.sub(r"/{2,}", "/", self.path_format), lambda m: expressions.get(m[1]))
        # A namespace that vanishes leaves a double slash behind, which keys do not have.
        path = re.sub(r"/{2,}", "/", path).lstrip("/")
        seen: list[str] = []

        def expression(match: re.Match[str]) -> str | None:
            if match[1] == "part_number":
                seen.append(match[1])
                return r"(?P<part>\d+)" if len(seen) == 1 else r"\d+"
            if match[1] == "format_extension":
                return re.escape(self.extension)
            return _FILE_EXPRESSIONS.get(match[1])

        name = _escaped(_FILE_VARIABLE, self.file_format, expression)
        return rf"^{path}{name}{_SUFFIX}$"

    def constant_prefix(self) -> str:
        """The longest prefix that all keys of this stream share, whatever the time."""
        constant = {"NAMESPACE": path_name(self.namespace), "STREAM_NAME": path_name(self.stream)}
        prefix = ""
        position = 0
        for match in _PATH_VARIABLE.finditer(self.path_format):
            prefix += self.path_format[position : match.start()]
            position = match.end()
            if match[1] in self._path_values() and match[1] not in constant:
                return re.sub(r"/{2,}", "/", prefix).lstrip("/")
            prefix += constant.get(match[1], match[0])
        prefix += self.path_format[position:]
        return re.sub(r"/{2,}", "/", prefix).lstrip("/")

    def next_part(self, keys: Iterable[str]) -> int:
        """One more than the highest part number among keys of a final path; 0 if there is none."""
        listed = list(keys)
        if not listed:
            return 0
        pattern = self.pattern()
        matches = (pattern.match(key) for key in listed)
        numbers = [int(match["part"]) for match in matches if match and "part" in pattern.groupindex]
        return max(numbers, default=-1) + 1

    def _path_values(self) -> dict[str, tuple[str, str]]:
        at = self.started_at.astimezone(UTC)
        milliseconds = at.microsecond // 1000
        namespace, stream = path_name(self.namespace), path_name(self.stream)
        return {
            "NAMESPACE": (namespace, re.escape(namespace)),
            "STREAM_NAME": (stream, re.escape(stream)),
            "YEAR": (f"{at.year:04}", r"\d{4}"),
            "MONTH": (f"{at.month:02}", r"\d{2}"),
            "DAY": (f"{at.day:02}", r"\d{2}"),
            "HOUR": (f"{at.hour:02}", r"\d{2}"),
            "MINUTE": (f"{at.minute:02}", r"\d{2}"),
            "SECOND": (f"{at.second:02}", r"\d{2}"),
            "MILLISECOND": (f"{milliseconds:04}", r"\d{4}"),
            "EPOCH": (str(int(at.timestamp()) * 1000 + milliseconds), r"\d+"),
            "UUID": (str(uuid.uuid4()), r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        }

    def _file_value(self, match: re.Match[str], part: int) -> str:  # noqa: PLR0911 - one per variable
        local = self.started_at.astimezone()  # the server's zone, as Airbyte does for {date}
        match match[1]:
            case "part_number":
                return str(part)
            case "format_extension":
                return self.extension
            case "sync_id":
                return str(self.sync_id)
            case "date":
                return f"{local:%Y_%m_%d}"
            case "date:yyyy_MM":
                return f"{local:%Y_%m}"
            case "timestamp":
                return str(int(datetime.now(UTC).timestamp() * 1000))
            case _:
                return match[0]


def _escaped(variable: re.Pattern[str], text: str, expression: Callable[[re.Match[str]], str | None]) -> str:
    """The text as a regular expression: literal except for its variables; unknown ones stay literal."""
    result, position = "", 0
    for match in variable.finditer(text):
        pattern = expression(match)
        result += re.escape(text[position : match.start()]) + (re.escape(match[0]) if pattern is None else pattern)
        position = match.end()
    return result + re.escape(text[position:])
