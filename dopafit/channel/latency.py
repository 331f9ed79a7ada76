"""Latency: lognormal, right-censored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.special import ndtr

from dopafit.channel.channel import (
    KEYS,
    At,
    Channel,
    Rows,
    Scales,
    Signature,
    named_column,
    numbers,
    outcome_column,
    with_columns,
    zero_one,
)
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.xp import normal_or_beyond
from dopafit.study.study import Study
from dopafit.study.waits import pile_up

__all__ = [
    "CENSORED",
    "DEADLINE",
    "SIGNATURE",
    "Latency",
    "apply_deadline",
    "blank_latency",
    "deadlines",
    "latency_rows",
    "where",
    "with_deadline",
]

CENSORED = "latency_censored"
"""Column of `observations` that marks censored rows unless a channel names another."""

DEADLINE = "deadline"
"""Column of `observations`: how long a response was waited for [s]; used by simulation only."""

SIGNATURE = Signature("median latency", "s", np.median)
"""What a predictive check shows of latencies; one that was cut off counts as the time waited."""


def where(xp: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where the 0/1 array `condition` is 1."""
    return xp.where(condition > 0, yes, no)


def latency_rows(frame: pd.DataFrame, column: str, censored: str | None, channel: str) -> Rows:
    """Return rows with `latency` [s] and `is_censored` (0/1)."""
    value = outcome_column(frame, column, channel)
    keep = value.notna().to_numpy()
    if (value[keep] <= 0).any():
        row = int(np.flatnonzero(keep & (value <= 0).to_numpy())[0])
        raise SpecError(
            f"channel {channel}: {column} = {value.iloc[row]} in observation {row + 1}",
            allowed="latencies above 0 s",
            todo="leave out or correct the row; a missed response is a censored latency",
        )
    kept = frame[keep].reset_index(drop=True)
    latency = value[keep].to_numpy()
    flag, warnings = _censoring(frame, keep, latency, column, censored, channel)
    if len(latency) > 1 and latency.min() == latency.max():
        warnings += (f"channel {channel}: all {len(latency)} latencies are {latency[0]:g} s",)
    data = {"latency": latency, "is_censored": flag}
    unit = kept["trial_number"].to_numpy(np.int64)
    return Rows(kept, data, unit, int((~keep).sum()), warnings)


def _censoring(
    frame: pd.DataFrame,
    keep: np.ndarray,
    latency: np.ndarray,
    column: str,
    censored: str | None,
    channel: str,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return which kept rows are censored (0/1), and what looks wrong about it.

    A column that was named must be there. The default one may be absent, where nothing is censored;
    a column that by its name belongs to these latencies, or waits that pile up, tell otherwise.
    """
    none = "say censored: null if every wait ended with a response"
    own = f"{column}_censored"
    if censored is None:
        return np.zeros(len(latency)), ()
    if censored == CENSORED and censored not in frame:
        if own in frame:
            raise SpecError(
                f"channel {channel}: column {own!r} marks which {column} are censored, "
                "and the channel does not use it",
                allowed=f"censored: {own}, or censored: null where none is censored",
                todo=f"add censored: {own} to the channel",
            )
        return np.zeros(len(latency)), _unmarked(frame[keep], latency, column, channel)
    named_column(frame, censored, channel, otherwise=none)
    given = numbers(frame, censored, channel)[keep]
    if len(given) and given.isna().all():
        raise SpecError(
            f"channel {channel}: {censored} is empty wherever there is a {column}",
            allowed="0 (a response) or 1 (none until then)",
            todo=f"fill the column, or {none}",
        )
    flag = zero_one(given.fillna(0.0), censored, channel)
    if len(flag) and flag.all():
        return flag, (
            f"channel {channel}: all {len(flag)} latencies are censored: nobody responded",
        )
    return flag, ()


def _unmarked(
    frame: pd.DataFrame, latency: np.ndarray, column: str, channel: str
) -> tuple[str, ...]:
    """Ask about waits that pile up although no column says which are censored."""
    piled = pile_up(latency, frame.groupby(KEYS, sort=False).ngroup().to_numpy())
    if piled is None:
        return ()
    marks = [
        name
        for name in frame.columns
        if pd.api.types.is_numeric_dtype(frame[name])
        and np.array_equal(frame[name].to_numpy(float) > 0, piled.rows)
    ]
    likely = f" ({marks[0]!r} is 1 in just these rows)" if marks else ""
    return (
        f"channel {channel}: {piled.words} of {column}, and as there is no column {CENSORED!r} all "
        f"count as responses. Did these waits end without one? Then name the 0/1 column that says "
        f"so (censored: COLUMN){likely}; else write censored: null",
    )


def blank_latency(study: Study, column: str, censored: str | None) -> Study:
    """Return the study with latencies of 1 s, so that no row is left out of a simulation."""
    return with_columns(study, {column: 1.0} | ({} if censored is None else {censored: 0.0}))


def deadlines(frame: pd.DataFrame, latency: np.ndarray, is_censored: np.ndarray) -> np.ndarray:
    """Return how long each response was waited for [s]; infinite where nothing tells.

    The column `deadline` tells; without it a censored row tells for itself, and for the other rows
    of its session the longest time that any row of that session was waited for.
    """
    if DEADLINE in frame:
        return frame[DEADLINE].fillna(np.inf).to_numpy(float)
    waited = pd.Series(np.where(is_censored > 0, latency, np.nan))
    keys = [frame["subject"].to_numpy(), frame["session"].to_numpy()]
    longest = waited.groupby(keys).transform("max").fillna(waited.max()).fillna(np.inf).to_numpy()
    return np.where(is_censored > 0, latency, np.maximum(longest, latency))


def with_deadline(rows: Rows) -> Rows:
    """Return the rows with all that a simulation needs: how long each response is waited for."""
    waits = deadlines(rows.frame, rows.data["latency"], rows.data["is_censored"])
    return replace(rows, data={"deadline": waits})


def apply_deadline(
    latency: np.ndarray, deadline: np.ndarray, column: str, censored: str | None
) -> dict[str, np.ndarray]:
    """Censor simulated latencies at the deadline [s] (infinite: never)."""
    if censored is None:  # the model says that nothing is censored
        return {column: latency}
    late = latency > deadline
    return {column: np.where(late, deadline, latency), censored: late.astype(float)}


@dataclass(frozen=True)
class Latency(Channel):
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

    column: str = "latency"
    censored: str | None = CENSORED

    name = "latency"
    prefix = "latency"
    reference = "lognormal response times; vigour, Niv et al. (2007)"
    outcome = "latency [s]"
    words = "latencies, with a lognormal likelihood"
    signature = SIGNATURE
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
        """Return one row per observation with a latency."""
        found = latency_rows(at(study.observations), self.column, self.censored, self.name)
        data = {**found.data, "log_latency": np.log(found.data["latency"])}  # once, not each time
        return replace(found, data=data)

    def logp(
        self,
        xp: Any,
        eta: Any,
        latency: Any,
        log_latency: Any,
        is_censored: Any,
        sigma: Any,
    ) -> Any:
        """Return the log density [1/s] of each latency, or the log survival where censored."""
        standard = normal_or_beyond(xp, (log_latency + eta) / sigma, is_censored)
        return standard - (1.0 - is_censored) * (xp.log(sigma) + log_latency)

    def cumulative(
        self,
        eta: np.ndarray,
        latency: np.ndarray,
        log_latency: np.ndarray,
        is_censored: np.ndarray,
        sigma: Any,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return P(shorter) and P(up to the latency), 1 where it is censored."""
        below = ndtr((log_latency + eta) / sigma)
        return below, np.where(is_censored > 0, 1.0, below)

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the rows with how long each response is waited for [s]."""
        return with_deadline(self.rows(study, at, scales))

    def blank(self, study: Study) -> Study:
        """Return the study with every latency set to 1 s, none censored."""
        return blank_latency(study, self.column, self.censored)

    def simulate(
        self, rng: np.random.Generator, eta: np.ndarray, data: dict[str, Any], sigma: Any
    ) -> dict[str, np.ndarray]:
        """Draw latencies and censor them at ``data["deadline"]`` [s], if there is one."""
        drawn = np.exp(-eta + sigma * rng.standard_normal(eta.shape))
        return apply_deadline(drawn, data.get("deadline", np.inf), self.column, self.censored)
