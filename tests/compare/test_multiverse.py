"""A multiverse is the analysis and its neighbours, and its summary counts what held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from dopafit.compare.multiverse import MOST, headline, specifications, summarised
from dopafit.core.errors import SpecError
from dopafit.model.analysis import read_analysis

BASE = {
    "channels": {"choice": {"column": "pursue"}},
    "effects": {"choice_rest": "drug", "trough_ratio": "drug"},
    "typical_spacing": 15,
}


@pytest.fixture
def read(tmp_path):
    def make(**content):
        path = tmp_path / "analysis.yaml"
        path.write_text(yaml.safe_dump(BASE | content), encoding="utf-8")
        return read_analysis(path)

    return make


def differences(one, base) -> set[str]:
    return {key for key, value in one.choices.items() if value != base.choices[key]}


def test_by_default_the_analysis_and_its_neighbours(read, tiny_world):
    found = specifications(read(), tiny_world)
    own, *others = found
    assert own.own and not any(one.own for one in others) and 12 < len(found) <= MOST
    assert own.model.hash == read().claims(tiny_world)["trough"].hash
    assert len({one.model.hash for one in found}) == len(found)
    same = [one for one in others if one.choices["drive"] == "trough"]
    assert all(len(differences(one, own)) == 1 for one in same)
    assert {key for one in same for key in differences(one, own)} == {
        *("time_on_task", "sessions", "kernel_prior", "gain_prior"),  # no acts: no history
    }
    assert {one.choices["kernel"] for one in others} == {"opponent", "opponent3"}
    gain = own.model.parameters["choice_gain_trough"].prior
    wide = next(one for one in same if one.choices["gain_prior"] == 2.0)
    assert wide.model.parameters["choice_gain_trough"].prior.scale == 2 * gain.scale
    half = next(one for one in same if one.choices["kernel_prior"] == 0.5)
    for name in ("trough_ratio", "recovery_half_life", "onset_ratio"):
        before, after = (m.parameters[name].prior for m in (own.model, half.model))
        assert (after.scale, after.location) == (before.scale / 2, before.location)
    assert half.model.parameters["choice_gain_trough"].prior == gain


def test_drives_that_share_a_kernel_begin_without_nuisance(read, tiny_world):
    own, *others = specifications(read(drives=["no_drive", "trough"]), tiny_world)
    assert own.choices["time_on_task"] is False and own.choices["sessions"] is False
    assert {one.choices["time_on_task"] for one in others} == {False, True, 0.5, 2.0}


def test_what_is_stated_is_crossed(read, tiny_world):
    stated = {
        "drives": ["trough", "level"],
        "kernels": ["opponent", "monophasic"],
        "time_on_task": [False, True],
        "history": [False],
        "sessions": [False],
        "kernel_prior": [1.0],
        "gain_prior": [1.0, 3.0],
        "combine": "all",
    }
    prior = {"lognormal": {"median": 0.3, "sigma": 0.5}}
    analysis = read(drives=["trough"], multiverse=stated, priors={"trough_ratio": prior})
    found = specifications(analysis, tiny_world)
    pairs = {(one.choices["drive"], one.choices["kernel"]) for one in found}
    assert pairs == {("trough", "opponent"), ("level", "opponent"), ("level", "monophasic")}
    assert len(found) == 3 * 2 * 2 and found[0].own
    assert found[0].model.priors["trough_ratio"].scale == 0.5  # the file's own prior


def test_what_cannot_be_crossed_is_said(read, tiny_world):
    with pytest.raises(SpecError, match="no hypothesis of the analysis has a trace"):
        specifications(read(drives=["no_drive"]), tiny_world)
    alone = read(drives=["level"], multiverse={"drives": ["trough"], "kernels": ["monophasic"]})
    with pytest.raises(SpecError, match="no drive goes with"):
        specifications(alone, tiny_world)
    for wrong in (
        {"kernel_prior": []},
        {"gain_prior": [-1.0]},
        {"combine": "some"},
        {"hstory": []},
    ):
        with pytest.raises(SpecError, match="multiverse"):
            read(multiverse=wrong)


def test_the_headline(read, tiny_world):
    def asked(**effect):
        analysis = read(multiverse={"effect": effect}) if effect else read()
        return headline(analysis, specifications(analysis, tiny_world)[0].model, tiny_world)

    assert asked() == {"channel": "choice", "at": "trough"}
    assert asked(at="peak") == {"channel": "choice", "at": "peak"}
    drug = {"parameter": "trough_ratio", "level": "drug[precursor]"}
    assert asked(**drug) == drug
    with pytest.raises(SpecError, match="choice"):
        asked(channel="chioce")
    with pytest.raises(SpecError, match="is no effect of a factor"):
        asked(parameter="trough_ratio", level="drug")


def test_what_held_is_counted():
    rows = pd.DataFrame(
        {
            "own": [True, False, False, False, False],
            "trusted": [True, True, False, True, True],
            "median": [0.12, 0.20, 0.05, -0.02, np.nan],
            "lower": [0.08, 0.10, -0.01, -0.06, np.nan],
            "upper": [0.16, 0.30, 0.11, 0.02, np.nan],
            "change": "points",
            "unit": "",
        }
    )
    said = summarised(rows)
    assert said[0] == "the analysis's own: 12 points (8 to 16)"
    assert "\N{MINUS SIGN}2 points" in said[1] and "20 points (10 to 30)" in said[1]
    assert said[2] == "the sign held in 3 of 4 specifications"
    assert said[3] == "its 95 % interval left out 0 on that side in 2 of 4"
    assert "1 of 5 specifications have no such effect or failed" in said
    assert "1 of 4 cannot be trusted; they are counted, and marked" in said
    rows["own"] = [False, False, True, False, False]
    assert summarised(rows)[0].endswith(", which cannot be trusted")
    assert summarised(rows)[3] == "its 95 % interval includes 0, as in 2 of 4"
    rows["own"] = [False, False, False, False, True]
    assert "no size to compare with" in summarised(rows)[-1]
