"""How far a posterior moves when its prior or its likelihood is made a little stronger or weaker.

Source: Kallioinen, Paananen, Buerkner & Vehtari (2023), Detecting and diagnosing prior and
likelihood sensitivity with power-scaling, Statistics and Computing 34:57; recalled, not re-read.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ALPHAS", "MIN_DRAWS", "power_sensitivity"]

ALPHAS = (0.99, 1.01)
"""Powers to which prior or likelihood is raised, a little below and above 1."""

MIN_DRAWS = 400
"""Fewer draws in all leave a distance that is mostly noise."""


def power_sensitivity(draws: np.ndarray, log_part: np.ndarray) -> np.ndarray:
    """Return how fast each quantity's distribution moves with the power of one part.

    Parameters
    ----------
    draws : array, (quantity, chain, draw)
        Posterior draws.
    log_part : array, (chain, draw)
        Log prior or log likelihood of each draw.

    Returns
    -------
    array, (quantity,)
        Cumulative Jensen-Shannon distance per doubling of the power; NaN where a quantity does
        not move or there are fewer than `MIN_DRAWS` draws.
    """
    from arviz_stats.base import array_stats

    values = np.asarray(draws, dtype=float)
    result = np.full(len(values), np.nan)
    if log_part.size < MIN_DRAWS or not np.isfinite(log_part).all():
        return result
    moving = np.isfinite(values).all(axis=(1, 2)) & (np.ptp(values, axis=(1, 2)) > 0)
    if np.ptp(log_part) == 0:  # a flat part: nothing moves with its power
        return np.where(moving, 0.0, np.nan)
    weights = [
        np.exp(array_stats.power_scale_lw(log_part, alpha=alpha, axis=(-2, -1))) for alpha in ALPHAS
    ]
    for i in np.flatnonzero(moving):
        result[i] = array_stats.power_scale_sense(values[i], *weights, *ALPHAS)
    return result
