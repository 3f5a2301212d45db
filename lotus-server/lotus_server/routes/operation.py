"""One operation of an API: how it is reached, what answers it, and how requests and answers are read and written."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response

from lotus_server.errors import BadRequest
from lotus_server.routes.enums import with_enum_case
from lotus_server.services.server import Server

T = TypeVar("T")

Handler = Callable[[Server, Request], Awaitable[Response]]

BODY_SECONDS = 30.0
"""How long a client may take to send a body."""


class Body(msgspec.Struct, rename="camel", kw_only=True):
    """A request body: camelCase outside, unknown keys ignored, as Airbyte's servers do."""


@dataclass(frozen=True)
class Operation:
    """A line of the ``ROUTES`` table; ``name`` is the operation's id in Airbyte's OpenAPI file."""

    method: str
    path: str
    name: str
    handler: Handler


def reply(content: Any, status: int = 200) -> Response:
    """A JSON answer, with exactly the content type that the generated clients insist on."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def without_absent(response: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without the keys that have no value: Airbyte leaves them out, and its clients may not take null."""
    return {name: value for name, value in response.items() if value is not None}


def no_content(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status_code=status)


async def read_body(request: Request, kind: type[T]) -> T:
    """The JSON body as this type.

    Raises:
        BadRequest: not JSON, or not of this shape; the message says where.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    async with asyncio.timeout(BODY_SECONDS):
        raw = await request.body()
    if not raw:
        raise BadRequest("The request has no body; a JSON object is required")
    if content_type != "application/json":
        raise BadRequest("The request body must be sent with Content-Type: application/json")
    try:
        body = _decoded(raw, kind)
        orjson.dumps(
            msgspec.to_builtins(body)
        )  # what is kept is written as JSON later: this is where it can be refused
        return body
    except msgspec.ValidationError as error:
        raise BadRequest(f"The request body is not valid: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The request body is not JSON: {error}") from error
    except TypeError as error:
        raise BadRequest(f"The request body has a value that cannot be stored: {error}") from error
    except RecursionError as error:
        raise BadRequest("The request body is nested too deeply") from error


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return _decoder(kind).decode(raw)
    except msgspec.ValidationError:
        value = with_enum_case(msgspec.json.decode(raw), kind)
        return msgspec.convert(value, kind)


@cache
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def path_id(request: Request, name: str) -> str:
    """A UUID out of the path.

    Raises:
        BadRequest: not a UUID.
    """
    return as_id(request.path_params[name], name)


def path_number(request: Request, name: str) -> int:
    """A 64-bit number out of the path.

    Raises:
        BadRequest: not a number.
    """
    text = request.path_params[name]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f"{name} must be a whole number")
    return int(text)


def as_id(text: str, name: str) -> str:
    """A UUID in the form that the store uses.

    Raises:
        BadRequest: not a UUID.
    """
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise BadRequest(f"{name} must be a UUID") from None


def query_ids(request: Request, name: str) -> list[str]:
    """UUIDs of a query parameter, repeated or joined by commas: clients do both (docs/airbyte-behaviour.md#lists)."""
    texts = [part for value in request.query_params.getlist(name) for part in value.split(",") if part]
    return [as_id(text, name) for text in texts]


def query_id(request: Request, name: str, *, required: bool = False) -> str | None:
    """One UUID of a query parameter.

    Raises:
        BadRequest: not a UUID, or missing although required.
    """
    text = request.query_params.get(name)
    if not text:
        if required:
            raise BadRequest(f"The query parameter {name} is required")
        return None
    return as_id(text, name)


def query_flag(request: Request, name: str) -> bool:
    """A boolean of a query parameter, false when absent.

    Raises:
        BadRequest: it is neither true nor false.
    """
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise BadRequest(f"{name} must be true or false")
    return text == "true"


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """One of these words out of a query parameter, in whichever case; None if it is absent.

    Raises:
        BadRequest: another word.
    """
    text = request.query_params.get(name)
    if not text:
        return None
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise BadRequest(f"{name} must be one of {', '.join(choices)}")


def query_number(request: Request, name: str, default: int, *, lowest: int, highest: int) -> int:
    """A whole number of a query parameter.

    Raises:
        BadRequest: not a whole number, or out of bounds.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    number = text.removeprefix("-")
    if not (number.isascii() and number.isdigit() and len(number) < 12) or not lowest <= int(text) <= highest:
        raise BadRequest(f"{name} must be a whole number from {lowest} to {highest}")
    return int(text)
