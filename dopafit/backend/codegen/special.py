"""Branch-free scalar functions that compile to SIMD code inside a fused loop."""

from __future__ import annotations

import math

from numba import njit

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT, divide

__all__ = [
    "digamma",
    "erfcx",
    "log1mexp",
    "log1p_unit",
    "log_ndtr",
    "log_ndtr_slope",
    "normal_or_beyond",
    "normal_or_beyond_slope",
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
_LN2 = 0.6931471805599453
_ROOT_HALF = 0.7071067811865476
_ROOT_PI = 1.772453850905516
_ROOT_TWO_OVER_PI = 0.7978845608028654


@kept(**JIT)
def erfcx(x):
    """Return e^(x^2) erfc(x) to 1e-14 relative."""
    if x < 0.0:
        return 2.0 * math.exp(x * x) - erfcx_positive(-x)
    return erfcx_positive(x)


@kept(**JIT)
def erfcx_positive(x):
    """Return the same for x >= 0."""
    if x > 12.0:  # asymptotic series; its terms fall below 1e-17 before they rise
        z = 0.5 / (x * x)
        term = series = 1.0
        for k in range(1, 30):
            following = -term * (2 * k - 1) * z
            if abs(following) < 1e-18 or abs(following) > abs(term):
                break
            term = following
            series += term
        return series / (x * _ROOT_PI)
    high = math.floor(x * 64.0) / 64.0  # its square is exact
    return math.exp(high * high) * math.exp((x - high) * (x + high)) * math.erfc(x)


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
    return _ROOT_TWO_OVER_PI / erfcx(-x * _ROOT_HALF)


@kept(**JIT)
def normal_or_beyond(z, beyond):
    """Return a standard normal's log density, or its log mass above z where flagged."""
    return log_ndtr(-z) if beyond > 0.0 else -0.5 * z * z - _HALF_LOG_2PI


@kept(**JIT)
def normal_or_beyond_slope(z, beyond):
    """Return the derivative by z."""
    return -log_ndtr_slope(-z) if beyond > 0.0 else -z


@kept(**JIT)
def log1mexp(x):
    """Return ln(1 - e^x) for x < 0."""
    return math.log(-math.expm1(x)) if x > -_LN2 else math.log1p(-math.exp(x))


@kept(**JIT)
def digamma(x):
    """Return the derivative of ln Gamma(x) for x > 0, to 1e-15 of its terms.

    From x + 1 to x by the recurrence, until the asymptotic series in 1/x^2 ends below 1e-17.
    """
    value = 0.0
    while x < 10.0:
        value -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    high = 1.0 / 240.0 - z * (1.0 / 132.0 - z * (691.0 / 32760.0 - z / 12.0))
    series = 1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z * high))
    return value + math.log(x) - 0.5 / x - z * series
