"""The program: what the files ask for, as resources."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pulumi
import pytest

from lotus.config import Project, from_values, load
from lotus.program.lake import Lake, checked

ROOT = Path(__file__).parents[2]
GIVEN: dict[str, Any] = {
    "lake": "true",
    "workspace": "00000000-0000-4000-8000-000000000001",
    "config": json.dumps({"shop_url": "http://shop", "s3_endpoint": "http://s3", "s3_bucket": "landing"}),
    "secrets": json.dumps({"shop_token": "t", "s3_access_key_id": "k", "s3_secret_access_key": "s"}),
    "sources": json.dumps(["faker", "shop"]),
}


SETTINGS = {
    "schedule", "status", "prefix", "namespaceDefinition", "namespaceFormat", "nonBreakingSchemaUpdatesBehavior",
}  # fmt: skip


class Recorder(pulumi.runtime.Mocks):
    """Stands where the engine stands, and writes down what is registered."""

    def __init__(self) -> None:
        self.resources: dict[str, pulumi.runtime.MockResourceArgs] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.resources[args.name] = args
        kind = args.typ.rsplit(":", 1)[-1]
        ids = {f"{kind[:1].lower()}{kind[1:]}Id": f"id of {args.name}", "definitionId": f"definition {args.name}"}
        return f"id of {args.name}", {**args.inputs, **{k: v for k, v in ids.items() if args.inputs.get(k) is None}}

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        return {}


def project(root: Path, **given: Any) -> Project:
    """The project of a folder, for a stack with these settings."""
    return load(root, from_values({**GIVEN, **given}, stack="dev", project=root, environment={}))


def declared(found: Project) -> dict[str, pulumi.runtime.MockResourceArgs]:
    """What the program registers, by name."""
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="lotus", stack="dev", preview=False)

    @pulumi.runtime.test
    def run() -> None:
        Lake("lake", checked(found))

    run()
    return {name: args for name, args in recorder.resources.items() if args.typ != "lotus:index:Lake"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of this repository's streams."""
    shutil.copytree(ROOT / "streams", tmp_path / "streams")
    return tmp_path


def test_names_are_those_of_the_files(root: Path) -> None:
    """Stable and readable: they are in every preview, and in the state for ever."""
    assert sorted(declared(project(root))) == [
        "faker",
        "faker-to-lake",
        "lake",
        "shop",
        "shop-manifest",
        "shop-to-lake",
    ]


def test_a_connection_has_the_defaults_that_downstream_relies_on(root: Path) -> None:
    """The namespace is the folder's name, so that raw/<source>/<stream>/ holds; new columns come along."""
    inputs = declared(project(root))["shop-to-lake"].inputs

    assert inputs["name"] == "Shop → Lake"
    assert inputs["defaults"] == {
        "namespaceDefinition": "custom_format",
        "namespaceFormat": "shop",
        "nonBreakingSchemaUpdatesBehavior": "propagate_columns",
    }
    assert [s["name"] for s in inputs["configurations"]["streams"]] == ["customers", "orders", "products"]


def test_a_setting_that_no_file_declares_is_no_input(root: Path) -> None:
    """It gets its default at creation, and is left as it is afterwards (docs/ownership.md)."""
    inputs = declared(project(root))["shop-to-lake"].inputs
    undeclared = {name for name, value in inputs.items() if value is None} | (SETTINGS - set(inputs))

    assert undeclared >= SETTINGS


@pytest.mark.parametrize(
    ("files", "namespace"),
    [
        ({"namespace_definition": "source"}, ("source", None)),
        ({"namespace_definition": "custom_format"}, ("custom_format", "shop")),
        ({"namespace_format": "store"}, ("custom_format", "store")),
    ],
)
def test_a_namespace_is_declared_whole(root: Path, files: dict[str, str], namespace: tuple[str, str | None]) -> None:
    """A definition with its format, whichever of the two the files name."""
    overrides = {"shop": {"connection": {**files, "status": "inactive"}, "schedule": "manual"}}
    inputs = declared(project(root, overrides=json.dumps(overrides)))["shop-to-lake"].inputs

    assert (inputs["namespaceDefinition"], inputs.get("namespaceFormat")) == namespace
    assert (inputs["status"], inputs["schedule"]) == ("inactive", {"scheduleType": "manual"})


def test_a_connection_depends_on_its_source_and_destination(root: Path) -> None:
    """Through their ids, so that a source's removal deletes its connection first."""
    inputs = declared(project(root))["shop-to-lake"].inputs

    assert (inputs["sourceId"], inputs["destinationId"]) == ("id of shop", "id of lake")


def test_a_manifest_becomes_a_definition_that_the_source_names(root: Path) -> None:
    """Its id stays when the manifest changes, so the source is never replaced."""
    resources = declared(project(root))

    assert resources["shop-manifest"].inputs["manifest"]["type"] == "DeclarativeSource"
    assert resources["shop"].inputs["definitionId"] == "definition shop-manifest"


def test_a_connector_by_name_is_told_by_its_type(root: Path) -> None:
    """The public API's own table knows the definition."""
    inputs = declared(project(root))["faker"].inputs

    assert inputs["configuration"]["sourceType"] == "faker"
    assert inputs.get("definitionId") is None


def test_a_pinned_package_becomes_a_definition_with_that_image(root: Path) -> None:
    """One line for both worlds: the PyPI version here, the image's tag in the cluster."""
    source = root / "streams/faker/_source.json"
    source.write_text(source.read_text().replace('"airbyte-source-faker"', '"airbyte-source-faker==7.2.1"'))

    resources = declared(project(root))

    inputs = resources["faker-connector"].inputs
    assert (inputs["dockerRepository"], inputs["dockerImageTag"]) == ("airbyte/source-faker", "7.2.1")
    assert resources["faker"].inputs["definitionId"] == "definition faker-connector"


def test_a_definition_id_is_passed_on(root: Path) -> None:
    """For connectors that only this workspace has."""
    source = root / "streams/faker/_source.json"
    identifier = "dfd88b22-b603-4c3d-aad7-3701784586b1"
    source.write_text(source.read_text().replace("airbyte-source-faker", identifier))

    assert declared(project(root))["faker"].inputs["definitionId"] == identifier


def test_references_are_resolved_and_secrets_are_secret(root: Path) -> None:
    """The values of this stack; a secret in it reaches the engine marked as one."""
    configuration = declared(project(root))["shop"].inputs["configuration"]

    # The recorder sees the smallest part that a secret is in, wrapped; the engine sees the leaf.
    assert configuration.pop(pulumi.runtime.rpc._special_sig_key) == pulumi.runtime.rpc._special_secret_sig
    assert configuration["value"]["base_url"] == "http://shop"
    assert configuration["value"]["token"] == "t"


def test_a_schedule_becomes_a_cron(root: Path) -> None:
    """As the stack's override says."""
    found = project(root, overrides=json.dumps({"shop": {"schedule": "0 0 3 * * ? UTC"}}))

    schedule = declared(found)["shop-to-lake"].inputs["schedule"]

    assert schedule == {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}


def test_a_source_without_streams_gets_no_connection(root: Path) -> None:
    """There is nothing to move."""
    for stream in (root / "streams/faker").glob("[!_]*.json"):
        stream.unlink()

    assert "faker-to-lake" not in declared(project(root))


def test_a_destination_that_no_source_uses_is_not_declared(root: Path) -> None:
    """Its configuration would need values that the stack does not have."""
    lake = (root / "streams/_destinations/lake.json").read_text()
    (root / "streams/_destinations/cold.json").write_text(lake)
    for name in ("faker", "shop", "shopify", "klaviyo"):
        source = root / f"streams/{name}/_source.json"
        source.write_text(json.dumps({**json.loads(source.read_text()), "destination": "lake"}))

    assert "cold" not in declared(project(root))


def test_a_fault_stops_the_program_with_all_of_them(root: Path) -> None:
    """Leaving a faulty source out would delete it."""
    (root / "streams/shop/orders.json").write_text('{"cursor_feild": []}')
    (root / "streams/faker/users.json").write_text("{")

    with pytest.raises(pulumi.RunError) as raised:
        checked(project(root))

    text = str(raised.value)
    assert "2 faults in the files" in text
    assert "streams/faker/users.json:1:1" in text
    assert 'did you mean "cursor_field"?' in text


def test_without_a_secret_only_a_preview_goes_on(root: Path) -> None:
    """LOTUS_OFFLINE is for pull requests, not for updates."""
    secrets = json.dumps({"s3_access_key_id": "k", "s3_secret_access_key": "s"})
    given = {**GIVEN, "secrets": secrets}
    offline = load(root, from_values(given, stack="dev", project=root, environment={"LOTUS_OFFLINE": "1"}))

    pulumi.runtime.set_mocks(Recorder(), project="lotus", stack="dev", preview=False)
    with pytest.raises(pulumi.RunError, match="shop_token"):
        checked(offline)
    pulumi.runtime.set_mocks(Recorder(), project="lotus", stack="dev", preview=True)
    assert checked(offline) is offline
