r"""The opponent kernel: one peak, one crossing, one trough, and a slow return.

.. math:: h(t) = C e^{-\lambda t} (1 - x)(x - x_c), \quad x = e^{-\kappa t}

It is a biexponential a-process less its own low-pass filtered copy (time constant 1/lam, gain G),
so a sum of three exponentials with rates lam, lam + kap, lam + 2 kap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import sigmoid
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel, Rebound
from dopafit.trace.newton import roots, solve
from dopafit.trace.parameters import LN2, PEAK_TIME, RECOVERY, TROUGH_RATIO

__all__ = ["Opponent"]


class _Shape(NamedTuple):
    """Everything that follows from the crossing and the onset ratio, at unit peak."""

    x_c: Any
    gap: Any  # 1 - x_c
    one_p: Any  # 1 - x at the maximum
    x_m: Any  # x at the minimum
    one_m: Any
    scale: Any  # C


def _shape(xp: Any, y: Any, onset_ratio: Any) -> _Shape:
    x_c, gap = sigmoid(xp, y), sigmoid(xp, -y)
    _, _, one_p, over_p, x_m, one_m, _ = roots(x_c, gap, onset_ratio)
    scale = xp.exp(-onset_ratio * xp.log1p(-one_p)) / (one_p * over_p)
    return _Shape(x_c, gap, one_p, x_m, one_m, scale)


@dataclass(frozen=True)
class Opponent(Rebound, Kernel):
    """Opponent kernel in the parameters a reader can see: peak, trough ratio and times.

    Any positive parameters give one positive lobe, one crossing and one negative lobe; the
    maximum is `peak` and the minimum is -`trough_ratio` * `peak`, exactly. The sample path is
    linear in the events: a train's level is the sum of the single responses.
    """

    name = "opponent"
    reference = (
        "after the opponent process of Solomon and Corbit (1974), Psychological Review 81, "
        "119-145 (recalled): a fast process and its slow, opposed follower"
    )
    cites = (
        "Solomon RL, Corbit JD (1974). An opponent-process theory of motivation: I. Temporal "
        "dynamics of affect. Psychological Review 81, 119-145.",
    )
    words = (
        "rises to a peak, falls back through baseline into a trough and recovers; the responses to "
        "successive events add up"
    )
    dynamics = Exponentials(3, progression=True)
    landmark_words: ClassVar = {"time_to_peak": PEAK_TIME, **Rebound.landmark_words}
    clocks = ("time_to_peak", "time_to_crossing", "time_to_trough")
    clock_unit = "recovery_half_life"
    clock_by = ("trough_ratio", "onset_ratio")
    latex = (
        r"h(t) = C e^{-\lambda t}(1 - x)(x - x_c),\quad x = e^{-\kappa t},\quad "
        r"\lambda = \ln 2 / t_{1/2},\quad \kappa = \lambda / \nu"
    )
    notation: ClassVar = {
        "peak": "P",
        "trough_ratio": r"\rho",
        "recovery_half_life": "t_{1/2}",
        "onset_ratio": r"\nu",
    }
    symbols: ClassVar = {
        "C": "the scale at which the maximum of the response is 1",
        r"\lambda": "rate of the late return [1/s]",
        r"\kappa": "rate of the onset [1/s]",
        "x": "how much of the onset is still to come",
        "x_c": "its value at the crossing, which follows from trough_ratio and onset_ratio",
    }

    trough_ratio = TROUGH_RATIO
    recovery_half_life = RECOVERY
    onset_ratio = Parameter(
        meaning="recovery rate over onset rate; small for a sharp peak",
        unit="1",
        prior=Prior.lognormal(0.1, 0.8),
        link="log",
        spread=Prior.half_normal(0.2),
        reason="the rise is usually faster than the recovery; wide",
    )

    def exponentials(self, xp, trough_ratio, recovery_half_life, onset_ratio):
        """Return coefficients [1] and rates [1/s] of the response with peak 1.

        Parameters
        ----------
        xp : module
            Array namespace.
        trough_ratio, recovery_half_life, onset_ratio : array
            Positive [1], [s], [1]; shapes broadcast.

        Returns
        -------
        coefficients, rates : list of three arrays each
            h(t) = sum_i coefficients[i] * exp(-rates[i] * t).
        """
        shape = _shape(xp, solve(xp, xp.log(trough_ratio), onset_ratio), onset_ratio)
        lam = LN2 / recovery_half_life
        kap = lam / onset_ratio
        coefficients = [-shape.scale * shape.x_c, shape.scale * (1 + shape.x_c), -shape.scale]
        return coefficients, [lam, lam + kap, lam + 2 * kap]

    @staticmethod
    def clock_code() -> Any:
        """Return the compiled form of the landmarks' times; see `Kernel.clock_code`."""
        from dopafit.trace._clock import log_clock  # compiled: not for whoever only reads a study

        return log_clock

    def shortest_time(self, **shape: Any) -> np.ndarray:
        """Return the time to the peak [s]: nothing of the response is faster."""
        return self.landmarks(**shape)["time_to_peak"]

    def horizon(self, **shape: Any) -> np.ndarray:
        """Return four half-lives of the late return [s], or 2.2 times the time to the trough."""
        return np.maximum(super().horizon(**shape), 2.2 * self.landmarks(**shape)["time_to_trough"])

    def _unit_response(self, t, trough_ratio, recovery_half_life, onset_ratio):
        nu = onset_ratio
        shape = _shape(np, solve(np, np.log(trough_ratio), nu), nu)
        lam = LN2 / recovery_half_life
        fallen = -np.expm1(-lam / nu * t)  # 1 - x, exact where x is near 1
        x = np.exp(-lam / nu * t)
        # The product, not the sum of exponentials: near t = 0 and t = t_c the sum would cancel.
        beyond = np.where(fallen < 0.5, shape.gap - fallen, x - shape.x_c)
        return shape.scale * np.exp(-lam * t) * fallen * beyond

    def marks(self, trough_ratio, recovery_half_life, onset_ratio):
        """Return times to peak, crossing and trough [s], opponent gain G [1] and area [s].

        G is the steady gain of the opponent over the a-process; the area is positive for G < 1,
        zero for G = 1 and negative for G > 1.
        """
        nu = onset_ratio
        y = solve(np, np.log(trough_ratio), nu)
        shape = _shape(np, y, nu)
        kap = LN2 / recovery_half_life / nu
        near_one = np.minimum(shape.one_m, 0.5)  # keeps log1p finite where it is not used
        to_trough = np.where(shape.one_m < 0.5, np.log1p(-near_one), np.log(shape.x_m))
        # G = (2 / nu) x_c / (1 - x_c); area = C (1 - x_c)(1 - G) / (kap (nu + 1)(nu + 2))
        log_gain = y - np.log(nu / 2)
        size = shape.scale * shape.gap / (kap * (nu + 1) * (nu + 2))
        return {
            "time_to_peak": -np.log1p(-shape.one_p) / kap,
            "time_to_crossing": np.logaddexp(0.0, -y) / kap,
            "time_to_trough": -to_trough / kap,
            "opponent_gain": np.exp(log_gain),
            "area": -size * np.expm1(log_gain),
        }
