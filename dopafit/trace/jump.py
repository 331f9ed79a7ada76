r"""The jump kernel: the peak at once, then a fall through baseline, a trough and a return.

.. math:: h(t) = \frac{e^{-\lambda t / v} - q e^{-\lambda t}}{1 - q}, \quad 0 < q, v < 1

The depth of the trough over the peak rises strictly with y = logit(q), so y follows from it.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dopafit.core.xp import root, sigmoid, softplus
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel, Rebound
from dopafit.trace.parameters import FALL_RATIO, LN2, RECOVERY, TROUGH_RATIO

__all__ = ["Jump"]

SMALLEST, LARGEST = 1e-6, 0.99  # of the fall ratio; above, the shape hardly changes


def miss(xp, y, target, v):
    """Return F(y) - target and its slope by y, with F = ln q - (1 - v) ln(1 - q)."""
    value = (1 - v) * softplus(xp, y) - softplus(xp, -y)
    return value - target, 1 - v * sigmoid(xp, y)


def log_odds(xp, trough_ratio, v):
    """Return y = logit(q) of the response with this trough ratio; v is the fall ratio.

    F(y) = (1 - v) ln(trough ratio / (1 - v)) - v ln v, where F is concave and lies below both its
    asymptotes y and (1 - v) y. Newton's method from the larger root of these comes from the left
    and cannot miss.
    """
    target = (1 - v) * (xp.log(trough_ratio) - xp.log1p(-v)) - v * xp.log(v)
    return root(xp, miss, xp.maximum(target, target / (1 - v)), target, v)


class Jump(Rebound, Kernel):
    """The opponent process without a rise: what is read long after the rise is over.

    Any parameters give one positive lobe that begins at its maximum, one crossing and one negative
    lobe. With a net area of 0 or more the trough is at most e^-2 = 13.5 % of the peak.
    """

    name = "jump"
    reference = (
        "rebound in turnover models with feedback, Gabrielsson and Peletier (2008), AAPS J 10, "
        "70-83: the response to a small dose"
    )
    words = (
        "jumps to its peak, falls back through baseline into a trough and recovers; the responses "
        "to successive events add up"
    )
    dynamics = Exponentials(2)
    latex = (
        r"h(t) = \frac{e^{-\lambda t/v} - q e^{-\lambda t}}{1 - q},\quad "
        r"\lambda = \ln 2 / t_{1/2}"
    )
    notation: ClassVar = {
        "peak": "P",
        "trough_ratio": r"\rho",
        "recovery_half_life": "t_{1/2}",
        "fall_ratio": "v",
    }
    symbols: ClassVar = {
        r"\lambda": "rate of the late return [1/s]",
        "q": "share of the slow part, which follows from trough_ratio and fall_ratio",
    }

    trough_ratio = TROUGH_RATIO
    recovery_half_life = RECOVERY
    fall_ratio = FALL_RATIO

    def exponentials(self, xp, trough_ratio, recovery_half_life, fall_ratio):
        """Return two coefficients [1] and rates [1/s] of the response with peak 1."""
        v = xp.minimum(xp.maximum(fall_ratio, SMALLEST), LARGEST)
        slow = xp.exp(log_odds(xp, trough_ratio, v))  # q / (1 - q)
        lam = LN2 / recovery_half_life
        return [1 + slow, -slow], [lam / v, lam]

    def marks(self, trough_ratio, recovery_half_life, fall_ratio):
        """Return the times to crossing and trough [s], the opponent gain [1] and the area [s]."""
        v = np.clip(fall_ratio, SMALLEST, LARGEST)
        y = log_odds(np, trough_ratio, v)
        unit = recovery_half_life / LN2 * v / (1 - v)  # 1 over the difference of the rates
        crossing = softplus(np, -y) * unit
        gain = np.exp(y) * (1 - v) / v
        return {
            "time_to_crossing": crossing,
            "time_to_trough": crossing - np.log(v) * unit,
            "opponent_gain": gain,
            "area": (1 - gain) * v * recovery_half_life / LN2,
        }
