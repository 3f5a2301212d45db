"""The life of resources, with the real CLI, plugin and server."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.airbyte import SHOP_SPEC, SPEC_SOURCE, WORKSPACE, Airbyte

from .conftest import Project, make_project

pytestmark = pytest.mark.slow

LAKE = """
source = airbyte.Source("shop", workspace_id=WORKSPACE, definition_id="{definition}", configuration={{
    "shop": "{shop}", "count": {count}, "hosts": ["a", "b"], "pin": pulumi.Output.secret("{pin}")}})
lake = airbyte.Destination("lake", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
connection = airbyte.Connection(
    "shop-to-lake",
    source_id=source.source_id,
    destination_id=lake.destination_id,
    configurations={{"streams": [{streams}]}},
    schedule={{"schedule_type": "cron", "cron_expression": "0 0 3 * * ?"}},
    namespace_definition="custom_format",
    namespace_format="raw",
)
pulumi.export("connection", connection.connection_id)
"""
UNKNOWN_DEFINITION = "00000000-0000-4000-8000-00000000dead"
ORDERS = '{"name": "orders", "sync_mode": "incremental_append"}'
SELECTED = '{"name": "customers", "selected_fields": ["id", "at"]}'


def lake(definition: str, folder: Path, **changes: Any) -> str:
    values = {"definition": definition, "folder": folder / "lake", "shop": "s", "count": 3, "pin": "first-pin"}
    return LAKE.format(**{**values, "streams": f"{ORDERS}, {SELECTED}", **changes})


@pytest.fixture(scope="module")
def shared(server: Airbyte, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a source, a destination and a connection that exist."""
    project = make_project(tmp_path_factory.mktemp("shared"), server.url)
    project.program(lake(shop, project.folder))
    project.up()
    return project


@pytest.fixture
def made(shared: Project, shop: str) -> Project:
    """The shared project, with the program that was applied; a test may write another one, but not apply it."""
    shared.program(lake(shop, shared.folder))
    return shared


def test_after_up_nothing_is_left_to_do(made: Project):
    """The first question of every user of the peer: is the second plan empty?"""
    assert made.preview()[0] == 0
    assert made.drift()[0] == 0


def test_no_secret_is_readable_anywhere(made: Project, shop: str):
    """Not in state, in the diff, in JSON, or in what anything but the engine itself logs at its highest verbosity."""
    made.pulumi("config", "set", "airbyte:clientId", "an-application")
    made.pulumi("config", "set", "--secret", "airbyte:clientSecret", "the-client-secret")
    made.program(lake(shop, made.folder, pin="other-pin"))
    printed = made.preview("--json")[1] + made.preview()[1]
    log = made.preview("--logtostderr", "-v=11", "--logflow")[1]
    # At -v=9 and above the engine writes down each value that it sends to or gets from any provider, secret or not.
    mine = "\n".join(line for line in log.splitlines() if "arshaling property for RPC[" not in line)
    made.pulumi("config", "rm", "airbyte:clientSecret")
    made.pulumi("config", "rm", "airbyte:clientId")

    assert "Provider[" in mine
    for word in ("first-pin", "other-pin", "the-client-secret"):
        assert word not in made.state_file()
        assert word not in printed
        assert word not in mine, next(line for line in mine.splitlines() if word in line)


def test_a_new_stream_is_one_readable_update(made: Project, shop: str):
    """The main act of every day: one file more."""
    made.program(lake(shop, made.folder, streams=f'{{"name": "events"}}, {ORDERS}, {SELECTED}'))
    code, printed = made.preview()

    assert code == 7
    assert "~ 1 to update" in printed
    assert re.search(r"\+ \[2\]: \{\s+\+ name\s*: \"events\"", printed)
    assert "orders" not in printed.split("--outputs:--")[0].split("streams")[-1]


def test_a_changed_leaf_is_shown_as_a_leaf(made: Project, shop: str):
    """Not as "(sensitive value)"."""
    made.program(lake(shop, made.folder, count=4, pin="second-pin"))
    code, printed = made.preview()

    assert code == 7
    assert re.search(r"~ count\s*: 3 => 4", printed)
    assert re.search(r"~ pin\s*: \[secret\] => \[secret\]", printed)


@pytest.fixture(scope="module")
def lived(server: Airbyte, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of the same kind that tests do change; each applies the program that it starts from."""
    return make_project(tmp_path_factory.mktemp("lived"), server.url)


def test_a_rotated_secret_updates_exactly_its_source_once_it_works(lived: Project, shop: str):
    """One that does not fails its source with the connector's words, keeps the id, and is tried again."""
    lived.program(lake(shop, lived.folder))
    lived.up()
    before = {urn: one["id"] for urn, one in lived.resources().items()}
    lived.program(lake(shop, lived.folder, pin="wrong-pin"))
    for _ in range(2):
        printed = lived.up(check=False)
        assert "the shop does not know this pin" in printed
        assert "wrong-pin" not in printed
    lived.program(lake(shop, lived.folder, pin="right-pin"))
    assert "~ 1 updated" in lived.up()
    assert {urn: one["id"] for urn, one in lived.resources().items()} == before
    assert lived.preview()[0] == 0


def test_another_connector_says_what_it_costs(made: Project, server: Airbyte):
    """A replacement loses how far streams were read; the preview says so in words."""
    other = server.definition("Other")
    made.program(lake(other, made.folder))
    _, printed = made.preview()

    assert "read from the start; nothing was synced yet" in printed
    assert "2 to replace" in printed


def test_what_was_deleted_by_hand_is_made_again(lived: Project, server: Airbyte, shop: str):
    """A source, and the connection that went with it."""
    lived.program(lake(shop, lived.folder))
    lived.up()
    server.call("DELETE", f"/sources/{lived.resources()['airbyte:index/source:Source::shop']['id']}")

    assert lived.drift()[0] == 7
    lived.up("--refresh")
    assert lived.preview("--refresh")[0] == 0


def test_a_destroy_leaves_nothing_and_takes_nothing_along(lived: Project, server: Airbyte, shop: str):
    """Airbyte deletes a source's connections with it, which nobody asked for; issue 361: nothing was deleted."""
    lived.program(lake(shop, lived.folder))
    lived.up()
    ends = {name: one["id"] for name, one in lived.resources().items()}
    body = {
        "sourceId": ends["airbyte:index/source:Source::shop"],
        "destinationId": ends["airbyte:index/destination:Destination::lake"],
        "name": "theirs",
    }
    theirs = server.call("POST", "/connections", body)["connectionId"]
    answer = lived.pulumi("destroy", "--yes", "--skip-preview", check=False)
    assert answer.returncode != 0
    assert '"theirs"' in answer.stdout + answer.stderr
    assert server.call("GET", f"/connections/{theirs}")["status"] == "active"

    server.call("DELETE", f"/connections/{theirs}")
    lived.pulumi("destroy", "--yes", "--skip-preview")
    left = [*server.all("connections"), *server.all("sources"), *server.all("destinations")]
    assert not set(ends.values()) & {str(value) for item in left for value in item.values()}


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ('{"shop": 3}', "configuration.shop"),
        ("{}", "lacks shop"),
        ('{"shop": "s", "count": -1}', "configuration.count"),
    ],
)
def test_a_configuration_that_the_connector_would_refuse_fails_the_preview(
    project: Project, shop: str, configuration: str, words: str
):
    """Before anything is made, with the path."""
    arguments = f'workspace_id=WORKSPACE, definition_id="{shop}", configuration={configuration}'
    project.program(f'airbyte.Source("s", {arguments})\n')
    code, printed = project.preview()

    assert code not in (0, 7)
    assert words in printed
    assert "Traceback" not in printed


def test_a_connector_that_the_server_does_not_have_is_a_fault(project: Project):
    """With the nearest spelling; what cannot be resolved is never taken for another connector, and replaced."""
    project.program('airbyte.Source("s", workspace_id=WORKSPACE, configuration={"sourceType": "shopfy"})\n')
    code, printed = project.preview()

    assert code not in (0, 7)
    assert 'configuration.sourceType: the server has no source connector "shopfy"; did you mean "shopify"?' in printed
    assert "replace" not in printed


def test_a_refusal_of_the_server_is_one_sentence(project: Project):
    """With Airbyte's words, without a traceback."""
    arguments = f'workspace_id=WORKSPACE, definition_id="{UNKNOWN_DEFINITION}", configuration={{}}'
    project.program(f'airbyte.Source("s", {arguments})\n')
    printed = project.up(check=False)

    assert 'source "s" was not created' in printed
    assert UNKNOWN_DEFINITION in printed
    assert "Traceback" not in printed


def test_a_mask_in_the_program_keeps_what_the_state_holds(made: Project, shop: str):
    """So a preview without secrets can be had: the mask stands for the value."""
    made.program(lake(shop, made.folder, pin="**********"))
    code, _ = made.preview()

    assert code == 0


EVERY_KIND = """
workspace = airbyte.Workspace("w", name="W", notifications={{"failure": {{"email": {{"enabled": True}}}}}})
tag = airbyte.Tag("gold", workspace_id=WORKSPACE, color="FF5733")
image = airbyte.SourceDefinition("image", workspace_id=WORKSPACE, docker_repository="{command}", docker_image_tag="1")
sink = airbyte.DestinationDefinition(
    "sink", workspace_id=WORKSPACE, docker_repository="airbyte/destination-local", docker_image_tag="1")
manifest = airbyte.DeclarativeSourceDefinition("manifest", workspace_id=WORKSPACE, manifest='''{manifest}''')
permission = airbyte.Permission(
    "p", permission_type="workspace_reader", user_id="{user}", workspace_id=workspace.workspace_id)
source = airbyte.Source("s", workspace_id=WORKSPACE, definition_id=image.definition_id, configuration={{
    "shop": "s", "hosts": ["a", "b"], "pin": pulumi.Output.secret("first-pin")}})
lake = airbyte.Destination("d", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
connection = airbyte.Connection(
    "c", source_id=source.source_id, destination_id=lake.destination_id,
    schedule={{"schedule_type": "cron", "cron_expression": "0 0 3 * * ?"}},
    configurations={{"streams": [{{"name": "orders"}}]}},
    tags=[{{"tag_id": tag.tag_id, "workspace_id": WORKSPACE, "name": "gold", "color": "FF5733"}}])
"""
MANIFEST = """
version: 6.44.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [things]}
streams:
  - type: DeclarativeStream
    name: things
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "http://127.0.0.1:9", path: /things, http_method: GET}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: string}}}}
spec: {type: Spec, connection_specification: {type: object, properties: {}}}
"""


Drift = tuple[str, str, Any, str]
DRIFTS: list[Drift] = [
    ("PATCH", "sources/{s}", {"configuration": {"shop": "evil"}}, "shop"),
    ("PATCH", "sources/{s}", {"configuration": {"hosts": ["a", "c"]}}, "hosts"),
    ("PATCH", "destinations/{d}", {"configuration": {"destination_path": "/elsewhere"}}, "destination_path"),
    ("PATCH", "connections/{c}", {"status": "inactive"}, "status"),
    ("PATCH", "connections/{c}", {"schedule": {"scheduleType": "cron", "cronExpression": "0 0 5 * * ?"}}, "schedule"),
    (
        "PATCH",
        "connections/{c}",
        {"configurations": {"streams": [{"name": "orders", "syncMode": "full_refresh_append"}, {"name": "events"}]}},
        "syncMode",
    ),
    ("PATCH", "tags/{gold}", {"name": "gold", "color": "00FF00"}, "color"),
    ("PATCH", "permissions/{p}", {"permissionType": "workspace_editor"}, "permissionType"),
    ("PATCH", "workspaces/{w}", {"name": "renamed"}, "name"),
    (
        "PUT",
        "workspaces/{workspace}/definitions/sources/{image}",
        {"name": "image", "dockerImageTag": "9"},
        "dockerImageTag",
    ),
]


def test_every_kind_is_clean_after_up_and_its_drift_is_named(project: Project, server: Airbyte):
    """Nine kinds; ten kinds of drift made through the API, each seen at its leaf; the next `up` puts all back."""
    command = f"command:{sys.executable} {SPEC_SOURCE} {SHOP_SPEC}"
    project.program(EVERY_KIND.format(command=command, folder=project.folder, manifest=MANIFEST, user=server.user))
    project.up()
    resources = project.resources()
    assert len({one["type"] for one in resources.values()}) == 9
    code, printed = project.preview("--refresh")
    assert code == 0, printed

    at = {"workspace": WORKSPACE, **{name.rsplit("::", 1)[1]: one["id"] for name, one in resources.items()}}
    for method, path, body, leaf in DRIFTS:
        server.call(method, "/" + path.format(**at), body)
        code, printed = project.preview("--refresh")
        assert code == 7, (leaf, printed)
        assert re.search(rf"[~+-] {leaf}\b", printed), (leaf, printed)
    project.up("--refresh")
    assert project.preview("--refresh")[0] == 0
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_a_preview_goes_on_without_the_server_and_says_soon_what_it_could_not_do(
    made: Project, project: Project, shop: str
):
    """Its silence is waited for once; what the connector's specification said before still counts."""
    project.program(
        lake(shop, project.folder)
        + "".join(f'airbyte.Source("s{n}", workspace_id=WORKSPACE, definition_id="unknown-{n}", configuration={{}})\n'
                  for n in range(8))
        + f'airbyte.Source("bad", workspace_id=WORKSPACE, definition_id="{shop}", configuration={{"shop": 3}})\n'
    )  # fmt: skip
    project.pulumi("config", "set", "airbyte:serverUrl", "http://127.0.0.1:9")
    started = time.monotonic()
    code, printed = project.preview()
    assert time.monotonic() - started < 20
    assert code == 7
    assert printed.count("127.0.0.1:9/api/public/v1 does not answer") == 1
    assert "not checked against its connector" in printed

    kept = made.folder / "home" / "airbyte-specifications"
    assert (kept / f"{shop}.json").is_file()
    code, printed = project.preview(AIRBYTE_SPECIFICATIONS=str(kept))
    assert code not in (0, 7)
    assert "configuration.shop" in printed


def test_the_schema_is_complete(project: Project):
    """`pulumi package get-schema` answers for every kind and function."""
    plugin = Path(__file__).resolve().parents[2] / "pulumi-airbyte" / "plugin" / "pulumi-resource-airbyte"
    printed = project.pulumi("package", "get-schema", str(plugin)).stdout

    assert printed.count('"requiredInputs"') == 9
    assert printed.count("airbyte:index/get") == 12
    assert "airbyte:index/foretellDeletions" in printed
    assert WORKSPACE not in printed
