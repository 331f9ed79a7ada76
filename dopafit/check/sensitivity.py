"""Whether prior and data pull on what a fit says: power scaling, quantity by quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dopafit.backend.diagnostics import scalars
from dopafit.backend.evidence.power_scaling import MIN_DRAWS, power_sensitivity
from dopafit.fit.effects import effect_draws
from dopafit.fit.fit import Fit

__all__ = ["COLUMNS", "SENSITIVE", "effect_sensitivity", "log_parts", "sensitivity"]

SENSITIVE = 0.05
"""Distance per doubling from which a quantity counts as sensitive (Kallioinen et al. 2023)."""

DRAWS = 1000
"""Draws in all that the likelihood is computed for."""


COLUMNS = ("prior_sensitivity", "data_sensitivity", "sensitivity")


def log_parts(fit: Fit, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log prior and log likelihood, (chain, draw), of these draws of each chain.

    The prior is that of the population: its values, effects and the standard deviations of its
    groups. How members spread given those is part of the model, and is not scaled.
    """
    coordinates = fit.layout.coordinates
    x = fit.coordinates["x"].values[:, kept]
    h = fit.coordinates["h"].values[:, kept]
    arrays = coordinates.arrays
    shared = arrays["x_spread"] == 0  # a coordinate with a spread is a member of a group
    scale = np.where(arrays["half_free"] > 0, arrays["half_scale"], np.inf)
    log_prior = -0.5 * (x[..., shared] ** 2).sum(axis=-1) - 0.5 * ((h / scale) ** 2).sum(axis=-1)
    log_lik, _ = fit.log_likelihood("session", draws=len(kept))
    return log_prior, log_lik.sum(axis=-1)


def sensitivity(fit: Fit) -> pd.DataFrame:
    """Scale prior and likelihood by a power, and see what moves.

    Returns
    -------
    DataFrame, indexed by the summary's row names
        `prior_sensitivity` and `data_sensitivity`: distance moved per doubling of the power;
        `sensitivity` in words: ``"low"``, ``"prior and data disagree"`` (both move it) or
        ``"prior weighs more than the data"`` (the prior moves it, the data hardly do). Empty where
        there are fewer than 400 draws. Group members are left out.
    """
    kept = _kept(fit)
    if _too_few(fit, kept):
        return pd.DataFrame(columns=COLUMNS)
    names = [name for name in fit.posterior.data_vars if not str(name).endswith("_group")]
    labels, values, _ = scalars(fit.posterior[names].isel(draw=kept))
    return pd.DataFrame(_pulled(fit, values, kept), index=labels, columns=COLUMNS)


def effect_sensitivity(fit: Fit) -> list[dict[str, Any]]:
    """Say the same of the effects of `lobe_effects`, then of `contrast_effects`, in their order.

    Returns
    -------
    list of dict
        The columns of `sensitivity`; None where nothing can be said.
    """
    kept = _kept(fit)
    theta = fit.theta[:, kept]
    values = effect_draws(fit, theta.reshape(-1, theta.shape[-1]))
    if _too_few(fit, kept) or not len(values):
        return [dict.fromkeys(COLUMNS) for _ in values]
    found = _pulled(fit, values.reshape(len(values), *theta.shape[:2]), kept)
    return [dict(zip(COLUMNS, told if told[2] else [None] * 3, strict=True)) for told in found]


def _kept(fit: Fit) -> np.ndarray:
    """Return which draws of each chain are used."""
    chains, draws = fit.theta.shape[:2]
    return np.linspace(0, draws - 1, min(draws, max(1, -(-DRAWS // chains)))).astype(int)


def _too_few(fit: Fit, kept: np.ndarray) -> bool:
    return len(fit.theta) * len(kept) < MIN_DRAWS


def _pulled(fit: Fit, values: np.ndarray, kept: np.ndarray) -> list[tuple[float, float, str]]:
    """Return how far prior and data move each quantity, (quantity, chain, draw), and words."""
    prior, data = (power_sensitivity(values, part) for part in log_parts(fit, kept))
    return [(float(p), float(d), _words(p, d)) for p, d in zip(prior, data, strict=True)]


def _words(prior: float, data: float) -> str:
    if np.isnan(prior) or np.isnan(data):
        return ""
    if prior < SENSITIVE:
        return "low"
    return "prior and data disagree" if data >= SENSITIVE else "prior weighs more than the data"
