"""`lotus destinations new NAME`: a destination that works, with its test, to be changed into one's own.

As a distribution of its own with the entry point `lotus.destinations`, or inside a checkout of lotus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from lotus.authoring.files import write
from lotus.errors import ConfigError

_SCAFFOLD = Path(__file__).parent / "scaffold"
_LINE_LENGTH = 120
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PACKAGE = "lotus_server.destinations"
_TABLE = Path("lotus-server/lotus_server/destinations/__init__.py")
_REGISTRY = Path("lotus-server/lotus_server/connectors/registry.py")
_TESTS = Path("lotus-server/tests/destinations")
_LINE = re.compile(r'^    "([a-z0-9-]+)": \w+,$', re.MULTILINE)
_DEFINITION = re.compile(
    r'^    "(destination-[a-z0-9-]+)": Connector\((?:.*\),$|\n(?:     .*\n)*    \),$)', re.MULTILINE
)
_IMPORT = re.compile(r"^from lotus_server\.destinations\.(\w+) import (?:\w+$|\((?:\n    .*)*\n\)$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class NewDestination:
    """What was written: `files` are new, `tables` are the files that got a line (inside lotus only)."""

    name: str
    files: tuple[str, ...]
    tables: tuple[str, ...] = ()


def new_destination(name: str, folder: Path) -> NewDestination:
    """A distribution `lotus-destination-<name>` below `folder`: module, test, pyproject.toml with the entry point.

    Raises:
        ConfigError: the name cannot be one, or the folder exists already.
    """
    words = _words(name)
    module = f"lotus_destination_{name.replace('-', '_')}"
    home = folder / f"lotus-destination-{name}"
    if home.exists():
        raise ConfigError("the folder exists already", where=str(home), fix="choose another name or folder")
    texts = {
        home / "pyproject.toml": ("destination_project.txt", ""),
        home / f"{module}.py": ("destination.txt", ""),
        home / "tests" / f"test_{name.replace('-', '_')}.py": (
            "destination_test.txt",
            "\n".join([*_imports({}), f"from {module} import {words['CLASS']}, {words['CLASS']}Configuration"]),
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for path, (template, imports) in texts.items():
        write(folder, path, _filled(template, {**words, "MODULE": module, "IMPORTS": imports}))
    return NewDestination(name, tuple(str(path) for path in texts))


def new_destination_inside(name: str, checkout: Path) -> NewDestination:
    """A module of lotus itself with its test, and its lines in the tables `DESTINATIONS` and `CONNECTORS`.

    Raises:
        ConfigError: the name cannot be one or is taken, or this is not a checkout of lotus.
    """
    words = _words(name)
    table = checkout / _TABLE
    if not table.is_file():
        raise ConfigError(
            "this is not a checkout of lotus", where=str(table), fix="omit --inside to create a package of your own"
        )
    module = name.replace("-", "_")
    text = table.read_text()
    if name in _LINE.findall(text) or (table.parent / f"{module}.py").exists():
        raise ConfigError(f'the name "{name}" is taken', where=str(table), fix="choose another name")
    names = (words["CLASS"], f"{words['CLASS']}Configuration")
    imports = "\n".join(_imports({f"{_PACKAGE}.{module}": ", ".join(names)}))
    test = checkout / _TESTS / f"test_{module}.py"
    write(checkout, table.parent / f"{module}.py", _filled("destination.txt", words))
    write(checkout, test, _filled("destination_test.txt", {**words, "IMPORTS": imports}))
    text = _inserted(text, _IMPORT, module, f"from {_PACKAGE}.{module} import {words['CLASS']}")
    write(checkout, table, _inserted(text, _LINE, name, f'    "{name}": {words["CLASS"]},'))
    registry = checkout / _REGISTRY
    inner = f'"{uuid4()}", "{words["TITLE"]}", "1.0.0", actor_type="destination"'
    line = f'    "destination-{name}": Connector({inner}),'
    if len(line) > _LINE_LENGTH:
        line = f'    "destination-{name}": Connector(\n        {inner}\n    ),'
    write(checkout, registry, _inserted(registry.read_text(), _DEFINITION, f"destination-{name}", line))
    return NewDestination(name, (str(table.parent / f"{module}.py"), str(test)), (str(table), str(registry)))


def _words(name: str) -> dict[str, str]:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'"{name}" cannot be the name of a destination', fix="use small letters, digits and single dashes: my-lake"
        )
    parts = name.split("-")
    return {
        "NAME": name,
        "CLASS": "".join(part.capitalize() for part in parts),
        "TITLE": " ".join(part.capitalize() for part in parts),
    }


def _filled(template: str, words: dict[str, str]) -> str:
    text = (_SCAFFOLD / template).read_text()
    for placeholder, value in words.items():
        text = text.replace(f"@{placeholder}@", value)
    return text


def _imports(more: dict[str, str]) -> list[str]:
    """The test's imports of lotus, in the order that ruff wants."""
    modules = {
        f"{_PACKAGE}.conformance": "CASES, Case, Rows, Subject",
        f"{_PACKAGE}.destination": "DestinationStream",
        **more,
    }
    return [f"from {module} import {names}" for module, names in sorted(modules.items())]


def _inserted(text: str, entry: re.Pattern[str], name: str, line: str) -> str:
    """The text with a line among the entries of a kind, in their order."""
    before = [match for match in entry.finditer(text) if match.group(1) < name]
    after = next((match for match in entry.finditer(text) if match.group(1) > name), None)
    if before:
        return f"{text[: before[-1].end()]}\n{line}{text[before[-1].end() :]}"
    if after is None:
        raise ConfigError("the table does not have the expected form", fix=f"add by hand: {line.strip()}")
    return f"{text[: after.start()]}{line}\n{text[after.start() :]}"
