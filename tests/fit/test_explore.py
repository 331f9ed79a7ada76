"""Approximations are near the sampler's answer, and carry their name wherever they go."""

from __future__ import annotations

import json

import numpy as np
import pytest

import dopafit as dp
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit
from dopafit.fit.verdict import Verdict

ROWS = ("choice_rest", "latency_rest", "latency_sigma", "presses_rest")
POOLED = {f"{channel}_rest": "drug" for channel in ("choice", "latency", "presses")}


@pytest.fixture(scope="module")
def sampled(tiny_model, tiny_world) -> Fit:
    model = tiny_model("no_drive", effects=POOLED)
    return dp.fit(
        model, tiny_world, seed=1, draws=500, max_draws=500, tune=200, chains=2, progress="silent"
    )


def pareto_k(fit: Fit) -> float:
    return next(item.value for item in fit.verdict.items if item.name == "Pareto k")


def test_near_the_sampler_and_labelled(sampled, tmp_path) -> None:
    found = dp.explore(sampled.model, sampled.study, seed=1, draws=2000)
    name = "nested Laplace"
    assert not found.verdict.converged and found.verdict.approximation == name
    assert found.verdict.stamp.startswith(f"APPROXIMATE ({name}, Pareto k ")
    assert found.verdict.usable and pareto_k(found) < 0.7
    assert found.verdict.stamp.endswith("for exploring only")
    table = found.summary.set_index("parameter")
    assert table[["r_hat", "ess_bulk", "ess_tail", "mcse_mean"]].isna().all(axis=None)
    for row in ROWS:
        other = sampled.summary.set_index("parameter").loc[row]
        assert table.loc[row, "mean"] == pytest.approx(other["mean"], abs=0.2 * other["sd"])
        assert table.loc[row, "sd"] == pytest.approx(other["sd"], rel=0.15)
    again = Fit.load(found.save(tmp_path / "quick.nc"))
    assert again.verdict == found.verdict and again.verdict.approximation == name
    np.testing.assert_array_equal(again.theta, found.theta)
    figure = dp.plot.prior_posterior(found)
    words = [text.get_text() for text in figure.texts]
    assert "APPROXIMATE — for exploring only" in words
    assert any("APPROXIMATE" in text and name in text for text in words)


def test_a_verdict_without_a_usable_k_says_so() -> None:
    items = Verdict.from_dict(
        {
            "converged": False,
            "approximation": "Laplace",
            "diagnostics": [
                {
                    "name": "Pareto k",
                    "value": 1.31,
                    "limit": "< 0.7",
                    "ok": False,
                    "where": "",
                    "advice": "",
                }
            ],
        }
    )
    assert items.stamp == "APPROXIMATE (Laplace, Pareto k 1.31): NOT USABLE"
    assert json.loads(json.dumps(items.to_dict()))["approximation"] == "Laplace"


def test_what_cannot_be_asked(tiny_model, tiny_world) -> None:
    with pytest.raises(SpecError, match="draws = 5"):
        dp.explore(tiny_model("no_drive"), tiny_world, seed=1, draws=5)
