"""Which events did acts bring about? Those were not set independently of behaviour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from dopafit.study.sessions import KEYS
from dopafit.study.study import Study
from dopafit.study.tables import is_duration

__all__ = ["caused"]

SOON = 0.1
"""An event is soon after an act where so small a share of all moments are as soon after one."""

HALF = 0.5
"""Share of a kind's events that must come soon after an act."""

ALWAYS = 0.99
"""Share of a kind's events that must come after the same response."""

CHANCE = 1e-6
"""Probability of that, were events indifferent to responses, below which it is no accident."""


def caused(
    study: Study, kinds: Sequence[str] | None, outcomes: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the kinds of event that follow acts.

    At least half come soon after one: acts are presses, and responses, an observation at its time
    and latency, or just after it where it has no latency. Soon is a lag that a tenth of all
    observed moments have. Or nearly all come, however late, after one of two responses, though
    much of the time the other was the last one.

    Parameters
    ----------
    study : Study
        The data.
    kinds : sequence of str or None
        Kinds of event that are looked at; all where None.
    outcomes : iterable of str
        Columns of observations with responses.
    """
    events = study.events if kinds is None else study.events[study.events["kind"].isin(kinds)]
    if events.empty:
        return ()
    windows, share = study.windows, np.linspace(0.0, 1.0, 201)
    moments = windows.loc[windows.index.repeat(share.size), KEYS]
    start, end = (windows[name].to_numpy(float)[:, None] for name in ("start", "end"))
    moments = moments.assign(time=(start + share * (end - start)).ravel())
    acts = _acts(study)
    soon = np.sort(_since(acts, moments))[int(SOON * len(moments))]
    early = pd.Series(_since(acts, events) <= soon).groupby(events["kind"].to_numpy()).mean()
    found = {str(kind) for kind in early.index[early >= HALF] if np.isfinite(soon)}
    for column in outcomes:
        found |= _after_one_response(study, column, events, moments)
    return tuple(sorted(found))


def _after_one_response(
    study: Study, column: str, events: pd.DataFrame, moments: pd.DataFrame
) -> set[str]:
    """Return the kinds of event that come after one of two values of a column only."""
    rows = study.observations[[*KEYS, "time", column]].dropna()
    values = rows[column].unique()
    if len(values) > 2:
        return set()
    found, sessions = set(), [moments[key].to_numpy() for key in KEYS]
    before, last = (_last(rows, points, column, same=False) for points in (moments, events))
    for value in values:
        # of the session's time, how much has this as its last response
        share = (before == value).where(before.notna()).astype(float).groupby(sessions).mean()
        share = share.rename("share").rename_axis(KEYS).reset_index()
        same = (last == value).where(last.notna()).astype(float)
        told = events[[*KEYS, "kind"]].assign(same=same.to_numpy())
        told = told.merge(share, on=KEYS).dropna()
        each = told.groupby("kind").agg(count=("same", "size"), same=("same", "sum"),
                                        expected=("share", "sum"))  # fmt: skip
        others = each["count"] - each["same"]
        # as wide as the count can be, were every event to come at any time of its session
        chance = stats.poisson.cdf(others, each["count"] - each["expected"])
        always = (each["same"] >= ALWAYS * each["count"]) & (chance <= CHANCE)
        found |= set(map(str, each.index[always]))
    return found


def _last(rows: pd.DataFrame, points: pd.DataFrame, column: str, *, same: bool) -> pd.Series:
    """Return a column of the session's last row before each point, in their order; NaN before any.

    `same` says whether a row at the very time of a point is before it.
    """
    rows = rows[[*KEYS, "time"]].assign(value=rows[column]).sort_values("time", kind="stable")
    place = points[[*KEYS, "time"]].reset_index(drop=True).sort_values("time", kind="stable")
    found = pd.merge_asof(place, rows, on="time", by=KEYS, allow_exact_matches=same)
    return pd.Series(found["value"].to_numpy(), place.index).sort_index()


def _acts(study: Study) -> pd.DataFrame:
    """Return when somebody acted: `subject`, `session` and `time` [s]."""
    rows = study.observations
    waits = [rows[name].to_numpy(float) for name in rows if is_duration(name)]
    # the row's own event, at its very time, does not follow from it
    waits = waits or [np.nextafter(rows["time"], np.inf) - rows["time"]]
    acts = [rows[KEYS].assign(time=rows["time"] + wait) for wait in waits]
    found = [table for table in (study.presses[[*KEYS, "time"]], *acts) if len(table)]
    return (pd.concat(found) if found else study.presses[[*KEYS, "time"]]).dropna()


def _since(acts: pd.DataFrame, points: pd.DataFrame) -> np.ndarray:
    """Return the time since the session's last act, of each point; infinite without one."""
    lag = points["time"].to_numpy() - _last(acts, points, "time", same=True)
    return lag.fillna(np.inf).to_numpy()
