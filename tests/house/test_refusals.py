"""Every refusal has three parts, each with words in it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "dopafit"
PARTS = ("allowed", "todo")


def subclasses() -> set[str]:
    """Names of the classes that derive from an error of the house, in any file."""
    known, size = {"DopafitError"}, 0
    trees = [ast.parse(path.read_text("utf-8")) for path in HOUSE.rglob("*.py")]
    classes = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    while len(known) > size:
        size = len(known)
        known |= {c.name for c in classes if {getattr(b, "id", "") for b in c.bases} & known}
    return known


# they take what went wrong (draws; a component and its exception) and pass on three parts
ERRORS = subclasses() - {"ComponentError", "Interrupted"}


def silent(value: ast.expr) -> bool:
    """Whether a part may turn out empty: a literal without words, or a suggestion alone."""
    if isinstance(value, ast.Constant):
        return not (isinstance(value.value, str) and value.value.strip())
    if isinstance(value, ast.BoolOp):
        return silent(value.values[-1])
    if isinstance(value, ast.IfExp):
        return silent(value.body) or silent(value.orelse)
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Name) and called.id == "suggest"


def constructed(tree: ast.AST) -> list[ast.Call]:
    """Calls that make an error, or pass its parts on to a function that makes it."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    named = {id(call): getattr(call.func, "id", getattr(call.func, "attr", "")) for call in calls}
    parts = {id(call): {k.arg for k in call.keywords} for call in calls}
    return [
        call
        for call in calls
        if named[id(call)] in {*ERRORS, "error"}
        or (parts[id(call)] & set(PARTS) and named[id(call)] != "replace")
    ]


def faults(source: str) -> list[str]:
    """Errors of a file that lack a part, and helpers whose parts are empty unless given."""
    tree = ast.parse(source)
    wrong = []
    for call in constructed(tree):
        given = {k.arg: k.value for k in call.keywords}
        if None in given or not (call.args or given):
            continue
        if "known" not in given:  # with the names that are known the error says both itself
            wrong += [f"line {call.lineno}: no {part}" for part in PARTS if part not in given]
        wrong += [
            f"line {call.lineno}: {part} may be empty"
            for part in PARTS
            if part in given and silent(given[part])
        ]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            wrong += [
                f"line {node.lineno}: {name.arg} is empty unless given"
                for name, default in pairs
                if name.arg in PARTS and default is not None and silent(default)
            ]
    return wrong


def test_the_errors_are_known_here():
    assert {"DopafitError", "FigureError", "FitError", "SpecError", "StudyError"} <= ERRORS


@pytest.mark.parametrize(
    "path", sorted(HOUSE.rglob("*.py")), ids=lambda p: str(p.relative_to(HOUSE))
)
def test_every_refusal_has_three_parts(path):
    if path.name == "errors.py":  # the base itself, whose parts have defaults
        return
    assert faults(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("raise SpecError('x', allowed='y', todo='z')", 0),
        ("raise SpecError('x', allowed='y', todo=suggest(a, b) or 'take one of them')", 0),
        ("raise SpecError('x', allowed='y')", 1),
        ("raise FitError('x')", 2),
        ("raise SpecError('x', allowed='y', todo='')", 1),
        ("raise SpecError('x', allowed='y', todo=' ')", 1),
        ("raise SpecError('x', allowed='y', todo=suggest(a, b))", 1),
        ("raise SpecError('x', allowed='y', todo='z' if a else '')", 1),
        ("raise SpecError('x', allowed='y', todo=hint or '')", 1),
        ("raise source.error(3, 'x', allowed='y')", 1),
        ("raise made('x', todo='y')", 1),
        ("def error(what, *, allowed='', todo): ...", 1),
        ("raise SpecError(*parts, **more)", 0),
        ("raise SpecError('x', given=a, known=b)", 0),
        ("raise SpecError('x', given=a)", 2),
        ("raise SpecError('x', given=a, known=b, todo='')", 1),
    ],
)
def test_control_a_refusal_that_lacks_a_part_is_seen(source, count):
    assert len(faults(source)) == count
