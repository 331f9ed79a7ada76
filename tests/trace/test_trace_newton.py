from __future__ import annotations

import numpy as np
import pytest

from dopafit.trace._clock import solve_scalar
from dopafit.trace.newton import residual, roots, solve


def log_trough_ratio(y, onset_ratio):
    """R(y, nu), the logarithm of trough depth over peak height."""
    return residual(np, np.asarray(y, dtype=float), 0.0, np.asarray(onset_ratio, dtype=float))[0]


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    ratio = np.exp(rng.uniform(np.log(0.001), np.log(10), n))
    return np.log(ratio), np.exp(rng.uniform(np.log(0.001), np.log(20), n))


def test_solution_has_the_wanted_trough_ratio():
    log_ratio, onset = pairs(50_000)
    assert np.max(np.abs(log_trough_ratio(solve(np, log_ratio, onset), onset) - log_ratio)) < 1e-12


def test_compiled_scalar_is_the_same_function():
    log_ratio, onset = pairs(2_000, seed=1)
    one = np.array([solve_scalar(a, b) for a, b in zip(log_ratio, onset, strict=True)])
    np.testing.assert_allclose(one, solve(np, log_ratio, onset), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("log_ratio", [-100.0, -20.0, 0.0, 20.0, 100.0])
@pytest.mark.parametrize("onset", [1e-6, 0.1, 1.0, 1e3])
def test_far_from_any_prior_it_still_converges(log_ratio, onset):
    for y in (solve(np, log_ratio, onset), solve_scalar(log_ratio, onset)):
        assert log_trough_ratio(y, onset) == pytest.approx(log_ratio, rel=1e-9, abs=1e-9)


def test_nan_in_nan_out():
    assert np.isnan(solve(np, np.array([np.nan, 0.0]), np.array([1.0, np.nan]))).all()
    assert np.isnan(solve_scalar(np.nan, 1.0)) and np.isnan(solve_scalar(0.0, np.nan))


def test_slope_is_the_derivative():
    y, onset = np.linspace(-8, 4, 25)[:, None], np.array([0.01, 0.1, 1.0, 5.0])
    slope, x_p, *_, x_m, _, _ = roots(1 / (1 + np.exp(-y)), 1 / (1 + np.exp(y)), onset)
    h = 1e-5
    by_y = (log_trough_ratio(y + h, onset) - log_trough_ratio(y - h, onset)) / (2 * h)
    up, down = onset * (1 + h), onset * (1 - h)
    by_onset = (log_trough_ratio(y, up) - log_trough_ratio(y, down)) / (up - down)
    np.testing.assert_allclose(by_y, slope, rtol=1e-8)
    np.testing.assert_allclose(by_onset, np.log(x_m / x_p), rtol=1e-6)


def test_roots_are_the_extremes():
    rng = np.random.default_rng(2)
    x_c, onset = rng.uniform(0.01, 0.99, 100), rng.uniform(0.01, 5, 100)
    slope, x_p, one_p, over_p, x_m, one_m, under_m = roots(x_c, 1 - x_c, onset)
    for x in (x_p, x_m):
        quadratic = (onset + 2) * x**2 - (onset + 1) * (1 + x_c) * x + onset * x_c
        np.testing.assert_allclose(quadratic, 0, atol=1e-13)
    np.testing.assert_allclose((onset + 2) * (x_p - x_m), slope, rtol=1e-10)
    np.testing.assert_allclose([one_p, one_m], [1 - x_p, 1 - x_m], rtol=1e-10)
    np.testing.assert_allclose([over_p, under_m], [x_p - x_c, x_c - x_m], rtol=1e-9)
