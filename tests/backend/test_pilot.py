"""The pilot finds where the posterior is and makes it round; closed forms say where that is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arviz_stats.base import array_stats
from scipy.optimize import minimize_scalar

from dopafit.backend.diagnostics import scalars
from dopafit.backend.geometry import pilot as pilots
from dopafit.backend.geometry.curvature import FLOOR
from dopafit.backend.geometry.pilot import find_pilot
from dopafit.backend.geometry.reparametrisation import Reparametrisation
from dopafit.backend.geometry.search import (
    MODES,
    REACH,
    RELIABLE,
    STARTS,
    SURE,
    starting_points,
)
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.model.claim import Model
from dopafit.model.formula import design
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import build_layout


def hessian(density, point: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Minus the second derivatives, by central differences."""
    rows = []
    for one in np.eye(point.size) * step:
        rows.append((density(point - one)[1] - density(point + one)[1]) / (2 * step))
    return np.array(rows)


def test_the_shape_makes_the_posterior_round(tiny_model, tiny_world) -> None:
    layout = build_layout(tiny_model("trough"), tiny_world)
    density = compile_layout(layout)
    pilot = find_pilot(layout.coordinates, density.scaled, seed=1)
    assert 1 <= len(pilot.optima) <= MODES and pilot.optima[0] == max(pilot.optima)
    assert len(pilot.masses) <= MODES and pilot.masses[0] == max(pilot.masses)
    assert pilot.change.clock  # some time is known better than the half-life
    change = Reparametrisation(layout.coordinates, clock=pilot.change.clock)
    here = change.wrap(density.scaled(pilot.change.centring))
    precision = hessian(here, pilot.change.centre)
    # directions that the data leave flatter than FLOOR keep the scale of the floor
    value, vector = np.linalg.eigh(0.5 * (precision + precision.T))
    assert value.max() / value.min() > 100  # it was far from round before
    root = pilot.change.shape.border
    round_ = root.T @ precision @ root
    np.testing.assert_allclose(
        np.sort(np.linalg.eigvalsh(0.5 * (round_ + round_.T))),
        np.sort(value / np.maximum(value, FLOOR)),
        atol=0.02,
    )
    assert vector.shape == root.shape
    # every group term has one share of centring; what has no spread of its own has none
    owner = layout.coordinates.arrays["x_spread"]
    assert (pilot.change.centring[owner == 0] == 0).all()
    for k in np.unique(owner[owner > 0]):
        share = pilot.change.centring[owner == k]
        assert np.ptp(share) == 0 <= share[0] <= 1
    again = find_pilot(layout.coordinates, density.scaled, seed=1)
    assert np.array_equal(again.change.centre, pilot.change.centre)


def test_kernels_to_start_from_lie_all_over_the_prior(tiny_model, tiny_world) -> None:
    """A wrong drive may need a kernel far from its prior: near it only its null is found."""
    coordinates = build_layout(tiny_model("peak"), tiny_world).coordinates
    kernel = coordinates.kernel_normals
    names = {coordinates.entries[coordinates.unit.index(k + 1)].parameter for k in kernel}
    assert names == {"trough_ratio", "recovery_half_life", "onset_ratio"}
    starts = np.array(starting_points(coordinates, 1))
    assert np.abs(starts[0, kernel]).max() <= 0.5
    spread = np.sort(starts[1:, kernel], axis=0)
    assert np.ptp(spread, axis=1).max() < 1e-9 and spread[-1, 0] > 0.8 * REACH
    np.testing.assert_allclose(np.diff(spread[:, 0]), 2 * REACH / (STARTS - 1))
    other = np.delete(starts, kernel, axis=1)[:, : coordinates.normals - len(kernel)]
    assert np.abs(other).max() <= 0.5


SUBJECTS = 12


def one_way() -> Coordinates:
    """A population mean (x_0) and one deviation per subject, spread h."""
    rows = pd.DataFrame({"subject": [f"s{i:02d}" for i in range(SUBJECTS)]})
    members = {"choice_rest": design("(1 | subject)", rows, where="choice_rest")}
    coordinates = Coordinates(Model(drive="no_drive", channels=[Choice()]), members)
    assert coordinates.normals == 1 + SUBJECTS and coordinates.halves == 1
    return coordinates


def normal_means(coordinates: Coordinates, y: np.ndarray, v: float):
    """Density of y_j ~ N(h x_j, v) with the mean x_0 left to its prior."""
    scale = coordinates.half_scale[0]

    def make(w: np.ndarray):
        w = float(w[1])

        def density(q: np.ndarray):
            x, log_h = q[1:-1], q[-1]
            h = np.exp(log_h)
            z, effect = x * h**-w, x * h ** (1 - w)
            resid = (y - effect) / v
            value = -0.5 * q[0] ** 2 - 0.5 * (z**2).sum() - w * log_h * y.size
            value += log_h - 0.5 * (h / scale) ** 2 - 0.5 * v * (resid**2).sum()
            slope = np.empty_like(q)
            slope[0] = -q[0]
            slope[1:-1] = -z * h**-w + resid * h ** (1 - w)
            slope[-1] = w * (z**2).sum() - w * y.size + 1 - (h / scale) ** 2
            slope[-1] += (1 - w) * (resid * effect).sum()
            return float(value), slope

        return density

    return make


@pytest.mark.parametrize(("spread", "v"), [(0.8, 0.01), (0.5, 0.5), (0.0, 1.0)])
def test_the_spread_is_that_of_the_integrated_likelihood(spread: float, v: float) -> None:
    """y_j ~ N(0, h^2 + v) with the deviations integrated out; their reliability h^2 / (h^2 + v)."""
    coordinates = one_way()
    quantile = np.sqrt(2) * np.array([-1.6, -1.2, -0.8, -0.5, -0.3, -0.1])
    y = np.sqrt(spread**2 + v) * np.concatenate([quantile, -quantile])
    make = normal_means(coordinates, y, v)
    q = np.random.default_rng(0).standard_normal(coordinates.normals + 1)
    for w in (0.0, 0.7):  # the oracle's own gradient is right
        density = make(np.full(coordinates.normals, w))
        step = 1e-6 * np.random.default_rng(1).standard_normal(q.size)
        change = density(q + step)[0] - density(q - step)[0]
        assert change == pytest.approx(2 * density(q)[1] @ step, rel=1e-4)

    scale = coordinates.half_scale[0]

    def minus_marginal(log_h: float) -> float:
        total = np.exp(2 * log_h) + v
        prior = log_h - 0.5 * (np.exp(log_h) / scale) ** 2
        return 0.5 * SUBJECTS * np.log(total) + 0.5 * (y**2).sum() / total - prior

    best = minimize_scalar(minus_marginal, bounds=(-6, 3), method="bounded").x
    pilot = find_pilot(coordinates, make, seed=2)
    # expectation-maximisation stops early where the data say little: near the top is enough
    assert minus_marginal(pilot.change.centre[-1]) - minus_marginal(best) < 0.5
    h = np.exp(pilot.change.centre[-1])
    reliability = h**2 / (h**2 + v)
    sure = reliability >= RELIABLE
    sure &= 1 / (reliability * np.sqrt(2 * SUBJECTS)) < SURE
    assert pilot.change.centring[1] == pytest.approx(reliability if sure else 0, abs=0.12)
    assert sure == (spread == 0.8)
    assert pilot.change.centring[0] == 0
    effect = pilot.change.centre[1:-1] * h ** (1 - pilot.change.centring[1])
    np.testing.assert_allclose(effect, y * h**2 / (h**2 + v), atol=0.02)


def test_many_coordinates_keep_their_own_scale(monkeypatch) -> None:
    coordinates = one_way()
    monkeypatch.setattr(pilots, "LARGEST", 5)
    pilot = find_pilot(coordinates, normal_means(coordinates, np.ones(SUBJECTS), 0.1), seed=1)
    assert pilot.change.shape is None and not pilot.change.centring.any()
    assert pilot.change.centre.shape == (SUBJECTS + 2,) and len(pilot.optima) == 1


def test_two_modes_are_seen_and_a_cliff_is_survived() -> None:
    """Two wells in the population mean, 3 nats apart, and no density at all beyond 6."""
    coordinates = one_way()
    other = normal_means(coordinates, np.zeros(SUBJECTS), 0.5)

    def make(w):
        inner = other(w)

        def density(q):
            if abs(q[0]) > 6:
                return -np.inf, np.full(q.size, np.nan)
            value, slope = inner(q)
            wells = np.array([-8 * (q[0] - 2) ** 2 - 3, -8 * (q[0] + 2) ** 2])
            weight = np.exp(wells - np.logaddexp(*wells))
            slope[0] = weight @ [-16 * (q[0] - 2), -16 * (q[0] + 2)]
            return value + 0.5 * q[0] ** 2 + np.logaddexp(*wells), slope

        return density

    pilot = find_pilot(coordinates, make, seed=3, starts=8)
    assert len(pilot.optima) == 2
    assert max(pilot.optima) - min(pilot.optima) == pytest.approx(3.0, abs=0.1)
    assert len(pilot.masses) == 2 and np.diff(pilot.masses)[0] == pytest.approx(-3.0, abs=0.1)
    assert pilot.change.centre[0] == pytest.approx(-2.0, abs=0.01)


def _sd_error(fit) -> np.ndarray:
    """Monte Carlo error of every quantity's standard deviation, in the order of the summary."""
    return array_stats.mcse(scalars(fit.posterior)[1], method="sd")


@pytest.mark.slow
def test_the_scaling_changes_no_posterior(monkeypatch) -> None:
    """On a study that all three converge on: Monte Carlo errors of stuck chains say nothing."""
    from dopafit.fit.fit import fit
    from dopafit.study.datasets import load_dataset

    study = load_dataset("cue-pursuit")
    model = Model(drive="no_drive", channels=[Choice("pursue"), Latency("latency")])
    options = {"seed": 5, "draws": 1500, "tune": 500, "chains": 4, "progress": "silent"}
    dense = fit(model, study, **options)
    assert dense.record["pilot"]["scaling"] == "dense" and dense.verdict.converged
    for largest, scaling in ((12, "arrow"), (0, "none")):
        monkeypatch.setattr(pilots, "LARGEST", largest)
        other = fit(model, study, **options)
        assert other.record["pilot"]["scaling"] == scaling and other.verdict.converged
        one, two = (f.summary.set_index("parameter") for f in (dense, other))
        error = np.hypot(one["mcse_mean"], two["mcse_mean"])
        assert (np.abs(one["mean"] - two["mean"]) < 4 * error).all()
        error = np.hypot(_sd_error(dense), _sd_error(other))
        assert (np.abs(one["sd"] - two["sd"]) < 4 * error).all()
