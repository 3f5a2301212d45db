"""The commands that messages print, collected from the sources: what a person is told to type."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.airbyte import REPOSITORY

PACKAGES = ("lotus", "pulumi-airbyte/pulumi_airbyte")
VERBS: dict[str, Collection[str]] = {
    "pulumi": [
        "up",
        "preview",
        "refresh",
        "destroy",
        "import",
        "config",
        "stack",
        "cancel",
        "install",
        "login",
        "state",
    ],
    "git": [
        "add",
        "commit",
        "push",
        "pull",
        "fetch",
        "revert",
        "init",
        "rm",
        "diff",
        "log",
        "checkout",
        "clone",
        "restore",
    ],
    "kubectl": ["get", "apply", "describe", "logs", "delete", "create", "annotate", "wait", "exec"],
    "make": ["run", "setup", "test", "check", "stop", "soak", "down", "up", "clean"],
}
"""Programs that people are told to run, beside lotus, and their first words."""
_START = re.compile(r"(?<![\w./-])(lotus|pulumi|git|kubectl|make) (?=[a-z{])")
_WORD = re.compile(r"""'[^']*'|"[^"]*"|[^\s`,;()|&]+""")
_ARGUMENT = re.compile(r"""-|\{|[A-Z][A-Z_]+(?:=|\b)|['"]|\S*[/=:]\S|\d""")
_NESTED = ("config", "stack", "state")
"""Words of pulumi's with a word of their own."""


@dataclass(frozen=True)
class Printed:
    """A command as a source has it, with `{}` for what is filled in, and where it is."""

    command: str
    where: str

    @property
    def is_a_name(self) -> bool:
        """Whether a text only mentions the command: it has no argument."""
        return not any(_ARGUMENT.match(word) for word in self.command.split(" ")[1:])


def printed(lotus: Collection[str]) -> Iterator[Printed]:
    """Every command in a text of the packages; `lotus` are the commands that lotus has."""
    for package in PACKAGES:
        for file in sorted((REPOSITORY / package).rglob("*.py")):
            for line, text in _texts(file):
                for command in commands_in(text, lotus):
                    yield Printed(command, f"{file.relative_to(REPOSITORY)}:{line}")


def commands_in(text: str, lotus: Collection[str]) -> Iterator[str]:
    """The commands in a text, each up to the first word that is neither one of its own nor an argument."""
    for match in _START.finditer(text):
        program = match.group(1)
        words: list[str] = []
        at = match.end()
        while found := _WORD.match(text, at):
            word = found.group().rstrip(".:")
            if not (_is_command(word, words, program, lotus) or (words and _ARGUMENT.match(word))):
                break
            words.append(word)
            at = found.end() + 1
            if text[found.end() : at] != " ":
                break
        if words:
            yield " ".join([program, *words])


def _is_command(word: str, before: list[str], program: str, lotus: Collection[str]) -> bool:
    if program == "lotus":
        return " ".join([*before, word]) in lotus
    if not before:
        return word in VERBS[program]
    return program == "pulumi" and before[0] in _NESTED and len(before) == 1 and word.islower()


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines, docstrings left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in ast.walk(node) if part is not node}
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
