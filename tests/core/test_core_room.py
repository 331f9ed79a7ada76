"""A room that is its verb: called, it does it; walked into, it is a package."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import dopafit
from dopafit.core.room import make_callable


@pytest.fixture
def house(tmp_path, monkeypatch):
    room = tmp_path / "verbs_of_a_test" / "add"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").write_text('"""A room."""\nOWN = 7\n')
    (room / "add.py").write_text("LOADED = True\ndef add(a, *, b=1):\n    return a + b\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "verbs_of_a_test.add"
    for name in [n for n in sys.modules if n.startswith("verbs_of_a_test")]:
        del sys.modules[name]


def test_a_room_can_be_called(house) -> None:
    room = importlib.import_module(house)
    with pytest.raises(TypeError):
        room(1)
    make_callable(house, f"{house}.add", "add")
    assert f"{house}.add" not in sys.modules  # loaded on first use
    assert room(1) == 2 and room(1, b=4) == 5
    assert sys.modules[f"{house}.add"].LOADED
    # it is a package all the same, also once its namesake has been imported
    assert importlib.import_module(house) is room and room.OWN == 7
    assert room.add.add(2) == 3 and room(2) == 3
    with pytest.raises(TypeError):
        room()
    with pytest.raises(AttributeError):
        _ = room.subtract


def test_a_verb_that_is_not_there(house) -> None:
    room = importlib.import_module(house)
    make_callable(house, f"{house}.add", "subtract")
    with pytest.raises(AttributeError, match="subtract"):
        room(1)
    with pytest.raises(KeyError):
        make_callable("no_such_room", "x", "y")


def test_the_verbs_of_the_front_door() -> None:
    from dopafit.core.errors import SpecError

    with pytest.raises(SpecError, match="two fits or more"):
        dopafit.compare({}, unit="trial")
    with pytest.raises(TypeError):
        dopafit.fit()
    assert callable(dopafit.compare) and dopafit.fit.__name__ == "dopafit.fit"


def test_walking_in_loads_no_sampler() -> None:
    code = (
        "import sys, dopafit; dopafit.fit; dopafit.compare; "
        "assert not {'pymc', 'pandas', 'pytensor'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
