"""Messages and docstrings name only commands, options and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import typer

import dopafit
from dopafit import cli

HOUSE = Path(__file__).parents[2] / "dopafit"
COMMAND = re.compile(r"(?:`|run |instead: |as |; )dopafit ([a-z]+)\b")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")
FUNCTION = re.compile(r"\bdp\.(plot\.)?([A-Za-z_]+)")


def known() -> tuple[set[str], set[str]]:
    """Verbs and options of the command line."""
    top = typer.main.get_command(cli.app)
    below = [
        c for command in top.commands.values() for c in getattr(command, "commands", {}).values()
    ]
    every = [top, *top.commands.values(), *below]
    return set(top.commands), {o for c in every for p in c.params for o in p.opts} | {"--help"}


def strangers(source: str) -> list[str]:
    """Names in a file's texts that do not exist."""
    verbs, options = known()
    nodes = (n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant))
    wrong = []
    for text in (value for value in nodes if isinstance(value, str)):
        wrong += [v for v in COMMAND.findall(text) if v not in verbs]
        wrong += [o for o in OPTION.findall(text) if o not in options]
        for plot, name in FUNCTION.findall(text):
            room = dopafit.plot if plot else dopafit
            wrong += [] if hasattr(room, name) else [f"dp.{plot}{name}"]
    return wrong


def test_what_messages_name_exists():
    found = {
        str(path.relative_to(HOUSE)): strangers(path.read_text("utf-8"))
        for path in HOUSE.rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_control_a_name_that_does_not_exist_is_seen():
    assert strangers("x = 'run dopafit check FOLDER'") == ["check"]
    assert strangers("x = 'see `dopafit checks`, or run dopafit validate FOLDER'") == ["checks"]
    assert strangers("x = 'choose another with --outt'") == ["--outt"]
    assert strangers("x = 'dp.reed_study(FOLDER), dp.plot.kernl(fit)'") == [
        "dp.reed_study",
        "dp.plot.kernl",
    ]
    assert strangers("x = 'dp.fit(m), dp.plot.kernel(f), `dopafit run A --out B`'") == []
