"""Pages of a list: limit, offset, and the URLs of the next and previous page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from lotus_server.routes.operation import query_number

LARGEST_PAGE = 100
DEFAULT_PAGE = 20
LARGEST_OFFSET = 2**31 - 1


@dataclass(frozen=True)
class Page:
    """The part of a list that a request asks for."""

    limit: int
    offset: int


def page_of(request: Request) -> Page:
    """The page that a request asks for, by default the first 20.

    Raises:
        BadRequest: limit or offset is out of bounds.
    """
    return Page(
        limit=query_number(request, "limit", DEFAULT_PAGE, lowest=1, highest=LARGEST_PAGE),
        offset=query_number(request, "offset", 0, lowest=0, highest=LARGEST_OFFSET),
    )


def listed(request: Request, page: Page, data: Sequence[Any]) -> dict[str, Any]:
    """The answer's body: ``next`` is empty only after an empty page (docs/airbyte-behaviour.md#lists)."""
    following = _url(request, page, page.offset + page.limit) if data else ""
    before = _url(request, page, max(page.offset - page.limit, 0)) if page.offset else ""
    return {"data": data, "next": following, "previous": before}


def _url(request: Request, page: Page, offset: int) -> str:
    parameters: dict[str, str] = {}
    for name in request.query_params:
        if name not in ("limit", "offset"):
            parameters[name] = ",".join(request.query_params.getlist(name))
    query = urlencode({**parameters, "limit": page.limit, "offset": offset}, safe=",")
    return f"{request.url.replace(query=query)}"
