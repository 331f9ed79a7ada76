"""Is a gain 0? Bayes factors of nested drives from the draws of the one that encompasses them.

Under priors that agree on everything else, the Bayes factor of "the gain is 0" is its posterior
over its prior density at 0 (Dickey 1971, Ann. Math. Stat. 42:204). The posterior density is a
normal one, corrected by a kernel estimate of how far draws near 0 depart from it (Hjort & Glad
1995, Ann. Stat. 23:882). Recalled, not re-read.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

import numpy as np
import pandas as pd
from scipy.stats import gamma

from dopafit.backend.diagnostics import effective_size
from dopafit.backend.evidence.scores import importance_weights
from dopafit.core.arguments import takes
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit

__all__ = ["SCALES", "bayes_factor_at_zero", "savage_dickey"]

SCALES = (0.5, 1.0, 2.0)
"""What the prior's standard deviation is multiplied by."""

NEAR = 20.0
"""Effective draws near 0 under which the density there is not told, only how small it must be."""


@takes(fit=Fit, parameters=(str, Iterable))
def savage_dickey(
    fit: Fit, parameters: str | Iterable[str], *, scales: Iterable[float] = SCALES
) -> pd.DataFrame:
    """Return the Bayes factor of free gains over gains of 0.

    Parameters
    ----------
    fit : Fit
        A fit in which the gains have either sign, such as that of the encompassing drive.
    parameters : str or iterable of str
        One gain, or several that are 0 together, e.g. ``"choice_gain_trough"``. Of a gain that
        varies between subjects or conditions it is the population's value at the reference.
    scales : iterable of float
        What the standard deviation of these gains' priors is multiplied by.

    Returns
    -------
    DataFrame
        As from `bayes_factor_at_zero`.

    Raises
    ------
    SpecError
        Not a free gain of this model, or one whose prior is not normal around 0.

    Examples
    --------
    >>> savage_dickey(fit, "choice_gain_trough")  # doctest: +SKIP
    """
    names = [parameters] if isinstance(parameters, str) else list(dict.fromkeys(parameters))
    known = [
        name
        for name in fit.model.gains
        if (prior := fit.model.parameters[name].prior) is not None
        and prior.family == "normal"
        and prior.location == 0
    ]
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None or not names:
        what = f"{wrong} is no gain with a normal prior around 0" if names else "no gain is named"
        raise SpecError(what, given=wrong or "", known=known, todo="fit the drive encompassing")
    sd = [fit.model.parameters[name].prior.scale for name in names]
    draws = np.stack([fit.posterior[name].values for name in names], axis=-1)
    return bayes_factor_at_zero(draws, sd, scales=scales)


def bayes_factor_at_zero(
    draws: np.ndarray, prior_sd: Iterable[float], *, scales: Iterable[float] = SCALES
) -> pd.DataFrame:
    """Return the Bayes factor of free quantities over quantities of 0.

    Parameters
    ----------
    draws : array, (chain, draw, quantity)
        Posterior draws.
    prior_sd : iterable of float
        Of their independent normal priors around 0.
    scales : iterable of float
        What all the standard deviations are multiplied by, by reweighting.

    Returns
    -------
    DataFrame
        Index `prior_scale`; `log_bayes_factor` (above 0 where data favour a free value), `mcse`,
        `pareto_k` of the reweighting (above 0.7 it cannot be trusted) and `at_least`: where too few
        draws come near 0 for an estimate, which is then NaN, and the posterior falls towards 0, the
        log Bayes factor is at least that (one quantity alone; with 95 % confidence).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = bayes_factor_at_zero(rng.normal(1.0, 0.5, (4, 1000, 1)), [1.0])
    >>> bool(abs(table.loc[1.0, "log_bayes_factor"] - (2.0 + np.log(0.5))) < 0.2)
    True
    """
    values, sd = np.asarray(draws, dtype=float), np.asarray(list(prior_sd), dtype=float)
    factors = list(scales)
    if values.ndim != 3 or values.shape[-1] != len(sd) or not np.isfinite(values).all():
        raise SpecError(
            f"draws of shape {values.shape} for {len(sd)} quantities",
            allowed="finite draws, (chain, draw, quantity), and one prior sd a quantity",
            todo="take them from one fit",
        )
    if not all(isinstance(f, Real) and np.isfinite(f) and f > 0 for f in (*factors, *sd)):
        raise SpecError(
            f"prior sd {sd.tolist()} times {factors}",
            allowed="numbers above 0",
            todo="leave scales out for 0.5, 1 and 2",
        )
    near, log_density = _density_at_zero(values)
    log_prior = float(-np.log(sd * np.sqrt(2 * np.pi)).sum())
    reached = near.sum() ** 2 / (near**2).sum() >= NEAR if near.any() else False
    rows = []
    for factor in factors:
        # posterior over prior density at 0 falls by the mean of the weights: nothing is estimated
        # anew, only the density's normalisation changes
        log_weight = (0.5 * (values / sd) ** 2 * (1 - factor**-2) - np.log(factor)).sum(axis=-1)
        most = log_weight.max()
        weight = np.exp(log_weight - most)
        log_bf = log_prior - log_density + most + np.log(weight.mean())
        influence = weight / weight.mean() - (near / near.mean() if reached else 0.0)
        k = importance_weights(log_weight.ravel())[1] if np.ptp(log_weight) > 0 else 0.0
        bound = np.nan
        if not reached and len(sd) == 1:
            bound = log_prior - _log_most(values[..., 0]) + most + np.log(weight.mean())
        rows.append(
            {
                "prior_scale": float(factor),
                "log_bayes_factor": float(log_bf) if reached else np.nan,
                "mcse": _error(influence) if reached else np.nan,
                "pareto_k": k,
                "at_least": float(bound),
            }
        )
    return pd.DataFrame(rows).set_index("prior_scale")


def _density_at_zero(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what each draw, (chain, draw), adds to the density at 0, and its logarithm."""
    chains, count, size = values.shape
    flat = values.reshape(-1, size)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(flat.T)))
    away = np.linalg.solve(root, (flat - flat.mean(axis=0)).T).T
    zero = np.linalg.solve(root, -flat.mean(axis=0))
    effective = min(effective_size(values[..., i]) for i in range(size))
    width = (4 / (size + 2) / max(effective, 1.0)) ** (1 / (size + 4))
    # kernel times the normal's density at 0 over that at the draw
    part = 0.5 * (away**2).sum(axis=1) - 0.5 * ((away - zero) ** 2).sum(axis=1) / width**2
    most = part.max()
    near = np.exp(part - most)
    constant = most - 0.5 * (zero**2).sum() - size * np.log(width * np.sqrt(2 * np.pi))
    log_density = constant + np.log(near.mean()) - np.log(np.diag(root)).sum()
    return near.reshape(chains, count), float(log_density)


def _log_most(values: np.ndarray) -> float:
    """Return the log of the largest density at 0 of a posterior that falls towards 0.

    It is then at most the mean density over the stretch from 0 to the draws next to it.
    """
    towards = np.sort(values.ravel() * np.sign(np.median(values)))
    effective = max(effective_size(values), 1.0)
    end = towards[min(int(NEAR * towards.size / effective), towards.size - 1)]
    if end <= 0:
        return np.nan
    inside = ((towards > 0) & (towards <= end)).mean() * effective
    return float(np.log(gamma.ppf(0.95, inside + 1) / effective / end))


def _error(influence: np.ndarray) -> float:
    """Return the Monte Carlo error of a mean."""
    return float(influence.std(ddof=1) / np.sqrt(max(effective_size(influence), 1.0)))
