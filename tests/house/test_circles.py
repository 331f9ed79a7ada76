"""No module of the package imports, even inside a function, one that leads back to it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "dopafit"


def imports(tree: ast.AST) -> set[str]:
    """Return what a module imports, apart from what only a type checker sees."""
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return by module the modules of the same package that it imports.

    A package's `__init__` that only passes names on is left out: it leads where they are from.
    """
    found = {name: imports(ast.parse(text)) & sources.keys() for name, text in sources.items()}
    return {name: {to for to in into if to != name} for name, into in found.items()}


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return the modules that lie on circles or between them: what is left without ends."""
    left = {name: set(into) for name, into in edges.items()}
    while ends := [name for name, into in left.items() if not into & left.keys()]:
        for name in ends:
            del left[name]
    while tops := [n for n in left if not any(n in into for into in left.values())]:
        for name in tops:
            del left[name]
    return sorted(left)


def sources() -> dict[str, str]:
    files = {path.relative_to(ROOT.parent): path for path in sorted(ROOT.rglob("*.py"))}
    return {
        ".".join(short.with_suffix("").parts): path.read_text()
        for short, path in files.items()
        if path.name != "__init__.py"
    }


def test_no_circles() -> None:
    edges = graph(sources())
    assert len(edges) > 150 and sum(map(len, edges.values())) > 400
    assert circle(edges) == []


def test_control_circles_are_seen() -> None:
    here = "from p.b import x\n"
    inside = "def f():\n    from p import a\n    return a\n"
    assert circle(graph({"p.a": here, "p.b": inside, "p.c": here})) == ["p.a", "p.b"]
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.a import y\n"
    assert circle(graph({"p.a": here, "p.b": typed})) == []
    three = {"p.a": here, "p.b": "import p.c", "p.c": "from p.a import z"}
    assert circle(graph(three)) == ["p.a", "p.b", "p.c"]
