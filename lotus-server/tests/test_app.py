"""Tokens, applications, and what the server refuses to hear at all (docs/airbyte-behaviour.md#access-tokens)."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from lotus_server.__main__ import Listener
from lotus_server.app import LARGEST_BODY
from server_support.airbyte import Airbyte, serve, with_shop
from starlette.testclient import TestClient

CREDENTIALS: dict[str, Any] = {"client_id": "lotus", "client_secret": "open sesame"}
TOKEN_PATHS = [
    "/applications/token",
    "/v1/applications/token",
    "/api/v1/applications/token",
    "/api/public/v1/applications/token",
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that asks for credentials."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    with serve(data, required=True, token="admin token", **CREDENTIALS) as http:
        yield http


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_tokens_are_served_wherever_clients_look(guarded: TestClient, path: str) -> None:
    """At /applications/token, /v1/…, /api/v1/… and /api/public/v1/…; JSON and form; 900 s."""
    form = guarded.post(path, data={**CREDENTIALS, "grant_type": "client_credentials"})
    for response in (guarded.post(path, json=CREDENTIALS), form):
        assert response.status_code == 200
        assert (response.json()["token_type"], response.json()["expires_in"]) == ("Bearer", 900)
        bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
        assert guarded.get("/v1/sources", headers=bearer).status_code == 200


def test_wrong_credentials_get_no_token(guarded: TestClient) -> None:
    """400 with Airbyte's words (airbyte issues 65592 and 65595), wherever the token is asked for."""
    for path in TOKEN_PATHS:
        for wrong in ({**CREDENTIALS, "client_secret": ""}, {**CREDENTIALS, "client_id": "x"}):
            response = guarded.post(path, json=wrong)
            assert (response.status_code, response.json()["message"]) == (400, "Bad Request")
            assert response.json()["_links"]["self"]["href"] == path
            assert response.json()["_embedded"]["errors"][0]["message"] == "Invalid client id or token"


def test_an_open_server_takes_any_client_credentials(airbyte: Airbyte) -> None:
    """As it takes any bearer token; the token's subject is the user, as Airbyte's."""
    response = airbyte.http.post("/v1/applications/token", json={"client_id": "mine", "client_secret": "made up"})
    claims = jwt.decode(response.json()["access_token"], options={"verify_signature": False})

    assert response.status_code == 200
    assert (claims["sub"], claims["aud"]) == ("00000000-0000-0000-0000-000000000000", "airbyte-server")
    found = airbyte.config("/users/get_by_auth_id", {"authUserId": claims["sub"]})
    assert found.json()["userId"] == claims["sub"]


def test_a_request_without_a_token_is_unauthorized(guarded: TestClient) -> None:
    """The 401 body {"message":"Unauthorized","_links":…} (issue 216)."""
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YWlyYnl0ZTpwYXNzd29yZA=="}):
        response = guarded.get("/v1/sources", headers=headers)
        assert response.status_code == 401
        assert response.json()["message"] == "Unauthorized"
        assert "_links" in response.json()


def test_health_needs_no_token(guarded: TestClient) -> None:
    """A probe has no credentials."""
    assert guarded.get("/v1/health").status_code == 200


def test_the_servers_own_token_is_taken(guarded: TestClient) -> None:
    """With --host the environment's token is what other machines send."""
    assert guarded.get("/v1/sources", headers={"Authorization": "Bearer admin token"}).status_code == 200


def test_a_deleted_applications_tokens_end(guarded: TestClient) -> None:
    """An access token is worth as much as its application."""
    admin = {"Authorization": "Bearer admin token"}
    made = guarded.post("/v1/applications", json={"name": "a"}, headers=admin).json()
    credentials = {"client_id": made["clientId"], "client_secret": made["clientSecret"]}
    token = guarded.post("/v1/applications/token", json=credentials).json()["access_token"]
    guarded.delete(f"/v1/applications/{made['id']}", headers=admin)

    assert guarded.get("/v1/sources", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_an_applications_secret_is_shown_once(airbyte: Airbyte) -> None:
    """Secrets are masked in answers; only the request that makes one tells it."""
    made = airbyte.public("POST", "/applications", {"name": "a"}).json()
    shown = airbyte.public("GET", f"/applications/{made['id']}").json()

    assert shown == {**made, "clientSecret": "**********"}
    assert shown in airbyte.public("GET", "/applications").json()["applications"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer anything"}])
def test_on_loopback_nobody_is_asked(airbyte: Airbyte, headers: dict[str, str]) -> None:
    """Accept basic, bearer and none on loopback."""
    assert airbyte.http.get("/v1/sources", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_a_browser_was_tricked_into_is_refused(airbyte: Airbyte, headers: dict[str, str]) -> None:
    """DNS rebinding (a foreign Host) and cross-site requests are 403, and there is no CORS header."""
    response = airbyte.http.get("/v1/sources", headers=headers)

    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_an_origin_that_is_none_is_a_bad_request(airbyte: Airbyte) -> None:
    """Not a fault of the server."""
    assert airbyte.http.get("/v1/sources", headers={"Origin": "http://[::1"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/health/", 200),
        ("GET", "/api/public/v1/health//", 200),
        ("POST", "/api/v1/workspaces/list/", 200),
        ("GET", "/v1/sources/", 200),
        ("GET", "/api/v1/workspaces/list", 405),
        ("DELETE", "/v1/sources", 405),
        ("PUT", "/applications/token", 405),
        ("POST", "/api/v1/workspaces/lists", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/api/v1/source_oauths/get_consent_url", 501),
        ("GET", "/api/v1/source_oauths/get_consent_url", 405),
        ("GET", "/api/public/v1/", 501),
    ],
)
def test_a_path_is_matched_as_airbyte_matches_it(airbyte: Airbyte, method: str, path: str, status: int) -> None:
    """With and without a slash at its end; a wrong method is 405, an unknown path 404, 501 what is not offered."""
    response = airbyte.http.request(method, path, json={} if method == "POST" else None)
    assert response.status_code == status, response.text
    assert (response.headers.get("allow") is not None) == (status == 405)


def test_a_wrong_method_is_answered_with_all_that_the_path_has(airbyte: Airbyte) -> None:
    """Each method is an operation of its own; the order is always the same."""
    assert airbyte.http.put("/api/public/v1/jobs").headers["allow"] == "GET, HEAD, POST"


def test_a_form_is_no_json(airbyte: Airbyte) -> None:
    """What a web page can send without being asked (text/plain, forms) is not read as JSON."""
    response = airbyte.http.post("/v1/workspaces", content='{"name":"w"}', headers={"Content-Type": "text/plain"})

    assert response.status_code == 400


def test_bodies_have_a_size_limit(airbyte: Airbyte) -> None:
    """A body beyond the limit is 413, however it is sent."""
    large = b" " * (LARGEST_BODY + 1)
    headers = {"Content-Type": "application/json"}

    assert airbyte.http.post("/v1/workspaces", content=large, headers=headers).status_code == 413
    assert airbyte.http.post("/v1/workspaces", content=iter([large]), headers=headers).status_code == 413


def test_no_plaintext_secret_is_in_the_files(tmp_path: Path) -> None:
    """Secrets at rest: nothing in the data directory holds a configuration's secret; key and store are 0600."""
    with serve(tmp_path / "data", **CREDENTIALS) as http:
        with_shop(http, tmp_path / "lake").source(api_password="swordfish")
        files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        found = [path for path in files if any(text in path.read_bytes() for text in (b"swordfish", b"open sesame"))]

    assert not found
    assert {path.name: path.stat().st_mode & 0o777 for path in files if path.name in ("key", "store.sqlite")} == {
        "key": 0o600,
        "store.sqlite": 0o600,
    }


def test_a_made_up_secret_can_be_typed_anywhere(guarded: TestClient) -> None:
    """Letters and digits alone: one that began with a dash was an option to `pulumi config set`."""
    bearer = {"Authorization": f"Bearer {guarded.post(TOKEN_PATHS[0], json=CREDENTIALS).json()['access_token']}"}
    made = [guarded.post("/v1/applications", json={"name": f"app {n}"}, headers=bearer).json() for n in range(20)]
    assert all(one["clientSecret"].isalnum() for one in made)


def test_a_listener_without_a_descriptor_left_fails_once() -> None:
    """Then it has nothing to accept, until it is asked again: asyncio would set a timer for each failure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Listener() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                listener.accept()
            with pytest.raises(BlockingIOError):
                listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        accepted, _ = listener.accept()
        accepted.close()
