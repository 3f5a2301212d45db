"""One comment on a pull request, updated by each run: GitHub and Forgejo have the same calls for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from lotus.errors import ConfigError, RemoteError, UnavailableError

_PAGE = 50
_MOST_PAGES = 40
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request, and the API that knows it. `api` is such as https://api.github.com or https://git.example.invalid/api/v1."""

    api: str
    repository: str
    number: int
    token: str = field(repr=False)


def pull_request(environment: Mapping[str, str]) -> PullRequest:
    """The pull request that a workflow runs for, from the variables that GitHub's and Forgejo's runners set.

    Raises:
        ConfigError: this is not a workflow of a pull request, or it has no token.
    """
    event = environment.get("GITHUB_EVENT_PATH")
    match = re.fullmatch(r"refs/pull/([0-9]+)/\w+", environment.get("GITHUB_REF", ""))
    number = _number_of(Path(event)) if event else None
    if match:
        number = int(match.group(1))
    missing = [name for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN") if not environment.get(name)]
    if missing or number is None:
        raise ConfigError(
            f"the pull request to comment on is unknown: no {', '.join(missing) or 'pull request in GITHUB_REF'}",
            where="environment",
            fix="use --post in a pull_request workflow, and give the step GITHUB_TOKEN: ${{ github.token }}",
        )
    return PullRequest(
        environment["GITHUB_API_URL"].rstrip("/"),
        environment["GITHUB_REPOSITORY"],
        number,
        environment["GITHUB_TOKEN"],
    )


def post(request: PullRequest, body: str, marker: str, *, client: httpx.Client | None = None) -> str:
    """Puts `body`, which starts with `marker`, into the comment that starts with it, or a new one; returns its address.

    The token can only change comments of its own account.

    Raises:
        RemoteError: the server refuses. UnavailableError: it does not answer.
    """
    headers = {"Authorization": f"Bearer {request.token}", "Accept": "application/json", "User-Agent": "lotus"}
    with client or httpx.Client(timeout=_SECONDS) as http:
        issues = f"{request.api}/repos/{request.repository}/issues"
        existing = _existing(http, f"{issues}/{request.number}/comments", headers, marker)
        if existing is not None:
            comment = _send(http, "PATCH", f"{issues}/comments/{existing}", headers, json={"body": body})
        else:
            comment = _send(http, "POST", f"{issues}/{request.number}/comments", headers, json={"body": body})
    return str(comment.get("html_url") or comment.get("url") or "")


def _existing(http: httpx.Client, url: str, headers: Mapping[str, str], marker: str) -> int | None:
    for page in range(1, _MOST_PAGES + 1):
        page_of = {"page": page, "per_page": _PAGE, "limit": _PAGE}
        comments: list[dict[str, Any]] = _send(http, "GET", url, headers, params=page_of)
        for comment in comments:
            if str(comment.get("body") or "").startswith(marker):
                return int(comment["id"])
        # Forgejo answers with all comments at once, whatever the page.
        if len(comments) != _PAGE:
            return None
    return None


def _send(http: httpx.Client, method: str, url: str, headers: Mapping[str, str], **more: Any) -> Any:
    try:
        response = http.request(method, url, headers=headers, **more)
    except httpx.TransportError as error:
        raise UnavailableError(f"the server of the pull request does not answer: {error}", where=url) from None
    if response.status_code >= 500:
        raise UnavailableError(f"the server of the pull request answers {response.status_code}", where=url)
    if response.is_error:
        try:
            words = str(response.json().get("message") or "")
        except (ValueError, AttributeError):
            words = ""
        raise RemoteError(
            f"the server of the pull request refuses: {response.status_code} {words}".rstrip(),
            where=f"{method} {url}",
            fix="the job needs `permissions: pull-requests: write`; a fork's run has no such token",
        )
    return response.json()


def _number_of(event: Path) -> int | None:
    try:
        payload: Any = json.loads(event.read_text(encoding="utf-8"))
        return int(payload["pull_request"]["number"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
