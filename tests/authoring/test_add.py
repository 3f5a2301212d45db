"""Adding sources and destinations: what is asked, what is named, what is tried, what is written."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lotus.authoring.actors import check, list_actors
from lotus.authoring.add import AddedActor, New, add_actor
from lotus.authoring.questions import Ask, Question, Remembering, assignments, fill
from lotus.config import load
from lotus.errors import ConfigError, FaultsError, RemoteError, SecretError
from lotus.session.session import Session
from tests.support.airbyte import SPEC_SOURCE
from tests.support.lake import Lake

from .conftest import ShopServer

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["shop", "start_date", "credentials", "format"],
    "properties": {
        "shop": {"type": "string", "order": 0},
        "start_date": {"type": "string", "default": "2025-01-01", "order": 1},
        "window": {"type": "integer"},
        "format": {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string", "const": "csv"}}},
        "credentials": {
            "type": "object",
            "order": 2,
            "oneOf": [
                {
                    "title": "Password",
                    "required": ["auth", "password"],
                    "properties": {
                        "auth": {"type": "string", "const": "password"},
                        "password": {"type": "string", "airbyte_secret": True},
                    },
                },
                {
                    "title": "OAuth",
                    "required": ["auth", "client_id"],
                    "properties": {"auth": {"type": "string", "const": "oauth"}, "client_id": {"type": "string"}},
                },
            ],
        },
    },
}
PASSWORD = {"auth": "password", "password": {"$secret": "web_password"}}


def answering(**answers: str) -> tuple[Ask, list[Question]]:
    """Somebody who answers by path, and what was asked."""
    asked: list[Question] = []

    def ask(question: Question) -> str:
        asked.append(question)
        return answers.get(question.path.replace(".", "_"), "")

    return ask, asked


def test_what_is_required_is_asked_and_nothing_else():
    """A default is taken with Enter, a variant by its title, a secret is only named."""
    ask, asked = answering(shop="mine", credentials="Password", credentials_password="hush")

    filled = fill(SCHEMA, {}, name="web", ask=ask)

    assert [question.path for question in asked] == ["shop", "start_date", "credentials", "credentials.password"]
    assert filled.configuration == {
        "shop": "mine",
        "start_date": "2025-01-01",
        "credentials": PASSWORD,
        "format": {"kind": "csv"},
    }
    assert filled.secrets == {"web_password": "hush"}
    assert "hush" not in repr(filled)


def test_what_is_given_is_not_asked():
    """`--set` says the variant too."""
    ask, asked = answering(start_date="2026-01-01")
    given = assignments(["shop=mine", "credentials.auth=oauth", "credentials.client_id=7", "window=3"], SCHEMA)

    filled = fill(SCHEMA, given, name="web", ask=ask)

    assert [question.path for question in asked] == ["start_date"]
    assert filled.configuration["credentials"] == {"auth": "oauth", "client_id": "7"}
    assert filled.configuration["window"] == 3


def test_a_secret_that_has_a_value_is_not_asked_for():
    """It is in the environment, a file or the stack already."""
    ask, asked = answering(shop="mine", credentials="Password")

    fill(SCHEMA, {}, name="web", ask=ask, has_value=lambda name: name == "web_password")

    assert "credentials.password" not in [question.path for question in asked]


def test_two_secrets_of_one_name_are_named_apart():
    """Else both would get the value that was told last."""
    secret = {"type": "object", "required": ["password"], "properties": {"password": {"airbyte_secret": True}}}
    schema = {"required": ["db", "tunnel"], "properties": {"db": secret, "tunnel": secret}}

    filled = fill(schema, {}, name="2web", ask=None)

    assert filled.configuration == {
        "db": {"password": {"$secret": "s_2web_password"}},
        "tunnel": {"password": {"$secret": "s_2web_tunnel_password"}},
    }


def test_without_anybody_to_ask_all_that_is_missing_is_named_at_once():
    """CI gets one message, with the options to add."""
    with pytest.raises(ConfigError, match="shop, credentials") as caught:
        fill(SCHEMA, {}, name="web", ask=None)

    assert "--set shop=… --set credentials=…" in str(caught.value)


def test_the_forms_of_a_missing_setting_are_options_to_copy():
    """Each form by its title, with the keys that it needs; a secret is a reference."""
    with pytest.raises(ConfigError) as caught:
        fill(SCHEMA, {"shop": "mine"}, name="web", ask=None)

    assert caught.value.details == (
        "credentials is one of:",
        """  Password: --set credentials.auth=password --set 'credentials.password={"$secret": "web_password"}'""",
        "  OAuth: --set credentials.auth=oauth --set credentials.client_id=…",
    )


def test_answers_survive_a_failed_check():
    """Asked again, each answer is offered; Enter keeps it, a secret too, which is not shown."""
    replies = iter(["mine", "", "Password", "hush", "other", "", "", ""])
    asked: list[Question] = []

    def ask(question: Question) -> str:
        asked.append(question)
        return next(replies)

    remembering = Remembering(ask)
    fill(SCHEMA, {}, name="web", ask=remembering)
    filled = fill(SCHEMA, {}, name="web", ask=remembering)

    assert filled.configuration["shop"] == "other"
    assert filled.configuration["credentials"] == PASSWORD
    assert filled.secrets == {"web_password": "hush"}
    assert [question.default for question in asked[4:]] == ["mine", "2025-01-01", "Password", ""]


def test_a_secret_on_the_command_line_is_refused():
    """It would stay in the shell's history; its name is welcome."""
    with pytest.raises(ConfigError, match="is a secret") as caught:
        assignments(["credentials.password=hush-hush"], SCHEMA)

    assert "hush-hush" not in str(caught.value)
    assert assignments(['credentials.password={"$secret": "pw"}'], SCHEMA) == {
        "credentials": {"password": {"$secret": "pw"}}
    }


Adding = Callable[..., AddedActor]


@pytest.fixture
def adding(lake: Lake, reachable: ShopServer) -> Adding:
    """`lotus sources add` of the shop's connector."""

    def run(*sets: str, name: str = "web", ask: Ask = None, checked: bool = True, **environment: str) -> AddedActor:
        new = New(reachable.shop, name, tuple(sets), check=checked)
        return add_actor(Session(lake.folder, "dev", {**reachable.environment, **environment}), "source", new, ask=ask)

    return run


@pytest.mark.slow
def test_a_source_is_checked_discovered_and_written(lake: Lake, adding: Adding, reachable: ShopServer):
    """After it the files have no fault, its streams can be added, and Airbyte is as it was."""
    done = adding("shop=mine")

    assert lake.read("streams/web/_source.json") == {"connector": reachable.shop, "configuration": {"shop": "mine"}}
    assert done.discovery is not None
    assert done.discovery.streams == 5
    assert not [fault for fault in load(lake.folder, lake.settings()).faults if "web" in fault.file]
    assert reachable.names("sources") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sets", "kind", "message"),
    [
        (["shop=mine", "fault=check"], RemoteError, "the shop is closed"),
        (["shop=mine", "fault=discover"], RemoteError, "no such shop"),
        (["shop=mine", "count=many"], FaultsError, "a whole number"),
        (["shop=mine", "cuont=1"], FaultsError, "cuont"),
        (["shop=mine", 'api_password={"$secret": "nowhere"}'], SecretError, "LOTUS_SECRET_NOWHERE"),
        ([], ConfigError, "shop"),
    ],
)
def test_what_does_not_work_is_not_written(lake: Lake, adding: Adding, reachable: ShopServer, sets, kind, message):
    """Each with its cause; neither the files nor Airbyte have anything new."""
    before = lake.files()

    with pytest.raises(kind, match=message):
        adding(*sets)

    assert lake.files() == before
    assert reachable.names("sources") == []


@pytest.mark.slow
def test_after_a_failed_check_a_person_changes_one_answer(lake: Lake, reachable: ShopServer, tmp_path: Path):
    """The check is made again with it; what was right is not typed again."""
    schema = {"type": "object", "required": ["pin", "shop"], "properties": {"pin": {"type": "string"}, "shop": {}}}
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"connectionSpecification": schema}))
    definition = reachable.command_definition("Pin", f"{sys.executable} {SPEC_SOURCE} {spec}")
    replies = {"pin": ["wrong-1", "right"], "shop": ["mine", ""], "again": ["yes"]}

    session = Session(lake.folder, "dev", reachable.environment)
    add_actor(session, "source", New(definition, "web"), ask=lambda question: replies[question.path].pop(0))

    assert lake.read("streams/web/_source.json")["configuration"] == {"pin": "right", "shop": "mine"}


@pytest.mark.slow
def test_a_told_secret_is_kept_for_this_clone_alone(lake: Lake, adding: Adding):
    """In a file that git does not see and only its owner reads, never in the configuration."""
    ask, _ = answering(api_password="hush-hush")

    done = adding("shop=mine", ask=ask)

    kept = lake.folder / ".lotus/dev/secrets/web_api_password"
    assert kept.read_text() == "hush-hush"
    assert kept.stat().st_mode & 0o077 == 0
    assert lake.read("streams/web/_source.json")["configuration"]["api_password"] == {"$secret": "web_api_password"}
    assert "hush-hush" not in json.dumps([str(done), *[(lake.folder / f).read_text() for f in lake.files()]])


@pytest.mark.slow
def test_unchecked_a_source_needs_no_secret(lake: Lake, adding: Adding):
    """The spec is written all the same, so that validate checks the settings."""
    done = adding("shop=mine", 'api_password={"$secret": "pw"}', checked=False)

    assert done.discovery is None
    assert "streams/web/_discovered/_spec.json" in lake.files()


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused(adding: Adding):
    """Nothing is ever overwritten."""
    with pytest.raises(ConfigError, match="exists already"):
        adding("shop=mine", name="shop")


@pytest.mark.slow
def test_a_destination_gets_the_paths_that_readers_expect(lake: Lake, reachable: ShopServer):
    """The contract with what reads the landing zone stands in the file."""
    new = New("destination-s3", "archive", ("s3_bucket_name=archive", "s3_bucket_region=us-east-1"), check=False)

    add_actor(Session(lake.folder, "dev", reachable.environment), "destination", new, ask=None)

    configuration = lake.read("streams/_destinations/archive.json")["configuration"]
    assert configuration["s3_path_format"].endswith("/year=${YEAR}/month=${MONTH}/day=${DAY}/")
    assert lake.read("streams/_destinations/_discovered/archive.json")["supported_destination_sync_modes"]


def test_a_second_destination_leaves_the_first_one_as_the_default(lake: Lake, reachable: ShopServer):
    """Every connection lands where it landed, and the lake has no fault."""
    new = New("destination-s3", "archive", ("s3_bucket_name=archive", "s3_bucket_region=us-east-1"), check=False)
    session = Session(lake.folder, "dev", reachable.environment)

    files = add_actor(session, "destination", new, ask=None).files

    assert "streams/_destinations/lake.json" in files
    after = Session(lake.folder, "dev", reachable.environment).files
    assert (after.faults, [connection.destination for connection in after.connections]) == ((), ["lake"])


@pytest.mark.slow
def test_files_and_airbyte_stand_side_by_side(lake: Lake, reachable: ShopServer):
    """In both, in the files alone, in Airbyte alone, left out."""
    lake.write("streams/out/_source.json", {"connector": "source-out"})
    lake.write("streams/new/_source.json", {"connector": "source-new"})
    lake.write("Pulumi.dev.yaml", (lake.folder / "Pulumi.dev.yaml").read_text() + "  lotus:sources: {exclude: [out]}\n")
    reachable.create("Shop")
    reachable.create("Made by hand")

    found = list_actors(Session(lake.folder, "dev", reachable.environment), "source")

    assert {(line.name or line.title): line.state for line in found.lines} == {
        "new": "files",
        "out": "left out",
        "shop": "both",
        "Made by hand": "airbyte",
    }


def test_without_airbyte_the_files_are_listed_with_the_reason(lake: Lake):
    """A list is of use on a train, too."""
    found = list_actors(Session(lake.folder, "dev", {}), "source")

    assert [(line.name, line.state) for line in found.lines] == [("shop", "unknown")]
    assert "does not say where its Airbyte is" in found.not_asked


@pytest.mark.slow
def test_a_check_gives_the_connectors_own_words(lake: Lake, reachable: ShopServer):
    """The stored one by its name in Airbyte, or what the files say."""
    reachable.create("Closed", fault="check")

    stored = check(Session(lake.folder, "dev", reachable.environment), "Closed")
    files = check(Session(lake.folder, "dev", reachable.environment), "shop", from_files=True)

    assert (stored.succeeded, stored.message, stored.stored) == (False, "the shop is closed", True)
    assert (files.succeeded, files.stored) == (True, False)
    with pytest.raises(ConfigError, match="shp"):
        check(Session(lake.folder, "dev", reachable.environment), "shp")
