"""Objects that exist already under the same name: named in every preview, made again by consent alone."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from tests.support.airbyte import WORKSPACE, Airbyte

from .conftest import Project

pytestmark = pytest.mark.slow

PROGRAM = """
{first}
source = airbyte.Source("mine", name="{name}", workspace_id=WORKSPACE, definition_id="{shop}",
                        configuration={{"shop": "s"}}, opts=pulumi.ResourceOptions({options}))
"""
COMPONENT = 'lake = pulumi.ComponentResource("lotus:index:Lake", "lake")'


def existing(server: Airbyte, shop: str, name: str) -> str:
    body = {"name": name, "workspaceId": WORKSPACE, "definitionId": shop, "configuration": {"shop": "s"}}
    return server.call("POST", "/sources", body)["sourceId"]


def named(server: Airbyte, name: str) -> list[dict[str, Any]]:
    return [one for one in server.all("sources") if one["name"] == name]


def declare(project: Project, shop: str, name: str, *, first: str = "", options: str = "") -> None:
    project.program(PROGRAM.format(first=first, name=name, shop=shop, options=options))


def test_the_printed_command_adopts_what_is_there(project: Project, server: Airbyte, shop: str):
    """As it is printed by the preview and by the refusal: afterwards there is nothing to do."""
    theirs = existing(server, shop, "Handmade 1")
    declare(project, shop, "Handmade 1")
    _, printed = project.preview()
    assert f'Airbyte has source "Handmade 1" already ({theirs})' in printed
    assert "'duplicate source Handmade 1'" in printed
    refused = project.up(check=False)
    assert 'source "Handmade 1" was not created: Airbyte has source "Handmade 1" already' in refused
    assert len(named(server, "Handmade 1")) == 1

    command = re.search(r"`pulumi (import [^`]*)`", printed)
    assert command and command[0] in refused
    project.pulumi(*shlex.split(command[1]))
    assert project.preview()[0] == 0
    project.up()
    assert [one["sourceId"] for one in named(server, "Handmade 1")] == [theirs]


def test_below_a_component_the_program_adopts_it(project: Project, server: Airbyte, shop: str):
    """A command would put it beside its parent, where the program makes it again."""
    theirs = existing(server, shop, "Handmade 2")
    declare(project, shop, "Handmade 2", first=COMPONENT, options="parent=lake")
    _, printed = project.preview()
    option = re.search(r"`ResourceOptions\((import_=\S+)\)`", printed)
    assert option and "pulumi import" not in printed

    declare(project, shop, "Handmade 2", first=COMPONENT, options=f"parent=lake, {option[1]}")
    assert "= 1 to import" in project.preview()[1]
    project.up()
    declare(project, shop, "Handmade 2", first=COMPONENT, options="parent=lake")
    assert project.preview()[0] == 0
    assert [one["sourceId"] for one in named(server, "Handmade 2")] == [theirs]


def test_a_second_one_is_made_by_consent(project: Project, server: Airbyte, shop: str):
    """The printed line, as printed."""
    existing(server, shop, "Handmade 3")
    declare(project, shop, "Handmade 3")
    line = re.search(r"pulumi (config set --path '.*?' '.*?')", project.up(check=False))
    assert line
    project.pulumi(*shlex.split(line[1]))
    assert "makes no second one" not in project.preview()[1]
    project.up()
    assert len(named(server, "Handmade 3")) == 2


def test_what_the_run_replaces_is_no_twin(project: Project, server: Airbyte, shop: str):
    """The old object is in the state."""
    declare(project, shop, "Replaced")
    project.up()
    before = named(server, "Replaced")[0]["sourceId"]
    urn = project.resources()["airbyte:index/source:Source::mine"]["urn"]
    project.up("--replace", urn)

    assert [one["sourceId"] for one in named(server, "Replaced")] != [before]
    assert len(named(server, "Replaced")) == 1
