"""What Airbyte deletes along with an object: never what the program does not have."""

from __future__ import annotations

import pytest

from tests.support.airbyte import WORKSPACE, Airbyte

from .conftest import Project
from .test_twins import existing, named

pytestmark = pytest.mark.slow

DEFINITION = """
airbyte.SourceDefinition("mine", name="{name}", workspace_id=WORKSPACE, docker_repository="{command}",
                         docker_image_tag="1")
"""


def test_a_definition_that_others_use_is_not_deleted(project: Project, server: Airbyte, spec_command: str):
    """Airbyte deletes every source that was made of it, and their connections."""
    project.program(DEFINITION.format(name="Used", command=spec_command))
    project.up()
    definition = project.resources()["airbyte:index/sourceDefinition:SourceDefinition::mine"]["id"]
    theirs = existing(server, definition, "Made of it")
    project.program("")
    printed = project.up(check=False)
    assert 'source definition "Used" was not deleted: sources that are not in this program use it' in printed
    assert f'"Made of it" ({theirs})' in printed
    assert len(named(server, "Made of it")) == 1

    server.call("DELETE", f"/sources/{theirs}")
    project.up()
    assert definition not in str(server.call("GET", f"/workspaces/{WORKSPACE}/definitions/sources"))


def test_a_workspace_that_is_not_empty_is_deleted_by_consent_alone(project: Project, server: Airbyte):
    """Airbyte deletes all that is in it."""
    project.program('airbyte.Workspace("mine", name="Full")\n')
    project.up()
    workspace = project.resources()["airbyte:index/workspace:Workspace::mine"]["id"]
    body = {"name": "theirs", "workspaceId": workspace, "configuration": {"sourceType": "faker"}}
    server.call("POST", "/sources", body)
    project.program("")
    printed = project.up(check=False)
    assert 'workspace "Full" was not deleted: 1 source in it would be deleted as well' in printed
    assert "'delete workspace Full'" in printed

    project.pulumi("config", "set", "--path", "airbyte:confirm[0]", "delete workspace Full")
    assert 'agreed to by "delete workspace Full"' in project.up()
    assert workspace not in str(server.call("GET", "/workspaces"))
