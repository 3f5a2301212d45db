"""Kinds of drift, on a real lake: each is named with its leaf, accepted into the files, and put back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lotus.config.loading import stack_project
from lotus.lake.landings import landings
from tests.support.live_lake import STREAMS, LiveLake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("drift")]
CONNECTION = "Shop → Lake"
NIGHTLY = {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}


@dataclass(frozen=True)
class Kind:
    """Something that a person changes in Airbyte, and how `lotus drift` has to call it."""

    change: Callable[[LiveLake], None]
    name: str
    leaf: str | None
    declared: str
    found: str
    accepted: Callable[[LiveLake], Any]
    """What the files say once it is accepted."""
    value: Any


def _streams(lake: LiveLake, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    streams = lake.objects("connections")[CONNECTION]["configurations"]["streams"]
    edit(streams)
    lake.patch("connections", CONNECTION, configurations={"streams": streams})


def _named(streams: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(stream for stream in streams if stream["name"] == name)


def _without_total(streams: list[dict[str, Any]]) -> None:
    orders = _named(streams, "orders")
    orders["selectedFields"] = [one for one in orders["selectedFields"] if one["fieldPath"] != ["total"]]


def _configured(kind: str, name: str, **leaves: Any) -> Callable[[LiveLake], None]:
    def change(lake: LiveLake) -> None:
        held = lake.objects(kind)[name]["configuration"]
        lake.patch(kind, name, configuration={**held, **leaves})

    return change


def _connection(**changes: Any) -> Callable[[LiveLake], None]:
    return lambda lake: lake.patch("connections", CONNECTION, **changes)


def _source_file(*path: str) -> Callable[[LiveLake], Any]:
    def read(lake: LiveLake) -> Any:
        found = lake.read("streams/shop/_source.json")
        for part in path:
            found = found.get(part)
        return found

    return read


KINDS = {
    "a schedule": Kind(
        _connection(schedule={"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}),
        *("shop-to-lake", "schedule", "manual", "0 0 3 * * ?"),
        _source_file("schedule"),
        "0 0 3 * * ?",
    ),
    "a pause": Kind(
        _connection(status="inactive"),
        *("shop-to-lake", "status", "active", "inactive"),
        _source_file("connection", "status"),
        "inactive",
    ),
    "a prefix": Kind(
        _connection(prefix="eu_"),
        *("shop-to-lake", "prefix", '""', "eu_"),
        _source_file("connection", "prefix"),
        "eu_",
    ),
    "what new columns do": Kind(
        _connection(nonBreakingSchemaUpdatesBehavior="ignore"),
        *("shop-to-lake", "nonBreakingSchemaUpdatesBehavior", "propagate_columns", "ignore"),
        _source_file("connection", "non_breaking_schema_updates_behavior"),
        "ignore",
    ),
    "a namespace": Kind(
        _connection(namespaceFormat="store"),
        *("shop-to-lake", "namespaceFormat", "shop", "store"),
        _source_file("connection", "namespace_format"),
        "store",
    ),
    "a stream taken out": Kind(
        lambda lake: _streams(lake, lambda streams: streams.remove(_named(streams, "customers"))),
        *("shop-to-lake", "streams.customers", "incremental_append", "not set"),
        lambda lake: lake.read("streams/shop/customers.json").get("selected"),
        False,
    ),
    "a column taken out": Kind(
        lambda lake: _streams(lake, _without_total),
        *("shop-to-lake", "streams.orders.fields.total", "selected", "not set"),
        lambda lake: "total" in lake.read("streams/shop/orders.json")["fields"],
        False,
    ),
    "another mode": Kind(
        lambda lake: _streams(lake, lambda s: _named(s, "products").update(syncMode="full_refresh_append")),
        *("shop-to-lake", "streams.products.syncMode", "incremental_append", "full_refresh_append"),
        lambda lake: lake.read("streams/shop/products.json").get("sync_mode"),
        "full_refresh",
    ),
    "a source's setting": Kind(
        _configured("sources", "Shop", start_date="2021-01-01T00:00:00Z"),
        *("shop", "configuration.start_date", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
        _source_file("configuration", "start_date"),
        "2021-01-01T00:00:00Z",
    ),
    "a destination's path": Kind(
        _configured("destinations", "Lake", s3_bucket_path="raw2"),
        *("lake", "configuration.s3_bucket_path", "raw", "raw2"),
        lambda lake: lake.read("streams/_destinations/lake.json")["configuration"]["s3_bucket_path"],
        "raw2",
    ),
    "a destination's format": Kind(
        _configured("destinations", "Lake", format={"format_type": "Parquet", "compression_codec": "GZIP"}),
        *("lake", "configuration.format.compression_codec", "SNAPPY", "GZIP"),
        lambda lake: lake.read("streams/_destinations/lake.json")["configuration"]["format"]["compression_codec"],
        "GZIP",
    ),
    "another name": Kind(
        lambda lake: lake.patch("destinations", "Lake", name="Lakehouse"),
        *("lake", "name", "Lake", "Lakehouse"),
        lambda lake: lake.read("streams/_destinations/lake.json")["name"],
        "Lakehouse",
    ),
}


def shell(lake: LiveLake) -> dict[str, str]:
    """What `lotus` sees of the environment in this lake."""
    return {**os.environ, **lake.pulumi_environment()}


def change_everything(lake: LiveLake) -> None:
    """Every kind at once; the destination's leaves lie in one object, so they are set in one go each."""
    for kind in KINDS.values():
        kind.change(lake)


def line(found: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """The one line of this kind."""
    (held,) = [one for one in found["lines"] if (one["name"], one["leaf"]) == (kind.name, kind.leaf)]
    return held


@dataclass(frozen=True)
class Story:
    """What three looks found: after everything was changed, accepted, and put back."""

    before: dict[str, Any]
    changed: tuple[int, dict[str, Any]]
    accepted: dict[str, Any]
    after_accept: tuple[int, dict[str, Any]]
    up_after_accept: str
    after_restore: tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def story(lake: LiveLake) -> Story:
    """Everything drifts and is accepted; the files go back, and the next apply puts Airbyte back."""
    _, before = lake.drift()
    change_everything(lake)
    changed = lake.drift("--only", "airbyte", "--only", "files")
    lake.lotus("drift", "accept", "shop-to-lake", "shop", "lake", "--stack", "dev")
    accepted = {name: kind.accepted(lake) for name, kind in KINDS.items()}
    lake.commit("as it is in Airbyte")
    after_accept = lake.drift("--only", "airbyte", "--only", "files")
    up = lake.up()
    lake.git("revert", "--no-edit", "HEAD")
    lake.up()
    return Story(before, changed, accepted, after_accept, up, lake.drift("--only", "airbyte", "--only", "files"))


def test_what_was_just_applied_has_not_drifted(story: Story) -> None:
    """All five sides agree, and all five were looked at."""
    assert (story.before["lines"], story.before["not_checked"]) == ([], [])
    assert story.before["checked"] == ["files", "state", "airbyte", "source schema", "bucket"]


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_drift_is_named_with_its_leaf(story: Story, name: str) -> None:
    """What the files say, what is there, since when, and both ways out."""
    found = line(story.changed[1], KINDS[name])

    assert story.changed[0] == 5
    assert (found["origin"], found["declared"], found["found"]) == (
        "airbyte",
        KINDS[name].declared,
        KINDS[name].found,
    )
    assert found["accept"] == f"lotus drift accept {KINDS[name].name}"
    assert found["restore"] == "pulumi up --refresh --stack dev"
    assert "somebody in Airbyte" in found["author"]


def test_nothing_else_is_named(story: Story) -> None:
    """As many lines as changes."""
    assert len(story.changed[1]["lines"]) == len(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_drift_is_accepted_into_the_files(story: Story, name: str) -> None:
    """In the word that the files have for it."""
    assert story.accepted[name] == KINDS[name].value


def test_what_was_accepted_is_no_drift_and_is_not_applied_again(story: Story) -> None:
    """Airbyte has it already: the apply only records it."""
    assert story.after_accept == (0, story.after_accept[1])
    assert "changes" not in story.up_after_accept or "updated" not in story.up_after_accept


def test_what_was_put_back_is_no_drift(story: Story) -> None:
    """The revert of the commit and one apply."""
    assert story.after_restore[0] == 0, json.dumps(story.after_restore[1], indent=1)


def test_what_no_file_declares_is_listed_and_is_no_drift(lake: LiveLake) -> None:
    """Somebody set it in Airbyte: it is left as it is, and there is nothing to accept."""
    source = lake.read("streams/shop/_source.json")
    del source["schedule"], source["connection"]["status"]
    lake.write("streams/shop/_source.json", source)
    lake.up()
    lake.patch("connections", CONNECTION, status="inactive", schedule=NIGHTLY)
    code, found = lake.drift("--only", "airbyte", "--only", "files")
    text = lake.lotus("drift", "--stack", "dev", "--only", "airbyte").stdout
    refused = lake.lotus("drift", "accept", "shop-to-lake", "--stack", "dev", check=False)
    lake.up()
    kept = lake.objects("connections")[CONNECTION]["status"]
    lake.git("checkout", ".")
    lake.up()

    listed = [(line["name"], line["leaf"], line["found"]) for line in found["unmanaged"]]
    assert (code, found["lines"], kept) == (0, [], "inactive")
    assert listed == [("shop-to-lake", "schedule", "0 0 3 * * ?"), ("shop-to-lake", "status", "inactive")]
    assert "  connection Shop → Lake, status: inactive" in text
    assert refused.returncode == 2
    assert 'no drift at "shop-to-lake": schedule, status are declared in no file, and left alone' in refused.stderr


@pytest.fixture(autouse=True)
def committed_files(lake: LiveLake) -> Iterator[None]:
    """What a test leaves in the files is no other's business."""
    yield
    lake.git("checkout", ".")


@pytest.fixture
def fields(lake: LiveLake) -> Iterator[dict[str, Any]]:
    """The committed schema of a stream, put back afterwards."""
    name = "streams/shop/_discovered/orders.json"
    kept = lake.read(name)
    yield json.loads(json.dumps(kept))
    lake.write(name, kept)


def test_a_column_that_the_source_offers_otherwise_is_named_and_accepted(lake: LiveLake, fields: Any) -> None:
    """The committed schema is what reviewers and dbt rely on; the source itself says something else."""
    fields["fields"]["total"] = {"type": "string"}
    lake.write("streams/shop/_discovered/orders.json", fields)

    code, found = lake.drift("--only", "schema")
    lake.lotus("drift", "accept", "shop/_discovered", "--stack", "dev")

    (held,) = found["lines"]
    assert (code, held["leaf"], held["declared"], held["found"]) == (5, "orders.total", "string", "number  BREAKING")
    assert lake.read("streams/shop/_discovered/orders.json")["fields"]["total"]["type"] == "number"


def test_a_value_of_the_stack_is_accepted_into_the_stacks_file(lake: LiveLake) -> None:
    """And one that comes from the environment into nothing: no file of git says it."""
    source = lake.read("streams/shop/_source.json")
    configuration = {**source["configuration"], "start_date": {"$config": "start"}}
    lake.write("streams/shop/_source.json", {**source, "configuration": configuration})
    stack = lake.path / "Pulumi.dev.yaml"
    stack.write_text(stack.read_text() + '  lotus:config:\n    start: "2020-01-01T00:00:00Z"\n')
    _configured("sources", "Shop", start_date="2022-02-02T00:00:00Z")(lake)
    lake.lotus("drift", "accept", "shop", "--stack", "dev")
    accepted = stack.read_text()
    kept = lake.read("streams/shop/_source.json")
    _configured("sources", "Shop", start_date="2022-02-02T00:00:00Z", base_url="http://127.0.0.1:9")(lake)
    refused = lake.lotus("drift", "accept", "shop", "--stack", "dev", check=False)
    lake.git("checkout", ".")
    lake.up()

    assert "2022-02-02T00:00:00Z" in accepted
    assert kept["configuration"]["start_date"] == {"$config": "start"}
    assert refused.returncode == 2
    assert "comes from environment variable LOTUS_CONFIG_SHOP_URL, which is not a file" in refused.stderr
    assert lake.objects("sources")["Shop"]["configuration"]["start_date"] == "2020-01-01T00:00:00Z"


def test_a_deleted_connection_is_named_accepted_and_made_again(lake: LiveLake) -> None:
    """Accepted: its source's streams are taken out. Put back: a new one."""
    connection = lake.objects("connections")[CONNECTION]["connectionId"]
    lake.api.delete(f"{lake.server}/connections/{connection}").raise_for_status()

    code, found = lake.drift("--only", "airbyte")
    lake.lotus("drift", "accept", "shop-to-lake", "--stack", "dev")
    accepted = lake.drift("--only", "airbyte", "--only", "files")
    selected = [lake.read(f"streams/shop/{name}.json").get("selected") for name in STREAMS]
    lake.git("checkout", "streams")
    lake.up()

    assert (code, [(one["leaf"], one["found"]) for one in found["lines"]]) == (5, [(None, "deleted")])
    assert (accepted[0], accepted[1]["lines"], selected) == (0, [], [False] * 3)
    assert CONNECTION in lake.objects("connections")


def test_a_second_connection_to_ours_is_named_and_ends_with_its_deletion(lake: LiveLake) -> None:
    """What no state knows is never deleted by an apply: a person has to."""
    ours = lake.objects("connections")[CONNECTION]
    body = {key: ours[key] for key in ("sourceId", "destinationId")}
    made = lake.api.post(f"{lake.server}/connections", json={**body, "name": "by hand"}).raise_for_status().json()

    code, found = lake.drift("--only", "state")
    refused = lake.lotus("drift", "accept", made["connectionId"], "--stack", "dev", check=False)
    lake.api.delete(f"{lake.server}/connections/{made['connectionId']}").raise_for_status()

    (held,) = found["lines"]
    assert (code, held["resource"], held["name"]) == (5, "connection by hand", made["connectionId"])
    assert refused.returncode == 2
    assert f"delete it in Airbyte: connection {made['connectionId']}" in refused.stderr
    assert lake.drift("--only", "state")[0] == 0


def test_what_is_not_applied_is_named_with_its_commit(lake: LiveLake) -> None:
    """Somebody pushed, and nothing applied it: the author is in git."""
    source = lake.read("streams/shop/_source.json")
    lake.write("streams/shop/_source.json", {**source, "schedule": "0 0 6 * * ?"})
    lake.commit("every morning")

    code, found = lake.drift("--only", "files", "--only", "airbyte")
    lake.git("revert", "--no-edit", "HEAD")

    (held,) = found["lines"]
    assert (code, held["origin"], held["leaf"], held["declared"]) == (5, "files", "schedule", "0 0 6 * * ?")
    assert "by Ann" in held["author"]
    assert lake.drift("--only", "files")[0] == 0


def test_landed_files_that_are_gone_are_named(lake: LiveLake) -> None:
    """Until a later sync of the stream has landed something."""
    lake.lotus("sync", "shop", "--wait")
    landing = next(one for one in landings(stack_project(lake.path, "dev", shell(lake))) if one.stream == "orders")
    s3 = landing.bucket.client
    for item in s3.list_objects_v2(Bucket=landing.bucket.name, Prefix=landing.prefix)["Contents"]:
        s3.delete_object(Bucket=landing.bucket.name, Key=item["Key"])
    code, found = lake.drift("--only", "bucket")

    (held,) = found["lines"]
    assert (code, held["name"], held["leaf"]) == (5, "shop/orders", landing.url)
    assert held["author"] == "somebody with keys to the bucket"
    assert held["restore"] == "lotus backfill shop orders"


def test_a_format_for_machines_keeps_the_exit_code(lake: LiveLake) -> None:
    """For Prometheus' textfile collector."""
    lake.patch("connections", CONNECTION, status="inactive")

    metrics = lake.lotus("drift", "--stack", "dev", "--only", "airbyte", "--format", "prometheus", check=False)
    lake.patch("connections", CONNECTION, status="active")

    assert metrics.returncode == 5
    assert 'lotus_drift{stack="dev",origin="airbyte"} 1' in metrics.stdout


def test_a_look_that_fails_is_no_drift(lake: LiveLake) -> None:
    """A fault in the files has its own exit code, never that of drift or of none."""
    file = lake.path / "streams/shop/orders.json"
    kept = file.read_text()
    file.write_text("{")

    broken = lake.lotus("drift", "--stack", "dev", check=False)
    file.write_text(kept)

    assert broken.returncode == 2
    assert "streams/shop/orders.json:1:" in broken.stderr
