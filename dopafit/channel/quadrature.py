"""Where to evaluate an intensity so that its integral is cheap and its error known.

After an event or a press everything moves on the scale of the time elapsed since it, so segments
grow in proportion to that time. Each gets as many Gauss-Legendre nodes as its share of the error
asks for: the error of n nodes falls like ``exp(-2 n asinh(scale / length))``, the rate for a
function that is smooth on `scale`, and a segment counts by its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dopafit.channel.channel import Scales

__all__ = ["Grid", "Marks", "grid", "segments"]

GROWTH = 1.5
"""Length of a segment over the time since the last mark."""

FIRST = 2.0
"""Length of the first segment after a mark over the finest scale."""

JOIN = 0.3
"""A rest shorter than this share of the next step is joined to the segment before it."""

TOLERANCE = 0.05
"""Error aimed at [nats], for a study whose segments err independently."""

LARGEST_SHARE = 1e-3
"""Largest error allowed to one segment [nats]: where marks are few, nodes are cheap."""

FORGOTTEN = 9.0
"""Time since a press, over the longest time constant, after which the self-history is over."""

STEEP = 5.0
"""Self-history may change the log rate by this much within a time constant (bouts do)."""

MOST = 12
"""Most nodes in one segment."""


@dataclass(frozen=True)
class Grid:
    """Nodes and weights of one session.

    Parameters
    ----------
    time : array, (node,)
        Node times [s], increasing.
    weight : array, (node,)
        Weights [s]; they sum to the observed time less the refractory time.
    """

    time: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Marks:
    """What makes the intensity of one session jump or bend.

    Parameters
    ----------
    events : array
        Event times [s], sorted.
    acts : array
        Press times [s], sorted.
    cuts : array
        Further times [s] at which to cut: trial bounds, steps of covariates.
    history : tuple of float
        Time constants of the self-history [s].
    refractory : float
        Time after each press in which no press can follow [s]; left out.
    sharpness : float
        Above 1 where the intensity bends faster after an event than in proportion to the time
        since: segments after events are this much shorter.
    """

    events: np.ndarray
    acts: np.ndarray
    cuts: np.ndarray
    history: tuple[float, ...] = ()
    refractory: float = 0.0
    sharpness: float = 1.0

    def scale(self, time: np.ndarray, scales: Scales) -> np.ndarray:
        """Return the time [s] over which the intensity is smooth just after each time."""
        elapsed = _since(time, self.events) / self.sharpness
        found = np.minimum(np.maximum(scales.finest, elapsed), 2.0 * scales.coarsest)
        return np.minimum(found, self._history_scale(time, 1.0, 1.0))

    def step(self, time: np.ndarray, scales: Scales) -> np.ndarray:
        """Return the length [s] of the segment that begins at each time."""
        elapsed = _since(time, self.events) / self.sharpness
        found = np.minimum(np.maximum(FIRST * scales.finest, GROWTH * elapsed), scales.coarsest)
        return np.minimum(found, self._history_scale(time, FIRST, GROWTH)) / scales.refine

    def _history_scale(self, time: np.ndarray, first: float, growth: float) -> np.ndarray:
        if not self.history:
            return np.full(time.shape, np.inf)
        elapsed = _since(time, self.acts)
        found = np.maximum(first * min(self.history) / STEEP, growth * elapsed)
        return np.where(elapsed > FORGOTTEN * max(self.history), np.inf, found)

    def rate(self, time: np.ndarray, mean: float) -> np.ndarray:
        """Return about the highest rate of presses [1/s] at each time: one a gap, or the mean."""
        edges = np.concatenate([[-np.inf], self.acts, [np.inf]])
        at = np.searchsorted(edges, time, side="right")
        return np.maximum(mean, 1.0 / np.maximum(edges[at] - edges[at - 1], 1e-9))


def _since(time: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Return the time [s] since the last of the sorted marks, a mark at that time included."""
    if not marks.size:
        return np.full(time.shape, np.inf)
    at = np.searchsorted(marks, time, side="right") - 1
    return np.where(at >= 0, time - marks[np.maximum(at, 0)], np.inf)


def segments(windows: np.ndarray, marks: Marks, scales: Scales) -> np.ndarray:
    """Cut the observed windows of one session into segments on which the intensity is smooth.

    Parameters
    ----------
    windows : array, (window, 2)
        Observed time [s], sorted.
    marks : Marks
        Where to cut.
    scales : Scales
        What to resolve.

    Returns
    -------
    array, (segment, 2)
        Start and end [s], in order, of positive length.
    """
    begin, end = _smooth(windows, marks)
    starts, stops = [begin[:0]], [end[:0]]
    while begin.size:
        step = marks.step(begin, scales)
        reach = begin + step
        reach = np.where(end - reach < JOIN * step, end, reach)
        starts.append(begin)
        stops.append(reach)
        more = reach < end
        begin, end = reach[more], end[more]
    start, stop = np.concatenate(starts), np.concatenate(stops)
    order = np.argsort(start, kind="stable")
    return np.column_stack([start[order], stop[order]])


def _smooth(windows: np.ndarray, marks: Marks) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretches of observed time between jumps, refractory times left out."""
    points = [windows.ravel(), marks.events, marks.cuts]
    if marks.history or marks.refractory > 0:
        points += [marks.acts, marks.acts + marks.refractory]
    edges = np.unique(np.concatenate(points))
    start, stop = edges[:-1], edges[1:]
    middle = 0.5 * (start + stop)
    window = np.searchsorted(windows[:, 0], middle, side="right") - 1
    inside = (window >= 0) & (middle < windows[np.maximum(window, 0), 1])
    if marks.refractory > 0:
        inside &= _since(middle, marks.acts) > marks.refractory
    return start[inside], stop[inside]


def grid(pieces: np.ndarray, marks: Marks, scales: Scales, mean_rate: float, share: float) -> Grid:
    """Return Gauss-Legendre nodes over the segments.

    Parameters
    ----------
    pieces : array, (segment, 2)
        From `segments`.
    marks, scales
        As given to `segments`.
    mean_rate : float
        Presses per observed second [1/s].
    share : float
        Error allowed to one segment [nats].
    """
    start, length = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    allowed = share / marks.rate(start, mean_rate) * 100.0 ** (1 - scales.refine)
    digits = np.log(np.maximum(length / allowed, 1.0))
    wanted = np.ceil(digits / (2.0 * np.arcsinh(marks.scale(start, scales) / length)))
    count = np.clip(wanted, 1, MOST).astype(int)
    times, weights = [np.empty(0)], [np.empty(0)]
    for order in np.unique(count):
        node, weight = np.polynomial.legendre.leggauss(order)
        half = 0.5 * length[count == order][:, None]
        middle = 0.5 * pieces[count == order].sum(axis=1)[:, None]
        times.append((middle + half * node).ravel())
        weights.append((half * weight).ravel())
    time, weight = np.concatenate(times), np.concatenate(weights)
    sequence = np.argsort(time, kind="stable")
    return Grid(time[sequence], weight[sequence])
