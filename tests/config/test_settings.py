"""What differs per stack, and where `$config` and `$secret` find their values."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lotus.config import from_values, load, render
from lotus.config.references import Values


def test_a_secret_is_found_in_the_stack_the_folder_or_the_environment(tmp_path: Path) -> None:
    """The three places, in the order in which they are told."""
    (tmp_path / "token").write_text("from the folder\n")
    values = Values(
        secrets={"token": "from the stack"},
        environment={"LOTUS_SECRETS_DIR": str(tmp_path), "LOTUS_SECRET_TOKEN": "from the environment"},
    )

    assert [f.value for f in values.secret("token")] == ["from the stack", "from the folder", "from the environment"]


def test_one_secret_with_two_values_names_both_places_and_neither_value(write, loaded, tmp_path: Path) -> None:
    """A stale copy would hide a rotation."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/shop_password").write_text("old-hush")
    environment = {"LOTUS_SECRET_SHOP_PASSWORD": "hush-hush", "LOTUS_SECRETS_DIR": str(tmp_path / "secrets")}

    text = render(loaded(environment=environment).faults)

    assert "file shop_password in LOTUS_SECRETS_DIR and environment variable LOTUS_SECRET_SHOP_PASSWORD" in text
    assert "hush" not in text


def test_the_same_value_in_two_places_is_fine(loaded, tmp_path: Path) -> None:
    """A mounted secret and an exported one may agree."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/shop_password").write_text("hush-hush\n")

    project = loaded(
        environment={"LOTUS_SECRET_SHOP_PASSWORD": "hush-hush", "LOTUS_SECRETS_DIR": str(tmp_path / "secrets")}
    )

    assert project.faults == ()
    assert project.secrets == {"shop_password": "hush-hush"}


def test_a_sealed_secret_is_known_by_name_only(write, loaded) -> None:
    """The command line has no passphrase; the program has."""
    write("Pulumi.dev.yaml", _stack("  lotus:secrets:\n    shop_password:\n      secure: v1:AAAA:BBBB\n"))

    project = loaded(environment={})

    assert project.faults == ()
    assert project.unresolved == ("shop_password",)


def test_offline_an_unresolved_secret_is_listed_instead_of_a_fault(loaded) -> None:
    """Pull requests of forks have no secrets, and still want a preview."""
    project = loaded(environment={"LOTUS_OFFLINE": "1"})

    assert project.faults == ()
    assert project.unresolved == ("shop_password",)


def test_config_falls_back_to_the_environment(write, loaded) -> None:
    """`make run` gives ports this way, and nothing is written into the stack's file."""
    write("Pulumi.dev.yaml", _stack().replace("    shop_name: my-shop\n", "    {}\n"))

    project = loaded(environment={"LOTUS_CONFIG_SHOP_NAME": "from-here", "LOTUS_SECRET_SHOP_PASSWORD": "x"})

    assert project.sources[0].configuration["shop"] == "from-here"


def test_the_stack_wins_over_the_environment_for_config(loaded) -> None:
    """What is reviewed beats what is exported."""
    project = loaded(environment={"LOTUS_CONFIG_SHOP_NAME": "other", "LOTUS_SECRET_SHOP_PASSWORD": "x"})

    assert project.sources[0].configuration["shop"] == "my-shop"


def test_an_override_is_laid_over_its_file(write, loaded) -> None:
    """Objects merge, null takes away, everything else replaces."""
    overrides = {"shop": {"schedule": "0 0 3 * * ?", "configuration": {"window": 7, "start_date": None}}}
    write("Pulumi.dev.yaml", _stack(f"  lotus:overrides: {json.dumps(overrides)}\n"))

    connection = loaded().connections[0]

    assert str(connection.schedule) == "0 0 3 * * ?"
    assert connection.source.settings.configuration["window"] == 7
    assert "credentials" in connection.source.settings.configuration


@pytest.mark.parametrize("sources", [{"include": ["shop"]}, ["shop"], '{"include": ["shop"]}', {"exclude": []}])
def test_sources_are_included_or_excluded(sources: object, write, tmp_path: Path) -> None:
    """A list is short for include; pulumi.Config gives JSON as text."""
    settings = from_values({"sources": sources, "config": '{"shop_name": "x"}'}, stack="dev", environment={})

    assert settings.faults == ()
    assert settings.reason_left_out("shop") is None


def test_values_of_pulumi_and_of_the_file_give_the_same_settings(write, tmp_path: Path, loaded) -> None:
    """The program and the command line say the same."""
    given = {
        "lake": "true",
        "workspace": "00000000-0000-4000-8000-000000000001",
        "config": '{"shop_name": "my-shop"}',
        "secrets": '{"shop_password": "hush-hush"}',
    }
    settings = from_values(given, stack="dev", project=tmp_path, environment={})

    project = load(tmp_path, settings)

    assert (project.sources, project.secrets) == (loaded().sources, loaded().secrets)


def test_a_misspelt_key_is_seen_in_the_file_even_when_pulumi_does_not_list_it(write, tmp_path: Path) -> None:
    """pulumi.Config answers for known keys only."""
    write("Pulumi.dev.yaml", _stack("  lotus:source: [shop]\n"))

    settings = from_values({"lake": "true", "workspace": None}, stack="dev", project=tmp_path, environment={})

    assert [(f.code, f.nearest, f.line) for f in settings.faults if f.code == "LOT070"] == [("LOT070", "sources", 6)]


def test_a_secret_in_clear_in_the_stack_is_a_fault_that_does_not_show_it(write, loaded) -> None:
    """It is in git."""
    write("Pulumi.dev.yaml", _stack("  lotus:secrets:\n    shop_password: hush-hush\n"))

    text = render(loaded().faults)

    assert "LOT045" in text
    assert "hush" not in text


def test_an_unknown_stack_names_the_known_ones(loaded) -> None:
    """With the nearest spelling."""
    fault = loaded(stack="deb").faults[0]

    assert (fault.code, fault.nearest) == ("LOT076", "dev")


def test_settings_show_no_secret(tmp_path: Path) -> None:
    """A repr lands in logs and tracebacks."""
    settings = from_values({"secrets": '{"shop_password": "hush-hush"}'}, stack="dev", environment={})

    assert "hush" not in repr(settings)
    assert "hush" not in repr(settings.values.secret("shop_password"))


def _stack(more: str = "") -> str:
    return (
        "config:\n  lotus:lake: true\n  lotus:workspace: 00000000-0000-4000-8000-000000000001\n"
        "  lotus:config:\n    shop_name: my-shop\n" + more
    )


@pytest.mark.parametrize(
    ("value", "resolved"), [("30", 30), ("many", None), ("0", None)], ids=["a number", "a word", "too small"]
)
def test_a_config_value_is_checked_like_a_written_one(value: str, resolved: int | None, write, loaded) -> None:
    """The environment has texts only; what the spec wants as a number becomes one."""
    source = {
        "connector": "source-web-shop",
        "configuration": {
            "shop": "my-shop",
            "window": {"$config": "window"},
            "credentials": {"auth": "password", "password": {"$secret": "shop_password"}},
        },
    }
    write("streams/shop/_source.json", source)

    project = loaded(environment={"LOTUS_CONFIG_WINDOW": value, "LOTUS_SECRET_SHOP_PASSWORD": "x"})

    if resolved is None:
        assert [(f.code, f.line) for f in project.faults] == [("LOT043", 5)]
    else:
        assert project.sources[0].configuration["window"] == resolved


def test_an_endpoint_from_the_environment_without_http_is_a_hint(tmp_path: Path, write, loaded) -> None:
    """It took lotus-lake three commits, in both directions."""
    lake = json.loads((tmp_path / "streams/_destinations/lake.json").read_text())
    lake["configuration"]["s3_endpoint"] = {"$config": "s3_endpoint"}
    write("streams/_destinations/lake.json", lake)

    project = loaded(environment={"LOTUS_SECRET_SHOP_PASSWORD": "x", "LOTUS_CONFIG_S3_ENDPOINT": "minio:9000"})

    assert [f.code for f in project.hints] == ["LOT066"]


def test_an_encrypted_value_belongs_into_secrets(write, loaded) -> None:
    """As $config it would stand in state in clear."""
    write("Pulumi.dev.yaml", _stack("    token:\n      secure: v1:AAAA:BBBB\n"))

    assert "LOT077" in [f.code for f in loaded().faults]


@pytest.mark.parametrize(
    "line",
    [
        '"password": "hunter2"',
        '"password": "hunter2',
        '"password": hunter2',
        "\"password\": 'hunter2'",
        '"password": "hunter2",,',
        '"pasword": "hunter2"',
        '"password" = "hunter2"',
        '"password": ["hunter2"]',
        '"password": "hunter2", "password": "hunter2"',
    ],
)
@pytest.mark.parametrize("file", ["streams/shop/_source.json", "streams/_destinations/lake.json"])
def test_a_secret_in_a_broken_file_is_never_shown(line: str, file: str, write, loaded) -> None:
    """However it is broken: the message goes to a log that everybody reads."""
    role = "source-web-shop" if "source" in file else "destination-s3"
    write(file, f'{{"connector": "{role}", "configuration": {{"credentials": {{"auth": "password", {line}}}}}}}')

    project = loaded()

    for form in ("text", "json", "github"):
        assert "hunter2" not in render(project.faults + project.hints, form)
