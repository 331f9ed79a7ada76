"""Imports run one way through the house, and one room alone speaks to the samplers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "dopafit"

# Rooms with the same number do not know each other.
ORDER = {
    "core": 0,
    "study": 1,
    "trace": 2,
    "drive": 3,
    "channel": 4,
    "model": 5,
    "backend": 6,
    "fit": 7,
    "check": 8,
    "compare": 8,
    "design": 8,
    "figure": 9,
    "report": 10,
    "cli": 11,
}
FRONT = {"__init__", "__main__"}  # the front door may lead to every room
SAMPLERS = {"pymc", "pytensor", "nutpie", "arviz", "arviz_base", "arviz_stats", "arviz_plots"}
SAMPLERS |= {"jax", "jaxlib"}


def room_of(path: Path, house: Path = HOUSE) -> str:
    """Name of the room a file stands in."""
    return path.relative_to(house).with_suffix("").parts[0]


def imported(source: str) -> list[tuple[int, str]]:
    """(line, dotted name) of every import, at any depth; relative ones start with a dot."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and node.args:
            function = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            function = node.func.id if isinstance(node.func, ast.Name) else function
            first = node.args[0]
            if function in {"import_module", "__import__"} and isinstance(first, ast.Constant):
                found.append((node.lineno, str(first.value)))
    return found


def faults(source: str, room: str) -> list[str]:
    """What a file of this room imports and may not."""
    wrong = []
    for line, name in imported(source):
        parts = name.split(".")
        if name.startswith("."):
            wrong.append(f"line {line}: relative import {name}")
        elif parts[0] in SAMPLERS and room != "backend":
            wrong.append(f"line {line}: {name} outside the backend")
        elif parts[0] == "dopafit" and room not in FRONT:
            target = parts[1] if len(parts) > 1 else "__init__"
            if target.startswith("__") and target not in FRONT:
                continue  # dopafit.__version__ and its like
            if target not in ORDER:
                wrong.append(f"line {line}: {name} goes in by the front door")
            elif target != room and ORDER[target] >= ORDER[room]:
                wrong.append(f"line {line}: {room} imports {target}")
    return wrong


def test_every_room_has_its_place():
    rooms = {room_of(path) for path in HOUSE.rglob("*.py")}
    assert rooms - FRONT <= set(ORDER), "a new room needs a place in ORDER"
    assert "core" in rooms and "backend" in rooms


@pytest.mark.parametrize(
    "path", sorted(HOUSE.rglob("*.py")), ids=lambda p: str(p.relative_to(HOUSE))
)
def test_imports_run_one_way(path):
    assert faults(path.read_text("utf-8"), room_of(path)) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("trace", "from dopafit.drive.trough import Trough"),
        ("trace", "def f():\n    from dopafit.model import Model\n"),
        ("check", "import dopafit.compare.loo"),
        ("compare", "from dopafit import design"),
        ("study", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dopafit.fit"),
        ("drive", "from dopafit import Model"),
        ("fit", "import dopafit"),
        ("core", "from .errors import DopafitError"),
        ("core", "from . import errors"),
        ("figure", "def f():\n    import arviz as az\n"),
        ("fit", "from pytensor import tensor"),
        ("check", "import arviz_stats.loo"),
        ("model", "def f():\n    import jax.numpy as jnp\n"),
        ("core", "import importlib\nimportlib.import_module('dopafit.fit')"),
        ("model", "from importlib import import_module as m\n__import__('pymc')"),
    ],
)
def test_control_a_wrong_import_is_seen(room, source):
    assert len(faults(source, room)) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("trace", "from dopafit.core.errors import SpecError\nimport numpy as np"),
        ("backend", "import pymc as pm\nfrom pytensor import tensor as pt"),
        ("report", "from dopafit.figure import kernel\nfrom dopafit import __version__"),
        ("check", "from dopafit.check.verdict import Verdict\nfrom dopafit import fit"),
        ("__init__", "import dopafit.cli"),
    ],
)
def test_control_a_right_import_passes(room, source):
    assert faults(source, room) == []
