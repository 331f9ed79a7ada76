"""Three components from outside: an Erlang latency, the cubic kernel, an accelerating drive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammainc

from dopafit.channel.channel import Channel
from dopafit.channel.latencies import Latencies
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.xp import root, sigmoid
from dopafit.drive.drive import AT_PEAK, Drive
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel
from dopafit.trace.parameters import AREA, CROSSING, PEAK_TIME, RECOVERY, TROUGH, TROUGH_RATIO

__all__ = ["Acceleration", "Cubic", "ErlangLatency"]

LN2 = math.log(2)


class Acceleration(Drive):
    """Exponential of the level less its value at baseline, 1 at the top of one unit event."""

    name = "acceleration"
    reference = "docs/extending.md"
    gains: ClassVar = {"gain_peak": AT_PEAK}
    words = "the level drives pursuit, more and more the higher it stands"
    latex = r"M(t) = (e^{a s(t)} - 1) / (e^{a} - 1)"
    notation: ClassVar = {"gain_peak": "b_+", "acceleration": "a"}

    acceleration = Parameter(
        meaning="log of the ratio of the drive's slope at the peak to that at baseline",
        unit="1/peak",
        prior=Prior.lognormal(1.0, 0.5),
        link="log",
        varies="population",
        reason="nearly three times as steep at the peak as at baseline, wide",
    )

    def motivation(
        self,
        xp: Any,
        signals: Mapping[str, Any],
        unit: Mapping[str, Any],
        acceleration: Any,
    ) -> tuple[Any, ...]:
        """Return the accelerating level, 1 at level 1."""
        return (xp.expm1(acceleration * signals["level"]) / xp.expm1(acceleration),)


def places(xp: Any, y: Any) -> tuple[Any, ...]:
    """Return S and the places x = e^(-lam t) of crossing, maximum and minimum; y = logit(x_c)."""
    x_c, gap = sigmoid(xp, y), sigmoid(xp, -y)
    s = xp.sqrt((1 + x_c) ** 2 + 3 * gap**2)
    double = 2 * (1 + x_c) + s
    return s, x_c, double / 6, 2 * x_c / double


def residual(xp: Any, y: Any, log_ratio: Any) -> tuple[Any, Any]:
    """Return the log of trough over peak less the wanted one, and its slope by y."""
    s, x_c, x_p, x_m = places(xp, y)
    trough = x_m * (1 - x_m) * (x_c - x_m)
    peak = x_p * (1 - x_p) * (x_p - x_c)
    return xp.log(trough / peak) - log_ratio, s


class Cubic(Kernel):
    """The opponent kernel with equal rates of onset and return: a cubic in e^(-lam t)."""

    name = "cubic"
    reference = "the opponent kernel with an onset ratio of 1, after Solomon and Corbit (1974)"
    words = (
        "rises to a smooth peak, falls back through baseline into a trough and recovers; the "
        "responses to successive events add up"
    )
    dynamics = Exponentials(3)
    scales = frozenset({"trough_ratio", "initial_slope"})
    landmark_words: ClassVar = {
        "time_to_peak": PEAK_TIME,
        "time_to_crossing": CROSSING,
        "time_to_trough": TROUGH,
        "area": AREA,
    }
    latex = r"h(t) = C x (1 - x)(x - x_c),\quad x = 2^{-t/t_{1/2}}"
    notation: ClassVar = {"peak": "P", "trough_ratio": r"\rho", "recovery_half_life": "t_{1/2}"}
    symbols: ClassVar = {
        "C": "the scale at which the maximum of the response is 1",
        "x": "how much of the return is still to come",
        "x_c": "its value at the crossing, which follows from trough_ratio",
    }

    trough_ratio = TROUGH_RATIO
    recovery_half_life = RECOVERY

    def exponentials(self, xp, trough_ratio, recovery_half_life):
        """Return three coefficients [1] and rates [1/s] of the response with peak 1."""
        _, x_c, x_p, _ = places(xp, crossing(xp, trough_ratio))
        c = 1 / (x_p * (1 - x_p) * (x_p - x_c))
        lam = LN2 / recovery_half_life
        return [-c * x_c, c * (1 + x_c), -c], [lam, 2 * lam, 3 * lam]

    def marks(self, trough_ratio, recovery_half_life):
        """Return the times to peak, crossing and trough [s] and the area [s]."""
        own = {"trough_ratio": trough_ratio, "recovery_half_life": recovery_half_life}
        _, x_c, x_p, x_m = places(np, crossing(np, trough_ratio))
        lam = LN2 / recovery_half_life
        return {
            "time_to_peak": -np.log(x_p) / lam,
            "time_to_crossing": -np.log(x_c) / lam,
            "time_to_trough": -np.log(x_m) / lam,
        } | super().marks(**own)


def crossing(xp: Any, trough_ratio: Any) -> Any:
    """Return y = logit(x_c) at a trough ratio."""
    return root(xp, residual, 0.0 * trough_ratio, xp.log(trough_ratio), largest_step=4.0)


@dataclass(frozen=True)
class ErlangLatency(Latencies, Channel):
    r"""Erlang latency: a response takes several stages, each exponential (a gamma, shape whole).

    Parameters
    ----------
    column, censored : str
        As for `Latency`.
    stages : int
        Number of stages, the shape of the gamma distribution.
    """

    stages: int = 2

    name = "latency_erlang"
    reference = "gamma response times with a whole shape (recalled)"
    words = "latencies, with an Erlang likelihood"
    latex = r"y \sim \mathrm{Gamma}(k, k e^{\eta})"
    notation: ClassVar = {"rest": r"\alpha"}
    symbols: ClassVar = {"y": "latency [s]", "k": "number of stages"}
    arguments = frozenset({"eta", "latency", "is_censored"})

    rest = Parameter(
        "minus the log of the mean latency at baseline",
        "-ln s",
        Prior.normal(0, 2),
        effect=Prior.normal(0, 0.3),
        spread=Prior.half_normal(0.5),
        varies="row",
    )
    gain = Parameter("log speed-up per unit lobe", "-ln s", Prior.normal(0, 0.5), varies="row")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stages < 1:
            raise SpecError(
                f"channel {self.prefix}: stages = {self.stages}",
                allowed="whole numbers from 1",
                todo="give the number of stages of a response",
            )

    def details(self) -> tuple[str, ...]:
        """Return the number of stages."""
        return (f"{self.stages} {'stage' if self.stages == 1 else 'stages'}",)

    def logp(self, xp, eta, latency, is_censored):
        """Return the log density [1/s], or the log survival where censored."""
        k = self.stages
        log_x = eta + xp.log(latency) + math.log(k)
        x = xp.exp(log_x)
        terms = 1.0
        for j in range(k - 1, 0, -1):
            terms = 1.0 + x / j * terms
        survival = xp.log(terms) - x if k > 1 else -x
        density = k * log_x - math.lgamma(k) - x - xp.log(latency)
        return xp.where(is_censored > 0, survival, density)

    def cumulative(self, eta, latency, is_censored):
        """Return P(shorter) and P(up to the latency), 1 where it is censored."""
        below = gammainc(self.stages, self.stages * np.exp(eta) * latency)
        return below, np.where(is_censored > 0, 1.0, below)

    def simulate(self, rng, eta, data):
        """Draw latencies and censor them at ``data["deadline"]`` [s], if there is one."""
        drawn = rng.gamma(self.stages, np.exp(-eta) / self.stages)
        return self.cut_off(drawn, data.get("deadline", np.inf))
