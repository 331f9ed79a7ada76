"""Numbers that say whether draws can be believed, for every scalar in a posterior.

Sources: rank-normalised split R-hat, bulk and tail effective sample size (Vehtari et al. 2021,
Bayesian Analysis 16:667); energy Bayesian fraction of missing information (Betancourt 2016,
arXiv:1604.00695); recalled, not re-read. The numbers are ArviZ's, unrounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dopafit.core.errors import FitError

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "CONVERGENCE",
    "LOG_POSTERIOR",
    "diagnose",
    "effective_size",
    "sampler_health",
    "scalars",
    "summary",
]

CONVERGENCE = ("r_hat", "ess_bulk", "ess_tail", "mcse_mean")
LOG_POSTERIOR = "log_posterior"
MIN_DRAWS = 8  # halves of four draws: less has no variance to speak of
# names of one statistic in nutpie and in PyMC's own sampler
NAMES = {
    "depth": ("maxdepth_reached", "reached_max_treedepth"),
    "log_posterior": ("logp", "lp"),
}


def scalars(posterior: xr.Dataset) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return every scalar quantity of a posterior as one array.

    Parameters
    ----------
    posterior : xarray.Dataset
        Variables with dims (chain, draw, ...); others are left out.

    Returns
    -------
    labels : list of str
        ``"trough_ratio"``, ``"peak_effect[drug[precursor]]"``, ``"x[a, b]"``.
    draws : ndarray, shape (quantity, chain, draw)
        Values as float.
    continuous : ndarray of bool, shape (quantity,)
        False where the variable holds whole numbers or truth values.

    Raises
    ------
    FitError
        No variable has the dims (chain, draw).
    """
    labels: list[str] = []
    blocks, continuous = [], []
    for name, variable in posterior.data_vars.items():
        if not {"chain", "draw"} <= set(variable.dims) or variable.dtype.kind not in "fiub":
            continue
        rest = [d for d in variable.dims if d not in ("chain", "draw")]
        values = variable.transpose(*rest, "chain", "draw").values
        blocks.append(values.reshape(-1, *values.shape[-2:]).astype(float))
        continuous += [variable.dtype.kind == "f"] * len(blocks[-1])
        labels += _labels(name, [_coordinate(variable, d) for d in rest])
    if not labels:
        raise FitError(
            "the posterior holds no draws",
            allowed="variables with dims (chain, draw)",
            todo="fit again, or load a run with Fit.load",
        )
    return labels, np.concatenate(blocks), np.array(continuous)


def diagnose(posterior: xr.Dataset, sample_stats: xr.Dataset | None = None) -> pd.DataFrame:
    """Judge every scalar quantity, and the log posterior itself.

    Parameters
    ----------
    posterior : xarray.Dataset
        Variables with dims (chain, draw, ...).
    sample_stats : xarray.Dataset, optional
        If it holds the log posterior (``logp`` or ``lp``), a row ``"log_posterior"`` is added:
        chains in separate modes often differ there first.

    Returns
    -------
    pandas.DataFrame
        One row per quantity: `quantity`; `kind` ("sampled"; "fixed" where all draws are one
        number; "failed" where a draw is not finite); `r_hat`, `ess_bulk`, `ess_tail`, `mcse_mean`
        (NaN unless sampled, and NaN where they cannot be computed); `bad_draws`, draws that are
        not finite; `stuck_chains`, chains of a continuous quantity that never moved although
        others did; `identical_chains`, chains that repeat an earlier one draw by draw.

    Raises
    ------
    FitError
        No variable has the dims (chain, draw).
    """
    labels, draws, continuous = scalars(posterior)
    extra = _statistic(sample_stats, "log_posterior")
    if extra is not None and extra.shape == draws.shape[1:] and LOG_POSTERIOR not in labels:
        labels = [*labels, LOG_POSTERIOR]
        draws = np.concatenate([draws, extra[None]])
        continuous = np.append(continuous, True)
    bad = (~np.isfinite(draws)).sum(axis=(1, 2))
    fixed = _fixed(draws) & (bad == 0)
    sampled = (bad == 0) & ~fixed
    moving = sampled & continuous
    table = pd.DataFrame(
        {
            "quantity": labels,
            "kind": np.where(bad > 0, "failed", np.where(fixed, "fixed", "sampled")),
            **_convergence(draws, sampled),
            "bad_draws": bad,
            "stuck_chains": np.where(moving, _stuck(draws), 0),
            "identical_chains": np.where(moving, _identical(draws), 0),
        }
    )
    return table


def effective_size(values: np.ndarray) -> float:
    """Return the effective sample size of a mean.

    Parameters
    ----------
    values : array, (chain, draw)
        At least `MIN_DRAWS` draws; fewer give 0, for nothing is known.
    """
    from arviz_stats.base import array_stats

    if values.shape[1] < MIN_DRAWS:
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nan_to_num(array_stats.ess(values, method="mean"), nan=0.0))


def largest_r_hat(values: np.ndarray) -> float:
    """Return the largest rank-normalised split R-hat of quantities, (quantity, chain, draw)."""
    from arviz_stats.base import array_stats

    moving = values[~_fixed(values)]
    return float(array_stats.rhat(moving, method="rank").max()) if len(moving) else 1.0


def sampler_health(sample_stats: xr.Dataset | None) -> dict[str, Any]:
    """Return what the sampler recorded about itself, under one set of names.

    Parameters
    ----------
    sample_stats : xarray.Dataset or None
        Statistics with dims (chain, draw), from nutpie or from PyMC's sampler.

    Returns
    -------
    dict
        `chains`, `draws` (per chain); `divergences`; `e_bfmi` and `step_size`, lists with one
        number per chain; `max_depth_share`, share of draws whose trajectory was cut at the largest
        tree depth. None where a statistic was not recorded.
    """
    health: dict[str, Any] = {"chains": 0, "draws": 0}
    health |= dict.fromkeys(["divergences", "e_bfmi", "step_size", "max_depth_share"])
    if sample_stats is None or not {"chain", "draw"} <= set(sample_stats.sizes):
        return health
    health["chains"], health["draws"] = sample_stats.sizes["chain"], sample_stats.sizes["draw"]
    if not health["chains"] or not health["draws"]:
        return health
    diverging = _statistic(sample_stats, "diverging")
    if diverging is not None:
        health["divergences"] = int(diverging.sum())
    energy = _statistic(sample_stats, "energy")
    if energy is not None:
        health["e_bfmi"] = [float(v) for v in _e_bfmi(energy)]
    step = _statistic(sample_stats, "step_size_bar")
    step = _statistic(sample_stats, "step_size") if step is None else step
    if step is not None:
        health["step_size"] = [float(v) for v in step[:, -1]]
    depth = _statistic(sample_stats, "depth")
    if depth is not None:
        health["max_depth_share"] = float(depth.mean())
    return health


def summary(posterior: xr.Dataset, prob: float) -> pd.DataFrame:
    """Summarise every scalar quantity, unrounded.

    Parameters
    ----------
    posterior : xarray.Dataset
        Variables with dims (chain, draw, ...).
    prob : float
        Probability inside the equal-tailed interval, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row per quantity: `parameter`, `mean`, `sd`, `median`, `lower`, `upper`,
        `interval_kind`, `interval_prob`, `r_hat`, `ess_bulk`, `ess_tail`, `mcse_mean`. A quantity
        with draws that are not finite has NaN throughout.

    Raises
    ------
    FitError
        A probability outside (0, 1).
    """
    if not 0 < prob < 1:
        raise FitError(
            f"an interval with probability {prob!r}",
            allowed="0 < probability < 1",
            todo="name a probability such as 0.95",
        )
    labels, draws, _ = scalars(posterior)
    table = diagnose(posterior).set_index("quantity")
    flat = draws.reshape(len(draws), -1)
    flat = np.where(np.isfinite(flat).all(axis=1, keepdims=True), flat, np.nan)
    sd = flat.std(axis=1, ddof=min(1, flat.shape[1] - 1))
    tail = (1 - prob) / 2
    lower, median, upper = np.quantile(flat, [tail, 0.5, 1 - tail], axis=1)
    numbers = {name: table.loc[labels, name].to_numpy() for name in CONVERGENCE}
    return pd.DataFrame(
        {
            "parameter": labels,
            "mean": flat.mean(axis=1),
            "sd": np.where(_fixed(draws), 0.0, sd),
            "median": median,
            "lower": lower,
            "upper": upper,
            "interval_kind": "eti",
            "interval_prob": prob,
            **numbers,
        }
    )


def _convergence(draws: np.ndarray, sampled: np.ndarray) -> dict[str, np.ndarray]:
    """ArviZ's array functions on the quantities that moved; NaN for the rest."""
    from arviz_stats.base import array_stats

    numbers = {name: np.full(len(draws), np.nan) for name in CONVERGENCE}
    if not sampled.any() or draws.shape[2] < MIN_DRAWS:
        return numbers
    moving = draws[sampled]
    with np.errstate(divide="ignore", invalid="ignore"):
        if draws.shape[1] > 1:
            numbers["r_hat"][sampled] = array_stats.rhat(moving, method="rank")
        numbers["ess_bulk"][sampled] = array_stats.ess(moving, method="bulk")
        numbers["ess_tail"][sampled] = array_stats.ess(moving, method="tail", prob=(0.05, 0.95))
        numbers["mcse_mean"][sampled] = array_stats.mcse(moving, method="mean")
    return numbers


def _fixed(draws: np.ndarray) -> np.ndarray:
    """Quantities that are one number up to rounding in the last digits."""
    with np.errstate(invalid="ignore"):
        low, high = draws.min(axis=(1, 2)), draws.max(axis=(1, 2))
        size = np.maximum(np.abs(low), np.abs(high))
        return np.isfinite(size) & (high - low <= 1e-12 * size)


def _stuck(draws: np.ndarray) -> np.ndarray:
    """Count the chains that never move."""
    return (draws == draws[:, :, :1]).all(axis=2).sum(axis=1)


def _identical(draws: np.ndarray) -> np.ndarray:
    """Count the chains that repeat an earlier chain, up to rounding."""
    with np.errstate(invalid="ignore"):
        near = 1e-6 * draws.std(axis=(1, 2))
        copies = np.zeros(draws.shape[:2], dtype=bool)
        for first, second in itertools.combinations(range(draws.shape[1]), 2):
            gap = np.abs(draws[:, first] - draws[:, second]).max(axis=1)
            copies[:, second] |= gap <= near
    return copies.sum(axis=1)


def _e_bfmi(energy: np.ndarray) -> np.ndarray:
    """Mean squared change of the energy over its variance, per chain; NaN if it never changes."""
    if energy.shape[1] < 2:
        return np.full(len(energy), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.square(np.diff(energy, axis=1)).mean(axis=1)
        return change / energy.var(axis=1, ddof=1)


def _statistic(sample_stats: xr.Dataset | None, name: str) -> np.ndarray | None:
    """Return a statistic as floats of shape (chain, draw), or None if it was not recorded."""
    if sample_stats is None:
        return None
    for key in NAMES.get(name, (name,)):
        if key in sample_stats and set(sample_stats[key].dims) == {"chain", "draw"}:
            return sample_stats[key].transpose("chain", "draw").values.astype(float)
    return None


def _coordinate(variable: xr.DataArray, dim: Hashable) -> list[str]:
    if dim in variable.coords:
        return [str(v) for v in variable.coords[dim].values]
    return [str(i) for i in range(variable.sizes[dim])]


def _labels(name: Hashable, axes: list[list[str]]) -> list[str]:
    if not axes:
        return [str(name)]
    return [f"{name}[{', '.join(place)}]" for place in itertools.product(*axes)]
