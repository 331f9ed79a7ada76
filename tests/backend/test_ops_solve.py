from __future__ import annotations

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from dopafit.backend.ops import solve_y
from dopafit.trace import Opponent
from dopafit.trace.newton import solve

MODES = pytest.mark.parametrize(
    "mode", ["NUMBA", Mode(linker="py", optimizer="fast_compile")], ids=["numba", "python"]
)


def compiled(mode):
    log_ratio, onset = pt.dvector("log_ratio"), pt.dvector("onset")
    y = solve_y(log_ratio, onset)
    gradients = pytensor.grad(y.sum(), [log_ratio, onset])
    return pytensor.function([log_ratio, onset], [y, *gradients], mode=mode)


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    log_ratio = rng.uniform(np.log(0.005), np.log(5), n)
    return log_ratio, np.exp(rng.uniform(np.log(0.002), np.log(10), n))


def exact_y(log_ratio, onset):
    """The root in 40 digits, from the extremes of x^nu (1 - x)(x - x_c)."""

    def miss(y):
        x_c, nu = 1 / (1 + mpmath.exp(-y)), onset
        b = (nu + 1) * (1 + x_c)
        s = mpmath.sqrt(b**2 - 4 * (nu + 2) * nu * x_c)
        top, bottom = (
            x**nu * (1 - x) * (x - x_c) for x in ((b + s) / (2 * nu + 4), (b - s) / (2 * nu + 4))
        )
        return mpmath.log(-bottom / top) - log_ratio

    return mpmath.findroot(miss, mpmath.mpf(float(solve(float(log_ratio), float(onset)))))


@MODES
def test_gradients_against_mpmath(mode):
    log_ratio, onset = pairs(8)
    y, by_ratio, by_onset = compiled(mode)(log_ratio, onset)
    with mpmath.workdps(40):
        h = mpmath.mpf(10) ** -12
        for i in range(8):
            a, b = mpmath.mpf(log_ratio[i]), mpmath.mpf(onset[i])
            assert y[i] == pytest.approx(float(exact_y(a, b)), rel=1e-12, abs=1e-12)
            for got, (da, db) in ((by_ratio[i], (h, 0)), (by_onset[i], (0, h * b))):
                slope = (exact_y(a + da, b + db) - exact_y(a - da, b - db)) / (2 * (da + db))
                assert got == pytest.approx(float(slope), rel=1e-9)


@MODES
def test_same_value_as_numpy_and_nan_stays_nan(mode):
    log_ratio, onset = pairs(300, seed=1)
    log_ratio[7] = np.nan
    y, *_ = compiled(mode)(log_ratio, onset)
    np.testing.assert_allclose(y, solve(log_ratio, onset), rtol=1e-12, atol=1e-12)
    assert np.isnan(y[7]) and np.isfinite(y).sum() == 299


def test_it_broadcasts():
    ratio, onset = pt.dvector("ratio"), pt.dscalar("onset")
    y = solve_y(pt.log(ratio), onset)
    function = pytensor.function([ratio, onset], [y, pytensor.grad(y.sum(), onset)], mode="NUMBA")
    value, slope = function(np.array([0.1, 0.3, 1.0]), 0.2)
    np.testing.assert_allclose(value, solve(np.log([0.1, 0.3, 1.0]), 0.2), rtol=1e-12)
    assert slope.shape == ()


def test_the_kernel_is_the_same_in_both_namespaces():
    logs = pt.dmatrix("logs")
    ratio, half_life, onset = (pt.exp(logs[:, i]) for i in range(3))
    coefficients, rates = Opponent().exponentials(pt, ratio, half_life, onset)
    function = pytensor.function([logs], [*coefficients, *rates], mode="NUMBA")
    log_ratio, onset_values = pairs(50, seed=2)
    at = np.stack([log_ratio, np.linspace(-2, 8, 50), np.log(onset_values)], axis=1)
    plain = Opponent().exponentials(np, *np.exp(at.T))
    np.testing.assert_allclose(function(at), [*plain[0], *plain[1]], rtol=1e-11)
