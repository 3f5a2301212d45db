"""A secret rotates: a mounted file changes, and what uses it, and nothing else, is updated and tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.state.conftest import GuardedLake, make_lake
from tests.support.airbyte import Airbyte, started_airbyte
from tests.support.s3 import S3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TOKEN = "the-test's-own"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airbyte]:
    """A server that lets nobody in without an application's credential."""
    with started_airbyte(tmp_path_factory.mktemp("airbyte"), token=TOKEN) as airbyte:
        yield airbyte


@pytest.fixture(scope="module")
def lake(guarded: Airbyte, s3_server: S3, tmp_path_factory: pytest.TempPathFactory) -> GuardedLake:
    """A lake that the operator applied, with everything secret in mounted files, as its pod has it."""
    made = make_lake(tmp_path_factory.mktemp("lake"), guarded, s3_server, "rotating")
    made.more["AIRBYTE_CREDENTIALS_DIR"] = str(made.folder / "mounted")
    mount(made, application(guarded, "first"))
    made.up_as()
    return made


def application(airbyte: Airbyte, name: str) -> dict[str, Any]:
    """A new application of the server's, with its secret."""
    return airbyte.http.post(f"{airbyte.url}/applications", json={"name": name}).json()


def mount(lake: GuardedLake, credential: dict[str, Any]) -> None:
    """What kubelet does when the Secret changes."""
    lake.write("mounted/AIRBYTE_CLIENT_ID", credential["clientId"])
    lake.write("mounted/AIRBYTE_CLIENT_SECRET", credential["clientSecret"] + "\n")


def updated(lake: GuardedLake) -> list[str]:
    """What the next `pulumi up` would change, by name."""
    steps = json.loads(lake.run("operator", "pulumi", "preview", "--json").stdout)["steps"]
    return [step["urn"].rsplit("::", 1)[-1] for step in steps if step["op"] != "same"]


def test_a_changed_file_updates_exactly_what_uses_it(lake: GuardedLake):
    """One source of two; afterwards nothing is left to do, and the value is nowhere in clear."""
    lake.write("secrets/shop_pin", "pin-of-the-second-month\n")
    assert updated(lake) == ["shop"]
    said = lake.up_as()
    assert "~ airbyte:index/source:Source: (update)" in said and "1 updated" in said
    assert updated(lake) == []
    assert "pin-of-the-second-month" not in said + lake.run("reader", "pulumi", "stack", "export").stdout


def test_a_failing_check_keeps_the_id_and_is_tried_again(lake: GuardedLake):
    """Airbyte's words, with the source's name; each `up` tries it again, until it works."""
    source = lake.state()["shop"]["id"]
    lake.write("secrets/shop_pin", "wrong-pin\n")
    for _ in range(2):
        said = lake.up_as(check=False)
        assert (
            'source "Shop" was updated, but does not work with its new secret: the shop does not know this pin' in said
        )
        assert "wrong-pin" not in said
        assert lake.state()["shop"]["id"] == source
    lake.write("secrets/shop_pin", "right-pin\n")
    lake.up_as()
    assert (updated(lake), lake.state()["shop"]["id"]) == ([], source)


def test_a_rotated_credential_of_airbyte_is_picked_up(lake: GuardedLake, guarded: Airbyte):
    """The old application is deleted; the same environment, with the file renewed, goes on: apply and drift look."""
    first = next(one for one in guarded.http.get(f"{guarded.url}/applications").json()["applications"])
    second = application(guarded, "second")
    assert guarded.http.delete(f"{guarded.url}/applications/{first['id']}").status_code < 300
    look = ("pulumi", "refresh", "--preview-only", "--run-program", "--expect-no-changes")
    refused = lake.run("reader", *look, check=False)
    assert refused.returncode and "check airbyte:clientId and airbyte:clientSecret" in refused.stdout + refused.stderr

    mount(lake, second)
    lake.run("reader", *look)
    lake.up_as()


def test_lists_say_places_and_users_and_never_values(lake: GuardedLake):
    """A stale variable beside the mounted file would hide a rotation: it is found by `validate`, before an apply is."""
    lake.write("secrets/left_over", "nobody-s")
    answer = lake.run("reader", "lotus", "secrets", "list", "--stack", "prod", "--json")
    found = {one["name"]: one for one in json.loads(answer.stdout)}
    assert found["shop_pin"]["places"] == ["file shop_pin in LOTUS_SECRETS_DIR"]
    assert found["shop_pin"]["used_by"] == ["streams/shop/_source.json: configuration.pin"]
    assert (found["shop_pin"]["standing"], found["left_over"]["standing"]) == ("ok", "unused")
    stale = lake.run("reader", "lotus", "validate", "--stack", "prod", check=False, LOTUS_SECRET_SHOP_PIN="the-old-one")
    assert stale.returncode == 2 and 'secret "shop_pin" has two different values' in stale.stdout
    assert "right-pin" not in answer.stdout + stale.stdout + stale.stderr
    assert "the-old-one" not in stale.stdout + stale.stderr
    lake.run("reader", "lotus", "validate", "--stack", "prod")
