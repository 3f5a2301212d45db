"""Characters that have an effect on a terminal instead of a shape, spelled out.

A connector, a server or a file may send any text: terminal sequences, line ends that forge a line, characters that turn
the reading direction.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that have an effect instead of a shape."""
_JOINERS = "\u200c\u200d"
"""Scripts and emoji need them; they have no effect of their own."""


def visible(text: str) -> str:
    """One line: what has an effect is spelled out, such as `\\x1b`, and a line end is `⏎`.

    Example:
        >>> visible("a\\x1b[2Jb")
        'a\\\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def visible_lines(text: str) -> str:
    """The same for a text whose line ends are meant."""
    return "\n".join(map(visible, text.split("\n")))


def _visible(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    if unicodedata.category(character) not in _INVISIBLE:
        return character  # other spaces
    if character == "\t":
        return " "
    if character == "\n":
        return "⏎"
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
