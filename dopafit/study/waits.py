"""Waits that look wrong: many equal longest ones, and two units in one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["PileUp", "UnitMix", "mixed_units", "pile_up", "unit_by_group"]

WIDTH = 0.005
"""Relative width of the band below the longest wait in which a deadline's own jitter lies."""

GAP = 10.0
"""Two units leave an empty stretch of at least this factor between them."""

FACTOR = (300.0, 3000.0)
"""Ratio of medians that a factor of 1,000 between units leaves room for."""


@dataclass(frozen=True)
class PileUp:
    """Waits that end at one value.

    Parameters
    ----------
    value : float or None
        The value [s]; None where every session has its own.
    rows : array of bool, (row,)
        The waits that end there.
    """

    value: float | None
    rows: np.ndarray

    @property
    def count(self) -> int:
        """Number of these waits."""
        return int(self.rows.sum())

    @property
    def words(self) -> str:
        """Say how many waits end where."""
        of = f"{self.count} of {self.rows.size} values"
        if self.value is None:
            return f"{of} are the longest of their session, several in each"
        return f"{of} are {self.value:.6g}, the longest there is"


@dataclass(frozen=True)
class UnitMix:
    """Values that lie about a factor of 1,000 above the others.

    Parameters
    ----------
    rows : array of int
        Positions of the smaller group of values, or of the groups that differ.
    low, high : float
        Medians of the two.
    """

    rows: np.ndarray
    low: float
    high: float


def pile_up(values: np.ndarray, sessions: np.ndarray) -> PileUp | None:
    """Return the waits that pile up at the longest one, as unmarked censored ones do.

    Equal values have to be at least three and three times as many as at any other value in the
    upper half: a coarse clock makes ties everywhere. A deadline with jitter shows as a band that is
    five times as full as the one below it.

    Parameters
    ----------
    values : array, (row,)
        Times [s]; NaN where nothing was measured.
    sessions : array of int, (row,)
        Session of each row, for deadlines that differ between sessions.
    """
    known = np.isfinite(values)
    seen = values[known]
    if seen.size < 5 or seen.min() == seen.max():
        return None
    top = float(seen.max())
    if _ties(seen) or _band(seen, top):
        return PileUp(top, known & (values >= top * (1 - WIDTH)))
    rows = np.zeros(values.size, dtype=bool)
    tried = passed = 0
    for positions in pd.Series(np.flatnonzero(known)).groupby(sessions[known]):
        at = positions[1].to_numpy()
        if at.size < 5:
            continue
        tried += 1
        if _ties(values[at], least=2):
            passed += 1
            rows[at[values[at] == values[at].max()]] = True
    return PileUp(None, rows) if passed >= 3 and 2 * passed >= tried else None


def _ties(seen: np.ndarray, least: int = 3) -> bool:
    value, count = np.unique(seen, return_counts=True)
    if value.size < 2:
        return False
    others = value[:-1]
    upper = others >= np.median(np.repeat(others, count[:-1]))
    return bool(count[-1] >= least and count[-1] >= least * count[:-1][upper].max())


def _band(seen: np.ndarray, top: float) -> bool:
    full = int((seen >= top * (1 - WIDTH)).sum())
    below = int(((seen < top * (1 - WIDTH)) & (seen >= top * (1 - 2 * WIDTH))).sum())
    return full >= 5 and full >= 0.02 * seen.size and full >= 5 * max(below, 1)


def mixed_units(values: np.ndarray) -> UnitMix | None:
    """Return the smaller of two groups of values about a factor of 1,000 apart, if there are two.

    Parameters
    ----------
    values : array, (row,)
        Positive times; anything else is passed over.
    """
    known = np.flatnonzero(np.isfinite(values) & (values > 0))
    if known.size < 6:
        return None
    order = known[np.argsort(values[known], kind="stable")]
    parted = _parted(values[order])
    if parted is None or min(parted[0], known.size - parted[0]) < 3:
        return None
    cut, low, high = parted
    few = order[:cut] if cut < known.size - cut else order[cut:]
    return UnitMix(np.sort(few), low, high)


def _parted(ranked: np.ndarray) -> tuple[int, float, float] | None:
    """Return where rising values part at a gap of two units, and the medians below and above."""
    cut = int(np.argmax(ranked[1:] / ranked[:-1])) + 1
    low, high = float(np.median(ranked[:cut])), float(np.median(ranked[cut:]))
    if ranked[cut] / ranked[cut - 1] < GAP or not FACTOR[0] <= high / low <= FACTOR[1]:
        return None
    return cut, low, high


def unit_by_group(values: np.ndarray, groups: Sequence[str]) -> tuple[list[str], UnitMix] | None:
    """Return the groups (subjects, sessions) whose medians lie about a factor of 1,000 off.

    Parameters
    ----------
    values : array, (row,)
        Positive times.
    groups : sequence of str, (row,)
        Group of each row.
    """
    usable = np.where(np.isfinite(values) & (values > 0), values, np.nan)
    medians = pd.Series(usable).groupby(np.asarray(groups, dtype=object)).median().dropna()
    medians = medians.sort_values(kind="stable")
    if len(medians) < 2:
        return None
    parted = _parted(medians.to_numpy())
    if parted is None:
        return None
    cut, low, high = parted
    few = medians.index[:cut] if cut < len(medians) - cut else medians.index[cut:]
    rows = np.flatnonzero(pd.Series(list(groups)).isin(few))
    return sorted(map(str, few)), UnitMix(rows, low, high)
