"""A run folder in which anything may stand: the page is made, or three parts say why not."""

from __future__ import annotations

import copy
import json
import os

import numpy as np
import pytest
import yaml

from dopafit.core.errors import DopafitError, FitError
from dopafit.core.limits import RECORD_BYTES
from dopafit.report.files import MOST_PIXELS
from dopafit.report.folder import RunFolder
from dopafit.report.set.form import SPEC, check_form
from dopafit.report.set.html import render

NEW = (None, "x", -1, True, [1], {"a": 1})


def places(value, way=()):
    """Every place inside nested lists and mappings, the whole among them."""
    yield way
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from places(entry, (*way, key))


def changed(value, way, new):
    """A copy with another value at one place."""
    if not way:
        return new
    made = copy.deepcopy(value)
    inner = made
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = new
    return made


@pytest.mark.parametrize(
    ("name", "least"),
    [("data.json", 10), ("environment.json", 10), ("spec.yaml", 5), ("figures/index.json", 3)],
)
def test_values_of_another_kind(make, name, least) -> None:
    folder = make()
    path = folder / name
    text = path.read_text("utf-8")
    value = yaml.safe_load(text) if name.endswith("yaml") else json.loads(text)
    ways, rng = list(places(value)), np.random.default_rng(0)
    tried = [(way, new) for way in ways for new in NEW]
    refused, drawn = 0, 0
    for i in rng.permutation(len(tried))[:60]:
        path.write_text(json.dumps(changed(value, *tried[i])), "utf-8")
        try:
            run = RunFolder.read(folder)
            if drawn < 2:
                drawn += 1
                assert "</html>" in render(run), tried[i]
        except DopafitError as error:
            refused += 1
            assert name.partition("/")[0] in error.wrong and error.allowed and error.todo, tried[i]
    assert refused >= least and drawn == 2


def test_sizes_and_pipes(make) -> None:
    folder = make()
    png = folder / "figures" / "comparison.png"
    whole = png.read_bytes()
    png.write_bytes(whole[:16] + (MOST_PIXELS + 1).to_bytes(4) + whole[20:])
    with pytest.raises(FitError, match="20001 x"):
        RunFolder.read(folder)
    png.unlink()
    png.symlink_to("/dev/zero")
    with pytest.raises(FitError, match="is a device"):
        RunFolder.read(folder)
    png.unlink()
    png.write_bytes(whole)
    for name in ("summary.csv", "spec.yaml", "figures/index.json"):
        path = folder / name
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(FitError, match="is a named pipe") as caught:
            RunFolder.read(folder)
        assert caught.value.allowed and caught.value.todo
        path.unlink()
        path.write_bytes(content)
    os.truncate(folder / "data.json", RECORD_BYTES + 1)
    with pytest.raises(FitError, match="is larger than"):
        RunFolder.read(folder)


def test_the_form_lets_what_is_right_pass(tmp_path) -> None:
    good = {"seed": 1, "hypotheses": ["a"], "models": {"a": {"parameters": [{"x": 1}]}}}
    good["more"] = [1]
    check_form(tmp_path, good, SPEC, "again")
    bad = {"models": {"a": {"parameters": [{"x": [1]}]}}}
    with pytest.raises(FitError) as caught:
        check_form(tmp_path, bad, SPEC, "again")
    assert "models: a: parameters: 1: x is [1]" in caught.value.wrong
    assert caught.value.allowed == "text, a number or true or false"
