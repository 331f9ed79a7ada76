"""Statistics that rivals predict differently: behaviour by time since the last event.

The same functions reduce the data and every replicate, so a band and its points are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from dopafit.channel import Channel, Rows
from dopafit.model.layout.layout import Layout
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["OVER_SESSION", "Clock", "Lags", "Reducer"]

BINS = 12

RESAMPLED = 100

OVER_SESSION = " over the session"
"""What ends the name of a signature against time in the session."""


@dataclass(frozen=True)
class Lags:
    """Time since the last event for any point of a study.

    Sessions are laid end to end on one axis, so that one search serves all points.

    Parameters
    ----------
    study : Study
        The data.
    kinds : tuple of str or None
        Kinds of event that count; all where None.
    """

    study: Study
    kinds: tuple[str, ...] | None

    axis: ClassVar[str] = "time since last event [s]"
    groups: ClassVar[dict[str, str]] = {
        "all": " by time since event",
        "paired": ": paired and single events",
        "single": ": paired and single events",
    }

    @cached_property
    def _axis(self) -> tuple[pd.MultiIndex, float]:
        sessions = self.study.sessions
        span = float(max(sessions["end"].max(), self.study.events["time"].max(), 1.0)) - min(
            0.0, float(sessions["start"].min())
        )
        return pd.MultiIndex.from_frame(sessions[KEYS]), 4.0 * span + 1.0

    def place(self, frame: pd.DataFrame) -> np.ndarray:
        """Return positions of rows (`subject`, `session`, `time` [s]) on the common axis."""
        index, span = self._axis
        code = index.get_indexer(pd.MultiIndex.from_frame(frame[KEYS]))
        return code * span + frame["time"].to_numpy(float)

    @cached_property
    def events(self) -> np.ndarray:
        """Event positions, sorted."""
        events = self.study.events
        if self.kinds is not None:
            events = events[events["kind"].isin(self.kinds)]
        return np.sort(self.place(events))

    @cached_property
    def gaps(self) -> np.ndarray:
        """Time from the previous event of the session [s]; infinite for a session's first."""
        gap = np.diff(self.events, prepend=-np.inf)
        return np.where(gap < self._axis[1] / 2, gap, np.inf)

    def since(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return time [s] since the last event strictly before (infinite if none), and which."""
        if self.events.size == 0:
            return np.full(place.shape, np.inf), np.zeros(place.shape, dtype=np.int64)
        at = np.searchsorted(self.events, place, side="left") - 1
        gap = place - self.events[np.maximum(at, 0)]
        # beyond half a span the event belongs to another session
        return np.where((at >= 0) & (gap < self._axis[1] / 2), gap, np.inf), np.maximum(at, 0)

    @cached_property
    def edges(self) -> np.ndarray:
        """Bin edges of the time since the last event [s], geometric, first 0."""
        seen = self.gaps[np.isfinite(self.gaps) & (self.gaps > 0)]
        if seen.size == 0:
            return np.array([0.0, self._axis[1]])
        high = float(np.quantile(seen, 0.98))
        low = min(max(float(np.quantile(seen, 0.02)), high / 500), high / 4)
        return np.concatenate([[0.0], np.geomspace(low, high, BINS)])

    @property
    def centres(self) -> np.ndarray:
        """The bins' middles [s], geometric."""
        return np.sqrt(np.maximum(self.edges[:-1], self.edges[1] / 3) * self.edges[1:])

    def exposure(self, paired: np.ndarray | None = None) -> np.ndarray:
        """Return the observed time [s] in each bin, after all events or a subset of them."""
        windows = self.study.windows
        first = self.place(windows.assign(time=windows["start"]))
        last = self.place(windows.assign(time=windows["end"]))
        order = np.argsort(first)
        total = np.zeros(self.edges.size - 1)
        upto = np.append(self.events[1:], np.inf)
        for lo, hi in zip(first[order], last[order], strict=True):
            a = np.searchsorted(self.events, lo - self._axis[1] / 2)
            b = np.searchsorted(self.events, hi)
            mine = np.arange(a, b) if paired is None else np.arange(a, b)[paired[a:b]]
            start, stop = self.events[mine], np.minimum(upto[mine], hi)
            left = np.maximum(start[:, None] + self.edges[:-1], lo)
            right = np.minimum(start[:, None] + self.edges[1:], stop[:, None])
            total += np.maximum(right - left, 0.0).sum(axis=0)
        return total


@dataclass(frozen=True)
class Clock(Lags):
    """Time in the session for any point of a study: time since an event at the session's start."""

    axis = "time in the session [s]"
    groups: ClassVar = {"all": OVER_SESSION}

    @cached_property
    def events(self) -> np.ndarray:
        """The sessions' starts, as positions just before them."""
        sessions = self.study.sessions
        return np.nextafter(np.sort(self.place(sessions.assign(time=sessions["start"]))), -np.inf)

    @cached_property
    def edges(self) -> np.ndarray:
        """Bin edges [s], even, up to the end of the longest session."""
        sessions = self.study.sessions
        return np.linspace(0.0, float((sessions["end"] - sessions["start"]).max()), BINS + 1)

    @property
    def centres(self) -> np.ndarray:
        """The bins' middles [s]."""
        return 0.5 * (self.edges[:-1] + self.edges[1:])


@dataclass(frozen=True)
class Reducer:
    """Turns one channel's outcomes into its signatures, as the channel's `Signature` says.

    Parameters
    ----------
    channel : Channel
        The channel.
    layout : Layout
        Rows of the likelihood.
    lags : Lags
        Times since the last event.
    pair_within : float
        An event this soon [s] after another makes the two a pair.
    """

    channel: Channel
    layout: Layout
    lags: Lags
    pair_within: float

    @property
    def rows(self) -> Rows:
        """The channel's rows."""
        return self.layout.rows[self.channel.prefix]

    @cached_property
    def paired(self) -> np.ndarray:
        """Whether each event follows another within `pair_within`."""
        close = self.lags.gaps <= self.pair_within
        return close if close.size else np.zeros(1, dtype=bool)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The x axis and the amount of data behind every number that `values` returns."""
        edges, signature = self.lags.edges, self.channel.signature
        whose = f"{self.channel.called}: " if self.channel.called else ""
        axes = {
            "channel": self.channel.prefix,
            "x": self.lags.centres,
            "x_lower": edges[:-1],
            "x_upper": edges[1:],
            "x_label": self.lags.axis,
            "y_label": signature.label,
            "style": signature.style,
        }
        parts = []
        for group, n in self._amounts.items():
            told = whose + signature.label + self.lags.groups[group]
            words = {"signature": told, "group": group, "n": n}
            parts.append(pd.DataFrame(words | axes))
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def _amounts(self) -> dict[str, np.ndarray]:
        """How much is behind each bin: outcomes, or observed time [s] where acts are counted."""
        if self.channel.signature.per_minute:
            subsets = {"all": None, "paired": self.paired, "single": ~self.paired}
            return {group: self.lags.exposure(subsets[group]) for group in self.lags.groups}
        return {group: self._count(bins) for group, bins in self._row_bins.items()}

    @cached_property
    def _row_bins(self) -> dict[str, np.ndarray]:
        return self._bins(self.rows.frame)

    def _bins(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return the bin of each row by group; one beyond the last for rows in none."""
        size = self.lags.edges.size - 1
        since, event = self.lags.since(self.lags.place(frame))
        code = np.searchsorted(self.lags.edges, since, side="right") - 1
        code = np.where((code >= 0) & (code < size), code, size)
        paired = self.paired[event]
        found = {
            "all": code,
            "paired": np.where(paired, code, size),
            "single": np.where(paired, size, code),
        }
        return {group: found[group] for group in self.lags.groups}

    def _count(self, bins: np.ndarray) -> np.ndarray:
        size = self.lags.edges.size - 1
        return np.bincount(bins, minlength=size + 1)[:size].astype(float)

    def values(self, outcome: pd.DataFrame) -> np.ndarray:
        """Return one number per row of `frame`; NaN where a bin holds no data."""
        signature = self.channel.signature
        if signature.per_minute:
            groups = self._bins(outcome)
            count = np.concatenate([self._count(bins) for bins in groups.values()])
            time = np.concatenate(list(self._amounts.values()))
            return np.divide(60.0 * count, time, out=np.full(time.size, np.nan), where=time > 0)
        number = self.channel.values(outcome, self.rows)
        return np.concatenate(
            [self._reduce(number, bins, signature.statistic) for bins in self._row_bins.values()]
        )

    def intervals(self, outcome: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        """Return 90 % intervals of `values`, as if a bin's outcomes were independent, (2, row).

        By resampling the outcomes of each bin; acts that are counted by a Poisson distribution.
        """
        signature, tails = self.channel.signature, [0.05, 0.95]
        if signature.per_minute:
            time = np.concatenate(list(self._amounts.values()))
            seen = self.values(outcome) * time / 60.0
            drawn = rng.poisson(np.nan_to_num(seen), (RESAMPLED, seen.size))
            bounds = np.quantile(drawn, tails, axis=0)
            return 60.0 * np.divide(bounds, time, out=np.full_like(bounds, np.nan), where=time > 0)
        number = self.channel.values(outcome, self.rows)

        def both(cell: np.ndarray) -> np.ndarray:
            size = cell.size
            drawn = [
                signature.statistic(cell[rng.integers(size, size=size)]) for _ in range(RESAMPLED)
            ]
            return np.quantile(drawn, tails)

        parts = (self._reduce(number, bins, both, [np.nan] * 2) for bins in self._row_bins.values())
        return np.concatenate(list(parts)).T

    def _reduce(
        self,
        number: np.ndarray,
        bins: np.ndarray,
        statistic: Callable[[np.ndarray], Any],
        empty: Any = np.nan,
    ) -> np.ndarray:
        order = np.argsort(bins, kind="stable")
        bounds = np.searchsorted(bins[order], np.arange(self.lags.edges.size))
        cells = (number[order[a:b]] for a, b in pairwise(bounds))
        return np.array([statistic(cell) if cell.size else empty for cell in cells], dtype=float)
