"""docs/ownership.md, cell by cell, through the engine: who owns a leaf, and what each operation does to it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.airbyte import REPOSITORY, WORKSPACE, Airbyte

from .conftest import Project, make_project

pytestmark = pytest.mark.slow

PAGE = REPOSITORY / "docs" / "ownership.md"
STATES = ("never declared", "declared", "taken away", "changed, not declared", "changed, declared")
OPERATIONS = ("create", "update", "refresh", "import")
TAGS = {name: {"name": name, "color": "FF5733"} for name in ("gold", "silver")}


def hashing(target: str) -> list[dict[str, Any]]:
    return [{"type": "hashing", "mapperConfiguration": {"targetField": target, "method": "SHA-256"}}]


@dataclass(frozen=True)
class Leaf:
    """A leaf: where it is, and three values of it. `over` is what somebody sets in Airbyte where it is declared."""

    kind: str
    path: tuple[str, ...]
    default: Any
    mine: Any
    theirs: Any
    over: Any = None
    listed_as: str = ""
    """Its path among the unmanaged settings; for elements of sets, the element's."""

    @property
    def changed(self) -> Any:
        return self.theirs if self.over is None else self.over


CRON = {"scheduleType": "cron", "cronExpression": "0 0 3 * * ?"}
DAILY = {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}
LEAVES: dict[str, Leaf] = {
    "status": Leaf("connection", ("status",), "active", "inactive", "inactive", "active"),
    "schedule": Leaf("connection", ("schedule",), {"scheduleType": "manual"}, CRON, DAILY),
    "tags": Leaf("connection", ("tags",), set(), {"gold"}, {"silver"}, listed_as="tags"),
    "prefix": Leaf("connection", ("prefix",), "", "mine_", "theirs_"),
    "namespace": Leaf("connection", ("namespaceDefinition",), "destination", "source", "custom_format"),
    "new columns": Leaf(
        "connection",
        ("nonBreakingSchemaUpdatesBehavior",),
        "ignore",
        "propagate_columns",
        "propagate_fully",
    ),
    "streams": Leaf("connection", ("streams",), set(), {"customers"}, {"events"}, listed_as="streams.events"),
    "mode of a stream": Leaf(
        "connection",
        ("streams", "orders", "syncMode"),
        "full_refresh_overwrite",
        "incremental_append",
        "full_refresh_append",
    ),
    "keys of a stream": Leaf("connection", ("streams", "ledger", "primaryKey"), [], [["id"]], [["at"]]),
    "fields of a stream": Leaf(
        "connection", ("streams", "orders", "selectedFields"), None, ["at", "id"], ["at"], ["at", "id", "total"]
    ),
    "mappers of a stream": Leaf("connection", ("streams", "returns", "mappers"), [], hashing("total"), hashing("at")),
    "files of a stream": Leaf("connection", ("streams", "orders", "includeFiles"), False, True, True, False),
    "leaf of a configuration": Leaf("source", ("configuration", "count"), None, 3, 5),
    "resource requirements": Leaf(
        "source", ("resourceAllocation",), None, {"default": {"cpu_limit": "1"}}, {"default": {"cpu_limit": "2"}}
    ),
    "notifications": Leaf("workspace", ("notifications", "failure", "email", "enabled"), False, True, True, False),
}
ELEMENTS = ("tags", "streams")
"""Sets of which each side owns its elements."""
OBJECTS = ("never", "declared", "away", "away later", "changed", "overruled")
"""One source, connection and workspace for each; the last two are changed in Airbyte."""


def set_at(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        data = data.setdefault(step, {})
    data[path[-1]] = copy.deepcopy(value)


def get_at(data: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    return data


@dataclass
class Stack:
    """The stack whose objects live through the table, and what was seen of them."""

    project: Project
    server: Airbyte
    shop: str
    tags: dict[str, dict[str, Any]]
    lake: str
    declares: dict[str, bool] = field(default_factory=dict[str, bool])
    imports: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    mode: str = "full_refresh_overwrite"
    seen: dict[tuple[str, str, str], tuple[Any, Any]] = field(
        default_factory=dict[tuple[str, str, str], tuple[Any, Any]]
    )
    """By leaf, state and operation: its value before and after."""
    printed: dict[str, str] = field(default_factory=dict[str, str])

    # The program.

    def declared(self, kind: str, name: str) -> dict[str, Any]:
        """The arguments of an object: what is always declared, and this file's leaves where they are."""
        data: dict[str, Any] = {
            "source": {"configuration": {"shop": self.mode}},
            "workspace": {"name": f"{name} {self.mode}"},
            "connection": {"streams": {"orders": {}, "ledger": {}, "returns": {"syncMode": self.mode}}},
        }[kind]
        for leaf in LEAVES.values() if self.declares.get(name) else []:
            if leaf.kind != kind:
                continue
            if leaf.path == ("streams",):
                data["streams"] |= {stream: {} for stream in leaf.mine}
            elif leaf.path == ("tags",):
                data["tags"] = [self.tags[tag] for tag in leaf.mine]
            else:
                set_at(data, leaf.path, leaf.mine)
        if "streams" in data:
            streams = [{"name": stream, **more} for stream, more in data.pop("streams").items()]
            data["configurations"] = {"streams": streams}
        return data

    def text(self) -> str:
        """The program."""
        lines = ["import json"]
        for name in self.declares:
            for kind in ("source", "connection", "workspace"):
                option = ""
                if (kind, name) in self.imports:
                    option = f', opts=pulumi.ResourceOptions(import_="{self.imports[kind, name]}")'
                arguments = {
                    "source": f'name="{name}", workspace_id=WORKSPACE, definition_id="{self.shop}", ',
                    "connection": f'source_id=sources["{name}"], destination_id="{self.lake}", ',
                    "workspace": "",
                }[kind]
                data = f"json.loads({json.dumps(json.dumps(self.declared(kind, name)))})"
                lines.append(f'made = airbyte.{kind.title()}("{name}", {arguments}**snake({data}){option})')
                if kind == "source":
                    lines.append(f'sources["{name}"] = made.source_id')
        head = (
            "import re\nsources = {}\n"
            'def snake(data): return {re.sub("([A-Z])", lambda m: "_" + m[1].lower(), k): v for k, v in data.items()}\n'
        )
        return head + "\n".join(lines) + "\n"

    def apply(self) -> None:
        self.project.program(self.text())

    # Airbyte.

    def path(self, kind: str, name: str) -> str:
        if (kind, name) in self.imports:
            return f"/{kind}s/{self.imports[kind, name]}"
        urn = f"airbyte:index/{kind}:{kind.title()}::{name}"
        return f"/{kind}s/{self.project.resources()[urn]['id']}"

    def values(self, name: str) -> dict[str, Any]:
        """The leaves of an object as Airbyte has them."""
        objects = {
            kind: self.server.call("GET", self.path(kind, name)) for kind in ("source", "connection", "workspace")
        }
        connection = objects["connection"]
        connection["streams"] = {one["name"]: one for one in connection["configurations"]["streams"]}
        return {label: self.value(leaf, objects[leaf.kind]) for label, leaf in LEAVES.items()}

    def value(self, leaf: Leaf, item: dict[str, Any]) -> Any:
        value = get_at(item, leaf.path)
        if leaf.path == ("tags",):
            return {tag["name"] for tag in value}
        if leaf.path == ("streams",):
            return set(value) - {"orders", "ledger", "returns"}
        if leaf.path == ("schedule",) and value.get("cronExpression"):
            return {**value, "cronExpression": value["cronExpression"].removesuffix(" UTC")}
        if leaf.path[-1] == "selectedFields" and value is not None:
            return sorted(one["fieldPath"][0] for one in value)
        if leaf.path[-1] == "mappers" and value is not None:
            return [{name: part for name, part in one.items() if name != "id"} for one in value]
        return value

    def edit(self, name: str, value_of: Any) -> None:
        """What somebody does in Airbyte: a value for each leaf."""
        connection = self.server.call("GET", self.path("connection", name))
        streams = {one["name"]: one for one in connection["configurations"]["streams"]}
        bodies: dict[str, dict[str, Any]] = {"source": {}, "workspace": {}, "connection": {}}
        for leaf in LEAVES.values():
            value = value_of(leaf)
            if leaf.path == ("streams",):
                for gone in {"customers", "events"} - value:
                    streams.pop(gone, None)
                streams |= {stream: {"name": stream} for stream in value}
            elif leaf.path == ("tags",):
                bodies["connection"]["tags"] = [self.tags[tag] for tag in value]
            elif leaf.path[0] == "streams":
                fields = [{"fieldPath": [one]} for one in value] if leaf.path[-1] == "selectedFields" else value
                streams[leaf.path[1]][leaf.path[2]] = fields
            elif leaf.path != ("schedule",):
                set_at(bodies[leaf.kind], leaf.path, value)
        if bodies["connection"]["namespaceDefinition"] == "custom_format":
            bodies["connection"]["namespaceFormat"] = "raw"
        for stream in streams.values():
            if stream["name"] != "ledger":
                stream.pop("primaryKey", None)
        bodies["connection"]["configurations"] = {"streams": list(streams.values())}
        self.set_schedule(connection["connectionId"], value_of(LEAVES["schedule"]))
        for kind, body in bodies.items():
            self.server.call("PATCH", self.path(kind, name), body)

    def set_schedule(self, connection_id: str, schedule: Mapping[str, Any]) -> None:
        data = {"basicSchedule": {"units": 24, "timeUnit": "hours"}}
        if schedule["scheduleType"] == "cron":
            data = {"cron": {"cronExpression": schedule["cronExpression"], "cronTimeZone": "UTC"}}
        body = {"connectionId": connection_id, "scheduleType": schedule["scheduleType"], "scheduleData": data}
        url = self.server.url.replace("/api/public/v1", "/api/v1")
        self.server.http.post(f"{url}/connections/update", json=body).raise_for_status()

    def note(self, operation: str, states: Mapping[str, str], before: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what an operation did."""
        for name, state in states.items():
            after = self.values(name)
            for label in LEAVES:
                self.seen[label, state, operation] = before.get(name, {}).get(label), after[label]

    def now(self, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        return {name: self.values(name) for name in names}


@pytest.fixture(scope="module")
def lived(server: Airbyte, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack after it has lived through every operation."""
    folder = tmp_path_factory.mktemp("ownership")
    tags = {name: server.call("POST", "/tags", {**body, "workspaceId": WORKSPACE}) for name, body in TAGS.items()}
    target = {"destinationType": "local", "destination_path": str(folder / "lake")}
    lake = server.call("POST", "/destinations", {"name": "d", "workspaceId": WORKSPACE, "configuration": target})
    stack = Stack(make_project(folder, server.url), server, shop, tags, lake["destinationId"])
    created(stack)
    updated(stack)
    refreshed(stack)
    imported(stack)
    return stack


def created(stack: Stack) -> None:
    stack.declares = {name: name not in ("never", "changed") for name in OBJECTS}
    stack.apply()
    stack.project.up()
    stack.note("create", {"never": "never declared", "declared": "declared"}, {})


def updated(stack: Stack) -> None:
    """A commit that changes something else of each object, and takes all leaves of one away."""
    stack.edit("changed", lambda leaf: leaf.theirs)
    stack.edit("overruled", lambda leaf: leaf.changed)
    states: dict[str, str] = dict(zip(("never", "declared", "away", "changed", "overruled"), STATES, strict=True))
    before = stack.now(states)
    stack.declares["away"] = False
    stack.mode = "full_refresh_append"
    stack.apply()
    stack.printed["update"] = stack.project.preview()[1]
    stack.project.up()
    stack.note("update", states, before)


def refreshed(stack: Stack) -> None:
    """A look at Airbyte with every command that looks."""
    states: dict[str, str] = dict(zip(("never", "declared", "away later", "changed", "overruled"), STATES, strict=True))
    before = stack.now(states)
    stack.declares["away later"] = False
    stack.apply()
    stack.printed["refresh"] = stack.project.pulumi("preview", "--refresh", "--json").stdout
    stack.project.up("--refresh")
    stack.note("refresh", states, before)
    stack.printed["second refresh"] = str(stack.project.preview("--refresh"))


def imported(stack: Stack) -> None:
    """Objects that somebody made and set in Airbyte, adopted by a program."""
    states = {
        "imported never": "never declared",
        "imported declared": "declared",
        "imported changed": "changed, not declared",
        "imported overruled": "changed, declared",
    }
    for name in states:
        body = {
            "name": name,
            "workspaceId": WORKSPACE,
            "definitionId": stack.shop,
            "configuration": {"shop": stack.mode},
        }
        source = stack.server.call("POST", "/sources", body)["sourceId"]
        streams = [{"name": "orders"}, {"name": "ledger"}, {"name": "returns", "syncMode": stack.mode}]
        ends = {"sourceId": source, "destinationId": stack.lake, "configurations": {"streams": streams}}
        workspace = stack.server.call("POST", "/workspaces", {"name": f"{name} {stack.mode}"})["workspaceId"]
        connection = stack.server.call("POST", "/connections", ends)["connectionId"]
        stack.imports |= {("source", name): source, ("connection", name): connection, ("workspace", name): workspace}
        stack.declares[name] = name in ("imported declared", "imported overruled")
    stack.edit("imported declared", lambda leaf: leaf.mine)
    stack.edit("imported changed", lambda leaf: leaf.theirs)
    stack.edit("imported overruled", lambda leaf: leaf.changed)
    before = stack.now(states)
    stack.apply()
    stack.printed["import"] = stack.project.pulumi("preview", "--json").stdout
    stack.project.up()
    stack.note("import", states, before)
    stack.imports = {}
    stack.apply()
    stack.printed["after the import"] = str(stack.project.preview("--refresh"))


def rows() -> dict[str, list[str]]:
    """The page's table: by leaf, its cells."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells if row[0] in LEAVES}


def holds(word: str, label: str, before: Any, after: Any) -> bool:
    """Whether a word of the table is what happened to a leaf."""
    leaf = LEAVES[label]
    if word == "default":
        return after == leaf.default
    if word == "declared":
        return after == leaf.mine
    if word == "kept":
        return after == before
    if word == "back":
        return before != after == leaf.default
    if word == "put back":
        wanted = leaf.mine | before if label in ELEMENTS else leaf.mine
        return before != after and after == wanted
    raise AssertionError(f"{word} is not a word of the table")


def test_every_leaf_has_its_row():
    """A new leaf adds one here and one there."""
    assert set(rows()) == set(LEAVES)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("label", LEAVES)
def test_each_operation_does_what_the_table_says(lived: Stack, label: str, state: str):
    """Four operations: create, update, refresh, import."""
    words = [word.strip() for word in rows()[label][1 + STATES.index(state)].split("·")]
    assert len(words) == len(OPERATIONS), words
    for operation, word in zip(OPERATIONS, words, strict=True):
        seen = lived.seen.get((label, state, operation))
        if word == "—":
            assert seen is None, (operation, seen)
        else:
            assert seen is not None, operation
            assert holds(word, label, *seen), (operation, word, seen)


@pytest.mark.parametrize("label", LEAVES)
def test_taking_a_declaration_away_is_said_in_the_words_of_the_table(lived: Stack, label: str):
    """Each word of the effect, in the preview."""
    words = rows()[label][-1]
    assert words in re.sub(r"\s+", " ", lived.printed["update"]), words


def test_nothing_that_is_not_declared_is_drift(lived: Stack):
    """A preview with refresh plans for what somebody changed of the declared, and for what was taken away."""
    steps = json.loads(lived.printed["refresh"])["steps"]
    planned = {step["urn"].rsplit("::", 1)[-1] for step in steps if step["op"] == "update"}

    assert planned == {"away later", "overruled"}
    assert lived.printed["second refresh"].startswith("(0,")


def test_an_import_plans_only_what_the_program_says_otherwise(lived: Stack):
    """Afterwards there is nothing to do."""
    steps = json.loads(lived.printed["import"])["steps"]
    planned = {step["urn"].rsplit("::", 1)[-1] for step in steps if step["op"] == "update"}

    assert planned == {"imported overruled"}
    assert lived.printed["after the import"].startswith("(0,"), lived.printed["after the import"]


def test_settings_that_exist_only_in_airbyte_are_listed(lived: Stack):
    """Among the outputs, by their paths."""
    resources = lived.project.resources()
    found = {
        path
        for kind in ("source", "connection")
        for path in resources[f"airbyte:index/{kind}:{kind.title()}::changed"]["outputs"]["unmanaged"]
    }
    expected = {
        leaf.listed_as or ".".join(leaf.path)
        for label, leaf in LEAVES.items()
        if label not in ("keys of a stream", "notifications")
    }
    # A custom format is set in two leaves.
    expected.add("namespaceFormat")
    assert found == {path.replace("streams.", "configurations.streams.") for path in expected}
