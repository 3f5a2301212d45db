"""Text that others wrote (connectors, Airbyte, records, files, git), and how it is shown without having an effect.

Such text may hold terminal sequences, line ends that forge a line, characters that turn the reading direction, markup,
mentions and links. Whoever shows it asks for the form of the place: `terminal`, `markdown`, `code`, `block`, `html`,
`annotation`. Text of lotus's own passes unchanged, so a renderer can treat everything alike.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of characters that have an effect instead of a shape."""
_JOINERS = "\u200c\u200d"
"""Scripts and emoji need them; they have no effect of their own."""
_BREAK = "\u200b"
"""A zero-width space: ends a word for whoever looks for links, and shows nothing."""
_MARKUP = re.compile(r"[\\`*\[\]<>|$]|~{2,}|&(?=[\w#])|(?<!\w)_+|_+(?!\w)")
"""What has an effect in GitHub's Markdown, where it has one: `snake_case` stays readable."""
_LINKED = re.compile(
    r"(?P<scheme>\b(?:https?|ftp|mailto|xmpp):)"
    r"|(?P<www>www)(?=\.)"
    r"|(?P<at>@)(?=\w)"  # a mention
    r"|(?P<number>#)(?=\d)"  # an issue
    r"|(?P<gh>GH)(?=-\d)"
    r"|(?P<commit>(?<![\w-])[0-9a-f]{4})(?=[0-9a-f]{3,36}(?![\w-]))"
    r"|(?P<emoji>:)(?=[\w+-]+:)"
    r"|(?P<math>\$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A text of others."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return self.terminal()

    def terminal(self) -> str:
        """One line for a terminal or a log: what has an effect there is spelled out, such as `\\x1b`."""
        if self.text.isascii() and self.text.isprintable():
            return self.text
        return "".join(map(_visible, self.text))

    def markdown(self) -> str:
        """Inside a line of Markdown: no tag, link, mention, number, formula or line end has an effect."""
        line = " ".join(self.terminal().split())
        escaped = _MARKUP.sub(lambda match: "".join(f"\\{character}" for character in match.group()), line)
        return _LINKED.sub(lambda match: match.group() + _BREAK, escaped)

    def code(self) -> str:
        """A code span of Markdown."""
        line = self.terminal().strip() or " "
        ticks = "`" * (1 + max(map(len, re.findall(r"`+", line)), default=0))
        pad = " " if line.startswith("`") or line.endswith("`") else ""
        return f"{ticks}{pad}{line}{pad}{ticks}"

    def html(self) -> str:
        """Text of an element or of a quoted attribute."""
        return html.escape(self.terminal(), quote=True)

    def annotation(self) -> str:
        """Data of a GitHub workflow command."""
        return self.terminal().replace("%", "%25")

    def annotation_property(self) -> str:
        """A property of a GitHub workflow command, such as `file`."""
        return self.annotation().replace(":", "%3A").replace(",", "%2C")


def block(rows: Iterable[str], language: str = "text") -> str:
    """A block of code in Markdown that its lines cannot end."""
    body = "\n".join(Untrusted(line).terminal() for line in rows)
    ticks = "`" * max(3, 1 + max(map(len, re.findall(r"`+", body)), default=0))
    return f"{ticks}{language}\n{body}\n{ticks}"


def lines(*parts: str) -> str:
    """A text of several lines for a terminal; a line end inside of one is spelled out."""
    return "\n".join(Untrusted(part).terminal() for part in parts)


def terminal_text(text: str) -> str:
    """A text of several lines whose line ends are meant, each line safe for a terminal."""
    return lines(*text.split("\n"))


def json_text(text: str) -> str:
    """JSON whose texts have no effect on a terminal: the same value, with such characters as `\\u…`."""
    if text.isascii():
        return text

    def escaped(character: str) -> str:
        if character in _JOINERS or unicodedata.category(character) not in _INVISIBLE or character == "\n":
            return character
        units = character.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))

    return "".join(map(escaped, text))


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
