"""What is wrong in the user's files, as data: one `Fault` each, at its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from lotus.errors import explained
from lotus.untrusted import Untrusted

Severity = Literal["error", "hint"]
"""An error stops every command and the program; a hint is printed and nothing else."""

_EXCERPT_WIDTH = 110
_ALLOWED_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what, where, how to fix it.

    `line` and `column` count from 1 (columns in characters); 0 means the file as a whole. `length` is how many
    characters to underline in `excerpt`, the text of that line.
    """

    code: str
    what: str
    file: str
    line: int = 0
    column: int = 0
    length: int = 0
    excerpt: str = ""
    fix: str = ""
    allowed: tuple[str, ...] = ()
    nearest: str = ""
    severity: Severity = "error"

    @property
    def where(self) -> str:
        """The place as editors and terminals understand it: `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def text(self) -> str:
        """The fault for a person, with the line underlined."""
        return explained(self.what, where=self.where, fix=self.fix, code=self.code, excerpt=self._underlined())

    def without_excerpt(self) -> Fault:
        """The fault without the line that it is in, which may hold a secret."""
        return replace(self, excerpt="")

    def github(self) -> str:
        """The fault as a GitHub annotation (one line on stdout of a workflow)."""
        level = "error" if self.severity == "error" else "notice"
        properties = [f"file={Untrusted(self.file).annotation_property()}"]
        if self.line:
            properties += [f"line={self.line}", f"col={self.column}", f"endColumn={self.column + max(self.length, 1)}"]
        properties.append(f"title={self.code}")
        lines = [self.what, f"fix: {self.fix}"] if self.fix else [self.what]
        return f"::{level} {','.join(properties)}::{'%0A'.join(Untrusted(line).annotation() for line in lines)}"

    def json(self) -> dict[str, Any]:
        """The fault as a JSON object; the keys are stable."""
        return {
            "code": self.code,
            "severity": self.severity,
            "what": self.what,
            "file": self.file,
            "line": self.line or None,
            "column": self.column or None,
            "fix": self.fix or None,
            "allowed": list(self.allowed),
            "nearest": self.nearest or None,
        }

    def _underlined(self) -> list[str]:
        if not self.excerpt or not self.line:
            return []
        start = self.column - 1
        # Long lines (a whole stream on one line) are cut so that the place stays in sight.
        cut = max(0, start - _EXCERPT_WIDTH // 2) if len(self.excerpt) > _EXCERPT_WIDTH else 0
        line = self.excerpt[cut : cut + _EXCERPT_WIDTH]
        if not cut:
            indent = len(line) - len(line.lstrip())
            indent = min(indent, start)
            line, start = line[indent:], start - indent
        else:
            line, start = "…" + line, start - cut + 1
        line = "".join(c if c.isprintable() else " " for c in line)
        width = max(1, min(self.length, len(line) - start))
        return [line, " " * start + "^" * width]


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Faults by file and place, doubles left out."""
    return sorted(dict.fromkeys(faults), key=lambda f: (f.file, f.line, f.column, f.code, f.what))


def render(faults: Sequence[Fault], form: Literal["text", "json", "github"] = "text") -> str:
    """All faults in one of the three forms that `--format` offers."""
    if form == "json":
        return json.dumps([f.json() for f in faults], ensure_ascii=False, indent=2)
    if form == "github":
        return "\n".join(f.github() for f in faults)
    return "\n\n".join(f.text() for f in faults)


def closest(text: str, candidates: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty string."""
    names = list(candidates)
    for name in names:
        if name.casefold() == text.casefold():
            return name
    close = get_close_matches(text, names, n=1, cutoff=0.6)
    return close[0] if close else ""


def choose(text: str, candidates: Iterable[str], *, otherwise: str = "") -> tuple[str, tuple[str, ...], str]:
    """The fix sentence, what is allowed, and the nearest spelling for a word that is not among the known ones."""
    allowed = tuple(candidates)
    near = closest(text, allowed)
    if near:
        return f'did you mean "{near}"?', allowed, near
    if not allowed:
        return otherwise, (), ""
    listed = ", ".join(allowed[:_ALLOWED_SHOWN]) + (
        f" … ({len(allowed)} in all)" if len(allowed) > _ALLOWED_SHOWN else ""
    )
    return f"use one of: {listed}" if len(allowed) > 1 else f"use {listed}", allowed, ""
