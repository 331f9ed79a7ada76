"""Latencies from the model pass the residual check, latencies from another one do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.check.predict import p_text, predictive_check
from dopafit.check.residuals import LEAST, joined, residuals
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.study import Study

TRUTH = {"latency_rest": -0.7, "latency_sigma": 0.5}
ROWS = 400


def model(channel=None) -> Model:
    effects = {"latency_rest": "1"}
    return Model("no_drive", [channel or Latency()], effects=effects, typical_spacing=30)


def study_of(latency: np.ndarray, deadline: float = np.inf) -> Study:
    """Return one session of these latencies [s], censored at the deadline [s]."""
    keys = {"subject": "s", "session": "a"}
    n = len(latency)
    return Study(
        "residuals",
        sessions=pd.DataFrame([{**keys, "start": 0.0, "end": 10.0 * n + 10}]),
        observations=pd.DataFrame({**keys, "time": 10.0 * np.arange(n) + 1}).assign(
            latency=np.minimum(latency, deadline),
            latency_censored=(latency > deadline).astype(float),
        ),
    )


def lognormal(rng: np.random.Generator, n: int = ROWS) -> np.ndarray:
    return np.exp(-TRUTH["latency_rest"] + TRUTH["latency_sigma"] * rng.standard_normal(n))


@pytest.mark.parametrize("deadline", [np.inf, 2.2])
def test_the_places_of_true_latencies_are_uniform(fit_at, deadline) -> None:
    """At the true values the p-values of many studies are uniform, censored or not."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(40):
        fit = fit_at(model(), study_of(lognormal(rng), deadline), TRUTH, draws=2)
        found.append(residuals(fit, Latency(), fit.thinned(2), rng).p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert min(found) < 0.2 and max(found) > 0.8


def test_places_against_scipy(fit_at) -> None:
    latency = lognormal(np.random.default_rng(1))
    fit = fit_at(model(), study_of(latency), TRUTH, draws=2)
    table = residuals(fit, Latency(), fit.thinned(2), np.random.default_rng(0)).table
    place = stats.norm.cdf((np.log(latency) + TRUTH["latency_rest"]) / TRUTH["latency_sigma"])
    expected = np.histogram(place, np.linspace(0, 1, 11))[0] / ROWS
    np.testing.assert_allclose(table["observed"], expected)
    np.testing.assert_allclose(
        table[["lower_90", "upper_90"]].iloc[0] * ROWS, stats.binom.ppf([0.05, 0.95], ROWS, 0.1)
    )


def test_latencies_of_another_shape_are_refused(fit_at) -> None:
    """Two-humped latencies with the mean and spread of the model's: medians cannot tell them."""
    rng = np.random.default_rng(2)
    side = rng.choice([-1.0, 1.0], ROWS)
    hump = TRUTH["latency_sigma"] * (0.95 * side + np.sqrt(1 - 0.95**2) * rng.standard_normal(ROWS))
    fit = fit_at(model(), study_of(np.exp(0.7 + hump)), TRUTH, wiggle=0.01)
    check = predictive_check(fit, seed=1, draws=40)
    row = check.summary.set_index("signature").loc["latency residuals"]
    assert row["p_value"] == row["p_least"] == LEAST and row["inside"] < 0.5
    assert "p < 0.001" in repr(check)


def test_every_censorable_channel_has_residuals_and_no_other(fit_at, tiny_design) -> None:
    truth = {"latency_rest": 0.3, "latency_sigma": 0.5}
    data, _ = simulate(Model("no_drive", [Choice(), Latency()]), tiny_design, seed=3, truth=truth)
    for channel, some in ((Latency(), True), (WaldLatency(), True), (Choice(), False)):
        fit = fit_at(Model("no_drive", [channel]), data, truth)
        found = residuals(fit, channel, fit.thinned(3), np.random.default_rng(0))
        assert (found is not None) == some
    few = data.with_tables({"observations": data.observations.iloc[:19]})
    fit = fit_at(Model("no_drive", [Latency()]), few, truth)
    assert residuals(fit, Latency(), fit.thinned(3), np.random.default_rng(0)) is None


def test_joined_p_values() -> None:
    rng = np.random.default_rng(3)
    # all the same, and all independent: uniform either way
    assert joined(np.full(7, 0.03)) == pytest.approx(0.03)
    independent = [joined(rng.uniform(size=20)) for _ in range(2000)]
    assert stats.kstest(independent, "uniform").pvalue > 0.01
    # nearly the same: at most a little too large or small where it matters
    z = rng.standard_normal((4000, 1)) + 0.5 * rng.standard_normal((4000, 20))
    near = np.array([joined(stats.norm.sf(row / np.sqrt(1.25))) for row in z])
    assert 0.03 < (near < 0.05).mean() < 0.065
    assert np.isfinite(joined(np.array([0.0, 1.0])))


@pytest.mark.parametrize(
    ("p_value", "least", "text"),
    [(1 / 81, 1 / 81, "p < 0.013"), (2 / 81, 1 / 81, "p = 0.025"), (1 / 201, 1 / 201, "p < 0.005")],
)
def test_no_p_value_below_what_the_replicates_can_show(p_value, least, text) -> None:
    assert p_text(p_value, least) == text
