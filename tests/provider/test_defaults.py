"""Defaults of a program's own: what settings that it does not declare get at creation, and go back to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.airbyte import Airbyte

from .conftest import Project
from .test_consent import connection_id, declare, sync

pytestmark = pytest.mark.slow

DEFAULTS = """{"namespace_definition": "custom_format", "namespace_format": "shop",
    "non_breaking_schema_updates_behavior": "propagate_columns"}"""
CONNECTION = """airbyte.Connection("shop-to-lake", name="Shop → Lake", source_id=source.source_id,
    destination_id=lake.destination_id, defaults=%s, %s
    configurations={"streams": [{"name": "orders"}]})"""
SETTINGS = ("namespaceDefinition", "namespaceFormat", "nonBreakingSchemaUpdatesBehavior")
SHOP = ["custom_format", "shop", "propagate_columns"]
SOURCE = 'namespace_definition="source",'
IGNORED = 'non_breaking_schema_updates_behavior="ignore",'


def settings(server: Airbyte, project: Project) -> list[Any]:
    """The three settings as Airbyte has them."""
    connection = server.call("GET", f"/connections/{connection_id(project)}")
    if connection["namespaceDefinition"] != "custom_format":
        connection.pop("namespaceFormat", None)  # the server remembers one that has no effect
    return [connection.get(name) or None for name in SETTINGS]


def applied(project: Project, shop: str, declared: str = "") -> str:
    """What an `up` of a connection with these arguments printed."""
    declare(project, shop, connection=CONNECTION % (DEFAULTS, declared))
    return project.up()


def test_a_connection_is_made_with_them_and_left_alone_afterwards(project: Project, server: Airbyte, shop: str):
    """What somebody sets later is kept, and listed as unmanaged."""
    applied(project, shop)
    assert settings(server, project) == SHOP
    assert project.preview("--refresh")[0] == 0

    body = {"namespaceDefinition": "source", "nonBreakingSchemaUpdatesBehavior": "disable_connection"}
    server.call("PATCH", f"/connections/{connection_id(project)}", body)
    project.up("--refresh")
    assert settings(server, project) == ["source", None, "disable_connection"]
    unmanaged = project.resources()["airbyte:index/connection:Connection::shop-to-lake"]["outputs"]["unmanaged"]
    assert unmanaged == ["namespaceDefinition", "nonBreakingSchemaUpdatesBehavior"]


def test_a_declaration_that_is_taken_away_goes_back_to_them(project: Project, server: Airbyte, shop: str):
    """The namespace with its format, which Airbyte had dropped."""
    applied(project, shop, SOURCE)
    assert settings(server, project) == ["source", None, "propagate_columns"]

    printed = applied(project, shop)
    assert settings(server, project) == SHOP, printed
    assert project.preview("--refresh")[0] == 0


def test_the_preview_says_where_a_setting_goes_back_to(project: Project, shop: str):
    """In words, and the defaults themselves are no change."""
    applied(project, shop, SOURCE + IGNORED)
    declare(project, shop, connection=CONNECTION % (DEFAULTS, ""))
    _, printed = project.preview()

    assert "namespaceDefinition: back to custom_format; the next sync may write elsewhere" in printed
    assert "nonBreakingSchemaUpdatesBehavior: back to propagate_columns; that decides from now on" in printed
    assert "defaults" not in printed
    declare(project, shop, connection=CONNECTION % ("{}", SOURCE + IGNORED))
    assert project.preview()[0] == 0


def test_going_back_to_columns_that_nobody_reviews_needs_consent(project: Project, server: Airbyte, shop: str):
    """It lets more data through."""
    applied(project, shop, IGNORED)
    sync(server, connection_id(project))
    declare(project, shop, connection=CONNECTION % (DEFAULTS, ""))
    refused = project.up(check=False)

    assert "'airbyte:confirm[0]' 'widen columns of Shop → Lake'" in refused
    assert settings(server, project)[2] == "ignore"
    project.pulumi("config", "set", "--path", "airbyte:confirm[0]", "widen columns of Shop → Lake")
    project.up()
    assert settings(server, project)[2] == "propagate_columns"
