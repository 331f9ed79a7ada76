"""Components from outside: a file of the user's, an installed package, a notebook's cell."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from types import SimpleNamespace

import pytest

from dopafit.core import component
from dopafit.core.component import OUTSIDE, Component
from dopafit.core.errors import SpecError
from dopafit.core.outside import load_components
from dopafit.drive import Drive
from dopafit.drive.level import Level

MINE = '''
"""The level, twice."""
from dopafit.drive.drive import AT_PEAK, Drive


class Double(Drive):
    name = "double"
    reference = "a test"
    words = "the level drives pursuit, in another unit"
    gains = {"gain_peak": AT_PEAK}

    def motivation(self, xp, signals, unit):
        return (signals["level"],)
'''


@pytest.fixture(autouse=True)
def as_before():
    members, outside = Drive.members(), dict(OUTSIDE)
    yield
    for now, then in ((Drive._members, members), (OUTSIDE, outside)):
        now.clear()
        now.update(then)
    component._read_packages.cache_clear()


def test_a_file_brings_a_drive_again_and_again(tmp_path) -> None:
    path = tmp_path / "mine.py"
    for words in ("in another unit", "in a third unit"):
        path.write_text(MINE.replace("in another unit", words))
        load_components(path)
        assert words in Drive.named("double").words
    assert len(OUTSIDE["mine.py"]) == 64


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("def f(:\n", "line 1: SyntaxError: "),
        ("\nimport no_such_module\n", "line 2: ModuleNotFoundError: No module named"),
        ("x = 1\n", "defines no kernel, drive or channel"),
        (MINE.replace('name = "double"', 'name = "trough"'), "is called 'trough' already"),
        (MINE.replace("self, xp, signals, unit", "self, xp, slope"), "which are no parameters"),
        ("\x00", "SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_three_parts(tmp_path, text, wrong) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_components(path)
    error = caught.value
    assert wrong in error.wrong and str(path) in error.wrong and error.allowed and error.todo
    assert "mine.py" not in OUTSIDE


def test_the_line_is_said_where_the_path_is_relative(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("\nimport no_such_module\n")
    with pytest.raises(SpecError, match=r"components: mine\.py, line 2: "):
        load_components("mine.py")


@pytest.mark.parametrize("name", ["none.py", "mine.txt", "."])
def test_a_file_that_is_none_is_refused(tmp_path, name) -> None:
    with pytest.raises(SpecError, match="components: "):
        load_components(tmp_path / name)


def entry(name: str, load) -> SimpleNamespace:
    return SimpleNamespace(dist=SimpleNamespace(name=name, version="1.2"), value=name, load=load)


def test_a_broken_package_is_named_and_the_others_come(monkeypatch) -> None:
    def broken():
        raise ImportError("no module named gone")

    packages = [entry("broken-kit", broken), entry("good-kit", lambda: None)]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: packages)
    component._read_packages.cache_clear()
    with pytest.warns(UserWarning, match="broken-kit cannot bring its components") as caught:
        assert "trough" in Drive.members()
    assert "to do:" in str(caught[0].message) and OUTSIDE.get("good-kit") == "1.2"
    assert "broken-kit" not in OUTSIDE


def test_a_cell_may_define_its_class_again_and_nobody_takes_a_name() -> None:
    def cell(name: str, module: str = "__main__") -> type:
        body = {"name": "mine", "reference": "a test", "__module__": module, "__qualname__": name}
        body["motivation"] = Level.motivation
        return type(Drive)(name, (Drive,), body | {"gains": {}})

    cell("Mine")
    for named in ("Mine", "Mine", "Renamed"):
        defined = cell(named)
        assert Drive.named("mine") is defined
    with pytest.raises(TypeError, match="is called 'mine' already"):
        cell("Mine", module="elsewhere")
    assert issubclass(Drive, Component)


def test_the_command_line_loads_a_file_and_says_what_is_wrong_with_one(tmp_path) -> None:
    path, analysis = tmp_path / "mine.py", tmp_path / "a.yaml"
    path.write_text(MINE)
    analysis.write_text("study: none\ndrives: [double]\nchannels: {choice: {column: pursue}}\n")

    def typed(*more: str) -> str:
        command = [sys.executable, "-m", "dopafit", "validate", str(analysis), *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "Traceback" not in done.stderr
        return done.stderr

    assert "drive 'double' is not known" in typed()
    assert "study 'none' is neither" in typed("--components", str(path))
    path.write_text("1 +\n")
    assert "line 1: SyntaxError" in typed("--components", str(path))
