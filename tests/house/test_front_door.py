"""What stands at the front door is the thing itself: its help, its signature, its name."""

from __future__ import annotations

import importlib
import inspect
import pydoc
import subprocess
import sys

import pytest

import dopafit

VERBS = {"fit": ("dopafit.fit.fit", "model"), "compare": ("dopafit.compare.fits", "fits")}


@pytest.mark.parametrize("name", VERBS)
def test_help_and_signature_show_the_function(name):
    module, first = VERBS[name]
    function = getattr(dopafit, name)
    assert inspect.isfunction(function)
    assert function is getattr(importlib.import_module(module), name)
    assert next(iter(inspect.signature(function).parameters)) == first
    shown = pydoc.plain(pydoc.render_doc(function))
    assert "Parameters" in shown and "PACKAGE CONTENTS" not in shown
    assert name in dir(dopafit)


@pytest.mark.parametrize("name", VERBS)
def test_the_room_of_the_same_name_can_be_walked_into(name):
    module, _ = VERBS[name]
    room = importlib.import_module(f"dopafit.{name}")
    assert inspect.ismodule(room) and room is sys.modules[f"dopafit.{name}"]
    # in a process of its own, each way of importing first
    ways = (
        f"import {module}; assert {module}.{name} is dopafit.{name}",
        f"import {module} as m; assert m.{name} is __import__('dopafit').{name}",
        f"import dopafit; from {module} import {name}; assert dopafit.{name} is {name}",
        f"from dopafit import {name}; import {module}; assert dopafit.{name} is {name}",
    )
    for code in ways:
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_another_value_can_be_bound_there(monkeypatch):
    whole = dopafit.fit
    monkeypatch.setattr(dopafit, "fit", 3)
    assert dopafit.fit == 3
    monkeypatch.undo()
    assert dopafit.fit is whole


def test_looking_at_the_functions_loads_no_sampler():
    code = (
        "import sys, dopafit; assert 'pandas' not in sys.modules; dopafit.fit; dopafit.compare; "
        "assert not {'pymc', 'pytensor', 'nutpie', 'arviz', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_public_name_is_found_and_explained():
    for name in dopafit.__all__:
        thing = getattr(dopafit, name)
        assert (inspect.getdoc(thing) and inspect.getdoc(thing) != inspect.getdoc(type(thing))) or (
            name == "__version__"
        ), name
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = dopafit.fitt
