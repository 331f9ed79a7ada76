"""Latency: shifted Wald (first passage of a drifting accumulator), right-censored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dopafit.channel.channel import Channel, Typical
from dopafit.channel.latencies import Latencies
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.xp import erfcx

__all__ = ["WaldLatency"]

SOFT = 0.005
"""Time [s] over which the earliest responses are blurred: far less than any decision takes, but the
density stays above 0, and its slope finite, wherever the shift is."""

LONGEST = 60.0
"""Largest `longest_shift` [s]."""

_HALF_LOG_2PI = 0.9189385332046727
_ROOT_HALF = 0.7071067811865476


def wald_logpdf(xp: Any, u: Any, drift: Any, threshold: Any) -> Any:
    """Log density [1/s] of the first passage time u [s] over `threshold` at `drift` [1/s]."""
    return (
        xp.log(threshold) - _HALF_LOG_2PI - 1.5 * xp.log(u) - 0.5 * (threshold - drift * u) ** 2 / u
    )


def wald_logsf(xp: Any, u: Any, drift: Any, threshold: Any) -> Any:
    r"""Log survival, written with the scaled error function so that nothing overflows.

    With :math:`z_1=(a-vu)/\sqrt u`, :math:`z_2=(a+vu)/\sqrt u`:
    :math:`e^{2av}\Phi(-z_2) = e^{-z_1^2/2}\,\mathrm{erfcx}(z_2/\sqrt 2)/2`.
    """
    root = xp.sqrt(u)
    z1 = (threshold - drift * u) / root
    z2 = (threshold + drift * u) / root
    reflected = 0.5 * erfcx(xp, z2 * _ROOT_HALF)
    below, above = xp.minimum(z1, 0.0), xp.maximum(z1, 0.0)
    tail = -0.5 * below**2 + xp.log(0.5 * erfcx(xp, -below * _ROOT_HALF) - reflected)
    gauss = xp.exp(-0.5 * above**2)
    head = xp.log1p(-gauss * (0.5 * erfcx(xp, above * _ROOT_HALF) + reflected))
    return xp.where(z1 < 0, tail, head)


@dataclass(frozen=True)
class WaldLatency(Latencies, Channel):
    r"""Shifted Wald latency: drift rises with motivation.

    .. math:: f(u) = \frac{a}{\sqrt{2\pi u^3}} e^{-(a-vu)^2/(2u)},\quad
        y = \theta_0 + u - \varsigma^2/u,\quad \ln v = \alpha + b M

    with the non-decision time :math:`\theta_0`, `shift` times `longest_shift`, and
    :math:`\varsigma` = 5 ms. It is a time of its own and follows from no response: the same
    parameters mean the same in a fit, in a simulation and where trials are left out.

    Parameters
    ----------
    column, censored : str
        As for `Latency`.
    longest_shift : float
        Longest non-decision time [s], of which `shift` is the share. With 1 s, `shift` is in
        seconds.
    """

    longest_shift: float = 1.0

    name = "latency_wald"
    reference = "shifted Wald, Anders, Alario & Van Maanen (2016), recalled"
    words = "latencies, with a shifted Wald likelihood"
    typical_words = Typical("the mean latency", unit="s")
    latex = (
        r"y = \phi y_0 + u - \varsigma^2 / u,\quad u \sim \mathrm{Wald}(v, a),\quad v = e^{\eta}"
    )
    notation: ClassVar = {"rest": r"\alpha", "threshold": "a", "shift": r"\phi"}
    symbols: ClassVar = {
        "y": "latency [s]",
        "y_0": "longest non-decision time (longest_shift) [s]",
        "u": "decision time [s]",
        r"\varsigma": "0.005 s, over which the earliest responses are blurred",
        "v": "drift of the accumulator [1/s]",
    }
    arguments = frozenset({"eta", "latency", "is_censored"})

    rest = Parameter(
        "log drift at baseline",
        "ln 1/s",
        Prior.normal(0, 2),
        effect=Prior.normal(0, 0.3),
        spread=Prior.half_normal(0.5),
        varies="row",
    )
    gain = Parameter(
        "change of the log drift per unit lobe", "ln 1/s", Prior.normal(0, 0.5), varies="row"
    )
    threshold = Parameter(
        "threshold of the accumulator", "1", Prior.lognormal(1.5, 0.8), link="log"
    )
    shift = Parameter(
        "non-decision time as a share of longest_shift (1 s unless set)",
        "1",
        Prior.logit_normal(0.3, 1.0),
        link="logit",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.longest_shift <= LONGEST:
            raise SpecError(
                f"channels: latency: longest_shift = {self.longest_shift!r}",
                allowed=f"a time above 0 s, at most {LONGEST:g} s",
                todo="leave it out for 1 s; give more where even the fastest responses take longer",
            )
        object.__setattr__(self, "longest_shift", float(self.longest_shift))

    def logp(self, xp, eta, latency, is_censored, threshold, shift):
        """Return the log density [1/s] of each latency, or the log survival where censored."""
        u, root = self._decision(xp, latency, shift)
        drift = xp.exp(eta)
        log_density = wald_logpdf(xp, u, drift, threshold) + xp.log(u / root)
        return xp.where(is_censored > 0, wald_logsf(xp, u, drift, threshold), log_density)

    def _decision(self, xp, latency, shift):
        """Return the decision time u [s] of each latency, and u over its slope by the latency."""
        late = latency - shift * self.longest_shift
        root = xp.sqrt(late * late + 4.0 * SOFT**2)
        return 0.5 * (late + root), root  # the u > 0 of u - SOFT^2 / u = late

    def cumulative(self, eta, latency, is_censored, threshold, shift):
        """Return P(shorter) and P(up to the latency), 1 where it is censored."""
        u, _ = self._decision(np, latency, shift)
        below = -np.expm1(wald_logsf(np, u, np.exp(eta), threshold))
        return below, np.where(is_censored > 0, 1.0, below)

    def typical(self, eta, threshold, shift):
        """Return the mean latency [s], were none censored."""
        drift = np.exp(eta)
        blur = SOFT**2 * (drift / threshold + 1.0 / threshold**2)  # the mean of SOFT^2 / u
        return shift * self.longest_shift + threshold / drift - blur

    def simulate(self, rng, eta, data, threshold, shift):
        """Draw latencies and censor them at ``data["deadline"]`` [s], if there is one."""
        drift, a = np.exp(eta), np.asarray(threshold)
        u = rng.wald(a / drift, a**2 + 0.0 * drift)
        # a latency is above 0: only a threshold near 0 and no shift come so low
        drawn = np.maximum(shift * self.longest_shift + u - SOFT**2 / u, 0.1 * SOFT)
        return self.cut_off(drawn, data.get("deadline", np.inf))
