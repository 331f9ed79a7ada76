"""The fast scalar functions are the functions they replace, everywhere on the line."""

from __future__ import annotations

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.special import expit

from dopafit.backend import ops_fast
from dopafit.backend.codegen import special as fast_loops

GRID = np.concatenate([np.linspace(-800, 800, 40_001), np.geomspace(1e-300, 1, 500)])
ODD = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])


@pytest.fixture(scope="module", params=["NUMBA", "FAST_COMPILE"])
def functions(request):
    """Values and derivatives of the three functions, compiled and interpreted."""
    x = pt.vector("x", dtype="float64")
    values = [op(x) for op in (ops_fast.exp, ops_fast.sigmoid, ops_fast.softplus)]
    slopes = [pytensor.grad(value.sum(), x) for value in values]
    return pytensor.function([x], [*values, *slopes], mode=request.param)


def exact(x):
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x), expit(x), np.logaddexp(0.0, x)


def test_values_agree_to_1e_14(functions) -> None:
    x = GRID[GRID < 709.0]
    for found, true in zip(functions(x)[:3], exact(x), strict=True):
        ordinary = true > 1e-300
        assert np.abs(found[ordinary] / true[ordinary] - 1).max() < 1e-14
        assert np.abs(found[~ordinary] - true[~ordinary]).max() < 1e-300
    above = GRID[GRID > 709.79]
    exp, sigmoid, softplus = functions(above)[:3]
    assert np.isposinf(exp).all()
    assert (sigmoid == 1).all()
    assert (softplus == above).all()


def test_infinities_and_nan(functions) -> None:
    exp, sigmoid, softplus = functions(ODD)[:3]
    np.testing.assert_array_equal(exp, [np.nan, np.inf, 0, 1, 1])
    np.testing.assert_array_equal(sigmoid, [np.nan, 1, 0, 0.5, 0.5])
    np.testing.assert_allclose(softplus, [np.nan, np.inf, 0, np.log(2), np.log(2)], rtol=1e-15)


def test_derivatives(functions) -> None:
    x = GRID[GRID < 709.0]
    exp, sigmoid, softplus = functions(x)[3:]
    np.testing.assert_allclose(exp, exact(x)[0], rtol=1e-14, atol=1e-300)
    # s (1 - s), from the output: 1 - s is known to one unit in the last place of 1
    np.testing.assert_allclose(sigmoid, expit(x) * expit(-x), rtol=1e-14, atol=3e-16)
    np.testing.assert_allclose(softplus, expit(x), rtol=1e-14, atol=1e-300)
    assert np.isnan(np.array(functions(np.array([np.nan])))).all()


def test_log1p_on_the_unit_interval() -> None:
    y = np.concatenate([[0.0, 1.0], np.geomspace(1e-300, 1, 150), np.linspace(0.01, 0.99, 50)])
    for one in y:
        true = mpmath.log1p(mpmath.mpf(float(one)))
        assert abs(fast_loops.log1p_unit(one) - true) <= 5e-16 * true


def test_the_namespace_is_pytensor_s_but_for_three() -> None:
    assert ops_fast.namespace.log is pt.log
    assert ops_fast.namespace.exp is ops_fast.exp
    assert ops_fast.namespace.sigmoid is not pt.sigmoid
    with pytest.raises(AttributeError):
        _ = ops_fast.namespace.no_such_function


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_log_ndtr_and_its_slope(mode) -> None:
    """Against SciPy's log_ndtr and, for the slope, the density over the distribution function."""
    from scipy.special import log_ndtr
    from scipy.stats import norm

    points = np.concatenate([np.linspace(-200, 12, 4001), [-36.0, -36.0001, -35.9999, 0.0, -1e-9]])
    x = pt.vector("x", dtype="float64")
    value = ops_fast.log_ndtr(x)
    found = pytensor.function([x], [value, pytensor.grad(value.sum(), x)], mode=mode)(points)
    true = log_ndtr(points)
    assert np.abs(found[0] / true - 1)[true < -1e-300].max() < 1e-12
    slope = np.exp(norm.logpdf(points) - true)
    assert np.abs(found[1] / slope - 1)[slope > 1e-300].max() < 1e-10


def test_the_vector_softplus_is_the_scalar_one() -> None:
    """One compiled loop gives value and slope; a matrix goes by the scalar Op."""
    x, table = pt.vector("x", dtype="float64"), pt.matrix("table", dtype="float64")
    value = ops_fast.softplus(x)
    weight = pt.vector("w", dtype="float64")
    slope = pytensor.grad((value * weight).sum(), x)
    f = pytensor.function(
        [x, weight, table], [value, slope, ops_fast.softplus(table)], mode="NUMBA"
    )
    points = np.linspace(-750, 750, 3001)
    weights = np.cos(points)
    found, gradient, other = f(points, weights, points.reshape(1, -1))
    assert np.allclose(found, np.logaddexp(0, points), rtol=1e-14, atol=1e-300)
    assert np.allclose(gradient, weights * expit(points), rtol=1e-13, atol=1e-300)
    assert np.allclose(other.ravel(), found, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_normal_or_beyond(mode) -> None:
    """Density where seen, mass above where censored, and their slopes, against SciPy."""
    from scipy.stats import norm

    z, flag = pt.vector("z", dtype="float64"), pt.vector("flag", dtype="float64")
    value = ops_fast.normal_or_beyond(z, flag)
    function = pytensor.function([z, flag], [value, pytensor.grad(value.sum(), z)], mode=mode)
    at = np.linspace(-30, 30, 601)
    for beyond in (np.zeros(at.size), np.ones(at.size), np.arange(at.size) % 2.0):
        found, slope = function(at, beyond)
        true = np.where(beyond > 0, norm.logsf(at), norm.logpdf(at))
        np.testing.assert_allclose(found, true, rtol=1e-12)
        hazard = np.exp(norm.logpdf(at) - norm.logsf(at))
        np.testing.assert_allclose(slope, np.where(beyond > 0, -hazard, -at), rtol=1e-9, atol=1e-14)
