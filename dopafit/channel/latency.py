"""Latency: lognormal, right-censored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from dopafit.channel.channel import At, Channel, Rows, Scales, Typical
from dopafit.channel.latencies import Latencies
from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import normal_or_beyond
from dopafit.study.study import Study

__all__ = ["Latency"]


@dataclass(frozen=True)
class Latency(Latencies, Channel):
    r"""Lognormal latency; more motivation is faster.

    .. math:: \ln y \sim N(\alpha - b M, \sigma); \quad
        \ln S(c) = \ln\Phi\{-(\ln c - \mu)/\sigma\}\ \text{if censored at}\ c

    Parameters
    ----------
    column : str
        Column of `observations` with the latency [s]; where censored, the time waited.
    censored : str or None
        0/1 column: 1 where no response came by that time; None means none is censored. The default
        column may be absent, which means the same (with a warning where waits pile up).
    """

    name = "latency"
    reference = "lognormal response times; vigour, Niv et al. (2007)"
    words = "latencies, with a lognormal likelihood"
    typical_words = Typical("the median latency", unit="s")
    latex = r"\ln y \sim N(-\eta, \sigma^2)"
    notation: ClassVar = {"rest": r"\alpha", "sigma": r"\sigma"}
    symbols: ClassVar = {"y": "latency [s]"}
    arguments = frozenset({"eta", "latency", "log_latency", "is_censored"})

    rest = Parameter(
        "minus the log of the median latency at baseline",
        "-ln s",
        Prior.normal(0, 2),
        effect=Prior.normal(0, 0.3),
        spread=Prior.half_normal(0.5),
        varies="row",
    )
    gain = Parameter("log speed-up per unit lobe", "-ln s", Prior.normal(0, 0.5), varies="row")
    sigma = Parameter(
        "standard deviation of the log latency",
        "ln s",
        Prior.lognormal(0.5, 0.7),
        link="log",
    )

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return one row per observation with a latency, and its logarithm."""
        rows = super().rows(study, at, scales)
        data = {**rows.data, "log_latency": np.log(rows.data["latency"])}  # once, not each time
        return replace(rows, data=data)

    def logp(self, xp, eta, latency, log_latency, is_censored, sigma):
        """Return the log density [1/s] of each latency, or the log survival where censored."""
        standard = normal_or_beyond(xp, (log_latency + eta) / sigma, is_censored)
        return standard - (1.0 - is_censored) * (xp.log(sigma) + log_latency)

    def cumulative(self, eta, latency, log_latency, is_censored, sigma):
        """Return P(shorter) and P(up to the latency), 1 where it is censored."""
        below = ndtr((log_latency + eta) / sigma)
        return below, np.where(is_censored > 0, 1.0, below)

    def typical(self, eta, sigma):
        """Return the median latency [s], were none censored."""
        return np.exp(-eta)

    def simulate(self, rng, eta, data, sigma):
        """Draw latencies and censor them at ``data["deadline"]`` [s], if there is one."""
        drawn = np.exp(-eta + sigma * rng.standard_normal(eta.shape))
        return self.cut_off(drawn, data.get("deadline", np.inf))
