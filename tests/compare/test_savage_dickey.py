"""Bayes factors of gains of 0, against closed forms and quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.sampler.compiled import Density
from dopafit.channel.choice import Choice
from dopafit.compare.savage_dickey import SCALES, bayes_factor_at_zero, savage_dickey
from dopafit.core.errors import SpecError
from dopafit.fit.explore import explore


def exact(mean: float, sd: float, scale: float) -> float:
    """Log Bayes factor of a normal mean with this posterior under a prior of sd 1, times scale."""
    precision = sd**-2 - 1.0
    seen = mean * sd**-2 / precision
    free, null = (stats.norm.logpdf(seen, 0, np.sqrt(1 / precision + s**2)) for s in (scale, 0.0))
    return float(free - null)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.5), (1.0, 0.5), (-1.2, 0.6), (0.3, 0.7)])
def test_a_normal_mean(mean, sd):
    found = [
        bayes_factor_at_zero(np.random.default_rng(i).normal(mean, sd, (4, 1000, 1)), [1.0])
        for i in range(12)
    ]
    values = np.array([table["log_bayes_factor"] for table in found])
    errors = np.array([table["mcse"] for table in found])
    for j, scale in enumerate(SCALES):
        far = values[:, j] - exact(mean, sd, scale)
        assert abs(far.mean()) < 0.02 + 3 * far.std() / np.sqrt(12)
        assert 0.5 < np.sqrt((far**2).mean()) / errors[:, j].mean() < 1.8  # the error is told
    assert all(table["pareto_k"].max() < 0.7 for table in found)
    assert found[0]["at_least"].isna().all()


def test_two_together_and_a_skewed_posterior():
    rng = np.random.default_rng(1)
    cov = np.array([[0.3, -0.15], [-0.15, 0.2]])
    draws = rng.multivariate_normal([0.6, -0.5], cov, (4, 2000))
    posterior = stats.multivariate_normal([0.6, -0.5], cov).logpdf([0, 0])
    found = bayes_factor_at_zero(draws, [1.5, 2.0]).loc[1.0]
    expected = stats.norm.logpdf(0, 0, [1.5, 2.0]).sum() - posterior
    assert found["log_bayes_factor"] == pytest.approx(expected, abs=4 * found["mcse"])
    assert found["mcse"] < 0.1
    skewed = stats.gamma(4.0, loc=-1.0, scale=0.5)
    found = bayes_factor_at_zero(skewed.rvs((4, 4000, 1), rng), [1.0]).loc[1.0]
    expected = stats.norm.logpdf(0) - skewed.logpdf(0)
    assert found["log_bayes_factor"] == pytest.approx(expected, abs=0.08)


def test_out_of_reach_is_said_and_bounded():
    far = bayes_factor_at_zero(np.random.default_rng(2).normal(2.5, 0.5, (4, 1000, 1)), [1.0])
    assert far["log_bayes_factor"].isna().all() and far["mcse"].isna().all()
    for scale in SCALES:
        assert 0 < exact(2.5, 0.5, scale) - far.loc[scale, "at_least"] < 8.0
    both = np.random.default_rng(3).normal(4.0, 0.5, (4, 500, 2))
    assert bayes_factor_at_zero(both, [1.0, 1.0])["at_least"].isna().all()


def test_the_gains_of_a_fit(tiny_model, tiny_world, fit_at):
    model = tiny_model("encompassing", channels=[Choice()], effects={})
    sd = model.parameters["choice_gain_trough"].prior.scale
    fit = fit_at(model, tiny_world, {"choice_gain_trough": 0.4 * sd}, draws=4000, wiggle=0.5)
    found = savage_dickey(fit, "choice_gain_trough").loc[1.0]
    expected = stats.norm.logpdf(0) - stats.norm.logpdf(0, 0.4, 0.5)
    assert found["log_bayes_factor"] == pytest.approx(expected, abs=4 * found["mcse"])
    both = savage_dickey(fit, ["choice_gain_trough", "choice_gain_peak"]).loc[1.0]
    more = stats.norm.logpdf(0) - stats.norm.logpdf(0, 0.0, 0.5)
    assert both["log_bayes_factor"] == pytest.approx(expected + more, abs=4 * both["mcse"])


@pytest.mark.slow
def test_a_gain_of_a_fit_against_quadrature(tiny_model, tiny_world):
    fixed = {"trough_ratio": 0.8, "recovery_half_life": 12.0, "onset_ratio": 0.15}
    model = tiny_model(
        "encompassing",
        channels=[Choice()],
        effects={"choice_rest": "1", "peak": "1"},
        fixed=fixed | {"choice_rest": -1.0},
    )
    fit = explore(model, tiny_world, seed=1, draws=4000)
    places = {
        entry.parameter: unit - 1
        for entry, unit in zip(
            fit.layout.coordinates.entries, fit.layout.coordinates.unit, strict=True
        )
        if unit
    }
    assert set(places) == {"choice_gain_peak", "choice_gain_trough"}
    density, grid = Density(fit.layout), np.linspace(-5, 5, 201)
    at = density.scaled(np.zeros(2))
    logs = np.array([[at(np.array([a, b]))[0] for b in grid] for a in grid])
    dense = np.exp(logs - logs.max()).sum(axis=1 - places["choice_gain_peak"])
    posterior = dense[100] / dense.sum() / (grid[1] - grid[0])
    found = savage_dickey(fit, "choice_gain_peak").loc[1.0]
    expected = stats.norm.logpdf(0) - np.log(posterior)
    assert found["log_bayes_factor"] == pytest.approx(expected, abs=4 * found["mcse"] + 0.05)


def test_what_has_no_such_factor_is_refused(tiny_model, tiny_world, fit_at):
    fit = fit_at(tiny_model("trough", channels=[Choice()]), tiny_world, {}, draws=4)
    with pytest.raises(SpecError, match="choice_gain_trough is no gain with a normal prior"):
        savage_dickey(fit, "choice_gain_trough")  # its sign is fixed
    with pytest.raises(SpecError, match="finite draws"):
        bayes_factor_at_zero(np.full((2, 50, 1), np.nan), [1.0])
    with pytest.raises(SpecError, match="above 0"):
        bayes_factor_at_zero(np.random.default_rng(1).normal(size=(2, 500, 1)), [1.0], scales=[0])
