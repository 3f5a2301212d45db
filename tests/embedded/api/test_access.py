"""Tokens, applications, and what the server refuses to hear at all (airbyte-api.md, section e)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lotus.embedded.app import LARGEST_BODY
from tests.embedded.api.conftest import Airbyte, serve

CREDENTIALS = {"client_id": "lotus", "client_secret": "open sesame"}
TOKEN_PATHS = [
    "/applications/token",
    "/v1/applications/token",
    "/api/v1/applications/token",
    "/api/public/v1/applications/token",
]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server that asks for credentials."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    with serve(data, required=True, token="admin token", **CREDENTIALS) as http:
        yield http


@pytest.mark.parametrize("path", TOKEN_PATHS)
def test_tokens_are_served_wherever_clients_look(guarded: httpx.Client, path: str) -> None:
    """Section e: at /applications/token, /v1/…, /api/v1/… and /api/public/v1/…; JSON and form; 900 s."""
    form = guarded.post(path, data={**CREDENTIALS, "grant_type": "client_credentials"})
    for response in (guarded.post(path, json=CREDENTIALS), form):
        assert response.status_code == 200
        assert (response.json()["token_type"], response.json()["expires_in"]) == ("Bearer", 900)
        bearer = {"Authorization": f"Bearer {response.json()['access_token']}"}
        assert guarded.get("/v1/sources", headers=bearer).status_code == 200


def test_wrong_credentials_get_no_token(guarded: httpx.Client) -> None:
    """Section e: 401 on wrong credentials."""
    for wrong in ({**CREDENTIALS, "client_secret": ""}, {**CREDENTIALS, "client_id": "x"}):
        assert guarded.post("/v1/applications/token", json=wrong).status_code == 401


def test_a_request_without_a_token_is_unauthorized(guarded: httpx.Client) -> None:
    """Section a, Errors: the 401 body {"message":"Unauthorized","_links":…} (issue 216)."""
    for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YWlyYnl0ZTpwYXNzd29yZA=="}):
        response = guarded.get("/v1/sources", headers=headers)
        assert response.status_code == 401
        assert response.json()["message"] == "Unauthorized"
        assert "_links" in response.json()


def test_health_needs_no_token(guarded: httpx.Client) -> None:
    """A probe has no credentials."""
    assert guarded.get("/v1/health").status_code == 200


def test_the_servers_own_token_is_taken(guarded: httpx.Client) -> None:
    """With --host the environment's token is what other machines send."""
    assert guarded.get("/v1/sources", headers={"Authorization": "Bearer admin token"}).status_code == 200


def test_a_deleted_applications_tokens_end(guarded: httpx.Client) -> None:
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
    """Section e: accept basic, bearer and none on loopback."""
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
    from tests.embedded.api.conftest import with_shop

    with serve(tmp_path / "data", **CREDENTIALS) as http:
        with_shop(http, tmp_path / "lake").source(api_password="swordfish")
        files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        found = [path for path in files if any(text in path.read_bytes() for text in (b"swordfish", b"open sesame"))]

    assert not found
    assert {path.name: path.stat().st_mode & 0o777 for path in files if path.name in ("key", "store.sqlite")} == {
        "key": 0o600,
        "store.sqlite": 0o600,
    }


def test_a_made_up_secret_can_be_typed_anywhere(guarded: httpx.Client) -> None:
    """Letters and digits alone: one that began with a dash was an option to `pulumi config set`."""
    bearer = {"Authorization": f"Bearer {guarded.post(TOKEN_PATHS[0], json=CREDENTIALS).json()['access_token']}"}
    made = [guarded.post("/v1/applications", json={"name": f"app {n}"}, headers=bearer).json() for n in range(20)]
    assert all(one["clientSecret"].isalnum() for one in made)
