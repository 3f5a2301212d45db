"""What `connector` in a file may be: a name, a definition id, a PyPI requirement; a manifest stands beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME = re.compile(r"(source|destination)-[a-z0-9][a-z0-9-]*")
_REQUIREMENT = re.compile(
    r"airbyte[-_.](source|destination)[-_.]([A-Za-z0-9][A-Za-z0-9._-]*?)\s*(?:(==)\s*([^\s,;]+))?"
)


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as Airbyte wants it: by type (`faker`), by definition id, by image, or by manifest.

    `version` is an image's tag; empty where the server's own version holds.
    """

    kind: Literal["type", "definition", "image", "manifest"]
    value: str
    version: str = ""

    @property
    def repository(self) -> str:
        """The image of an `image` connector."""
        return f"airbyte/{self.value}"


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
    return f'"{text}" is no connector'


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
