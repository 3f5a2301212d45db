"""Generated streams with the shape counts of a real lake, and records with the value that each should land as.

The counts (`shapes.json`) are those of lotus-lake's 59 discovered schemas; no schema text is copied.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = json.loads((Path(__file__).with_name("shapes.json")).read_text())
ABSENT = object()

Value = tuple[Any, Any]
"""What the source sends, and what should be read back."""


@dataclass
class Node:
    """A field, or the record itself: `kind` is a scalar's type, `object`, `objects` (an array of them) or `list`."""

    kind: str
    form: str | None = None
    children: dict[str, Node] = field(default_factory=dict)

    def schema(self) -> dict[str, Any]:
        """Its JSON schema, as a connector offers it."""
        properties = {name: child.schema() for name, child in self.children.items()}
        match self.kind:
            case "object":
                return {"type": ["null", "object"], "properties": properties} if properties else {"type": "object"}
            case "objects":
                return {"type": ["null", "array"], "items": {"type": "object", "properties": properties}}
            case "list":
                return {"type": ["null", "array"], "items": {"type": ["null", "string"]}}
            case "array":
                return {"type": ["null", "array"]}
            case "unknown":
                return {"type": "unknown"}
            case kind:
                return {"type": ["null", kind], **({"format": self.form} if self.form else {})}


def tree(shape: dict[str, Any]) -> Node:
    """A record type with exactly these counts."""
    root = Node("object")
    types: dict[str, int] = dict(shape["types"])
    arrays = types.pop("array", 0)
    containers = ["object"] * types.pop("object", 0) + ["objects"] * shape["arrays_of_objects"]
    leaves = [kind for kind, count in types.items() for _ in range(count)]
    leaves += ["list"] * shape["arrays_of_scalars"] + ["array"] * shape["arrays_without_items"]
    assert arrays == sum(shape[name] for name in ("arrays_of_objects", "arrays_of_scalars", "arrays_without_items"))
    forms = [form for form, count in shape["formats"].items() for _ in range(count)]
    top, depth = shape["top_level_fields"], shape["max_depth"]
    chain = [root]
    for number, kind in enumerate(containers[-1::-1] if depth > 1 else []):
        if len(chain) < depth:
            chain.append(_added(chain[-1], Node(kind)))
        else:
            _added(chain[1 + number % max(depth - 2, 1)] if depth > 2 else root, Node(kind))
    if depth == 1:
        for kind in containers:
            _added(root, Node(kind))
    homes = [node for node in _nodes(root) if node is not root and node.kind in ("object", "objects")]
    for number, kind in enumerate(leaves):
        node = Node(kind, forms.pop() if kind == "string" and forms else None)
        # The deepest container first, then the top level up to its count, then all in turn.
        home = (
            chain[-1] if number == 0 else root if len(root.children) < top or not homes else homes[number % len(homes)]
        )
        _added(home, node)
    return root


def _added(home: Node, node: Node) -> Node:
    home.children[f"f{len(home.children)}"] = node
    return node


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children.values():
        yield from _nodes(child)


def counted(schema: dict[str, Any]) -> dict[str, Any]:
    """The counts of a schema, as the inventory counts them."""
    found: dict[str, Any] = {
        "top_level_fields": len(schema["properties"]), "all_fields": 0, "max_depth": 0, "types": {}, "formats": {},
        "arrays_of_objects": 0, "arrays_of_scalars": 0, "arrays_without_items": 0,
    }  # fmt: skip

    def walk(properties: dict[str, Any], depth: int) -> None:
        for each in properties.values():
            kinds = [each["type"]] if isinstance(each["type"], str) else each["type"]
            kind = next(name for name in kinds if name != "null")
            found["all_fields"] += 1
            found["max_depth"] = max(found["max_depth"], depth)
            found["types"][kind] = found["types"].get(kind, 0) + 1
            if "format" in each:
                found["formats"][each["format"]] = found["formats"].get(each["format"], 0) + 1
            items = each.get("items")
            if kind == "array":
                word = "without_items" if items is None else "of_objects" if "properties" in items else "of_scalars"
                found[f"arrays_{word}"] += 1
            walk(each.get("properties") or (items or {}).get("properties") or {}, depth + 1)

    walk(schema["properties"], 1)
    return found


def records(root: Node, count: int, seed: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Records as sent, each with the row that should be read back."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _object(root, chance)


def _object(node: Node, chance: random.Random) -> Value:
    sent, landed = {}, {}
    for name, child in node.children.items():
        given, expected = (ABSENT, None) if chance.random() < 0.05 else _value(child, chance)
        landed[name] = expected
        if given is not ABSENT:
            sent[name] = given
    return sent, landed


def _value(node: Node, chance: random.Random) -> Value:
    if chance.random() < 0.1:
        return None, None
    if node.kind == "object" and node.children:
        return _object(node, chance)
    if node.kind == "objects":
        pairs = [_object(node, chance) for _ in range(chance.randrange(3))]
        return [sent for sent, _ in pairs], [landed for _, landed in pairs]
    if node.kind == "list":
        texts = [chance.choice(["", "a", "ü", None]) for _ in range(chance.randrange(4))]
        return texts, texts
    return chance.choice(VALUES[node.form or node.kind])(chance)


def _json(value: Any) -> Value:
    return value, json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _same(value: Any) -> Value:
    return value, value


def _moment(chance: random.Random) -> Value:
    at = datetime.fromtimestamp(chance.randrange(-(10**10), 10**10), UTC).replace(microsecond=chance.randrange(10**6))
    return chance.choice([at.isoformat(), at.isoformat().replace("+00:00", "Z")]), at


def _misfit(value: Any) -> Callable[[random.Random], Value]:
    return lambda chance: (value, None)


VALUES: dict[str, list[Callable[[random.Random], Value]]] = {
    "string": [
        lambda c: _same("x" * c.randrange(50)),
        lambda c: _same(
            c.choice(["", " ", "\u0000", "\n", "\\", '"', "😀 e\u0301", "../../etc/passwd", "null", "NaN"])
        ),
        lambda c: (17, "17"),
        lambda c: ({"a": [1]}, '{"a":[1]}'),
    ],
    "integer": [
        lambda c: _same(c.randrange(-(2**63), 2**63)),
        lambda c: _same(c.randrange(-5, 5)),
        lambda c: ("12", 12),
        _misfit(2**63),
        _misfit(-(10**30)),
        _misfit("frog"),
        _misfit(1.5),
    ],
    "number": [
        lambda c: _same(c.uniform(-1e9, 1e9)),
        lambda c: _same(c.choice([0.0, 1e-320, 1.7976931348623157e308, -2.5])),
        lambda c: (3, 3.0),
        _misfit(float("nan")),
        _misfit(float("inf")),
        _misfit("frog"),
    ],
    "boolean": [lambda c: _same(c.random() < 0.5), _misfit("yes")],
    "date-time": [_moment, _moment, _misfit("+12026-01-01T00:00:00Z"), _misfit("yesterday")],
    "date": [
        lambda c: ((day := date.fromordinal(c.randrange(1, 3_000_000))).isoformat(), day),
        _misfit("2026-13-45"),
        _misfit("12026-01-01"),
    ],
    "object": [lambda c: _json({"b": [c.random() < 0.5, None, {"c.d": "😀"}], "n": 12345678901234567890123})],
    "array": [lambda c: _json([1, "a", {"../": None}])],
    "unknown": [lambda c: _json("text"), lambda c: _json(5), lambda c: _json({"a": 1})],
}

_CHOICE = {"type": ["null", "string", "integer", "object"], "properties": {"k": {"type": "string"}}}
HOSTILE: dict[str, dict[str, Any]] = {
    "id": {"type": "integer"},
    "a.b": {"type": "string"},
    "a_b": {"type": "string"},
    "😀": {"type": "string"},
    "../../up": {"type": "string"},
    "1st": {"type": "integer"},
    "Prénom (été)": {"type": "string"},
    "select": {"type": "string"},
    "relation": {"type": "object", "properties": {"id": {"type": "integer"}, "type": {"type": "string"}}},
    "choice": _CHOICE,
    "large": {"type": "string"},
    "time": {"type": "string", "format": "time"},
}
"""Names and types that trip others: column names that collide, the `{id, type}` trap, a union, 10 MB texts."""

HOSTILE_RECORDS: list[Value] = [
    (
        {"id": 1, "a.b": "dot", "a_b": "line", "😀": "smile", "../../up": "..", "1st": 1, "Prénom (été)": "é"},
        {"id": 1, "a_b": "dot", "a_b_1": "line", "_": "smile", "______up": "..", "_1st": 1, "Prenom__ete_": "é"},
    ),
    (
        {"id": 2, "select": "from", "relation": {"id": 5, "type": "profile"}, "choice": 5, "time": "05:04:05+02:00"},
        {"id": 2, "select": "from", "relation": {"id": 5, "type": "profile"}, "time": datetime(1, 1, 1, 3, 4, 5).time(),
         "choice": {"type": "integer", "string": None, "integer": 5, "object": None}},
    ),
    (
        {"id": 3, "large": "é" * (5 * 1024 * 1024), "choice": "text", "relation": {"type": "x", "undeclared": 1}},
        {"id": 3, "large": "é" * (5 * 1024 * 1024), "relation": {"id": None, "type": "x"},
         "choice": {"type": "string", "string": "text", "integer": None, "object": None}},
    ),
    (
        {"id": 4, "choice": {"k": "v"}, "large": "x" * (10 * 1024 * 1024), "relation": "no object"},
        {"id": 4, "large": "x" * (10 * 1024 * 1024),
         "choice": {"type": "object", "string": None, "integer": None, "object": {"k": "v"}}},
    ),
]  # fmt: skip
HOSTILE_COLUMNS = (
    "id", "a_b", "a_b_1", "_", "______up", "_1st", "Prenom__ete_", "select", "relation", "choice", "large", "time",
)  # fmt: skip
