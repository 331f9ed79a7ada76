r"""The opponent kernel with three free rates: rise, crossing and recovery apart.

.. math:: h(t) = K e^{-\lambda t} (-a + (1 + a) f X - f r X^w),
          \quad X = e^{-(\lambda_2 - \lambda)(t - t_p)}

with the rates lam, lam_2 = lam / f and lam_3 = lam_2 / r, and w = (lam_3 - lam) / (lam_2 - lam).
X is 1 at the maximum, s at the minimum. That the slope is 0 at both gives
a = (s - s^w) / (1 - s), so that the trough ratio depends on s alone: one root. That the response
begins at 0 gives the time of the maximum: another one. Neither is inside the other.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from dopafit.core.xp import root
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel, Rebound
from dopafit.trace.parameters import FALL_RATIO, LN2, PEAK_TIME, RECOVERY, RISE_RATIO, TROUGH_RATIO

__all__ = ["Opponent3"]

SMALLEST, LARGEST = 1e-5, 0.99  # of both ratios; beyond, the shape hardly changes
TINY, LARGE = 1e-12, 1e3


class _Shape(NamedTuple):
    """What follows from trough ratio and rate ratios, with lam as the unit of rates."""

    f: Any
    r: Any
    w: Any
    a: Any
    top: Any  # h(t_p) / K
    lag: Any  # ln s, below 0
    rise: Any  # (lam_2 - lam) t_p, above 0


def _trough(xp, y, w, f, r):
    """Return a, the depth over h(t_p) / K without its power of s, and both slopes by y = ln s."""
    s, near, far = xp.exp(y), xp.expm1(y), xp.expm1((w - 1) * y)
    power = s * (far + 1)  # s^w
    a = s * far / near
    by_a = a + s * ((w - 1) * (far + 1) - a) / near
    depth = a - (1 + a) * s * f + power * f * r
    return a, depth, by_a, by_a * (1 - s * f) - (1 + a) * s * f + w * power * f * r


def _miss_lag(xp, y, trough_ratio, w, f, r):
    """Return how far y = ln s is from the lag with this trough ratio, and the slope.

    h(t_p) / K = f (1 - r) - a (1 - f), so that depth / trough ratio + a (1 - f) = f (1 - r). In
    logarithms the left side is nearly straight in y.
    """
    a, depth, by_a, by_depth = _trough(xp, y, w, f, r)
    power = f / (1 - f)
    scale = xp.exp(power * y) / trough_ratio
    value = scale * depth + a * (1 - f)
    slope = scale * (power * depth + by_depth) + by_a * (1 - f)
    return xp.log(value / (f * (1 - r))), slope / value


def _miss_zero(xp, place, w, f, r, a):
    """Return how far ln X = place is from a zero of the response, and the slope.

    The function is convex in ln X. Its root above 0 is the event itself, the one below 0 the
    crossing.
    """
    fast = xp.exp(w * place) * f * r
    return xp.log((fast + a) / ((1 + a) * f)) - place, w * fast / (fast + a) - 1


def _miss_crossing(xp, place, *shape):
    value, slope = _miss_zero(xp, place, *shape)
    return -value, -slope


def _shape(xp, trough_ratio, fall_ratio, rise_ratio):
    f = xp.minimum(xp.maximum(fall_ratio, SMALLEST), LARGEST)
    r = xp.minimum(xp.maximum(rise_ratio, SMALLEST), LARGEST)
    w = (1 - f * r) / (r * (1 - f))
    whole = f * (1 - r) / (1 - f)
    start = xp.minimum(xp.log(whole * trough_ratio) * (1 - f), xp.log(whole))
    start = xp.minimum(start, -0.02)
    lag = root(xp, _miss_lag, start, trough_ratio, w, f, r, within=(-LARGE, -TINY))
    a, depth, _, _ = _trough(xp, lag, w, f, r)
    top = xp.exp(f / (1 - f) * lag) * depth / trough_ratio
    # begin where U would be 0 without a, or its expansion at 0, whichever is nearer
    value, share = xp.log1p(-top / ((1 + a) * f)), f * r / (f * r + a)
    slope, curve = w * share - 1, w * w * share * (1 - share)
    near = -2 * value / (slope + xp.sqrt(slope * slope - 2 * value * curve))
    start = xp.minimum(near, xp.log((1 + a) / r) / (w - 1))
    rise = root(xp, _miss_zero, start, w, f, r, a, within=(TINY, LARGE))
    return _Shape(f, r, w, a, top, lag, rise)


class Opponent3(Rebound, Kernel):
    """An opponent process whose rise, crossing and recovery are free of each other.

    Any parameters give one positive lobe, one crossing and one negative lobe. With a net area of 0
    or more the trough is at most 34.5 % of the peak. With its rates in arithmetic progression it is
    the kernel `opponent`, without a rise `jump`, without a trough `monophasic`. Behaviour seldom
    says how an early rise went; photometry does.
    """

    name = "opponent3"
    reference = (
        "after the opponent process of Solomon and Corbit (1974), Psychological Review 81, "
        "119-145 (recalled), with three free rates"
    )
    words = (
        "rises to a peak, falls back through baseline into a trough and recovers, each at a rate "
        "of its own; the responses to successive events add up"
    )
    dynamics = Exponentials(3)
    landmark_words: ClassVar = {"time_to_peak": PEAK_TIME, **Rebound.landmark_words}
    latex = (
        r"h(t) = c_1 e^{-\lambda t} + c_2 e^{-\lambda t/f} - (c_1 + c_2) e^{-\lambda t/(f r)},"
        r"\quad \lambda = \ln 2 / t_{1/2}"
    )
    notation: ClassVar = {
        "peak": "P",
        "trough_ratio": r"\rho",
        "recovery_half_life": "t_{1/2}",
        "fall_ratio": "f",
        "rise_ratio": "r",
    }
    symbols: ClassVar = {
        r"\lambda": "rate of the late return [1/s]",
        "c_1": "size of the opponent, which follows from trough_ratio and both rate ratios",
        "c_2": "size of the fall from the peak, which follows from them too",
    }

    trough_ratio = TROUGH_RATIO
    recovery_half_life = RECOVERY
    fall_ratio = FALL_RATIO
    rise_ratio = RISE_RATIO

    def exponentials(self, xp, trough_ratio, recovery_half_life, fall_ratio, rise_ratio):
        """Return three coefficients [1] and rates [1/s] of the response with peak 1."""
        shape = _shape(xp, trough_ratio, fall_ratio, rise_ratio)
        f, lam = shape.f, LN2 / recovery_half_life
        scale = xp.exp(f / (1 - f) * shape.rise) / shape.top
        slow = -scale * shape.a
        middle = scale * (1 + shape.a) * f * xp.exp(shape.rise)
        return [slow, middle, -(slow + middle)], [lam, lam / f, lam / (f * shape.r)]

    def marks(self, trough_ratio, recovery_half_life, fall_ratio, rise_ratio):
        """Return times to peak, crossing and trough [s], opponent gain [1] and area [s]."""
        shape = _shape(np, trough_ratio, fall_ratio, rise_ratio)
        f, r, a = shape.f, shape.r, shape.a
        left = np.log(a / ((1 + a) * f))  # where the function would be 0 without its fast part
        crossing = root(np, _miss_crossing, left, shape.w, f, r, a, within=(-LARGE, -TINY))
        unit = recovery_half_life / LN2 * f / (1 - f)  # 1 over lam_2 - lam
        (slow, *_), rates = found = self.exponentials(
            np, trough_ratio, recovery_half_life, fall_ratio, rise_ratio
        )
        first = -sum(c * rate for c, rate in zip(*found, strict=True))  # slope at the event
        lam, middle, fast = rates
        gain = -slow * (middle - lam) * (fast - lam) / (first * lam)
        return {
            "time_to_peak": shape.rise * unit,
            "time_to_crossing": (shape.rise - crossing) * unit,
            "time_to_trough": (shape.rise - shape.lag) * unit,
            "opponent_gain": gain,
            "area": first * (1 - gain) / (middle * fast),
        }
