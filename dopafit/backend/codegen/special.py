"""Branch-free scalar functions that compile to SIMD code inside a fused loop."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT, divide

__all__ = [
    "affine",
    "log1p_unit",
    "log_ndtr",
    "log_ndtr_slope",
    "normal_or_beyond_at",
    "normal_or_beyond_slope",
    "transposed",
]


@njit(inline="always", **JIT)
def log1p_unit(y):
    """Return ln(1 + y) for y in [0, 1], to 4e-16 relative.

    Above sqrt(2) the argument is halved: ln(1 + y) = ln 2 + ln(1 + t), t = (y - 1) / 2. With
    s = t / (2 + t), abs(s) <= 0.172, it is 2 atanh(s); the odd series ends below 1e-18.
    """
    large = y > 0.41421356237309503
    t = 0.5 * (y - 1.0) if large else y
    s = divide(t, 2.0 + t)
    z = s * s
    z2 = z * z
    z4 = z2 * z2
    low = (1.0 / 3.0 + z * (1.0 / 5.0)) + z2 * (1.0 / 7.0 + z * (1.0 / 9.0))
    middle = (1.0 / 11.0 + z * (1.0 / 13.0)) + z2 * (1.0 / 15.0 + z * (1.0 / 17.0))
    high = 1.0 / 19.0 + z * (1.0 / 21.0)
    value = 2.0 * (s + s * z * (low + z4 * (middle + z4 * high)))
    return value + 0.6931471805599453 if large else value


_HALF_LOG_2PI = 0.9189385332046727
_ROOT_HALF = 0.7071067811865476


@kept(**JIT)
def log_ndtr(x):
    """Return ln Phi(x) of the standard normal, to 1e-14 relative in both tails."""
    if x > 0.0:
        return math.log1p(-0.5 * math.erfc(x * _ROOT_HALF))
    if x > -36.0:
        return math.log(0.5 * math.erfc(-x * _ROOT_HALF))
    z = 1.0 / (x * x)
    series = 1.0 - z * (1.0 - 3.0 * z * (1.0 - 5.0 * z * (1.0 - 7.0 * z)))
    return -0.5 * x * x - _HALF_LOG_2PI - math.log(-x) + math.log(series)


@kept(**JIT)
def log_ndtr_slope(x):
    """Return the derivative of ln Phi(x)."""
    return math.exp(-0.5 * x * x - _HALF_LOG_2PI - log_ndtr(x))


@kept(**JIT)
def normal_or_beyond_at(z, beyond):
    """Return a standard normal's log density, or its log mass above z where flagged."""
    return log_ndtr(-z) if beyond > 0.0 else -0.5 * z * z - _HALF_LOG_2PI


@kept(**JIT)
def normal_or_beyond_slope(z, beyond):
    """Return the derivative by z."""
    return -log_ndtr_slope(-z) if beyond > 0.0 else -z


@kept(nogil=True)
def affine(centre, shape, u):
    """Return centre + shape @ u; a loop, because BLAS would start threads beside the chains'."""
    out = centre.copy()
    for i in range(out.size):
        total = 0.0
        for j in range(u.size):
            total += shape[i, j] * u[j]
        out[i] += total
    return out


@kept(nogil=True)
def transposed(shape, g):
    """Return shape.T @ g."""
    out = np.zeros(shape.shape[1])
    for i in range(g.size):
        for j in range(out.size):
            out[j] += shape[i, j] * g[i]
    return out
