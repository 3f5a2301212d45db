"""The tables of keys in docs/files.md, made from the models that check the files: `python -m tests.files_page`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lotus.config.mappers import AesEncryption, FieldFiltering, FieldRenaming, Hashing, RowFiltering, RsaEncryption
from lotus.config.models import (
    BackfillFile,
    BasicScheduleFile,
    ConnectionFile,
    ConnectionOptions,
    ConnectorFile,
    DestinationFile,
    SourceFile,
    StreamFile,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "files.md"
TABLES: dict[str, tuple[type[BaseModel], ...]] = {
    "stream": (StreamFile,),
    "source": (SourceFile,),
    "connection": (ConnectionFile,),
    "options": (ConnectionOptions,),
    "destination": (DestinationFile,),
    "connector": (ConnectorFile,),
    "schedule": (BasicScheduleFile,),
    "backfill": (BackfillFile,),
    "mappers": (Hashing, FieldRenaming, FieldFiltering, RowFiltering, AesEncryption, RsaEncryption),
}
"""The name behind each `<!-- keys of … -->` of the page, and the models whose keys are listed there."""
_WORDS = {str: "text", bool: "`true`, `false`", int: "number", dict: "object"}
_MARK = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end of keys -->)", re.DOTALL)


def written() -> str:
    """The page with the tables as the models have them."""
    return _MARK.sub(lambda match: f"{match[1]}{table(match[2])}{match[3]}", PAGE.read_text(encoding="utf-8"))


def table(name: str) -> str:
    """One table: a row for each key of a file, or for each kind of mapper."""
    if name == "mappers":
        rows = [_mapper_row(model) for model in TABLES[name]]
        return "\n".join(["| `type` | what it does | other keys |", "| --- | --- | --- |", *rows]) + "\n"
    rows = [
        f"| `{key}` | {_takes(field)} | {field.description} |" for model in TABLES[name] for key, field in keys(model)
    ]
    return "\n".join(["| key | takes | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a model as a file has them."""
    for name, field in model.model_fields.items():
        if name != "schema_":
            yield field.alias or name, field


def _mapper_row(model: type[BaseModel]) -> str:
    others = [f"`{key}`{_choices(field.annotation)}" for key, field in keys(model) if key != "type"]
    (kind,) = get_args(model.model_fields["type"].annotation)
    return f"| `{kind}` | {model.__doc__} | {', '.join(others)} |"


def _choices(annotation: Any) -> str:
    return f" ({', '.join(get_args(annotation))})" if get_origin(annotation) is Literal else ""


def _takes(field: FieldInfo) -> str:
    return ", ".join(dict.fromkeys(_kinds(field.annotation)))


def _kinds(annotation: Any) -> Iterator[str]:
    """What a value may be, in words."""
    origin = get_origin(annotation)
    if origin is Literal:
        yield ", ".join(f"`{word}`" for word in get_args(annotation))
    elif origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for form in get_args(annotation):
            if form is not type(None):
                yield from _kinds(form)
    elif origin is tuple:
        yield "list"
    else:
        yield _WORDS.get(origin or annotation, "object")


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
