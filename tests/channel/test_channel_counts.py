"""Counts in windows: SciPy's negative binomial, means over windows by its integrals, controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import dopafit as dp
from dopafit.backend.sampler.compiled import RowDensity
from dopafit.channel.counts import Counts
from dopafit.check.residuals import LEAST, residuals
from dopafit.core.errors import FitError, SpecError
from dopafit.core.xp import gammaln
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.play import simulate
from dopafit.study import Study
from dopafit.trace.opponent import Opponent

KEYS = {"subject": "s", "session": "a"}
VALUES = {
    "trough_ratio": 0.5,
    "recovery_half_life": 12.0,
    "onset_ratio": 0.2,
    "counts_rest": -1.0,
    "counts_gain": 1.2,
    "counts_gain_peak": 1.2,
    "counts_dispersion": 0.4,
}


def logp(mean, count, dispersion):
    count = np.asarray(count, float)
    eta = np.log(mean) - np.log(2.0) + 0.0 * count
    return Counts().logp(np, eta, count, np.log(2.0), gammaln(np, count + 1.0), dispersion)


def study_of(start, length, count=0.0, events=(20.0, 26.0, 80.0), end=400.0) -> Study:
    start = np.asarray(start, float)
    return Study(
        "windows",
        sessions=pd.DataFrame([{**KEYS, "start": 0.0, "end": end}]),
        events=pd.DataFrame([{**KEYS, "time": t, "kind": "cue", "magnitude": 1.0} for t in events]),
        observations=pd.DataFrame({"time": start, "count": count, "duration": length}).assign(
            **KEYS
        ),
    )


def model(drive="level", **changes) -> Model:
    options = {
        "effects": {"counts_rest": "1", "peak": "1"},
        "typical_spacing": 20.0,
        "unit_magnitude": 1.0,
    }
    return Model(drive, [Counts()], **(options | changes))


def at_values(layout, **changes):
    gain = next((e.parameter for e in layout.coordinates.entries if "gain" in e.parameter), "")
    values = VALUES | {gain: 1.2} | changes
    known = {k: v for k, v in values.items() if k in layout.program.model.parameters}
    return layout.coordinates.theta_from_truth(known, np.array(layout.coordinates.loc))


@pytest.mark.parametrize("dispersion", [0.02, 0.4, 3.0])
@pytest.mark.parametrize("mean", [0.01, 3.0, 4e3])
def test_density_and_distribution_are_scipys(mean, dispersion) -> None:
    phi = dispersion**-2
    exact = stats.nbinom(phi, phi / (phi + mean))
    count = np.unique(np.round(np.array([0, 1, 2, 0.3, 0.9, 1.0, 1.3, 3.0]) * max(mean, 1.0)))
    np.testing.assert_allclose(logp(mean, count, dispersion), exact.logpmf(count), rtol=1e-9)
    eta = np.full(count.size, np.log(mean))
    below, upto = Counts().cumulative(eta, count, 0.0, 0.0, dispersion)
    np.testing.assert_allclose(below, exact.cdf(count - 1), atol=1e-10)
    np.testing.assert_allclose(upto, exact.cdf(count), atol=1e-10)


def test_limits() -> None:
    """Probabilities sum to 1; without dispersion the counts are Poisson; nothing overflows."""
    assert np.exp(logp(3.0, np.arange(400), 0.7)).sum() == pytest.approx(1, abs=1e-12)
    count = np.arange(12)
    np.testing.assert_allclose(
        logp(3.0, count, 1e-5), stats.poisson(3.0).logpmf(count), rtol=1e-4, atol=1e-4
    )
    assert (
        np.isfinite(logp(1e-300, count, 0.3)).all() and np.isfinite(logp(1e250, count, 0.3)).all()
    )


def test_the_mean_over_a_window_is_scipys() -> None:
    """Windows before, across and between events; two overlap, and none takes another's nodes."""
    start, length = [2.0, 15.0, 19.0, 30.0, 300.0], [5.0, 40.0, 3.0, 120.0, 60.0]
    study = study_of(start, length)
    layout = build_layout(model(), study)
    moments = layout.rows["counts"].moments
    np.testing.assert_allclose(np.bincount(moments.row, moments.weight), 1.0, rtol=1e-12)
    theta, m = at_values(layout), numpy_operations(layout.arrays)
    moved = layout.program.motivation(layout.arrays, theta, m)
    eta = layout.program.predictor("counts", moved, layout.arrays, theta, m)
    shape = {k: VALUES[k] for k in ("trough_ratio", "recovery_half_life", "onset_ratio")}
    coefficients, rates = Opponent().exponentials(np, **shape)

    def level(t: float) -> float:
        gaps = t - np.array([e for e in (20.0, 26.0, 80.0) if e < t])
        return sum((c * np.exp(-r * gaps)).sum() for c, r in zip(coefficients, rates, strict=True))

    for row, (a, b) in enumerate(zip(start, np.add(start, length), strict=True)):
        area, _ = integrate.quad(level, a, b, points=[20.0, 26.0, 80.0], limit=200)
        scaled = (eta[row] - VALUES["counts_rest"]) / 1.2
        assert scaled == pytest.approx(area / (b - a), abs=1e-5)


def test_compiled_rows_are_numpys() -> None:
    study = study_of(np.arange(0.0, 380.0, 19.0), 15.0, count=np.arange(20.0))
    layout = build_layout(model("trough"), study)
    rows = RowDensity(layout)
    for shift in (0.0, 0.3):
        theta = at_values(layout) + shift
        np.testing.assert_allclose(
            rows(theta)["counts"], evaluate(layout, theta)["counts"], rtol=1e-10
        )


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"count": -1.0}, {}, "count = -1 in observation 1"),
        ({"count": 2.5}, {}, "count = 2.5"),
        ({"duration": 0.0}, {}, "duration = 0"),
        ({"duration": np.nan}, {}, "duration = nan"),
        ({"n": -2.0}, {"exposure": "n"}, "n = -2"),
        ({}, {"exposure": "m"}, "no column 'm'"),
        ({}, {"duration": "bin"}, "no column 'bin'"),
        ({}, {"column": "counted"}, "no column 'counted'"),
    ],
)
def test_refusals(rows_of, columns, options, message) -> None:
    study = study_of([5.0, 50.0], 10.0)
    study = study.with_tables({"observations": study.observations.assign(**columns)})
    with pytest.raises(SpecError) as caught:
        rows_of(Counts(**options), study)
    assert message in caught.value.wrong and caught.value.allowed and caught.value.todo


def test_rows(rows_of) -> None:
    study = study_of([5.0, 50.0, 90.0], 10.0, count=[3.0, np.nan, 0.0])
    study = study.with_tables({"observations": study.observations.assign(n=[2.0, np.nan, 4.0])})
    rows = rows_of(Counts(exposure="n"), study)
    assert rows.excluded == 1 and rows.data["count"].tolist() == [3.0, 0.0]
    np.testing.assert_allclose(rows.data["log_exposure"], np.log([2.0, 4.0]))
    assert Counts(exposure="n").details() == ("relative to n",) and dp.Counts is Counts
    assert Counts().values(rows.frame, rows).tolist() == [18.0, 0.0]


def test_simulated_counts_have_the_mean_and_spread() -> None:
    rng, n = np.random.default_rng(4), 60_000
    data = {"log_exposure": np.full(n, np.log(5.0))}
    drawn = Counts().simulate(rng, np.zeros(n), data, dispersion=0.6)["count"]
    assert drawn.mean() == pytest.approx(5, abs=4 * np.sqrt(14 / n))
    assert drawn.var() == pytest.approx(5 + 0.36 * 25, rel=0.05)
    with pytest.raises(FitError, match="acts in a window"):
        Counts().simulate(rng, np.full(n, 60.0), data, dispersion=0.6)


def test_controls(fit_at) -> None:
    """Poisson counts have little dispersion; a window elsewhere and a wrong spread are rejected."""
    start = np.arange(0.0, 3000.0, 10.0)
    events = np.sort(np.random.default_rng(1).uniform(0, 3000, 120))
    design = study_of(start, 8.0, events=events, end=3100.0)
    claim = model("trough")
    gains = {k: v for k, v in VALUES.items() if k in claim.parameters}
    truth = gains | {"counts_gain_trough": 1.5, "counts_rest": 0.5}
    study, _ = simulate(claim, design, seed=2, truth=truth)

    def total(data: Study, **changes) -> float:
        layout = build_layout(claim, data)
        return evaluate(layout, at_values(layout, **(truth | changes)))["counts"].sum()

    elsewhere = np.random.default_rng(3).permutation(start)
    shifted = study.with_tables({"observations": study.observations.assign(time=elsewhere)})
    assert total(study) > total(shifted) + 20
    assert total(study) > total(study, counts_gain_trough=0.01) + 20
    poisson, _ = simulate(claim, design, seed=2, truth=truth | {"counts_dispersion": 1e-3})
    sizes = (0.02, 0.1, 0.4)
    assert np.argmax([total(poisson, counts_dispersion=d) for d in sizes]) == 0
    assert np.argmax([total(study, counts_dispersion=d) for d in sizes]) == 2
    for dispersion, passes in ((0.4, True), (0.05, False)):
        fit = fit_at(claim, study, truth | {"counts_dispersion": dispersion}, draws=3)
        placed = residuals(fit, Counts(), fit.thinned(3), np.random.default_rng(0))
        assert (placed.p_value > 0.01) == passes and (passes or placed.p_value == LEAST)
