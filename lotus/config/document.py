"""JSON files whose every key and value knows its place.

A file is read twice at most: once by the standard library (C, fast; nearly all files have no fault), and once more by
the parser here, only when somebody asks for a position or the fast reading stumbled. The parser here is the authority:
it is stricter than the standard library (no byte order mark, doubled keys, NaN, lone surrogates) and words its
complaints for people who write JSON by hand.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from lotus.config.faults import Fault, Severity

Pointer = tuple[str | int, ...]
"""The way to a value inside a document: keys and indexes."""

MAX_BYTES = 4 * 1024 * 1024
"""No file that people edit comes near; the largest discovered stream known has 0.3 MB."""
MAX_DEPTH = 64
"""lotus-lake's deepest schema is 7 objects deep, which is 22 brackets."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text, as offsets."""

    start: int
    end: int


class Document:
    """One parsed file: its value, and the place of everything in it."""

    __slots__ = ("_breaks", "_spans", "file", "text", "value")

    def __init__(self, file: str, text: str, value: Any) -> None:
        self.file = file
        self.text = text
        self.value = value
        self._spans: Mapping[Pointer, tuple[Span | None, Span]] | None = None
        self._breaks: list[int] | None = None

    def fault(
        self,
        code: str,
        message: str,
        pointer: Sequence[str | int] = (),
        *,
        key: bool = False,
        fix: str = "",
        allowed: tuple[str, ...] = (),
        nearest: str = "",
        severity: Severity = "error",
    ) -> Fault:
        """A fault at a value (or at its key); where the value does not exist, at the nearest thing around it."""
        span = self._span(tuple(pointer), key=key)
        line, column, excerpt = self._position(span.start)
        length = min(span.end, span.start - (column - 1) + len(excerpt)) - span.start
        if self.text[span.start : span.start + 1] in ("{", "[") and (
            "\n" in self.text[span.start : span.end] or length > 60
        ):
            length = 1
        excerpt = guarded(self.file, excerpt, column - 1, max(length, 1))
        return Fault(code, message, self.file, line, column, max(length, 1), excerpt, fix, allowed, nearest, severity)

    def _span(self, pointer: Pointer, *, key: bool) -> Span:
        if self._spans is None:
            self._spans = _Parser(self.text).spans()
        exact = True
        while pointer not in self._spans:
            pointer, exact = pointer[:-1], False
        key_span, value_span = self._spans[pointer]
        if not exact:
            # Something is missing inside: point at the key of what lacks it, or at its opening bracket.
            return key_span or Span(value_span.start, value_span.start + 1)
        if key_span and self.text[value_span.start] in "{[" and "\n" in self.text[value_span.start : value_span.end]:
            return key_span  # a value over several lines cannot be underlined; its key can
        return key_span if key and key_span else value_span

    def _position(self, offset: int) -> tuple[int, int, str]:
        if self._breaks is None:
            self._breaks = [m.end() for m in re.finditer("\n", self.text)]
        return _position(self.text, offset, self._breaks)


def _position(text: str, offset: int, breaks: list[int]) -> tuple[int, int, str]:
    index = bisect_right(breaks, offset)
    start = breaks[index - 1] if index else 0
    end = breaks[index] - 1 if index < len(breaks) else len(text)
    return index + 1, offset - start + 1, text[start:end].rstrip("\r")


def read(path: Path, file: str, faults: list[Fault], *, limit: int = MAX_BYTES) -> Document | None:
    """The document in a file, or None when its faults (added to `faults`) leave nothing to work with.

    Doubled keys are faults but leave a document, so that one run finds what else is wrong.
    """
    text = read_text(path, file, faults, limit=limit)
    return None if text is None else parse(text, file, faults)


def read_text(path: Path, file: str, faults: list[Fault], *, limit: int = MAX_BYTES) -> str | None:
    """The text of a file that people edit: UTF-8 without a byte order mark, and of a sane size."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except IsADirectoryError:
        faults.append(Fault("LOT001", f"{file} is a folder, not a file", file, fix="rename the folder"))
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        faults.append(
            Fault("LOT001", f"the file cannot be read: {reason}", file, fix="check that it exists and may be read")
        )
        return None
    if len(raw) > limit:
        fix = "is this the right file? records do not belong in streams/"
        faults.append(Fault("LOT005", f"the file is larger than {limit // 1024:,} kB", file, fix=fix))
        return None
    return _decode(raw, file, faults)


_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
}


def _decode(raw: bytes, file: str, faults: list[Fault]) -> str | None:
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            message = f"the file is saved as {encoding}"
            faults.append(Fault("LOT002", message, file, 1, 1, 1, fix='save it as "UTF-8" (without BOM)'))
            return None
    if b"\x00" in raw:
        at = raw.index(b"\x00")
        if raw[1:2] == b"\x00" or raw[:1] == b"\x00":
            message = "the file is saved as UTF-16 without a byte order mark"
        else:
            message = f"the file contains a NUL byte (byte {at + 1})"
        line = raw.count(b"\n", 0, at) + 1
        faults.append(Fault("LOT002", message, file, line, 1, 1, fix='save it as "UTF-8" text again'))
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        message = f"the file is not UTF-8: byte 0x{raw[error.start]:02x} is not allowed here"
        faults.append(Fault("LOT002", message, file, line, column, 1, fix='save it as "UTF-8" (without BOM)'))
        return None


_TEXT_VALUE = re.compile(r'(?<![^\s:,\[])"((?:[^"\\]|\\.)*)("(?!\s*:)|$)')


_MAPPER_KEY = re.compile(r'("key"\s*:\s*")([^"]*)')
"""The one setting of a stream that is a secret: the key of a mapper that encrypts."""


def _without_mapper_keys(excerpt: str) -> str:
    return _MAPPER_KEY.sub(lambda match: match.group(1) + "•" * len(match.group(2)), excerpt)


def guarded(file: str, excerpt: str, start: int, length: int) -> str:
    """A line as it may be shown: in files that hold configurations, texts that are not underlined are blotted out.

    Somebody may have written a secret there, on the same line as an unrelated fault.
    """
    if not _holds_configuration(file):
        return _without_mapper_keys(excerpt)

    def blot(match: re.Match[str]) -> str:
        inside = match.start() >= start and match.end() <= start + length
        return match.group() if inside else f'"{"•" * len(match.group(1))}{match.group(2)}'

    return _TEXT_VALUE.sub(blot, excerpt)


def _holds_configuration(file: str) -> bool:
    return file.endswith("/_source.json") or "/_destinations/" in file


class _SlowPathError(Exception):
    """The fast reading met something that the parser here has to judge."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _SlowPathError
    return value


def _refuse(_: str) -> NoReturn:
    raise _SlowPathError


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _SlowPathError
    return value


_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)


def parse(text: str, file: str, faults: list[Fault]) -> Document | None:
    """The document in a text; faults are added to `faults`."""
    if not _SUSPICIOUS.search(text):
        try:
            # strict=True is the decoder's default: control characters inside strings are refused.
            value = _decoder.decode(text)
            if type(value) not in (dict, list) or not _too_deep(value):
                return Document(file, text, value)
        except (ValueError, RecursionError, _SlowPathError):
            pass
    parser = _Parser(text)
    try:
        value = parser.document()
    except JsonError as error:
        line, column, excerpt = _position(text, error.offset, [m.end() for m in re.finditer("\n", text)])
        length = max(1, min(error.length, len(excerpt) - column + 1))
        message, fix = error.message, error.fix
        excerpt = _without_mapper_keys(excerpt)
        if _holds_configuration(file):
            # What is broken may be a secret: without quotes, or with quotes of another kind.
            excerpt = ""
            if error.bare_word:
                message, fix = (
                    message.replace(error.bare_word, "a bare word"),
                    fix.replace(f': "{error.bare_word}"', ""),
                )
        faults.append(Fault(error.code, message, file, line, column, length, excerpt, fix))
        return None
    document = Document(file, text, value)
    for name, first, again in parser.doubled:
        line, _, _ = document._position(first.start)  # pyright: ignore[reportPrivateUsage]
        at, column, excerpt = document._position(again.start)  # pyright: ignore[reportPrivateUsage]
        message = f'key "{name}" appears twice in one object'
        fix = f"keep one of them (the first is in line {line})"
        excerpt = guarded(file, excerpt, column - 1, again.end - again.start)
        faults.append(Fault("LOT004", message, file, at, column, again.end - again.start, excerpt, fix))
    return document


def _too_deep(value: Any) -> bool:
    """Whether brackets nest deeper than the limit; level by level, for it runs over every field of every file."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [c for v in level for c in (v.values() if type(v) is dict else v) if type(c) in (dict, list)]
        if not level:
            return False
    return True


class JsonError(Exception):
    """The text stops being JSON at an offset."""

    def __init__(
        self, message: str, offset: int, *, length: int = 1, fix: str = "", code: str = "LOT003", bare_word: str = ""
    ) -> None:
        super().__init__(message)
        self.bare_word = bare_word
        self.message = message
        self.offset = offset
        self.length = length
        self.fix = fix
        self.code = code


_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_FOREIGN = {"True": "true", "False": "false", "None": "null", "nil": "null", "undefined": "null", "TRUE": "true"}
_MAX_DIGITS = 4300


class _Parser:
    """Strict JSON with positions; plain recursive descent, bounded by MAX_DEPTH."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places: dict[Pointer, tuple[Span | None, Span]] = {}
        self.doubled: list[tuple[str, Span, Span]] = []

    def spans(self) -> Mapping[Pointer, tuple[Span | None, Span]]:
        """The place of every key and value; the text is known to be JSON."""
        self.document()
        return self.places

    def document(self) -> Any:
        """The value of the whole text."""
        self._check_beginning()
        self._space()
        if self.at >= len(self.text):
            raise JsonError("the file is empty", 0, fix="write at least {}")
        value = self._value((), None, 0)
        self._space()
        if self.at < len(self.text):
            rest = self.text[self.at :]
            if rest[0] in "{[":
                raise JsonError("a second value follows the first", self.at, fix="one file holds one object")
            if rest[0] in "}]":
                raise JsonError(f'"{rest[0]}" closes nothing', self.at, fix="remove it")
            raise JsonError("there is text after the end of the object", self.at, fix="remove it")
        return value

    def _check_beginning(self) -> None:
        conflict = re.search(r"^(<<<<<<<|=======|>>>>>>>)", self.text, re.MULTILINE)
        if conflict:
            fix = "finish the merge, and remove the marker lines"
            raise JsonError("the file holds a merge conflict", conflict.start(), length=7, fix=fix)
        beginning = self.text.lstrip()
        yaml = re.match(r"(---|[A-Za-z_]+:\s)", beginning)
        if yaml or beginning.startswith("<"):
            kind = "YAML" if yaml else "HTML or XML"
            offset = len(self.text) - len(beginning)
            raise JsonError(f"the file holds {kind}, not JSON", offset, fix='write {"stream": "…"}')
        if self.text.startswith("version https://git-lfs"):
            raise JsonError("the file is a Git LFS pointer, not its content", 0, fix="run git lfs pull")

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        if self.text.startswith(("//", "/*", "#"), self.at):
            end = self.text.find("\n", self.at)
            length = (end if end >= 0 else len(self.text)) - self.at
            fix = "remove it (an explanation fits into the commit message)"
            raise JsonError("JSON has no comments", self.at, length=length, fix=fix)

    def _value(self, pointer: Pointer, key: Span | None, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise JsonError(f"nested deeper than {MAX_DEPTH} levels", self.at, code="LOT005", fix="flatten it")
        start = self.at
        character = self.text[start : start + 1]
        readers: dict[str, Callable[[Pointer, int], Any]] = {"{": self._object, "[": self._array}
        if character in readers and character:
            value = readers[character](pointer, depth)
        elif character == '"':
            value = self._string()
        else:
            value = self._scalar()
        self.places[pointer] = (key, Span(start, self.at))
        return value

    def _object(self, pointer: Pointer, depth: int) -> dict[str, Any]:
        opened = self.at
        self.at += 1
        members: dict[str, Any] = {}
        keys: dict[str, Span] = {}
        self._space()
        if self.text.startswith("}", self.at):
            self.at += 1
            return members
        while True:
            start = self.at
            name = self._key()
            span = Span(start, self.at)
            if name in keys:
                self.doubled.append((name, keys[name], span))
            keys.setdefault(name, span)
            self._space()
            if not self.text.startswith(":", self.at):
                self._end_of_text(opened, "{")
                fix = 'write "key": value' + (" (a colon, not =)" if self.text.startswith("=", self.at) else "")
                raise JsonError(f'a colon is missing after the key "{name}"', self.at, fix=fix)
            self.at += 1
            self._space()
            members[name] = self._value((*pointer, name), span, depth + 1)
            if self._next("}", opened, "{"):
                return members

    def _array(self, pointer: Pointer, depth: int) -> list[Any]:
        opened = self.at
        self.at += 1
        items: list[Any] = []
        self._space()
        if self.text.startswith("]", self.at):
            self.at += 1
            return items
        while True:
            items.append(self._value((*pointer, len(items)), None, depth + 1))
            if self._next("]", opened, "["):
                return items

    def _next(self, closing: str, opened: int, opening: str) -> bool:
        """Steps over a comma (False) or the closing bracket (True)."""
        end = self.at
        self._space()
        character = self.text[self.at : self.at + 1]
        if character == closing:
            self.at += 1
            return True
        if character == ",":
            comma = self.at
            self.at += 1
            self._space()
            if self.text.startswith(closing, self.at):
                raise JsonError("JSON allows no comma after the last one", comma, fix="remove the comma")
            if self.text.startswith(",", self.at):
                raise JsonError("two commas follow each other", self.at, fix="remove one of them")
            return False
        self._end_of_text(opened, opening)
        if character in "]}":
            raise JsonError(f'"{character}" closes what "{opening}" opened', self.at, fix=f'write "{closing}"')
        same_line = "\n" not in self.text[end : self.at]
        position = "before this" if same_line else "at the end of this line"
        raise JsonError(f"a comma is missing {position}", self.at if same_line else end - 1, fix='add ","')

    def _end_of_text(self, opened: int, opening: str) -> None:
        if self.at >= len(self.text):
            closing = "}" if opening == "{" else "]"
            raise JsonError(f'this "{opening}" is never closed', opened, fix=f'add the missing "{closing}"')

    def _key(self) -> str:
        character = self.text[self.at : self.at + 1]
        if character == '"':
            return self._string()
        self._foreign_quote()
        if not character:
            raise JsonError("the file ends in the middle of an object", max(0, self.at - 1), fix='add the missing "}"')
        bare_word = _WORD.match(self.text, self.at)
        if bare_word:
            fix = f'write "{bare_word.group()}"'
            raise JsonError("a key must be in double quotes", self.at, length=len(bare_word.group()), fix=fix)
        raise JsonError("a key in double quotes is expected here", self.at, fix='write "key": value')

    def _string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            self._broken_string()
        raw = match.group(0)  # pyright: ignore[reportOptionalMemberAccess]
        start, self.at = self.at, match.end()  # pyright: ignore[reportOptionalMemberAccess]
        value = cast(str, json.loads(raw)) if "\\" in raw else raw[1:-1]
        for character in value if "\\" in raw else "":
            if character == "\x00":
                message = "a NUL character (\\u0000) is not allowed in a value"
                raise JsonError(message, start, length=len(raw), fix="remove it")
            if "\ud800" <= character <= "\udfff":
                message = "half a character: a lone surrogate (\\ud800 to \\udfff) has no meaning in UTF-8"
                raise JsonError(message, start, length=len(raw), fix="write the character itself")
        return value

    def _broken_string(self) -> NoReturn:
        at = self.at + 1
        while at < len(self.text):
            character = self.text[at]
            if character == '"':
                break
            if character == "\n":
                raise JsonError("the text is not closed in its line", self.at, length=at - self.at, fix='add the "')
            if character < " ":
                short = {"\t": "\\t", "\r": "\\r"}
                fix = "write " + short.get(character, f"\\u{ord(character):04x}")
                raise JsonError("a text contains a control character", at, fix=fix)
            if character == "\\":
                if not re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})').match(self.text, at):
                    fix = 'write \\\\ for a backslash; JSON knows \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX'
                    raise JsonError(f'"{self.text[at : at + 2]}" is not a JSON escape', at, length=2, fix=fix)
                at += 1
            at += 1
        raise JsonError("the text is never closed", self.at, fix='add the missing "')

    def _foreign_quote(self) -> None:
        if self.text[self.at : self.at + 1] in tuple("'`\u201c\u201d\u201e\u2018\u2019\u00ab"):
            raise JsonError('JSON takes straight double quotes (") only', self.at, fix='write "…"')

    def _scalar(self) -> Any:
        start = self.at
        number = _NUMBER.match(self.text, start)
        following = self.text[number.end() : number.end() + 1] if number else ""
        if number and not (following.isalnum() or (following and following in "_.-+:")):
            self.at = number.end()
            return self._number(number)
        self._foreign_quote()
        bare_word = _WORD.match(self.text, start)
        if bare_word and bare_word.group() in _CONSTANTS:
            self.at = bare_word.end()
            return _CONSTANTS[bare_word.group()]
        if bare_word and bare_word.group() in ("NaN", "Infinity"):
            raise JsonError(
                f"JSON has no {bare_word.group()}", start, length=len(bare_word.group()), fix="use a number or null"
            )
        if bare_word:
            translation = _FOREIGN.get(bare_word.group())
            fix = f"write {translation}" if translation else f'write text in double quotes: "{bare_word.group()}"'
            message, secret = f"{bare_word.group()} is not a JSON value", "" if translation else bare_word.group()
            raise JsonError(message, start, length=len(bare_word.group()), fix=fix, bare_word=secret)
        if start >= len(self.text):
            raise JsonError("the file ends where a value should be", max(0, start - 1), fix="write the value, and }")
        token = re.compile(r"[^\s,\]}]*").match(self.text, start)
        length = max(1, len(token.group()) if token else 1)
        if re.match(r"[-+.0-9]", self.text[start]):
            fix = "numbers look like 12, -3.5 or 1e6: no leading zeros, no +, digits on both sides of the point"
            raise JsonError("this is not a JSON number", start, length=length, fix=fix)
        raise JsonError(
            "a value is missing here", start, fix="write a text in double quotes, a number, true, false or null"
        )

    def _number(self, match: re.Match[str]) -> int | float:
        text = match.group()
        if len(text) > _MAX_DIGITS:
            fix = "put it into double quotes, if it is a name"
            raise JsonError("the number is too long", match.start(), length=len(text), code="LOT005", fix=fix)
        value = float(text) if match.group(1) or match.group(2) else int(text)
        if value in (float("inf"), float("-inf")):
            raise JsonError("the number is too large", match.start(), length=len(text), fix="use a smaller one")
        return value
