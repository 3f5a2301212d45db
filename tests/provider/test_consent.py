"""What holds sync state is deleted or replaced only by consent; previews say so before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.airbyte import Airbyte

from .conftest import Project, make_project

pytestmark = pytest.mark.slow

PROGRAM = """
{first}
source = airbyte.Source("shop", name="Shop", workspace_id=WORKSPACE, definition_id="{definition}",
                        configuration={{"shop": "s"}})
lake = airbyte.Destination("lake", name="Lake", workspace_id=WORKSPACE,
                           configuration={{"destinationType": "local", "destination_path": "{folder}"}})
{connection}
airbyte.foretell_deletions()
"""
CONNECTION = """airbyte.Connection("shop-to-lake", name="Shop → Lake", source_id=source.source_id,
    destination_id=lake.destination_id, configurations={"streams": [{"name": "orders"}]})"""
DELETE = "delete connection Shop → Lake"
REPLACE = "replace connection Shop → Lake"


def declare(project: Project, definition: str, *, connection: str = CONNECTION, first: str = "") -> None:
    folder = project.folder / "lake"
    project.program(PROGRAM.format(definition=definition, folder=folder, connection=connection, first=first))


def sync(server: Airbyte, connection_id: str) -> None:
    """One job of the connection, to its end."""
    job = server.call("POST", "/jobs", {"connectionId": connection_id, "jobType": "sync"})["jobId"]
    deadline = time.monotonic() + 120
    while server.call("GET", f"/jobs/{job}")["status"] in ("pending", "running", "incomplete"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def synced(server: Airbyte, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose connection has synced; the tests of this file leave it as it was."""
    project = make_project(tmp_path_factory.mktemp("synced"), server.url)
    declare(project, shop)
    project.up()
    sync(server, connection_id(project))
    return project


def connection_id(project: Project) -> str:
    return project.resources()["airbyte:index/connection:Connection::shop-to-lake"]["id"]


def test_a_deletion_is_foretold_with_the_consent_it_needs(synced: Project, shop: str):
    """Pulumi asks a provider nothing before a deletion: the program's last call does."""
    declare(synced, shop, connection="")
    code, printed = synced.preview()

    assert code == 7
    assert 'connection "Shop → Lake" will be deleted, and with it how far its streams were read' in printed
    assert f"pulumi config set --path 'airbyte:confirm[0]' '{DELETE}'" in printed


def test_a_deletion_without_consent_is_refused_and_nothing_is_lost(synced: Project, shop: str, server: Airbyte):
    """Neither by `up` nor by `destroy`, which stops before anything else goes; the refusal is ready to paste."""
    declare(synced, shop, connection="")
    for command in (("up", "--yes", "--skip-preview"), ("destroy", "--yes", "--skip-preview")):
        answer = synced.pulumi(*command, check=False)
        assert answer.returncode != 0
        assert f"pulumi config set --path 'airbyte:confirm[0]' '{DELETE}'" in answer.stdout + answer.stderr
    assert server.call("GET", f"/connections/{connection_id(synced)}")["status"] == "active"
    assert len(synced.resources()) == 3


def test_a_replacement_without_consent_is_refused_before_anything_is_made(synced: Project, shop: str, server: Airbyte):
    """By another connector, and by `up --replace`, which asks for no difference."""
    other = server.definition("Other")
    before = synced.resources()
    declare(synced, other)
    _, printed = synced.preview()
    assert "'airbyte:confirm[0]' 'replace source Shop'" in printed
    assert f"'airbyte:confirm[1]' '{REPLACE}'" in printed
    assert 'source "Shop" was not replaced: Shop → Lake synced' in synced.up(check=False)

    declare(synced, shop)
    urn = next(one["urn"] for one in before.values() if one["type"].endswith(":Connection"))
    printed = synced.up("--replace", urn, check=False)
    assert REPLACE in printed, printed
    assert {one["id"] for one in synced.resources().values()} == {one["id"] for one in before.values()}
    assert synced.preview("--refresh")[0] == 0


APPENDED = CONNECTION.replace('{"name": "orders"}', '{"name": "orders", "sync_mode": "full_refresh_append"}')
OVERWRITE = "overwrite stream orders of Shop → Lake"


def test_what_was_appended_is_overwritten_by_consent_alone(project: Project, shop: str, server: Airbyte):
    """The sync after such a change deletes what landed before; the way back deletes nothing."""
    declare(project, shop, connection=APPENDED)
    project.up()
    declare(project, shop)
    assert "deletes what landed of it before; nothing was synced yet" in project.preview()[1]

    sync(server, connection_id(project))
    assert f"pulumi config set --path 'airbyte:confirm[0]' '{OVERWRITE}'" in project.preview()[1]
    assert 'connection "Shop → Lake" was not updated: stream orders is overwritten' in project.up(check=False)
    streams = server.call("GET", f"/connections/{connection_id(project)}")["configurations"]["streams"]
    assert [one["syncMode"] for one in streams] == ["full_refresh_append"]

    declare(project, shop, first=f'airbyte.consent(["{OVERWRITE}"], setting="my:agreed")')
    assert f'agreed to by "{OVERWRITE}"' in project.up()
    assert f'nothing needs the consent "{OVERWRITE}"' in project.preview()[1]
    declare(project, shop, connection=APPENDED)
    assert "deletes what landed" not in project.up()


def test_a_consent_that_nothing_needs_is_named(synced: Project, shop: str):
    """A used one left in the file would agree to the next loss, too; one of a backfill is none of the provider's."""
    declare(synced, shop, first=f'airbyte.consent(["{DELETE}", "clear stream a of b: c"], setting="my:agreed")')
    code, printed = synced.preview()

    assert code == 0
    assert f'nothing needs the consent "{DELETE}"' in printed
    assert "clear stream" not in printed


def test_what_never_synced_needs_no_consent(project: Project, shop: str):
    """Trying things out stays as easy as it was."""
    declare(project, shop)
    project.up()
    declare(project, shop, connection="")
    _, printed = project.preview()

    assert "nothing was synced yet" in printed
    assert "- 1 deleted" in project.up()


def test_with_consent_it_is_replaced_and_deleted(server: Airbyte, shop: str, tmp_path: Path):
    """By the program's own setting, by the stack's, by the environment; used ones are named."""
    project = make_project(tmp_path, server.url)
    other = server.definition("Third")
    declare(project, shop)
    project.up()
    sync(server, connection_id(project))
    agreed = f'airbyte.consent(["replace source Shop", "{REPLACE}"], setting="my:agreed")'
    declare(project, other, first=agreed)
    printed = project.up()
    assert f'agreed to by "{REPLACE}"' in printed
    assert "2 replaced" in printed

    sync(server, connection_id(project))
    declare(project, other, connection="", first='airbyte.consent(["something else"], setting="my:agreed")')
    assert f"'my:agreed[1]' '{DELETE}'" in project.up(check=False)
    project.pulumi("config", "set", "--path", "airbyte:confirm[0]", DELETE)
    assert "- 1 deleted" in project.up()

    declare(project, other)
    project.up()
    sync(server, connection_id(project))
    assert project.pulumi("destroy", "--yes", "--skip-preview", AIRBYTE_CONFIRM="everything").returncode == 0
