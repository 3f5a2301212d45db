"""`python -m tests.rooms`: the drawing of the rooms in docs/architecture.md, made from the imports.

An arrow is an import; one that follows from two others (a → b → c says a → c) is left out.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from tests.thermometers import PACKAGES, Graph, imports_of, modules

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "architecture.md"
MARKS = ("<!-- rooms: written by python -m tests.rooms -->", "<!-- end of rooms -->")
TITLES = {"lotus": "lotus", "pulumi_airbyte": "pulumi-airbyte", "lotus_server": "lotus-server"}


@cache
def rooms() -> dict[str, Graph]:
    """The rooms of each package, and which of them each imports, also across packages."""
    everything = [module for package in PACKAGES for module in modules(package)]
    names = {module.name for module in everything}
    graphs: dict[str, Graph] = {}
    for module in everything:
        room = _room(module.name)
        if room is None:
            continue
        graph = graphs.setdefault(module.name.split(".")[0], {})
        others = {_room(name) for name in imports_of(module, names)} - {None, room}
        graph.setdefault(room, set()).update(other for other in others if other is not None)
    return graphs


def _room(module: str) -> str | None:
    """`lotus.review` of `lotus.review.report`; the package itself is no room."""
    parts = module.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 else None


def reduced(graph: Graph) -> Graph:
    """The graph without the arrows that follow from two others."""

    def reach(room: str, seen: set[str]) -> set[str]:
        for other in graph.get(room, set()) - seen:
            seen.add(other)
            reach(other, seen)
        return seen

    return {
        room: {to for to in others if not any(to in reach(via, set()) for via in others - {to})}
        for room, others in graph.items()
    }


def drawing() -> str:
    """The rooms as a Mermaid flowchart, one box for each distribution."""
    graphs = rooms()
    whole: Graph = {room: others for graph in graphs.values() for room, others in graph.items()}
    lines = ["```mermaid", "flowchart TD"]
    for package, graph in graphs.items():
        lines.append(f"  subgraph {package}[{TITLES[package]}]")
        lines += [f"    {room}[{room.partition('.')[2]}]" for room in sorted(graph)]
        lines.append("  end")
    for room, others in sorted(reduced(whole).items()):
        lines += [f"  {room} --> {other}" for other in sorted(others)]
    return "\n".join([*lines, "```"])


def page_with(drawn: str) -> str:
    """The page with this drawing between its marks."""
    text = PAGE.read_text()
    head, _, rest = text.partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    return f"{head}{MARKS[0]}\n\n{drawn}\n\n{MARKS[1]}{tail}"


def main() -> int:
    """Writes the drawing into the page."""
    PAGE.write_text(page_with(drawing()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
