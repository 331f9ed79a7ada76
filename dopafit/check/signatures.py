"""Statistics that rivals predict differently: behaviour by time since the last event.

The same functions reduce the data and every replicate, so a band and its points are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dopafit.channel import Channel
from dopafit.channel.press import Presses
from dopafit.model.layout.layout import Layout
from dopafit.study.study import Study

__all__ = ["Lags", "Reducer"]

KEYS = ["subject", "session"]
BINS = 12


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
class Reducer:
    """Turns one channel's outcomes into its signatures.

    Parameters
    ----------
    channel : Channel
        The channel.
    layout : Layout
        Rows of the trial-wise channels.
    lags : Lags
        Times since the last event.
    pair_within : float
        An event this soon [s] after another makes the two a pair.
    """

    channel: Channel
    layout: Layout
    lags: Lags
    pair_within: float

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        frame = self.layout.rows[self.channel.prefix].frame
        since, event = self.lags.since(self.lags.place(frame))
        return np.searchsorted(self.lags.edges, since, side="right") - 1, self.paired[event]

    @cached_property
    def paired(self) -> np.ndarray:
        """Whether each event follows another within `pair_within`."""
        found = self.lags.gaps <= self.pair_within
        return found if found.size else np.zeros(1, dtype=bool)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The x axis and the amount of data behind every number that `values` returns."""
        edges, prefix = self.lags.edges, self.channel.prefix
        middle = np.sqrt(np.maximum(edges[:-1], edges[1] / 3) * edges[1:])
        parts = []
        what = {"choice": "pursuit", "latency": "median latency [s]"}.get(
            prefix, "presses per minute"
        )
        for group, n in self._amounts.items():
            name = (
                f"{what} by time since event"
                if group == "all"
                else f"{what}: paired and single events"
            )
            parts.append(
                pd.DataFrame(
                    {
                        "signature": name,
                        "channel": prefix,
                        "group": group,
                        "x": middle,
                        "x_lower": edges[:-1],
                        "x_upper": edges[1:],
                        "n": n,
                        "x_label": "time since last event [s]",
                        "y_label": what,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def _amounts(self) -> dict[str, np.ndarray]:
        size = self.lags.edges.size - 1
        if isinstance(self.channel, Presses):
            return {
                "all": self.lags.exposure(),
                "paired": self.lags.exposure(self.paired),
                "single": self.lags.exposure(~self.paired),
            }
        code, paired = self._rows
        return {
            group: np.bincount(code[mask & (code >= 0) & (code < size)], minlength=size).astype(
                float
            )
            for group, mask in _groups(paired).items()
        }

    def values(self, outcome: pd.DataFrame) -> np.ndarray:
        """Return one number per row of `frame`; NaN where a bin holds no data."""
        if isinstance(self.channel, Presses):
            return self._press_rates(outcome)
        code, paired = self._rows
        groups = _groups(paired).values()
        size = self.lags.edges.size - 1
        y = outcome[self.channel.column].to_numpy(float)
        reduce = _bin_mean if self.channel.prefix == "choice" else _bin_median
        return np.concatenate([reduce(y, code, mask, size) for mask in groups])

    def _press_rates(self, outcome: pd.DataFrame) -> np.ndarray:
        since, event = self.lags.since(self.lags.place(outcome))
        size = self.lags.edges.size - 1
        code = np.searchsorted(self.lags.edges, since, side="right") - 1
        result = []
        for group, mask in _groups(self.paired[event]).items():
            time = self._amounts[group]
            count = np.bincount(code[mask & (code >= 0) & (code < size)], minlength=size)
            with np.errstate(invalid="ignore", divide="ignore"):
                result.append(np.where(time > 0, 60.0 * count / time, np.nan))
        return np.concatenate(result)


def _groups(paired: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of each group, in the order of `Reducer.frame`."""
    return {"all": np.ones_like(paired), "paired": paired, "single": ~paired}


def _bin_mean(y: np.ndarray, code: np.ndarray, mask: np.ndarray, size: int) -> np.ndarray:
    keep = mask & (code >= 0) & (code < size)
    count = np.bincount(code[keep], minlength=size)
    total = np.bincount(code[keep], weights=y[keep], minlength=size)
    return np.divide(total, count, out=np.full(size, np.nan), where=count > 0)


def _bin_median(y: np.ndarray, code: np.ndarray, mask: np.ndarray, size: int) -> np.ndarray:
    return np.array(
        [
            np.median(y[mask & (code == b)]) if (mask & (code == b)).any() else np.nan
            for b in range(size)
        ]
    )
