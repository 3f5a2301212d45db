"""Rows of the store as the dataclasses that this folder's modules give out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select

T = TypeVar("T")


def row_as(kind: type[T], db: Connection, query: Select[Any]) -> T | None:
    """The one row of a query, None if there is none; the query selects the fields of the dataclass."""
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else kind(**columns_of(row))


def rows_as(kind: type[T], db: Connection, query: Select[Any]) -> Sequence[T]:
    """All rows of a query, in its order."""
    return [kind(**columns_of(row)) for row in db.execute(query).mappings()]


def columns_of(row: RowMapping) -> dict[str, Any]:
    """The values of a row by the names of its columns."""
    return {str(name): value for name, value in row.items()}
