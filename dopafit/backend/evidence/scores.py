"""Expected log predictive density from draws: leave-one-out, differences, stacking weights.

Sources: Pareto-smoothed importance sampling leave-one-out (Vehtari, Gelman & Gabry 2017,
Statistics and Computing 27:1413; Vehtari et al. 2024, JMLR 25:72); stacking of predictive
distributions (Yao et al. 2018, Bayesian Analysis 13:917); recalled, not re-read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dopafit.backend.evidence.weights import bootstrap_weights, stacking_weights
from dopafit.core.errors import FitError, SpecError

__all__ = ["LooResult", "compare_elpd", "importance_weights", "loo"]

MIN_DRAWS = 100  # in all chains: fewer leave no tail to fit


@dataclass(frozen=True, eq=False)
class LooResult:
    """Leave-one-out predictive density of one fit.

    Parameters
    ----------
    elpd : float
        Expected log pointwise predictive density, summed over units.
    se : float
        Its standard error; NaN with one unit.
    p : float
        Effective number of parameters.
    elpd_i : ndarray, shape (unit,)
        Each unit's part of `elpd`.
    pareto_k : ndarray, shape (unit,)
        Tail shape of the importance ratios; 0 where the log-likelihood does not vary.
    good_k : float
        A unit with a larger `pareto_k` cannot be trusted with this number of draws.
    weak : ndarray of bool, shape (unit,), optional
        Where an integral within the estimate cannot be trusted; nowhere unless given.
    exact : ndarray of bool, shape (unit,), optional
        Units whose part is that of a fit without them; none unless given.
    """

    elpd: float
    se: float
    p: float
    elpd_i: np.ndarray
    pareto_k: np.ndarray
    good_k: float
    weak: np.ndarray | None = None
    exact: np.ndarray | None = None

    @property
    def n_units(self) -> int:
        """Number of units left out in turn."""
        return len(self.elpd_i)

    @property
    def bad(self) -> np.ndarray:
        """Units whose estimate cannot be trusted, shape (unit,); NaN counts as bad."""
        far = self.far
        return far if self.weak is None else far | (self.weak & ~self.refitted)

    @property
    def far(self) -> np.ndarray:
        """Units whose reweighting cannot be trusted, shape (unit,)."""
        return ~(self.pareto_k <= self.good_k) & ~self.refitted

    @property
    def refitted(self) -> np.ndarray:
        """Units that a fit was made without, shape (unit,)."""
        return np.zeros(self.n_units, bool) if self.exact is None else self.exact

    def with_exact(self, values: Mapping[int, float]) -> LooResult:
        """Return the result with the parts of some units, by number, from fits without them."""
        elpd_i, exact = self.elpd_i.copy(), self.refitted.copy()
        for unit, value in values.items():
            elpd_i[unit], exact[unit] = value, True
        elpd = float(elpd_i.sum())
        return replace(
            self,
            elpd=elpd,
            se=_standard_error(elpd_i),
            p=self.p + self.elpd - elpd,
            elpd_i=elpd_i,
            exact=exact,
        )


def loo(log_lik: np.ndarray, r_eff: float | np.ndarray | None = None) -> LooResult:
    """Leave each unit out in turn by Pareto-smoothed importance sampling.

    Parameters
    ----------
    log_lik : ndarray, shape (chain, draw, unit)
        Log-likelihood of each unit under each draw. A unit may be one observation or the sum over
        a session; to leave out a subject with its own group deviation, the deviation must be
        integrated out first.
    r_eff : float or ndarray of shape (unit,), optional
        Effective over nominal number of draws; by default estimated for each unit's likelihood.

    Raises
    ------
    FitError
        Wrong shape, too few draws, or values that are not finite.
    """
    from arviz_stats.base import array_stats

    values = np.asarray(log_lik, dtype=float)
    if values.ndim != 3 or values.shape[2] == 0:
        raise FitError(
            f"log-likelihood of shape {values.shape}",
            allowed="(chain, draw, unit), 1 unit or more",
            todo="give one log-likelihood per chain, draw and unit",
        )
    n_chains, n_draws, n_units = values.shape
    size = n_chains * n_draws
    if size < MIN_DRAWS:
        raise FitError(
            f"leave-one-out from {size} draws",
            allowed=f"at least {MIN_DRAWS} draws",
            todo="fit with more draws",
        )
    finite = np.isfinite(values).all(axis=(0, 1))
    if not finite.all():
        raise FitError(
            f"log-likelihood is not finite in {int((~finite).sum())} of {n_units} units "
            f"(first: unit {int(np.argmin(finite)) + 1})",
            allowed="finite numbers",
            todo="check that the unit's data are possible under the model",
        )
    efficiency = None if r_eff is None else np.broadcast_to(np.asarray(r_eff, float), (n_units,))
    if efficiency is not None and not (np.isfinite(efficiency).all() and (efficiency > 0).all()):
        raise FitError(
            "r_eff is not a relative efficiency",
            allowed="numbers > 0",
            todo="leave r_eff out, or give one number per unit",
        )
    elpd_i, lppd_i, pareto_k = np.empty(n_units), np.empty(n_units), np.zeros(n_units)
    for unit in range(n_units):
        one = values[:, :, unit]
        top = one.max()
        lppd_i[unit] = top + np.log(np.exp(one - top).mean())
        if top - one.min() <= 1e-12 * max(1.0, abs(top)):  # nothing to reweight: exact
            elpd_i[unit] = lppd_i[unit]
            continue
        if efficiency is not None:
            share = float(efficiency[unit])
        else:
            share = float(array_stats.ess(np.exp(one - top), method="mean", relative=True))
            share = min(1.0, share) if np.isfinite(share) and share > 0 else 1.0
        weights, pareto_k[unit] = _smoothed(one, share)
        total = weights + one.ravel()
        peak = total.max()
        elpd_i[unit] = peak + np.log(np.exp(total - peak).sum())
    return LooResult(
        elpd=float(elpd_i.sum()),
        se=_standard_error(elpd_i),
        p=float((lppd_i - elpd_i).sum()),
        elpd_i=elpd_i,
        pareto_k=pareto_k,
        good_k=min(1 - 1 / np.log10(size), 0.7),
    )


def compare_elpd(
    results: Mapping[str, LooResult], *, n_boot: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Rank fits of the same units.

    Parameters
    ----------
    results : mapping of str to LooResult
        Two fits or more, with the same units in the same order.
    n_boot : int
        Bayesian-bootstrap draws over units for the weights' 95 % interval.
    seed : int
        Seed of the bootstrap. The order of units and of fits does not matter.

    Returns
    -------
    pandas.DataFrame
        Index `model`, best first: `rank`; `elpd`, `se`, `p`; `elpd_diff` to the best (<= 0) and
        `dse`, its standard error; `weight` by stacking with `weight_lower`, `weight_upper`;
        `max_pareto_k`, `n_bad_k` of those that were not fitted again, `n_refitted`; `warning`,
        empty or plain words.

    Raises
    ------
    SpecError
        Fewer than two fits, different numbers of units, or values that are not finite.
    """
    names = sorted(results)
    if len(names) < 2:
        raise SpecError(
            f"a comparison of {len(names)} fit",
            allowed="two fits or more",
            todo="fit another hypothesis to the same study",
        )
    sizes = {name: results[name].n_units for name in names}
    if len(set(sizes.values())) > 1:
        raise SpecError(
            f"the fits were scored on different units: {sizes}",
            allowed="the same units for every fit",
            todo="fit every hypothesis to the same study and leave out the same unit",
        )
    points = np.column_stack([results[name].elpd_i for name in names])
    if not np.isfinite(points).all():
        raise SpecError(
            "a unit's predictive density is not finite",
            allowed="finite numbers",
            todo="look at the fit's verdict; fit with tighter priors if it did not converge",
        )
    points = points[np.lexsort(points.T)]  # a canonical order of units
    elpd = points.sum(axis=0)
    best = int(np.argmax(elpd))
    weight = stacking_weights(points)
    replicates = bootstrap_weights(points, n_boot=n_boot, seed=seed, start=weight)
    lower, upper = np.quantile(replicates, [0.025, 0.975], axis=0)
    rows = []
    for i in sorted(range(len(names)), key=lambda i: (-elpd[i], names[i])):
        fit = results[names[i]]
        gap = points[:, i] - points[:, best]
        rows.append(
            {
                "hypothesis": names[i],
                "rank": len(rows) + 1,
                "elpd": float(elpd[i]),
                "se": _standard_error(points[:, i]),
                "p": fit.p,
                "elpd_diff": float(gap.sum()),
                "dse": 0.0 if i == best else _standard_error(gap),
                "weight": float(weight[i]),
                "weight_lower": float(lower[i]),
                "weight_upper": float(upper[i]),
                "max_pareto_k": float(
                    np.nan if fit.refitted.all() else fit.pareto_k[~fit.refitted].max()
                ),
                "n_bad_k": int(fit.bad.sum()),
                "n_refitted": int(fit.refitted.sum()),
                "warning": _warning(fit),
            }
        )
    return pd.DataFrame(rows).set_index("hypothesis")


def importance_weights(log_ratio: np.ndarray) -> tuple[np.ndarray, float]:
    """Smooth importance ratios of independent draws.

    Parameters
    ----------
    log_ratio : ndarray, shape (draw,)
        Log of target over proposal density, up to a constant.

    Returns
    -------
    log_weights : ndarray, shape (draw,)
        Normalised.
    k : float
        Shape of the tail; above 0.7 the weights cannot be trusted.
    """
    return _smoothed(-np.asarray(log_ratio, dtype=float), 1.0)


def _smoothed(one: np.ndarray, share: float) -> tuple[np.ndarray, float]:
    """Return normalised log weights, shape (chain * draw,), and the tail's shape."""
    from arviz_stats.base import array_stats

    try:
        weights, k = array_stats.psislw(one.ravel(), r_eff=share, axis=-1)
        return weights, float(k)
    except ValueError:  # a tail of equal ratios is bounded: plain weights are right
        ratio = -one.ravel()
        ratio = ratio - ratio.max()
        return ratio - np.log(np.exp(ratio).sum()), 0.0


def _standard_error(parts: np.ndarray) -> float:
    n = len(parts)
    return float(np.sqrt(n * parts.var(ddof=1))) if n > 1 else float("nan")


def _warning(fit: LooResult) -> str:
    far = int(fit.far.sum())
    weak = int(fit.bad.sum()) - far
    told = []
    if far:
        told.append(
            f"Pareto k above {fit.good_k:.2f} in {far} of {fit.n_units} units: their left-out "
            "density is not reliable and tends to be too high"
        )
    if weak:
        more = "more " if far else ""
        told.append(f"too few inner draws carry the density of {weak} {more}units")
    return "; ".join(told)
