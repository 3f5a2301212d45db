"""The life of resources, with the real CLI, plugin and server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import WORKSPACE, Project, Server

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
ORDERS = '{"name": "orders", "sync_mode": "incremental_append"}'
SELECTED = '{"name": "customers", "selected_fields": [{"field_path": ["id"]}, {"field_path": ["at"]}]}'


def lake(definition: str, folder: Path, **changes: Any) -> str:
    values = {"definition": definition, "folder": folder / "lake", "shop": "s", "count": 3, "pin": "first-pin"}
    return LAKE.format(**{**values, "streams": f"{ORDERS}, {SELECTED}", **changes})


@pytest.fixture
def made(project: Project, shop: str) -> Project:
    """A project with a source, a destination and a connection that exist."""
    project.program(lake(shop, project.folder))
    project.up()
    return project


def by_name(server: Server, kind: str, resource: dict[str, Any]) -> dict[str, Any]:
    return server.call("GET", f"/{kind}/{resource['id']}")


def test_after_up_nothing_is_left_to_do(made: Project):
    """The first question of every user of the peer: is the second plan empty?"""
    assert made.preview()[0] == 0
    assert made.drift()[0] == 0
    assert made.preview("--refresh", "--run-program")[0] == 0


def test_no_secret_is_readable_anywhere(made: Project, server: Server):
    """Not in state, in the diff, in JSON or in the log."""
    made.program((made.folder / "__main__.py").read_text().replace("first-pin", "other-pin"))
    # At -v=9 the engine itself logs every value that it marshals, secret or not, for any provider.
    printed = made.preview("--json")[1] + made.preview()[1] + made.up("--logtostderr", "-v=8", "--logflow")

    for word in ("first-pin", "other-pin"):
        assert word not in made.state_file()
        assert word not in printed


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


def test_a_rotated_secret_updates_exactly_its_source(made: Project, shop: str):
    """And its connections stay as they are."""
    made.program(lake(shop, made.folder, pin="second-pin"))
    printed = made.up()

    assert "~ 1 updated" in printed
    assert made.preview()[0] == 0


def test_a_secret_that_does_not_work_fails_its_source_and_is_tried_again(made: Project, shop: str):
    """With the connector's words; the id is kept, and the right one mends it."""
    before = set(made.resources())
    made.program(lake(shop, made.folder, pin="wrong-pin"))
    for _ in range(2):
        printed = made.up(check=False)
        assert "the shop does not know this pin" in printed
        assert "wrong-pin" not in printed
    made.program(lake(shop, made.folder, pin="right-pin"))
    made.up()

    assert set(made.resources()) == before
    assert made.preview()[0] == 0


def test_a_source_never_takes_along_connections_of_others(made: Project, server: Server):
    """Airbyte deletes them with it, which nobody asked for."""
    ends = {name: one["id"] for name, one in made.resources().items()}
    body = {
        "sourceId": ends["airbyte:index/source:Source::shop"],
        "destinationId": ends["airbyte:index/destination:Destination::lake"],
        "name": "theirs",
    }
    theirs = server.call("POST", "/connections", body)
    answer = made.pulumi("destroy", "--yes", "--skip-preview", check=False)

    assert answer.returncode != 0
    assert '"theirs"' in answer.stdout + answer.stderr
    server.call("DELETE", f"/connections/{theirs['connectionId']}")
    made.pulumi("destroy", "--yes", "--skip-preview")


def test_another_connector_says_what_it_costs(made: Project, server: Server):
    """A replacement loses how far streams were read; the preview says so in words."""
    other = server.definition("Other", Path(__file__).with_name("shop.spec.json"))
    made.program(lake(other, made.folder))
    _, printed = made.preview()

    assert "read from the start" in printed
    assert "2 to replace" in printed


def test_a_source_deleted_by_hand_is_made_again(made: Project, server: Server):
    """And the connection that went with it."""
    resources = made.resources()
    server.call("DELETE", f"/sources/{resources['airbyte:index/source:Source::shop']['id']}")

    assert made.drift()[0] == 7
    made.up("--refresh")
    assert made.preview("--refresh")[0] == 0


def test_destroy_leaves_nothing(made: Project, server: Server):
    """Issue 361: a destroy that deleted nothing."""
    ids = {one["id"] for one in made.resources().values()}
    made.pulumi("destroy", "--yes", "--skip-preview")

    left = [*server.all("connections"), *server.all("sources"), *server.all("destinations")]
    assert not ids & {str(value) for item in left for value in item.values()}


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


def test_a_refusal_of_the_server_is_one_sentence(project: Project):
    """With Airbyte's words, without a traceback."""
    configuration = '{"sourceType": "no-such-connector"}'
    project.program(f'airbyte.Source("s", workspace_id=WORKSPACE, configuration={configuration})\n')
    printed = project.up(check=False)

    assert 'source "s" was not created' in printed
    assert "no-such-connector" in printed
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
source = airbyte.Source("s", workspace_id=WORKSPACE, definition_id=image.definition_id, configuration={{"shop": "s"}})
lake = airbyte.Destination("d", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
connection = airbyte.Connection(
    "c", source_id=source.source_id, destination_id=lake.destination_id,
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


def test_every_kind_is_made_read_and_removed(project: Project, server: Server):
    """Nine kinds in one program: up, empty previews, destroy."""
    import sys

    folder = Path(__file__).parent
    command = f"command:{sys.executable} {folder / 'spec_source.py'} {folder / 'shop.spec.json'}"
    project.program(EVERY_KIND.format(command=command, folder=project.folder, manifest=MANIFEST, user=server.user))
    project.up()

    assert project.preview()[0] == 0
    assert project.drift()[0] == 0
    project.pulumi("destroy", "--yes", "--skip-preview")


CHANGES: list[tuple[str, str, str, Any, str]] = [
    ("sources", "Source::shop", "PATCH", {"configuration": {"shop": "evil"}}, "shop"),
    ("sources", "Source::shop", "PATCH", {"configuration": {"hosts": ["a", "c"]}}, "hosts"),
    ("sources", "Source::shop", "PATCH", {"configuration": {"sandbox": True}}, "sandbox"),
    ("sources", "Source::shop", "PATCH", {"name": "renamed"}, "name"),
    ("connections", "Connection::shop-to-lake", "PATCH", {"prefix": "x_"}, "prefix"),
    ("connections", "Connection::shop-to-lake", "PATCH", {"status": "inactive"}, "status"),
    ("connections", "Connection::shop-to-lake", "PATCH", {"schedule": {"scheduleType": "manual"}}, "schedule"),
    ("connections", "Connection::shop-to-lake", "PATCH", {"namespaceFormat": "other"}, "namespaceFormat"),
    (
        "connections",
        "Connection::shop-to-lake",
        "PATCH",
        {"nonBreakingSchemaUpdatesBehavior": "propagate_fully"},
        "nonBreakingSchemaUpdatesBehavior",
    ),
    (
        "connections",
        "Connection::shop-to-lake",
        "PATCH",
        {"configurations": {"streams": [{"name": "orders", "syncMode": "full_refresh_append"}]}},
        "syncMode",
    ),
]


def test_ten_kinds_of_drift_are_named_and_repaired(made: Project, server: Server):
    """Each made through the API, seen at its leaf, put back by the next up."""
    resources = made.resources()
    for kind, name, method, body, leaf in CHANGES:
        resource = next(one for urn, one in resources.items() if urn.endswith(name))
        server.call(method, f"/{kind}/{resource['id']}", body)
        code, printed = made.drift()
        assert code == 7, (leaf, printed)
        assert re.search(rf"[~+-] {leaf}\b", printed), (leaf, printed)
        made.up("--refresh")
        assert made.drift()[0] == 0, leaf


def test_a_server_that_is_away_fails_at_once_in_a_preview_and_says_so(project: Project, shop: str):
    """A preview needs no server: it goes on unchecked and says that it is."""
    project.pulumi("config", "set", "airbyte:serverUrl", "http://127.0.0.1:9")
    project.program(lake(shop, project.folder))
    code, printed = project.preview()

    assert code == 7
    assert "not checked against its connector" in printed


def test_the_schema_is_complete(project: Project):
    """`pulumi package get-schema` answers for every kind and function."""
    plugin = Path(__file__).resolve().parents[2] / "pulumi-airbyte" / "plugin" / "pulumi-resource-airbyte"
    printed = project.pulumi("package", "get-schema", str(plugin)).stdout

    assert printed.count('"requiredInputs"') == 9
    assert printed.count("airbyte:index/get") == 12
    assert WORKSPACE not in printed
