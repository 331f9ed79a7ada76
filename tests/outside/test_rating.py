"""A channel from outside whose rows depend on the row before works as the others do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import dopafit as dp
from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.sampler.compiled import RowDensity, compile_layout
from dopafit.channel import Channel
from dopafit.check.predict import predictive_check
from dopafit.check.residuals import residuals
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import SpecError
from dopafit.core.outside import load_components
from dopafit.fit.fit import fit
from dopafit.model.claim import Model
from dopafit.model.equations import conventions
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.play import simulate
from dopafit.study import Study
from tests.backend.claims import check_gradient, compare, numpy_density, oracle, points

KEYS = ["subject", "session"]
TRUTH = {"rating_rho": 0.8, "rating_sigma": 0.5}
TRUTH |= {"rating_rest_sd[1|subject]": 0.0, "peak_sd[1|subject]": 0.0}


@pytest.fixture(scope="module")
def rating():
    """Load the file as `--components` does, and forget it afterwards."""
    before = Channel.members()
    load_components(Path(__file__).with_name("rating.py"))
    yield Channel.named("rating")
    Channel._members.clear()
    Channel._members.update(before)
    del OUTSIDE["rating.py"]


@pytest.fixture(scope="module")
def model(rating):
    effects = {"rating_rest": "dose + (1 | subject)"}
    return Model("trough", [rating()], effects, typical_spacing=20.0)


@pytest.fixture(scope="module")
def study():
    """Sessions that end within a chunk, fill one, and go on over two; ratings are missing."""
    rng, sessions, rows, events = np.random.default_rng(1), [], [], []
    for subject, lengths in {"a": (1, CHUNK - 1, 3), "b": (2 * CHUNK + 70, 1, 40)}.items():
        for number, length in enumerate(lengths):
            key = {"subject": subject, "session": str(number)}
            sessions.append(key | {"start": 0.0, "end": 1000.0})
            events += [key | {"time": t} for t in np.sort(rng.uniform(0, 900, 6))]
            for time in np.sort(rng.uniform(1, 999, length)):
                row = {"time": time, "vas": rng.normal(), "dose": rng.normal()}
                rows.append(key | row)
    observations = pd.DataFrame(rows)
    observations.loc[[5, 300, 301], "vas"] = np.nan
    shuffled = observations.sample(frac=1, random_state=3)
    tables = {"events": pd.DataFrame(events), "observations": shuffled}
    return Study("ratings", sessions=pd.DataFrame(sessions), **tables)


def noise(layout, theta) -> list[tuple[np.ndarray, np.ndarray]]:
    """By session: distances from the predictor, and the covariance of a stationary AR(1)."""
    m, prefix = numpy_operations(layout.arrays), "rating"
    moved = layout.program.motivation(layout.arrays, theta, m)
    eta, own = layout.program.arguments(prefix, moved, layout.arrays, theta, m)
    rows, found = layout.rows[prefix], []
    for place in rows.frame.groupby(KEYS).indices.values():
        lag = np.abs(np.subtract.outer(np.arange(place.size), np.arange(place.size)))
        found.append(
            (rows.data["rating"][place] - eta[place], own["sigma"] ** 2 * own["rho"] ** lag)
        )
    return found


def test_the_density_is_that_of_an_ar1_process(model, study) -> None:
    """Rows in the order of their times, whatever the table's order; compiled, by JAX, by NumPy."""
    layout = build_layout(model, study)
    density, at = compile_layout(layout), points(layout)[:4]
    assert compare(oracle(layout), density, at) >= 3
    check_gradient(lambda q: numpy_density(layout, q), at[1], density(at[1])[1])
    c = layout.coordinates
    theta = c.theta(at[1][: c.normals], np.exp(at[1][c.normals :]))
    rows = evaluate(layout, theta)["rating"]
    joint = sum(stats.multivariate_normal(0 * n, c).logpdf(n) for n, c in noise(layout, theta))
    assert rows.sum() == pytest.approx(joint, rel=1e-10)
    np.testing.assert_allclose(RowDensity(layout)(theta)["rating"], rows, rtol=1e-10, atol=1e-12)
    times = layout.rows["rating"].frame.groupby(KEYS)["time"]
    assert times.is_monotonic_increasing.all()


def test_a_channel_that_is_out_of_order_is_refused(rating, study) -> None:
    class Backwards(rating):
        name = "rating_backwards"

        def rows(self, study, at, scales):
            found = super().rows(study, at, scales)
            return replace(found, frame=found.frame[::-1].reset_index(drop=True))

    model = Model("no_drive", [Backwards()], effects={})
    with pytest.raises(SpecError, match=r"not in the order(.|\n)*allowed(.|\n)*to do"):
        build_layout(model, study)


def whitened(layout, theta) -> np.ndarray:
    """What is left of the noise after the covariance of a stationary AR(1) is taken out."""
    return np.concatenate(
        [
            linalg.solve_triangular(linalg.cholesky(c, lower=True), n, lower=True)
            for n, c in noise(layout, theta)
        ]
    )


def test_ratings_are_drawn_one_after_the_other(model, study) -> None:
    drawn, values = simulate(model, study, seed=4, truth=TRUTH)
    layout = build_layout(model, drawn)
    theta = layout.coordinates.theta_from_truth(values, np.array(layout.coordinates.loc))
    for rho, independent in ((0.8, True), (0.1, False)):
        left = whitened(layout, layout.coordinates.theta_from_truth({"rating_rho": rho}, theta))
        assert (abs(np.corrcoef(left[1:], left[:-1])[0, 1]) < 3 / np.sqrt(left.size)) == independent
        assert not independent or stats.kstest(left, "norm").pvalue > 0.01


def test_played_ratings_remember_the_one_before(model) -> None:
    class Asked:
        duration = 3000.0

        def begin(self):
            return [dp.Offer(float(t), "rating") for t in range(1, 2000)]

        def after(self, offer, act):
            return ()

    values = {"trough_ratio": 0.3, "recovery_half_life": 9.0, "onset_ratio": 0.1}
    values |= {
        "rating_gain_trough": 1.0,
        "rating_rest": 2.0,
        "rating_rho": 0.8,
        "rating_sigma": 0.5,
    }
    vas = dp.play(Asked(), model, values, np.random.default_rng(3)).observations["vas"] - 2.0
    assert vas.autocorr(1) == pytest.approx(0.8, abs=0.05)
    assert vas.std() == pytest.approx(0.5, rel=0.15)


def test_it_is_fitted_checked_and_said_to_be_conditional(model, study, fit_at) -> None:
    drawn, values = simulate(model, study, seed=4, truth=TRUTH)
    options = {"draws": 50, "max_draws": 50, "tune": 100, "chains": 2, "progress": "silent"}
    found = fit(model, drawn, seed=1, **options)
    for name in ("rho", "sigma"):
        draws = found.posterior[f"rating_{name}"].values
        assert abs(draws.mean() - TRUTH[f"rating_{name}"]) < 4 * draws.std() < 0.5
    check = predictive_check(found, seed=1, draws=20).summary.set_index("signature")
    assert check.loc["rating residuals", "p_value"] > 0.01
    off = fit_at(model, drawn, values | {"rating_rho": 0.95})
    placed = residuals(off, model.channels[0], off.thinned(5), np.random.default_rng(0))
    assert placed.p_value < 0.01
    told = "\n".join(conventions(model))
    assert "given the session's row before" in told and "left out still counts" in told


def test_rows_may_look_back_twice_and_read_windows(rating, study) -> None:
    """Look-backs within look-backs, across chunks, of parameters and of means over moments."""

    class Second(rating):
        name = "rating_second"

        def standardized(self, xp, eta, rating, previous, sigma, rho):
            noise = rating - eta
            rest = rho * previous(noise) + 0.3 * previous(rho * previous(sigma * noise))
            return (noise - rest) / sigma, sigma * (1.0 + previous(sigma) * xp.exp(-(rating**2)))

    layout = build_layout(
        Model("trough", [Second()], {"rating_rest": "dose"}, typical_spacing=20.0), study
    )
    rng, arrays = np.random.default_rng(8), dict(layout.arrays)
    count = rng.integers(1, 5, arrays["rating.zero"].size)
    arrays["rating.moment_offset"] = np.append(0, np.cumsum(count))
    arrays["rating.moment_weight"] = rng.normal(0.0, 0.5, count.sum())
    arrays["rating.read"] = rng.integers(0, arrays["read_time"].size, count.sum())
    layout = replace(layout, arrays=arrays)
    density, q = compile_layout(layout), points(layout)[1]
    value, gradient = density(q)
    assert value == pytest.approx(numpy_density(layout, q), rel=1e-11)
    check_gradient(lambda at: density(at)[0], q, gradient)
