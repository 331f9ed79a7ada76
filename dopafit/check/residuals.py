"""Whether outcomes follow the distribution that the model gives each of them.

Given the right parameters, the model's distribution function of an outcome is uniform on (0, 1);
an outcome of which only a range is known (a censored latency, a count) is put at random between
the function's values at both ends. One draw of the
posterior is, before the data are known, as good as the true parameters, so its p-value is exactly
uniform under the model; a mean over draws would not be. The draws' p-values are joined by the
Cauchy combination, which holds for dependent ones.

References
----------
Johnson (2007), Bayesian model assessment using pivotal quantities; Liu & Xie (2020), Cauchy
combination test; both recalled, not re-read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dopafit.channel import Channel
from dopafit.fit.fit import Fit
from dopafit.model.numpy_operations import numpy_operations

__all__ = ["Residuals", "joined", "residuals"]

LEAST = 0.001
"""Below it the chi-squared approximation is not to be trusted, and nothing smaller is said."""

BINS = 10
PER_BIN = 10
"""Outcomes expected in a bin; fewer make the bins wider."""

BANDS = {
    "replicate_median": 0.5,
    "lower_50": 0.25,
    "upper_50": 0.75,
    "lower_90": 0.05,
    "upper_90": 0.95,
}
"""Quantiles of replicates by their column."""


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
        Places outcomes within their range.

    Returns
    -------
    Residuals or None
        None where the channel has no distribution function of its outcomes (`Channel.cumulative`),
        or they are too few for two bins.
    """
    layout, prefix = fit.layout, channel.prefix
    rows = layout.rows[prefix]
    bins = min(BINS, len(rows) // PER_BIN)
    if channel.cumulative is None or bins < 2:
        return None
    m = numpy_operations(layout.arrays)
    counts = np.empty((len(theta), bins))
    for i, parameters in enumerate(theta):
        moved = layout.program.motivation(layout.arrays, parameters, m)
        eta, own = layout.program.arguments(prefix, moved, layout.arrays, parameters, m)
        below, upto = channel.cumulative(np.asarray(eta), **rows.data, **own)
        place = below + rng.uniform(size=len(rows)) * (upto - below)
        counts[i] = np.bincount(np.minimum((place * bins).astype(int), bins - 1), minlength=bins)
    return _judged(channel, fit.hypothesis, counts)


def joined(p_values: np.ndarray) -> float:
    """Join dependent p-values, each uniform under the hypothesis, into one.

    Examples
    --------
    >>> round(joined(np.array([0.02, 0.02])), 6)
    0.02
    """
    p = np.clip(p_values, 1e-15, 1.0 - 1e-15)
    return float(0.5 - np.arctan(np.tan((0.5 - p) * np.pi).mean()) / np.pi)


def _judged(channel: Channel, hypothesis: str, counts: np.ndarray) -> Residuals:
    """Compare counts (draw, bin) with what even ones would be."""
    bins, n = counts.shape[1], counts[0].sum()
    uneven = ((counts - n / bins) ** 2).sum(axis=1) / (n / bins)
    observed = counts.mean(axis=0) / n
    band = stats.binom.ppf([*BANDS.values()], n, 1.0 / bins) / n
    edges = np.linspace(0.0, 1.0, bins + 1)
    table = pd.DataFrame(
        {
            "signature": f"{channel.prefix} residuals",
            "channel": channel.prefix,
            "group": hypothesis,  # each has residuals of its own
            "x": 0.5 * (edges[1:] + edges[:-1]),
            "x_lower": edges[:-1],
            "x_upper": edges[1:],
            "n": float(n),
            "x_label": "place in the model's own distribution",
            "y_label": "share of outcomes",
            "observed": observed,
            **dict(zip(BANDS, band, strict=True)),
        }
    )
    inside = float(((observed >= band[3]) & (observed <= band[4])).mean())
    p_value = joined(stats.chi2.sf(uneven, bins - 1))
    return Residuals(table, max(p_value, LEAST), inside)
