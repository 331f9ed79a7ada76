r"""A response of any shape, of smooth bumps over log time: the comparator of linear claims.

.. math:: h(t) = \sum_k c_k \phi_k(\ln t) \Big/ \Big(\sum_k c_k^{16}\Big)^{1/16}
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.trace.dynamics import Pairs
from dopafit.trace.kernel import Kernel
from dopafit.trace.parameters import PEAK

__all__ = ["Free"]

KNOTS = 8
RANGE = 200.0  # the end of the response over the time of the first knot
STEP = math.log(RANGE) / KNOTS  # from knot to knot, and from the last one to the end [ln s]
SMOOTH = 0.7  # correlation of the weights of neighbours
DOUBLINGS = 4  # the size of the response is the 16-norm of its values at the knots
FAINTEST = 1e-32  # 0.01 to the 16th: a size is never 0, not even of a response that is


@dataclass(frozen=True)
class Bumps(Pairs):
    """A value at each knot of log time, level before the first; smooth steps lead to the next."""

    def response(self, xp: Any, log_gap: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the level: the first value, and all steps as far as they have been taken."""
        place = (log_gap - parameters["log_first"]) * (1.0 / STEP)
        level = parameters["first"]
        for k in range(KNOTS):
            taken = xp.minimum(xp.maximum(place - float(k), 0.0), 1.0)
            level = level + parameters[f"step_{k}"] * (taken * taken * (3.0 - 2.0 * taken))
        return {"level": level}


def _weight(k: int) -> Parameter:
    before = "a decay in log time" if k == 1 else "that and the value before lead to expect"
    return Parameter(
        meaning=f"deviation of the response at knot {k} of {KNOTS} from {before}, before scaling",
        unit="1",
        prior=Prior.normal(0, 1),
        reason="any shape, up or down, but neighbouring values are alike; before scaling",
    )


class Free(Kernel):
    """A response of any smooth shape: the saturated comparator of all linear claims.

    It has a value at each of 8 knots, equally spaced in log time from a 200th of `longest_lag`;
    from one value to the next the response goes monotonically, so that its largest deviation is at
    a knot. It is divided by the 16-norm of these values: its largest deviation is 1 where one
    value stands out, and less where several are alike, never below 8^(-1/16) = 0.878. The values
    are those of a decay plus a stationary autoregression (correlation 0.7, standard deviation 1)
    of normal weights. The weights' common size drops out of the response, and keeps its prior.
    """

    name = "free"
    reference = "basis of raised cosines over log time, Pillow et al. (2008) (recalled)"
    words = "answers by a response of any smooth shape; the responses to successive events add up"
    formula = "prepare"
    dynamics = Bumps("longest_lag")
    train = (
        r"s(t) = \sum_{j:\, t_j < t} \frac{m_j}{m_0} P\, h(t - t_j),"
        r"\quad 8^{-1/16} \le \max |h| \le 1"
    )
    latex = (
        r"h(t) = \frac{\sum_i c_i\, \phi_i(\ln t)}{(\sum_i c_i^{16})^{1/16}},\quad "
        r"c_i = 1 - (i - 1)/8 + a_i,\quad a_i = 0.7\, a_{i-1} + \sqrt{1 - 0.7^2}\, w_i,\quad "
        r"t > H:\ h(t) = 0"
    )
    notation: ClassVar = {"peak": "P", "longest_lag": "H"} | {
        f"weight_{k + 1}": "w_i" for k in range(KNOTS)
    }
    symbols: ClassVar = {
        r"\phi_i": "smooth bump that is 1 at knot i, 0 from the neighbouring ones; the first is 1 "
        "from the event on, and they sum to 1 until the last one falls to 0 at H",
        "c_i": "value at knot i of 8 before scaling; knots are equally spaced in log time from "
        "H / 200",
        "a_i": "its deviation from a decay",
        "a_{i-1}": "the deviation at the knot before; at the first knot it is the weight itself",
    }

    peak = replace(PEAK, meaning="size of the response to one unit event, up or down")
    weight_1 = _weight(1)
    weight_2 = _weight(2)
    weight_3 = _weight(3)
    weight_4 = _weight(4)
    weight_5 = _weight(5)
    weight_6 = _weight(6)
    weight_7 = _weight(7)
    weight_8 = _weight(8)
    longest_lag = Parameter(
        meaning="time after an event at which its response ends",
        unit="s",
        prior=None,
        fixed=300.0,
        convention="ten typical spacings of events; it decides which events a read sees",
        link="log",
        varies="population",
        centred_on_spacing=True,
    )

    def prepare(
        self, xp, weight_1, weight_2, weight_3, weight_4, weight_5, weight_6, weight_7, weight_8,
        longest_lag,
    ):  # fmt: skip
        """Return the first value, the steps from knot to knot, and the time of the first [ln s]."""
        weights = (weight_1, weight_2, weight_3, weight_4, weight_5, weight_6, weight_7, weight_8)
        deviation, values = weight_1, [1.0 + weight_1]
        for k, weight in enumerate(weights[1:], start=1):
            deviation = SMOOTH * deviation + math.sqrt(1.0 - SMOOTH**2) * weight
            values.append(1.0 - k / KNOTS + deviation)
        powers = values
        for _ in range(DOUBLINGS):
            powers = [power * power for power in powers]
        size = functools.reduce(operator.add, powers) + FAINTEST
        for _ in range(DOUBLINGS):
            size = xp.sqrt(size)
        heights = [*(value / size for value in values), 0.0]
        found = {f"step_{k}": heights[k + 1] - heights[k] for k in range(KNOTS)}
        return found | {"first": heights[0], "log_first": xp.log(longest_lag / RANGE)}

    def _unit_response(self, t, **shape):
        log_gap = np.log(np.maximum(t, 1e-300))
        level = self.dynamics.response(np, log_gap, self.prepare(np, **shape))["level"]
        return np.where(t < shape["longest_lag"], level, 0.0)

    def unit_event(self, xp, **shape):
        """Return nothing: a shape as such has no trough, and begins with no slope."""
        return {}

    def marks(self, longest_lag, **weights):
        """Return the area [s]; nothing else exists for every shape."""
        prepared = self.prepare(np, longest_lag=longest_lag, **weights)
        growth, q = math.exp(STEP), STEP
        # of a step over log time: the integral of 3 x^2 - 2 x^3 against e^(q x) from 0 to 1
        square = (growth * (q * q - 2 * q + 2) - 2) / q**3
        cube = (growth * (q**3 - 3 * q * q + 6 * q - 6) + 6) / q**4
        taken = q * (3 * square - 2 * cube)
        area = prepared["first"] * RANGE
        for k in range(KNOTS):
            begin = growth**k
            area = area + prepared[f"step_{k}"] * (begin * taken + RANGE - begin * growth)
        return {"area": area * longest_lag / RANGE}

    def shortest_time(self, longest_lag, **_):
        """Return the time of the first knot [s]: before it the response is level."""
        return longest_lag / RANGE

    def horizon(self, longest_lag, **_):
        """Return the time at which the response ends [s]."""
        return longest_lag
