"""From nothing to Parquet, as the README promises it."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_every_stream_of_both_sources_has_rows(clone):
    """`make run` lands records of each configured stream of the connector and of the manifest source."""
    configured = {
        (file.parent.name, json.loads(file.read_text()).get("stream", file.stem))
        for source in ("faker", "shop")
        for file in (clone.path / "streams" / source).glob("[!_]*.json")
    }

    landed = clone.landing()

    assert configured == set(landed)
    assert all(landed.values())


def test_a_clone_stays_clean(clone):
    """Neither the tools nor the stack leave anything behind that git sees."""
    assert clone.run("git", "status", "--porcelain").stdout == ""


def test_a_second_run_changes_nothing_in_airbyte(clone):
    """`make run` again is safe: pulumi reports every resource unchanged."""
    answer = clone.run("make", "run")

    assert "unchanged" in answer.stdout
    assert not any(f" {verb}" in answer.stdout for verb in ("created", "updated", "deleted", "replaced"))


def test_the_last_line_can_be_run_as_it_is_printed(clone):
    """In a shell where nothing was prepared: it brings its own environment along."""
    last = clone.run("make", "run").stderr.splitlines()[-1]
    assert last.startswith("next: ")

    answer = clone.run("bash", "-c", last.removeprefix("next: "), PATH="/usr/bin:/bin")

    assert "faker" in answer.stdout


def test_a_second_preview_is_empty(clone):
    """What `up` made is what the program declares."""
    clone.pulumi("preview", "--expect-no-changes")


def test_a_refresh_finds_no_drift(clone):
    """What the server answers is what the state holds."""
    clone.pulumi("refresh", "--preview-only", "--expect-no-changes")


def test_landing_and_sql_agree_on_the_rows(clone):
    """`lotus landing` counts footers, `lotus landing query` reads rows."""
    counted = clone.landing()

    for (source, stream), rows in counted.items():
        answer = clone.lotus("landing", "query", "--json", f'select count(*) as n from "{source}"."{stream}"')
        assert json.loads(answer.stdout) == [{"n": rows}]


def test_no_secret_is_in_previews_or_state(clone):
    """Keys and tokens of the dev stack are encrypted in state and masked in every preview."""
    variables = json.loads(clone.lotus("env", "--json").stdout)
    secrets = {variables["LOTUS_SECRET_S3_SECRET_ACCESS_KEY"], variables["LOTUS_SECRET_SHOP_TOKEN"]}

    shown = clone.pulumi("preview", "--diff").stdout + clone.pulumi("stack", "export").stdout

    assert not [secret for secret in secrets if secret in shown]


def test_adding_a_stream_file_updates_one_connection_readably(clone):
    """The README's example: one more stream is one resource to update, and the diff says which stream and how."""
    clone.lotus("streams", "add", "shop", "suppliers")
    preview = clone.pulumi("preview", "--diff").stdout
    (clone.path / "streams" / "shop" / "suppliers.json").unlink()

    assert "~ 1 to update" in preview
    assert '+ name    : "suppliers"' in preview
    assert '+ syncMode: "incremental_append"' in preview


def test_a_typo_stops_the_preview_at_its_place(clone):
    """A misspelt cursor is named with file, line and column, and nothing is planned."""
    file = clone.path / "streams" / "faker" / "users.json"
    kept = file.read_text()
    file.write_text(kept.replace("updated_at", "updated_att"))
    try:
        answer = clone.pulumi("preview", check=False)
    finally:
        file.write_text(kept)

    assert answer.returncode != 0
    assert "streams/faker/users.json:" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr


def test_removing_a_source_deletes_its_connection_first(clone):
    """A connection never outlives, and never loses first, what it connects."""
    kept = clone.path.parent / "shop-kept"
    shutil.move(clone.path / "streams" / "shop", kept)
    try:
        lines = clone.pulumi("up", "--yes", "--skip-preview").stdout.splitlines()
    finally:
        shutil.move(kept, clone.path / "streams" / "shop")
    deleted = [line.split()[1] for line in lines if " deleted" in line and "airbyte:index" in line]

    assert deleted.index("airbyte:index:Connection") < deleted.index("airbyte:index:Source")
    clone.pulumi("up", "--yes", "--skip-preview")


def test_stop_ends_every_process_and_status_says_so(clone):
    """`make stop` leaves nothing running; what was there comes back with `lotus dev up`."""
    clone.run("make", "stop")

    status = clone.lotus("dev", "status", "--json", check=False)

    assert status.returncode == 4
    assert [service["pid"] for service in json.loads(status.stdout)] == [None, None, None]
    clone.lotus("dev", "up")
