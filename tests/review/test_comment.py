"""`lotus review --post` against servers that speak GitHub's and Forgejo's API over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lotus.errors import ConfigError, RemoteError
from lotus.review.comment import post, pull_request
from lotus.review.report import marker

MARKER = marker("prod")


@dataclass
class Host:
    """A git host with one pull request; `paged` as GitHub, else all comments at once, as Forgejo."""

    prefix: str
    paged: bool
    comments: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    calls: list[str] = field(default_factory=list[str])
    url: str = ""

    def answer(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
        """What the host says to a call."""
        parts = urlsplit(path)
        self.calls.append(f"{method} {parts.path.removeprefix(self.prefix)}")
        if token != "Bearer t0ken":
            return 403, {"message": "Resource not accessible by integration"}
        match method, parts.path.removeprefix(f"{self.prefix}/repos/you/lake/issues/").split("/"):
            case "GET", ["7", "comments"]:
                asked = parse_qs(parts.query)
                size, page = int(asked["per_page"][0]), int(asked["page"][0])
                return 200, self.comments[(page - 1) * size : page * size] if self.paged else self.comments
            case "POST", ["7", "comments"]:
                self.comments.append({"id": 1000 + len(self.comments), **body, "html_url": f"{self.url}/pull/7#c"})
                return 201, self.comments[-1]
            case "PATCH", ["comments", number]:
                found = next(one for one in self.comments if one["id"] == int(number))
                found.update(body)
                return 200, found
            case _:
                return 404, {"message": "Not Found"}

    def environment(self, **more: str) -> dict[str, str]:
        """What the host's runner sets in a workflow of the pull request."""
        return {
            "GITHUB_API_URL": self.url + self.prefix,
            "GITHUB_REPOSITORY": "you/lake",
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_TOKEN": "t0ken",
            **more,
        }


@contextmanager
def served(host: Host) -> Generator[Host]:
    """The host on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = host.answer(self.command, self.path, self.headers.get("Authorization"), body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = _any  # noqa: N815  the names are http.server's

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["github", "forgejo"])
def host(request: pytest.FixtureRequest) -> Generator[Host]:
    """Both kinds: the API's root, and how comments are listed."""
    kinds = {"github": Host("", paged=True), "forgejo": Host("/api/v1", paged=False)}
    with served(kinds[request.param]) as found:
        yield found


def test_the_comment_is_made_once_and_then_updated(host: Host) -> None:
    """Whoever pushes ten times gets one comment."""
    first = post(pull_request(host.environment()), f"{MARKER}\none", MARKER)
    second = post(pull_request(host.environment()), f"{MARKER}\ntwo", MARKER)

    assert [comment["body"] for comment in host.comments] == [f"{MARKER}\ntwo"]
    assert (first, second) == (f"{host.url}/pull/7#c",) * 2


def test_the_comment_is_found_behind_many_others(host: Host) -> None:
    """A hundred comments of people are more than one page, and none of theirs is touched."""
    host.comments += [{"id": number, "body": f"words {MARKER}"} for number in range(100)]
    host.comments.append({"id": 100, "body": f"{MARKER}\nold"})

    post(pull_request(host.environment()), f"{MARKER}\nnew", MARKER)

    assert host.comments[100]["body"] == f"{MARKER}\nnew"
    assert [comment["body"] for comment in host.comments[:100]] == [f"words {MARKER}"] * 100


def test_a_token_that_may_not_write_is_explained(host: Host) -> None:
    """A fork's run has such a one."""
    with pytest.raises(RemoteError, match="403 Resource not accessible") as raised:
        post(pull_request(host.environment(GITHUB_TOKEN="other")), MARKER, MARKER)

    assert "pull-requests: write" in raised.value.fix
    assert "other" not in str(raised.value)


def test_outside_of_a_pull_request_nothing_is_called(host: Host) -> None:
    """A push to main has no pull request."""
    with pytest.raises(ConfigError, match="the pull request to comment on is unknown"):
        pull_request(host.environment(GITHUB_REF="refs/heads/main"))

    assert host.calls == []
