"""From an analysis with names to its page: two kinds of press, a drive by channel, two kernels."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml

from dopafit.fit.fit import Fit
from dopafit.report.run import run
from dopafit.report.simulated import simulate_folder

pytestmark = pytest.mark.slow  # two claims are compiled

ANALYSIS = {
    "study": "study",
    "traces": {"dopamine": {"events": "cue", "typical_spacing": 10}},
    "hypotheses": {
        "mixed": {"drive": {"left": "trough", "right": "peak"}},
        "slow": {"drive": "level", "kernel": "monophasic"},
    },
    "channels": {
        "left": {"likelihood": "presses", "kind": "lever"},
        "right": {"likelihood": "presses", "kind": "poke", "history": [1.0]},
    },
    "effects": {"dopamine.peak": "1", "left.rest": "(1 | subject)", "right.rest": "1"},
    "priors": {
        "dopamine.trough_ratio": {"lognormal": {"median": 0.4, "sigma": 0.2}},
        "left.rest": {"normal": {"mean": -2, "sd": 0.5}},
        "right.rest": {"normal": {"mean": -2, "sd": 0.5}},
    },
    "sampling": {"draws": 50, "max_draws": 50, "tune": 60, "chains": 2},
    "check": {"draws": 5},
    "seed": 3,
    "simulate": {
        "hypothesis": "mixed",
        "design": {"subjects": 2, "duration": 60, "cue_interval": 10, "trial_interval": 5},
        "truth": {"left_rest": -1.5, "right_rest": -2.0, "left_gain_trough": 0.8},
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    base = tmp_path_factory.mktemp("names")
    path = base / "analysis.yaml"
    path.write_text(yaml.safe_dump(ANALYSIS, sort_keys=False), encoding="utf-8")
    study, truth = simulate_folder(path, base / "study", seed=1)
    assert json.loads(truth.read_text("utf-8"))["hypothesis"] == "mixed"
    assert set(study.presses["kind"]) == {"lever", "poke"}
    return run(path, base / "out", progress="silent")


def test_each_hypothesis_is_fitted_under_its_name(made):
    assert list(made.fits) == ["mixed", "slow"]
    kept = Fit.load(made.folder / "fits" / "mixed.nc")
    assert kept.hypothesis == "mixed" and kept.model == made.fits["mixed"].model
    assert {"left_gain_trough", "right_gain_peak"} <= set(kept.posterior.data_vars)
    assert "trough_ratio" not in made.fits["slow"].posterior
    assert set(made.comparison.table.index) == {"mixed", "slow"}


@pytest.mark.parametrize(
    "file", ["summary.csv", "identifiability.csv", "comparison.csv", "truth.csv"]
)
def test_tables_have_a_column_of_hypotheses(made, file):
    table = pd.read_csv(made.folder / file)
    assert set(table["hypothesis"]) <= {"mixed", "slow"} and "drive" not in table


def test_both_kinds_of_press_are_replicated_and_drawn(made):
    check = made.checks["mixed"]
    assert check.hypothesis == "mixed" and {"left", "right"} <= set(check.table["channel"])
    stems = {path.stem for path in (made.folder / "figures").glob("*.png")}
    assert {"signature_left", "signature_right", "kernel_mixed", "kernel_slow"} <= stems
    page = made.report.read_text("utf-8")
    assert "mixed" in page and "left_gain_trough" in page
