"""Prior and posterior predictive checks on signatures that rivals cannot share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from types import NoneType

import numpy as np
import pandas as pd

from dopafit.check.residuals import BANDS, LEAST, residuals
from dopafit.check.signatures import OVER_SESSION, Clock, Lags, Reducer
from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError
from dopafit.core.seed import generator
from dopafit.core.shown import Shown
from dopafit.fit.fit import Fit
from dopafit.fit.quantities import SOURCES
from dopafit.fit.verdict import Verdict
from dopafit.model.play import Replicator

__all__ = ["PredictiveCheck", "p_text", "predictive_check"]

COLUMNS = ["signature", "group", "bins", "inside", "p_value", "p_least"]
MANY = 100
"""Times the observed number of presses (at least 1,000) at which a replicate is given up."""


@dataclass(frozen=True, eq=False)
class PredictiveCheck(Shown):
    """Observed signatures beside those of replicated data.

    Parameters
    ----------
    table : DataFrame
        One row per signature, group and bin: `observed`, `observed_lower` and `observed_upper` (its
        90 % interval, outcomes independent), `n` (trials, or seconds for rates),
        `replicate_median`, `lower_50`, `upper_50`, `lower_90`, `upper_90`.
    summary : DataFrame
        One row per signature and group: share of bins inside the 90 % band, the predictive
        p-value of the squared distance from the replicates' mean, in their standard deviations,
        and the smallest p-value that so many replicates can show. A posterior check of a channel
        with a distribution function has a row ``<channel> residuals``, whose p-value needs no
        replicates: see `dopafit.check.residuals`.
    source : {"posterior", "prior"}
        Where the parameters came from.
    hypothesis : str
        Its name.
    draws : int
        Number of replicates.
    failed : int
        Draws with over a hundred times the observed presses; left out (a prior may produce them).
    verdict : Verdict
        Whether the fit may be believed.
    simulated : bool
        Whether the data were made by a program.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    source: str
    hypothesis: str
    draws: int
    failed: int
    verdict: Verdict
    simulated: bool

    @property
    def time_on_task(self) -> float:
        """Smallest p-value of a signature over the session, times their number; at most 1."""
        own = self.summary[self.summary["signature"].str.endswith(OVER_SESSION)]
        return float(min(1.0, len(own) * own["p_value"].min())) if len(own) else float("nan")

    def _table_shown(self) -> pd.DataFrame:
        return self.summary.set_index("signature")

    def __repr__(self) -> str:
        lines = [
            f"{self.source} predictive check of the {self.hypothesis} fit, {self.draws} replicates"
            + (f" ({self.failed} left out: their press rate exploded)" if self.failed else "")
        ]
        lines += [] if self.verdict.converged else [f"  {self.verdict.stamp}"]
        lines += ["  SIMULATED DATA"] if self.simulated else []
        lines += [
            f"  {r.signature} ({r.group}): {r.inside:.0%} of {r.bins} bins inside the 90 % band, "
            f"{p_text(r.p_value, r.p_least)}"
            for r in self.summary.itertuples()
        ]
        return "\n".join(lines)


def p_text(p_value: float, least: float) -> str:
    """Return a p-value in words that promise no more than the check can show.

    Parameters
    ----------
    p_value, least : float
        The p-value, and the smallest that the check could have shown.

    Examples
    --------
    >>> p_text(0.2, 1 / 81), p_text(1 / 81, 1 / 81)
    ('p = 0.200', 'p < 0.013')
    """
    if p_value <= least:
        return f"p < {math.ceil(1000 * least - 1e-9) / 1000:.3f}"
    return f"p = {p_value:.3f}"


@takes(fit=Fit, draws=Integral, pair_within=(Real, NoneType))
def predictive_check(
    fit: Fit,
    *,
    seed: int,
    draws: int = 200,
    source: str = "posterior",
    pair_within: float | None = None,
) -> PredictiveCheck:
    """Replicate the behaviour, events as they were, and compare signatures.

    Presses are simulated with their own history; events are taken as given, also where behaviour
    earned them.

    Parameters
    ----------
    fit : Fit
        A fit.
    seed : int
        Source of randomness.
    draws : int
        Number of replicates, spread evenly over the draws.
    source : {"posterior", "prior"}
        Which parameters to use.
    pair_within : float, optional
        Lag [s] under which two events are a pair; unless given the model's typical spacing,
        which the hypotheses of one analysis share.

    Raises
    ------
    SpecError
        Unknown source.
    FitError
        No replicate could be drawn.
    """
    if source not in SOURCES:
        otherwise = "leave source out for replicates from the posterior"
        raise SpecError(
            f"source {source!r} is not known", given=source, known=SOURCES, todo=otherwise
        )
    lags = Lags(fit.study, None if fit.model.events is None else tuple(fit.model.events))
    within = fit.model.typical_spacing if pair_within is None else float(pair_within)
    rng = generator(seed, f"predict/{source}/{fit.hypothesis}")
    replicator = Replicator.of(fit.model, fit.study)
    coordinates = replicator.layout.coordinates
    if source == "posterior":
        theta = fit.thinned(draws)
    else:
        theta = coordinates.theta(*coordinates.prior_draws(rng, (draws,)))
    clock = Clock(fit.study, None)
    reducers = [
        Reducer(c, fit.layout, axis, within) for axis in (lags, clock) for c in fit.model.channels
    ]
    frames = []
    for reducer in reducers:
        seen = reducer.channel.observed(fit.study, reducer.rows)
        # a stream of its own: the interval of the data is the same under every hypothesis
        least, most = reducer.intervals(seen, generator(seed, f"observed/{reducer.channel.prefix}"))
        told = {"observed": reducer.values(seen), "observed_lower": least, "observed_upper": most}
        frames.append(reducer.frame.assign(**told))
    limit = MANY * max(1000, len(fit.study.presses))
    values, failed = [], 0
    for one in theta:
        try:
            drawn = replicator.draw(one, rng, limit=limit)
        except FitError:
            failed += 1
            continue
        values.append(np.concatenate([r.values(drawn[r.channel.prefix]) for r in reducers]))
    if not values:
        raise FitError(
            "no replicate could be drawn",
            todo="narrow the priors of the press rate",
            allowed="parameter draws whose press rate stays finite",
        )
    table = pd.concat(frames, ignore_index=True)
    replicates = np.array(values)
    table = pd.concat([table, _bands(replicates)], axis=1)
    summary = _summary(table, replicates)
    if source == "posterior":
        for channel in fit.model.channels:
            placed = residuals(fit, channel, theta, rng)
            if placed is not None:
                table = pd.concat([table, placed.table], ignore_index=True)
                first = placed.table.iloc[0]
                summary.loc[len(summary)] = [
                    first["signature"],
                    first["group"],
                    len(placed.table),
                    placed.inside,
                    placed.p_value,
                    LEAST,
                ]
    table = table.assign(source=source, hypothesis=fit.hypothesis)
    empty = table["observed"].isna() & table["replicate_median"].isna()
    return PredictiveCheck(
        table[~empty].reset_index(drop=True),
        summary,
        source,
        fit.hypothesis,
        len(values),
        failed,
        fit.verdict,
        fit.study.simulated,
    )


def _bands(replicates: np.ndarray) -> pd.DataFrame:
    """Return the quantiles of each number; missing where it is so in every replicate."""
    quantiles = pd.DataFrame(replicates).quantile([*BANDS.values()])
    return quantiles.set_axis([*BANDS]).T


def _summary(table: pd.DataFrame, replicates: np.ndarray) -> pd.DataFrame:
    rows = []
    for (signature, group), at in table.groupby(["signature", "group"], sort=False).indices.items():
        block, seen = replicates[:, at], table["observed"].to_numpy()[at]
        keep = np.isfinite(seen) & np.isfinite(block).all(axis=0)
        if not keep.any():
            continue
        block, seen = block[:, keep], seen[keep]
        sd = block.std(axis=0, ddof=1) if len(block) > 1 else np.ones(keep.sum())
        mean = block.mean(axis=0)
        # where all replicates agree any other value is far away, and rounding is not
        sd = np.maximum(sd, 1e-9 * (1 + np.abs(mean)))
        distance = (((block - mean) / sd) ** 2).sum(axis=1)
        mine = (((seen - mean) / sd) ** 2).sum()
        low, high = np.quantile(block, [0.05, 0.95], axis=0)
        rows.append(
            {
                "signature": signature,
                "group": group,
                "bins": int(keep.sum()),
                "inside": float(((seen >= low) & (seen <= high)).mean()),
                "p_value": float((1 + (distance >= mine).sum()) / (1 + len(block))),
                "p_least": 1.0 / (1 + len(block)),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
