"""Records and values as the JSON text that the connector wrote, of which a Python value would lose something."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw

NULL = Raw(b"null")

_BLANKS = re.compile(rb"[ \t\r\n]")
_STRING = rb'"(?:[^"\\]|\\.)*"'
_ODD = re.compile(rb"(?P<string>%s)|-?(?:NaN|Infinity)" % _STRING, re.DOTALL)
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def compact(text: bytes) -> bytes:
    """JSON without blanks between its tokens, each token as it was written."""
    if b" " not in text and b"\t" not in text and b"\r" not in text:
        return text
    return msgspec.json.format(text, indent=-1)


def compact_view(text: memoryview) -> memoryview | bytes:
    """The same for a text of megabytes: a view of it if it has no blank at all."""
    return msgspec.json.format(text, indent=-1) if _BLANKS.search(text) else text


def mended(line: bytes) -> bytes:
    """The line as JSON, for what Python programs print beyond it.

    NaN, Infinity and -Infinity become the texts of these names; bytes that are not UTF-8, and halves of surrogate
    pairs, become the replacement character.
    """
    return _ODD.sub(_mended_token, line.decode(errors="replace").encode())


def _mended_token(match: re.Match[bytes]) -> bytes:
    text = match["string"]
    if text is None:
        return b'"%s"' % match[0]
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape["lone"] else escape[0], text)


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def members(text: bytes | Raw) -> dict[str, Raw]:
    """The members of an object, each as it was written.

    Raises:
        msgspec.DecodeError: it is no object.
    """
    return _MEMBERS.decode(text)


def items(text: bytes | Raw) -> list[Raw]:
    """The items of an array, each as it was written.

    Raises:
        msgspec.DecodeError: it is no array.
    """
    return _ITEMS.decode(text)
