"""One member, one file: no other room compares with a member's name or asks for its class."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dopafit.channel import Channel
from dopafit.core.component import Component
from dopafit.drive import Drive
from dopafit.trace.kernel import Kernel

HOUSE = Path(__file__).parents[2] / "dopafit"
ROOMS = ("model", "backend", "fit", "check", "compare", "design", "figure", "report", "cli")
FILES = sorted(
    path
    for room in ROOMS
    for path in [HOUSE / room, *(HOUSE / room).rglob("*.py")]
    if path.is_file()
)
FAMILIES: tuple[type[Component], ...] = (Kernel, Drive, Channel)
MEMBERS = [member for family in FAMILIES for member in family.members().values()]
SHARED = {"peak", "rest", "gain", "area"}  # what every kernel or channel has
NAMES = {name for m in MEMBERS for name in (m.name, *m.formerly)} - SHARED
CLASSES = {member.__name__ for member in MEMBERS}
OWNED = {  # a channel's own parameters bear its name elsewhere
    name
    for member in MEMBERS
    for part in ("parameters", "gains", "landmark_words")
    if not issubclass(member, Channel)
    for name in getattr(member, part, {})
} - SHARED


def text(node: ast.AST | None) -> set[str]:
    """The string a node is, or the strings of a tuple, a list or a set."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return set().union(*map(text, node.elts))
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def called(node: ast.AST) -> set[str]:
    """The last part of the names in a node."""
    return {getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node)}


def branches(source: str) -> list[str]:
    """Where a file asks which member it has before it, one line each."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        told: set[str] = set()
        if isinstance(node, ast.Compare):
            told = (NAMES | OWNED) & set().union(*map(text, [node.left, *node.comparators]))
        elif isinstance(node, ast.MatchValue):
            told = NAMES & text(node.value)
        elif isinstance(node, ast.MatchClass):
            told = CLASSES & called(node.cls)
        elif isinstance(node, ast.Call) and called(node.func) & {"isinstance", "issubclass"}:
            told = CLASSES & called(node)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in {"get", "endswith"}:
            told = OWNED & set().union(*map(text, node.args))
        elif isinstance(node, ast.Subscript):
            told = OWNED & text(node.slice)
        elif isinstance(node, ast.Dict):  # keyed by members, or by what they own
            keys = set().union(*map(text, node.keys))
            told = keys if keys and (keys <= NAMES or keys <= OWNED) else set()
        if told:
            wrong.append(f"line {node.lineno}: {', '.join(sorted(told))}")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_no_room_knows_a_member(path):
    assert branches(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        'drive == "trough"',
        'name in ("no_drive", "x")',
        "isinstance(channel, Presses)",
        "isinstance(kernel, (trace.Opponent, int))",
        'WORDS = {"trough": 1, "level": 2}',
        'WORDS = {"trough_ratio": "depth"}',
        'posterior["time_to_trough"]',
        '"recovery_half_life" in posterior',
        'kernel.get("recovery_half_life")',
        'name.endswith("gain_peak")',
        "match kernel:\n    case Opponent():\n        pass",
        'match name:\n    case "presses":\n        pass',
    ],
)
def test_control_a_branch_on_a_member_is_seen(source):
    assert branches(source)


@pytest.mark.parametrize(
    "source",
    [
        'name != "peak"',
        'def f():\n    """Of the trough drive, trough_ratio."""',
        'row = {"label": 1, "level": 2}',
        'fit(drive="trough")',
        "isinstance(channel, Channel)",
    ],
)
def test_control_what_is_no_branch_passes(source):
    assert branches(source) == []


def test_there_is_something_to_hold():
    assert len(FILES) > 60 and {"trough", "opponent", "presses"} <= NAMES
    assert {"trough_ratio", "time_to_trough", "gain_trough", "set_point"} <= OWNED
