"""What is repeated, what never is, and what comes out of it. The server is a function in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pulumi_airbyte.api import (
    Airbyte,
    AirbyteError,
    AnswerError,
    ConflictError,
    ForeignAnswerError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
    UnknownOutcomeError,
)

Server = Callable[[httpx.Request], httpx.Response]


class Answers:
    """A server that gives one answer after the other, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def run(server: Server, call: Callable[[Airbyte], Any], **options: Any) -> Any:
    async def go() -> Any:
        transport = httpx.MockTransport(server)
        async with Airbyte("http://localhost:1", transport=transport, patience=1.0, **options) as airbyte:
            return await call(airbyte)

    return asyncio.run(go())


def create(airbyte: Airbyte) -> Any:
    return airbyte.create("/sources", {"name": "s"})


def read(airbyte: Airbyte) -> Any:
    return airbyte.get("/sources/1")


OK = httpx.Response(200, json={"sourceId": "1"})


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(500), httpx.Response(503), httpx.ReadTimeout("slow"), httpx.ReadError("reset")],
    ids=["500", "503", "timeout", "reset"],
)
def test_a_create_is_never_sent_twice_once_it_was_sent(answer: httpx.Response | Exception):
    """Issue 129: it may have happened, and a second one would be a duplicate."""
    server = Answers(answer, OK)

    with pytest.raises(UnknownOutcomeError):
        run(server, create)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(429, headers={"Retry-After": "0"}), httpx.ConnectError("refused")],
    ids=["429", "no connection"],
)
def test_a_create_that_did_not_happen_is_sent_again(answer: httpx.Response | Exception):
    """A refused connection and a rate limit come before any work."""
    server = Answers(answer, OK)

    assert run(server, create) == {"sourceId": "1"}
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(502),
        httpx.Response(429),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
    ],
)
def test_a_read_is_repeated(answer: httpx.Response | Exception):
    """Nothing is lost by it."""
    assert run(Answers(answer, OK), read) == {"sourceId": "1"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, RefusedError), (403, UnauthorizedError), (404, NotFoundError), (409, ConflictError), (422, RefusedError)],
)
def test_a_refusal_is_not_repeated(status: int, kind: type[AirbyteError]):
    """And carries the server's own words, not the generic title."""
    kind_of_problem = "https://reference.airbyte.com/reference/errors#bad"
    body = {"type": kind_of_problem, "detail": "generic", "data": {"message": "the very reason"}}
    server = Answers(httpx.Response(status, json=body))

    with pytest.raises(kind, match="the very reason"):
        run(server, create)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 409])
@pytest.mark.parametrize(
    "answer",
    [
        {"text": "404 page not found"},
        {"html": "<html><h1>404 Not Found</h1></html>"},
        {"json": {"message": "no Route matched with those values"}},
        {"json": {"message": "Not Found", "_embedded": {"errors": [{"message": "Page Not Found"}]}}},
        {"json": []},
        {"content": b""},
    ],
    ids=["text", "page", "gateway", "no such path", "list", "empty"],
)
def test_an_ingress_is_not_believed(status: int, answer: dict[str, Any]):
    """Only Airbyte's own words say that an object is not there; a create that meets others may have happened."""
    with pytest.raises(ForeignAnswerError, match="server URL right"):
        run(Answers(httpx.Response(status, **answer)), read)
    with pytest.raises(UnknownOutcomeError):
        run(Answers(httpx.Response(status, **answer)), create)
    with pytest.raises(ForeignAnswerError):
        run(Answers(httpx.Response(status, **answer)), lambda airbyte: airbyte.delete("/sources/1"))


@pytest.mark.parametrize("answer", [[], {}, None, "ok"], ids=["list", "empty object", "null", "text"])
def test_a_create_whose_answer_says_nothing_may_have_happened(answer: Any):
    """It is looked for, never taken for a refusal."""
    with pytest.raises(UnknownOutcomeError):
        run(Answers(httpx.Response(200, json=answer)), create)
    with pytest.raises(UnknownOutcomeError):
        run(Answers(httpx.Response(302, headers={"Location": "https://login.invalid"})), create)


def test_a_list_without_its_list_is_not_empty():
    """Else everything would be gone."""
    with pytest.raises(AnswerError, match="list"):
        run(Answers(httpx.Response(200, json={})), lambda airbyte: airbyte.sources())


def test_a_server_that_stays_away_is_given_up_in_time():
    """With its address, so that a wrong URL is seen."""
    with pytest.raises(UnavailableError, match="localhost:1"):
        run(Answers(httpx.ConnectError("refused")), read)


def test_an_answer_that_is_not_json_points_at_the_url():
    """A web page in place of the API."""
    page = httpx.Response(200, headers={"Content-Type": "text/html"}, content=b"<html>")

    with pytest.raises(AnswerError, match="root of the API"):
        run(Answers(page), read)
    with pytest.raises(UnknownOutcomeError):
        run(Answers(page), create)


def token_server(lifetime: int = 900) -> tuple[Server, list[str]]:
    """Gives tokens 1, 2, …; accepts only the last one given."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        tokens = sum(path.endswith("token") for path in seen)
        if request.url.path == "/api/v1/applications/token":
            return httpx.Response(200, json={"access_token": str(tokens), "expires_in": lifetime})
        if request.url.path.endswith("applications/token"):
            return httpx.Response(404)
        accepted = request.headers.get("Authorization") == f"Bearer {tokens}" and tokens >= 3
        return httpx.Response(200, json={"sourceId": "1"}) if accepted else httpx.Response(401)

    return answer, seen


def test_a_refused_token_is_renewed_once_even_for_a_create():
    """A 401 means that nothing happened; the token endpoint is looked for in all its places."""
    server, seen = token_server()

    assert run(server, create, client_id="i", client_secret="s") == {"sourceId": "1"}
    assert [path.rsplit("/", 1)[-1] for path in seen] == ["token", "token", "sources", "token", "sources"]


@pytest.mark.parametrize(
    ("signed_in", "header"),
    [
        ({}, None),
        ({"bearer": "t0ken"}, "Bearer t0ken"),
        # RFC 7617: the pair in UTF-8; a password may hold colons.
        ({"username": "ädmin", "password": "p:w"}, "Basic w6RkbWluOnA6dw=="),
    ],
    ids=["none", "bearer", "basic"],
)
def test_each_way_to_sign_in_has_its_header(signed_in: dict[str, str], header: str | None):
    """Basic authentication is what a proxy before Airbyte asks for."""
    server = Answers(OK)

    run(server, read, **signed_in)
    assert server.requests[0].headers.get("Authorization") == header


def test_a_wrong_password_is_said_once():
    """In the words of what was given."""
    server = Answers(httpx.Response(401))

    with pytest.raises(UnauthorizedError, match="username and password"):
        run(server, read, username="admin", password="wrong")
    assert len(server.requests) == 1


def test_wrong_credentials_are_said_once():
    """Not by trying again and again."""
    server = Answers(httpx.Response(401))

    with pytest.raises(UnauthorizedError, match="client id and secret"):
        run(server, create, client_id="i", client_secret="s")
    assert len(server.requests) == 1


def test_a_list_is_read_to_its_end():
    """The API gives 100 at a time; a home-made script misses the rest."""
    everything = [{"sourceId": str(number)} for number in range(230)]

    def pages(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        return httpx.Response(200, json={"data": everything[offset : offset + 100], "next": "more"})

    assert len(run(pages, lambda airbyte: airbyte.sources(["w"]))) == 230


def test_a_delete_of_what_is_gone_is_no_fault():
    """Also when the first answer was lost."""
    gone = httpx.Response(404, json={"data": {"resourceId": "1", "message": "Could not find x 1"}})

    assert run(Answers(httpx.ReadError("reset"), gone), lambda airbyte: airbyte.delete("/x/1")) is False
