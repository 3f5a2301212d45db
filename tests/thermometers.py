"""`python -m tests.thermometers`: the shape of the code in figures, held against the committed ones.

They are thermometers, not aims: a figure that gets better while the code gets harder to read is a broken thermometer.
`make check` fails when one is worse than in `thermometers.json`; `--write` commits better ones.
"""

from __future__ import annotations

import argparse
import ast
import collections
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from radon.complexity import cc_visit

PROJECT = Path(__file__).resolve().parents[1]
COMMITTED = Path(__file__).with_suffix(".json")
PACKAGES = ("lotus", "pulumi-airbyte/pulumi_airbyte", "lotus-server/lotus_server")
"""One for each distribution."""
LARGE = 200
"""Lines of a class that is a giant."""
_VAGUE = """
held one own found known asked given made said told shown wanted landed beside mine theirs what where how who why
there here named offered declared kept gone used done whole answer place word sentence anew
"""
VAGUE = frozenset(_VAGUE.split())
"""Names that do not say what they name."""
Graph = dict[str, set[str]]


@dataclass(frozen=True)
class Figures:
    """What is measured; less is better."""

    classes_over_200_lines: int
    complexity_over_20: int
    complexity_over_10: int
    nested_conditionals: int
    any_per_1000_lines: float
    casts: int
    type_ignores: int
    vague_names_percent: float
    import_circles: int
    names_defined_twice: int


@dataclass(frozen=True)
class Module:
    """One module of a package."""

    package: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """Its dotted name."""
        parts = list(self.path.with_suffix("").parts[len(Path(self.package).parts) - 1 :])
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def parent(self) -> str:
        """What its relative imports count from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def modules(package: str) -> list[Module]:
    """All modules of a package that git has, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", f"{package}/*.py"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    texts = {Path(name): (PROJECT / name).read_text() for name in listed if (PROJECT / name).is_file()}
    return [Module(package, path, text, ast.parse(text)) for path, text in texts.items()]


def measured() -> Figures:
    """The figures of the code as it is."""
    by_package = {package: modules(package) for package in PACKAGES}
    all_modules = [module for group in by_package.values() for module in group]
    nodes = [node for module in all_modules for node in ast.walk(module.tree)]
    complexity = [b.complexity for m in all_modules for b in cc_visit(m.text) if b.letter != "C"]
    names = [name for node in nodes for name in _bound(node)]
    return Figures(
        classes_over_200_lines=sum(_lines(node) > LARGE for node in nodes if isinstance(node, ast.ClassDef)),
        complexity_over_20=sum(value > 20 for value in complexity),
        complexity_over_10=sum(value > 10 for value in complexity),
        nested_conditionals=sum(_is_nested(node) for node in nodes),
        any_per_1000_lines=round(1000 * sum(_is_name(node, "Any") for node in nodes) / _code_lines(all_modules), 1),
        casts=sum(isinstance(node, ast.Call) and _is_name(node.func, "cast") for node in nodes),
        type_ignores=sum(m.text.count("# type: ignore") + m.text.count("# pyright: ignore") for m in all_modules),
        vague_names_percent=round(100 * sum(name in VAGUE for name in names) / len(names), 1),
        import_circles=sum(len(circles(_graph(group))) for group in by_package.values()),
        names_defined_twice=sum(_twice(group) for group in by_package.values()),
    )


def _lines(node: ast.ClassDef) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def _code_lines(group: list[Module]) -> int:
    lines = [line.strip() for module in group for line in module.text.splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_nested(node: ast.AST) -> bool:
    if not isinstance(node, ast.IfExp):
        return False
    return any(isinstance(inner, ast.IfExp) for inner in ast.walk(node) if inner is not node)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a piece of code gives."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name.lstrip("_")
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg


def _twice(group: list[Module]) -> int:
    """Public names that more than one module of a distribution defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [
        n.name for module in group for n in module.tree.body if isinstance(n, kinds) and not n.name.startswith("_")
    ]
    return sum(count > 1 for count in collections.Counter(names).values())


def _graph(group: list[Module]) -> Graph:
    """Imports between the modules of a package, also those inside of functions and for type checkers."""
    names = {module.name for module in group}
    return {module.name: {name for name in imports_of(module, names) if name != module.name} for module in group}


def imports_of(module: Module, names: set[str]) -> Iterator[str]:
    """The modules among `names` that a module imports, wherever it does."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.parent.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}" if f"{base}.{alias.name}" in names else base
                if name in names:
                    yield name


def circles(graph: Graph) -> list[list[str]]:
    """The groups of modules that import each other, by Tarjan's algorithm."""
    sys.setrecursionlimit(20_000)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def walk(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                walk(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for node in graph:
        if node not in index:
            walk(node)
    return groups


def main() -> int:
    """Prints the figures beside the committed ones; 1 when one is worse."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="commit the figures of now, where none is worse")
    options = parser.parse_args()
    now = asdict(measured())
    committed: dict[str, float] = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else now
    worse = [name for name, value in now.items() if value > committed[name]]
    for name, value in now.items():
        print(
            f"{name.replace('_', ' '):26} {value:8}  committed {committed[name]:8}{'  WORSE' if name in worse else ''}"
        )
    if not worse and options.write:
        COMMITTED.write_text(json.dumps(now, indent=2) + "\n")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
