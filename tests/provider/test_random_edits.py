"""Random edits in Airbyte and random commits, in turn: each side's leaves stay as that side set them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.airbyte import WORKSPACE, Airbyte

from .conftest import Project

pytestmark = pytest.mark.slow

LAKES = 4
"""Sources, each with a connection; every round edits and commits a leaf of each."""
SLICE, LONG = 6, 200
GONE = object()
"""What a leaf is that nobody set."""

NIGHTLY = {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}
MORNINGS = {"scheduleType": "cron", "cronExpression": "0 0 9 * * ?"}
TWO_HOURLY = {"scheduleType": "basic", "basicTiming": "Every 2 HOURS"}
# By leaf: its default, what commits say, what people set in Airbyte. The two have nothing in common, so that a leaf
# tells who set it last.
LEAVES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "prefix": ("", ["commit_", "commit2_"], ["ui_", "ui2_"]),
    "status": ("active", ["inactive"], ["inactive"]),
    "nonBreakingSchemaUpdatesBehavior": ("ignore", ["propagate_columns"], ["propagate_fully", "disable_connection"]),
    "namespaceDefinition": ("destination", ["source"], ["custom_format"]),
    "schedule": (
        {"scheduleType": "manual"},
        [
            {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"},
            {"scheduleType": "basic", "basicTiming": "Every 2 HOURS"},
        ],
        [{"scheduleType": "cron", "cronExpression": "0 0 9 * * ?"}],
    ),
    "orders.syncMode": ("full_refresh_overwrite", ["full_refresh_append"], ["incremental_append"]),
    "orders.includeFiles": (False, [True], [True]),
    "returns.mappers": ([], [["total"], ["total", "id"]], [["at"], ["at", "id"]]),
    "ledger.primaryKey": ([], [[["id"]]], [[["at"]], [["total"]]]),
    "count": (GONE, [1, 2, 3], [7, 8, 9]),
    "hosts": (GONE, [["a"], ["a", "b"]], [["x"], ["y", "z"]]),
    "resourceAllocation": (GONE, [{"default": {"cpu_limit": "1"}}], [{"default": {"cpu_limit": "7"}}]),
}
STAY = ("ledger.primaryKey", "resourceAllocation")
"""Leaves that have no default to go back to: taken away, they stay."""
OF_THE_SOURCE = ("count", "hosts", "resourceAllocation")
ALWAYS = ("orders", "returns", "ledger")
"""Streams that every program declares."""
ELEMENTS = {"streams": ("customers", "events"), "tags": ("gold", "silver", "blue")}
FIELDS = ("id", "total")
"""Fields of `orders` beside its cursor, which is always selected."""


@dataclass
class Lake:
    """What a source and its connection should be like."""

    declared: dict[str, Any] = field(default_factory=dict[str, Any])
    actual: dict[str, Any] = field(default_factory=lambda: {name: values[0] for name, values in LEAVES.items()})
    declared_elements: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    elements: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    declared_fields: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    """None: all."""

    def edit(self, chance: random.Random) -> None:
        """Somebody sets a leaf that is not declared."""
        what = chance.choice(["leaf", "leaf", "element", "field"])
        if what == "leaf":
            free = [name for name in LEAVES if name not in self.declared]
            name = chance.choice(free) if free else None
            if name is not None:
                self.actual[name] = chance.choice(LEAVES[name][2])
        elif what == "element":
            free = [(kind, one) for kind, names in ELEMENTS.items() for one in names]
            element = chance.choice([one for one in free if one not in self.declared_elements])
            self.elements ^= {element}
        elif self.declared_fields is None:
            self.fields = frozenset(chance.sample(FIELDS, chance.randint(0, 2)))
        else:
            others = sorted(set(FIELDS) - self.declared_fields)
            self.fields = (self.fields or frozenset()) ^ set(others[:1])

    def commit(self, chance: random.Random) -> None:
        """Somebody declares a leaf, declares it otherwise, or takes it away."""
        what = chance.choice(["leaf", "leaf", "element", "field"])
        if what == "leaf":
            name = chance.choice(list(LEAVES))
            if name in self.declared and chance.random() < 0.5:
                del self.declared[name]
                if name not in STAY:
                    self.actual[name] = LEAVES[name][0]
            else:
                self.declared[name] = self.actual[name] = chance.choice(LEAVES[name][1])
        elif what == "element":
            kind = chance.choice(list(ELEMENTS))
            element = (kind, chance.choice(ELEMENTS[kind]))
            self.declared_elements ^= {element}
            self.elements = self.elements - {element} | ({element} & self.declared_elements)
        elif self.declared_fields is not None and chance.random() < 0.5:
            self.declared_fields = self.fields = None
        else:
            fields = frozenset(chance.sample(FIELDS, chance.randint(0, 2)))
            old = self.declared_fields or frozenset()
            self.fields = fields if self.fields is None else self.fields - (old - fields) | fields
            self.declared_fields = fields


def mappers(targets: list[str]) -> list[dict[str, Any]]:
    return [{"type": "hashing", "mapperConfiguration": {"targetField": one, "method": "MD5"}} for one in targets]


@dataclass
class World:
    """The stack, and what should be in Airbyte."""

    project: Project
    server: Airbyte
    definition: str
    tags: dict[str, dict[str, Any]]
    lake: str
    lakes: list[Lake]
    ids: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def program(self) -> None:
        """Write what is declared."""
        lines = ["import json"]
        for number, lake in enumerate(self.lakes):
            source, connection = self.arguments(lake)
            lines += [
                f'source = airbyte.Source("s{number}", name="s{number}", workspace_id=WORKSPACE, '
                f'definition_id="{self.definition}", **json.loads({json.dumps(json.dumps(source))}))',
                f'airbyte.Connection("c{number}", source_id=source.source_id, destination_id="{self.lake}", '
                f"**json.loads({json.dumps(json.dumps(connection))}))",
            ]
        self.project.program("\n".join(lines) + "\n")

    def arguments(self, lake: Lake) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the program says of a source and its connection."""
        source: dict[str, Any] = {"configuration": {"shop": "s"}}
        connection: dict[str, Any] = {}
        streams: dict[str, dict[str, Any]] = {name: {"name": name} for name in ALWAYS}
        for name, value in lake.declared.items():
            stream, _, leaf = name.rpartition(".")
            if stream:
                streams[stream][leaf] = mappers(value) if leaf == "mappers" else value
            elif name in ("count", "hosts"):
                source["configuration"][name] = value
            elif name == "resourceAllocation":
                source["resource_allocation"] = value
            else:
                connection[SNAKE.get(name, name)] = value
        streams |= {one: {"name": one} for kind, one in lake.declared_elements if kind == "streams"}
        tags = [self.tags[one] for kind, one in sorted(lake.declared_elements) if kind == "tags"]
        if tags:
            connection["tags"] = tags
        if lake.declared_fields is not None:
            streams["orders"]["selectedFields"] = ["at", *sorted(lake.declared_fields)]
        return source, {**connection, "configurations": {"streams": list(streams.values())}}

    def edit(self, number: int, before: Lake) -> None:
        """Do in Airbyte what the model says was done."""
        lake = self.lakes[number]
        source, connection = self.ids[number]
        body: dict[str, Any] = {}
        synced = {one["name"]: one for one in self.connection(number)["configurations"]["streams"]}
        for name in [name for name in LEAVES if lake.actual[name] != before.actual[name]]:
            value = lake.actual[name]
            stream, _, leaf = name.rpartition(".")
            if stream:
                synced[stream][leaf] = mappers(value) if leaf == "mappers" else value
            elif name in OF_THE_SOURCE:
                sent = {name: value} if name == "resourceAllocation" else {"configuration": {name: value}}
                self.server.call("PATCH", f"/sources/{source}", sent)
            else:
                body[name] = value
        if body.get("namespaceDefinition") == "custom_format":
            body["namespaceFormat"] = "raw"
        body["tags"] = [self.tags[one] for kind, one in lake.elements if kind == "tags"]
        chosen = {one: {"name": one} for kind, one in lake.elements if kind == "streams"}
        present = {name: one for name, one in synced.items() if name in chosen or name in ALWAYS}
        streams: dict[str, dict[str, Any]] = {**chosen, **present}
        if lake.fields != before.fields:
            streams["orders"]["selectedFields"] = [{"fieldPath": [one]} for one in ("at", *sorted(lake.fields or ()))]
        for name in set(streams) - {"ledger"}:
            streams[name].pop("primaryKey", None)
        body["configurations"] = {"streams": list(streams.values())}
        self.server.call("PATCH", f"/connections/{connection}", body)

    def connection(self, number: int) -> dict[str, Any]:
        return self.server.call("GET", f"/connections/{self.ids[number][1]}")

    def check(self, number: int) -> None:
        """Compare Airbyte with the model."""
        lake, item = self.lakes[number], self.connection(number)
        source = self.server.call("GET", f"/sources/{self.ids[number][0]}")
        streams = {one["name"]: one for one in item["configurations"]["streams"]}
        objects = {**item, **source["configuration"], **streams}
        objects["resourceAllocation"] = source.get("resourceAllocation", GONE)
        actual = {name: value_in(objects, name) for name in LEAVES}
        assert actual == lake.actual
        tags = {one["tagId"]: name for name, one in self.tags.items()}
        elements = {("streams", one) for one in streams if one not in ALWAYS}
        assert elements | {("tags", tags[one["tagId"]]) for one in item["tags"]} == lake.elements
        selected = streams["orders"].get("selectedFields")
        fields = None if selected is None else frozenset(one["fieldPath"][0] for one in selected) - {"at"}
        assert fields == lake.fields


def value_in(objects: dict[str, Any], name: str) -> Any:
    """A leaf as the model writes it."""
    stream, _, leaf = name.rpartition(".")
    value = objects[stream].get(leaf, GONE) if stream else objects.get(name, GONE)
    if leaf == "mappers":
        return [one["mapperConfiguration"]["targetField"] for one in value]
    if name == "schedule" and "cronExpression" in value:
        return {**value, "cronExpression": value["cronExpression"].removesuffix(" UTC")}
    return value


SNAKE = {
    "nonBreakingSchemaUpdatesBehavior": "non_breaking_schema_updates_behavior",
    "namespaceDefinition": "namespace_definition",
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rounds", [SLICE, pytest.param(LONG, marks=pytest.mark.soak)])
def test_each_side_keeps_what_it_set(project: Project, server: Airbyte, shop: str, rounds: int):
    """Half of the updates look at Airbyte before they plan, half do not."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    color = {"color": "FF5733", "workspaceId": WORKSPACE}
    tags = {one: server.call("POST", "/tags", {"name": f"{one} {rounds}", **color}) for one in ELEMENTS["tags"]}
    target = {"destinationType": "local", "destination_path": str(project.folder / "lake")}
    lake = server.call("POST", "/destinations", {"name": "d", "workspaceId": WORKSPACE, "configuration": target})
    project.environment["AIRBYTE_CONFIRM"] = "everything"
    world = World(project, server, shop, tags, lake["destinationId"], [Lake() for _ in range(LAKES)])
    world.program()
    project.up()
    resources = project.resources()
    for number in range(LAKES):
        source = resources[f"airbyte:index/source:Source::s{number}"]["id"]
        world.ids.append((source, resources[f"airbyte:index/connection:Connection::c{number}"]["id"]))

    for turn in range(rounds):
        for number, one in enumerate(world.lakes):
            before = Lake(actual=dict(one.actual), elements=set(one.elements), fields=one.fields)
            one.edit(chance)
            world.edit(number, before)
            one.commit(chance)
        world.program()
        project.up(*["--refresh"] if turn % 2 else [])
        for number in range(LAKES):
            world.check(number)
    assert project.preview("--refresh")[0] == 0
