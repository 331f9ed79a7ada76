"""Weights that make a mixture of fits predict left-out units best, and how sure they are.

Source: stacking of predictive distributions, Yao et al. 2018, Bayesian Analysis 13:917. The
optimum is found by sequential quadratic programming on the mixture's simplex, after Kim,
Carbonetto, Stephens & Anitescu 2020, J. Comput. Graph. Stat. 29:261. Recalled, not re-read.
"""

from __future__ import annotations

import numpy as np

from dopafit.core.errors import FitError

__all__ = ["bootstrap_weights", "stacking_weights"]

GAP = 1e-9  # largest allowed excess of a model's mean score ratio over 1, see `_solve`
STEPS = 200
ROUNDING = 1e-14  # of the objective, which is of order 1; a full step must not fail on it


def stacking_weights(
    elpd_i: np.ndarray, *, unit_weights: np.ndarray | None = None, start: np.ndarray | None = None
) -> np.ndarray:
    """Return the stacking weights of fits.

    Parameters
    ----------
    elpd_i : ndarray, shape (unit, fit)
        Log predictive density of each left-out unit under each fit.
    unit_weights : ndarray, shape (unit,), optional
        How much each unit counts; equal by default.
    start : ndarray, shape (fit,), optional
        Weights to start from; the result does not depend on them.

    Returns
    -------
    ndarray, shape (fit,)
        Non-negative, summing to 1; the maximum of ``mean(log(exp(elpd_i) @ w))``. Where fits
        predict alike the maximum is not unique and one of the maxima is returned.

    Raises
    ------
    FitError
        The search did not reach the maximum.
    """
    density = np.exp(elpd_i - elpd_i.max(axis=1, keepdims=True))
    share = np.full(len(density), 1.0) if unit_weights is None else np.asarray(unit_weights, float)
    first = np.full(density.shape[1], 1.0) if start is None else start + 1e-3
    return _solve(density, share / share.sum(), first / first.sum())


def bootstrap_weights(
    elpd_i: np.ndarray, *, n_boot: int, seed: int, start: np.ndarray | None = None
) -> np.ndarray:
    """Return stacking weights under Bayesian-bootstrap weights of the units.

    Parameters
    ----------
    elpd_i : ndarray, shape (unit, fit)
        Log predictive density of each left-out unit under each fit.
    n_boot : int
        Number of replicates.
    seed : int
        Seed of the replicates.
    start : ndarray, shape (fit,), optional
        Weights near which the search begins.

    Returns
    -------
    ndarray, shape (n_boot, fit)
        One row of weights per replicate.
    """
    rng = np.random.default_rng(seed)
    return np.array(
        [
            stacking_weights(elpd_i, unit_weights=rng.exponential(size=len(elpd_i)), start=start)
            for _ in range(n_boot)
        ]
    )


def _solve(density: np.ndarray, share: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Maximise ``sum(share * log(density @ w))`` over the simplex.

    With multiplier 1 on the sum, the problem over ``w >= 0`` alone is to minimise
    ``sum(w) - sum(share * log(density @ w))``. Each step solves its quadratic model as a
    non-negative least-squares problem. The mean score ratio ``sum(share * density / mixture)`` is
    at most 1 in every fit exactly at the maximum, which certifies it.
    """
    from scipy.optimize import nnls

    root = np.sqrt(share)
    k = density.shape[1]
    value, mixture = _objective(density, share, weights)
    for _ in range(STEPS):
        scaled = density * (root / mixture)[:, None]
        ratio = scaled.T @ root
        if ratio.max() <= 1 + GAP:
            return weights / weights.sum()
        hessian = scaled.T @ scaled
        hessian[np.diag_indices(k)] += 1e-10 * np.trace(hessian) / k  # equal fits
        factor = np.linalg.cholesky(hessian)
        target, _ = nnls(factor.T, np.linalg.solve(factor, 2 * ratio - 1))
        step, move = 1.0, target - weights
        slope = float((1 - ratio) @ move)
        while step > 1e-12:
            trial = weights + step * move
            if trial.sum() > 0:
                trial_value, trial_mixture = _objective(density, share, trial)
                if trial_value <= value + 1e-4 * step * slope + ROUNDING:
                    break
            step /= 2
        else:
            break
        weights, value, mixture = trial, trial_value, trial_mixture
    if (density * (share / mixture)[:, None]).sum(axis=0).max() <= 1 + 1e-6:
        return weights / weights.sum()
    raise FitError(
        "stacking weights could not be found",
        allowed="finite pointwise predictive densities",
        todo="report this with the comparison's pointwise table",
    )


def _objective(
    density: np.ndarray, share: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    mixture = density @ weights
    if mixture.min() <= 0:
        return np.inf, mixture
    return float(weights.sum() - share @ np.log(mixture)), mixture
