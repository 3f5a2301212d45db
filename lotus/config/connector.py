"""What `connector` in a file may be: a name, a definition id, a PyPI requirement; a manifest has a key of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lotus.config import catalog

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"(source|destination)-[a-z0-9][a-z0-9-]*")
_REQUIREMENT = re.compile(
    r"airbyte[-_.](source|destination)[-_.]([A-Za-z0-9][A-Za-z0-9._-]*?)\s*(?:(==)\s*([^\s,;]+))?"
)
_OVERRIDE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?\s*([<>=!~]=?|===)\s*[A-Za-z0-9.*+!,<>=~ ]+")


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as Airbyte wants it: by type (`faker`), by definition id, by image, or by manifest.

    `version` is an image's tag; empty where the server's own version holds. `python` and `overrides` are for the local
    server, which installs the connector's package instead of an image. `shared` is the name of the connector below
    `_connectors` that it comes from, empty for one that belongs to its source.
    """

    kind: Literal["type", "definition", "image", "manifest"]
    value: str
    version: str = ""
    python: str = ""
    overrides: tuple[str, ...] = ()
    shared: str = ""

    @property
    def repository(self) -> str:
        """The image of an `image` connector."""
        return self.value if "/" in self.value else f"airbyte/{self.value}"

    @property
    def requirement(self) -> str:
        """The package of an `image` connector and its version, as PyPI names them."""
        return f"airbyte-{self.value}=={self.version}"


def parse(text: str, role: Literal["source", "destination"]) -> Connector | str:
    """The connector, or a sentence that says what is wrong with the text."""
    text = text.strip()
    if _UUID.fullmatch(text):
        return Connector("definition", text.lower())
    name = _NAME.fullmatch(text)
    if name:
        if name.group(1) != role:
            return f'"{text}" is a {name.group(1)}, not a {role}'
        return Connector("type", text.removeprefix(f"{role}-"))
    requirement = _REQUIREMENT.fullmatch(text)
    if requirement:
        if requirement.group(1) != role:
            return f'"{text}" is a {requirement.group(1)}, not a {role}'
        short = re.sub(r"[._]", "-", requirement.group(2)).lower()
        version = requirement.group(4) or ""
        return Connector("image", f"{role}-{short}", version) if version else Connector("type", short)
    return f'"{text}" is not a connector'


def parse_package(
    package: str, python: str, overrides: tuple[str, ...], role: Literal["source", "destination"]
) -> Connector | str:
    """The connector of `{"package": …, "python": …, "overrides": […]}`, or a sentence that says what is wrong."""
    connector = parse(package, role)
    if isinstance(connector, str):
        return connector
    if connector.kind != "image":
        return f'"{package}" is not a version of a package'
    for override in overrides:
        if not _OVERRIDE.fullmatch(override):
            return f'"{override}" is not a version of a package'
    return Connector("image", connector.value, connector.version, python, overrides)


def suggestion(text: str, role: Literal["source", "destination"]) -> str:
    """What was probably meant."""
    if re.fullmatch(r"[0-9a-f-]{20,}", text.lower()):
        return "a definition id has 36 characters: 8-4-4-4-12 hexadecimal digits"
    name = re.split(r"[:=<>~!@]", text.removeprefix("airbyte/"), maxsplit=1)[0]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    slug = re.sub(r"^(airbyte-)?(source-|destination-)?", "", slug)
    example = "shopify" if role == "source" else "s3"
    return (
        f'write "{role}-{slug or example}", a definition id, or "airbyte-{role}-{slug or example}==1.2.3" '
        "(that version of the PyPI package)"
    )


def misspelt(connector: Connector, role: Literal["source", "destination"]) -> str:
    """What a connector's name probably means, such as `source-github`; empty if nothing is wrong with it."""
    if connector.kind != "type":
        return ""
    near = catalog.nearest(connector.value, role)
    return f"{role}-{near}" if near else ""
