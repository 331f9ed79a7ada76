"""Whether outcomes follow the distribution that the model gives each of them.

Given the right parameters, the model's distribution function of an outcome is uniform on (0, 1);
a censored outcome is known to lie above its place, and is put there at random. One draw of the
posterior is, before the data are known, as good as the true parameters, so its p-value is exactly
uniform under the model; a mean over draws would not be. The draws' p-values are joined by the
Cauchy combination, which holds for dependent ones.

References
----------
Johnson (2007), Bayesian model assessment using pivotal quantities; Liu & Xie (2020), Cauchy
combination test; both recalled, not re-read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from dopafit.backend.sampler.compiled import RowDensity
from dopafit.channel import Channel
from dopafit.fit.fit import Fit

__all__ = ["Residuals", "joined", "residuals"]

LEAST = 0.001
"""Below it the chi-squared approximation is not to be trusted, and nothing smaller is said."""

BINS = 10
PER_BIN = 10
"""Outcomes expected in a bin; fewer make the bins wider."""


@dataclass(frozen=True, eq=False)
class Residuals:
    """Where one channel's outcomes lie in the model's distributions of them.

    Parameters
    ----------
    table : DataFrame, (bin,)
        Columns as in `PredictiveCheck.table`: the observed share of outcomes in each bin, averaged
        over draws, beside the quantiles of that share if the model holds.
    p_value : float
        Probability of counts this uneven if the model holds; never below `LEAST`.
    inside : float
        Share of bins within the 90 % band.
    """

    table: pd.DataFrame
    p_value: float
    inside: float


def residuals(
    fit: Fit, channel: Channel, theta: np.ndarray, rng: np.random.Generator
) -> Residuals | None:
    """Place every outcome of a channel in its own distribution, draw by draw.

    Parameters
    ----------
    fit : Fit
        A fit.
    channel : Channel
        A channel of it.
    theta : array, (draw, entry)
        Parameter vectors of the posterior.
    rng : Generator
        Places the censored outcomes.

    Returns
    -------
    Residuals or None
        None where the channel's outcomes cannot be censored (its log density then gives no
        distribution function), or are too few for two bins.
    """
    layout, prefix = fit.layout, channel.prefix
    censored = layout.rows[prefix].data.get("is_censored")
    if censored is None or len(censored) < 2 * PER_BIN:
        return None
    bins = min(BINS, len(censored) // PER_BIN)
    # the log density of an outcome censored at its own value is its log survival
    key = f"{prefix}.data.is_censored"
    survival_at = RowDensity(
        replace(layout, arrays={**layout.arrays, key: np.ones(len(censored), dtype=float)})
    )
    late = np.asarray(censored) > 0
    counts = np.empty((len(theta), bins))
    for i, parameters in enumerate(theta):
        survival = np.exp(survival_at(parameters)[prefix])
        survival[late] *= rng.uniform(size=late.sum())
        place = np.minimum(((1.0 - survival) * bins).astype(int), bins - 1)
        counts[i] = np.bincount(place, minlength=bins)
    return _judged(channel, fit.model.drive, counts)


def joined(p_values: np.ndarray) -> float:
    """Join dependent p-values, each uniform under the hypothesis, into one.

    Examples
    --------
    >>> round(joined(np.array([0.02, 0.02])), 6)
    0.02
    """
    p = np.clip(p_values, 1e-15, 1.0 - 1e-15)
    return float(0.5 - np.arctan(np.tan((0.5 - p) * np.pi).mean()) / np.pi)


def _judged(channel: Channel, drive: str, counts: np.ndarray) -> Residuals:
    """Compare counts (draw, bin) with what even ones would be."""
    bins, n = counts.shape[1], counts[0].sum()
    uneven = ((counts - n / bins) ** 2).sum(axis=1) / (n / bins)
    observed = counts.mean(axis=0) / n
    band = stats.binom.ppf([0.5, 0.25, 0.75, 0.05, 0.95], n, 1.0 / bins) / n
    edges = np.linspace(0.0, 1.0, bins + 1)
    names = ["replicate_median", "lower_50", "upper_50", "lower_90", "upper_90"]
    table = pd.DataFrame(
        {
            "signature": f"{channel.prefix} residuals",
            "channel": channel.prefix,
            "group": drive,  # each drive has residuals of its own
            "x": 0.5 * (edges[1:] + edges[:-1]),
            "x_lower": edges[:-1],
            "x_upper": edges[1:],
            "n": float(n),
            "x_label": "place in the model's own distribution",
            "y_label": "share of outcomes",
            "observed": observed,
            **dict(zip(names, band, strict=True)),
        }
    )
    inside = float(((observed >= band[3]) & (observed <= band[4])).mean())
    p_value = joined(stats.chi2.sf(uneven, bins - 1))
    return Residuals(table, max(p_value, LEAST), inside)
