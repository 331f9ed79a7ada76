"""Where to evaluate an intensity so that its integral is cheap and its error known.

After an event everything moves on the scale of the time elapsed since it, so segments grow in
proportion to that time. Each gets as many Gauss-Legendre nodes as its share of the error asks for:
the error of n nodes falls like ``exp(-2 n asinh(scale / length))``, the rate for a function that is
smooth on `scale`, and a segment counts by its length. What a press adds is known but for its
weight, exp(W exp(-u / tau)); there the error has a bound,
``tau (length / tau)^(2n+1) (n!)^4 / ((2n+1) (2n)!^3)`` times the Touchard polynomial T_2n(W).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from dopafit.channel.channel import Scales
from dopafit.core.errors import SpecError

__all__ = ["Grid", "GridError", "Marks", "grid", "refuse_above", "segments", "since_last"]

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
"""Time since a press, over a time constant, after which what it adds with that one is over."""

STEEP = 5.0
"""Largest weight of the self-history that is integrated to the tolerance (bouts have as much)."""

HISTORY_STEPS = (1.2, 3.0)
"""Least and greatest length of a segment over a time constant of the self-history."""

PAUSE_OVER = 120.0
"""Time since an event [s] after which a pause bends the intensity no more."""

SAME_SIGN = 0.25
"""Part of its share that a segment after a press may use: such errors have one sign and add up."""

MOST = 12
"""Most nodes in one segment."""


LARGEST = 10_000_000
"""Most points of a grid over all sessions: about 2 GB where all are laid out."""


class GridError(SpecError):
    """The grid over time would not fit into memory."""


def refuse_above(points: float) -> None:
    """Refuse a grid that is too large, before anything is allocated for it.

    Raises
    ------
    GridError
        More points than `LARGEST`.
    """
    if points > LARGEST:
        raise GridError(
            f"channel presses: the grid over time needs more than {LARGEST:,} points "
            f"({points:,.0f} so far)",
            allowed=f"at most {LARGEST:,} points in all sessions together",
            todo="give longer times: the prior of the kernel's times (typical_spacing), time "
            "constants in history; or shorter windows, if their times are not in seconds",
        )


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
        since (a pause): segments soon after events are this much shorter.
    """

    events: np.ndarray
    acts: np.ndarray
    cuts: np.ndarray
    history: tuple[float, ...] = ()
    refractory: float = 0.0
    sharpness: float = 1.0

    def scale(self, time: np.ndarray, scales: Scales) -> np.ndarray:
        """Return the time [s] over which what events do is smooth just after each time."""
        return np.clip(self._elapsed(time), scales.finest, 2.0 * scales.coarsest)

    def step(self, time: np.ndarray, scales: Scales) -> np.ndarray:
        """Return the length [s] of the segment that begins at each time."""
        elapsed = self._elapsed(time)
        found = np.minimum(np.maximum(FIRST * scales.finest, GROWTH * elapsed), scales.coarsest)
        for tau, weight in self.weights(time):
            with np.errstate(divide="ignore"):
                length = tau * np.clip(4.0 / weight, *HISTORY_STEPS)
            found = np.where(weight > 0, np.minimum(found, length), found)
        return found / scales.refine

    def weights(self, time: np.ndarray) -> list[tuple[float, np.ndarray]]:
        """Return each time constant [s], and what is left at each time of the steepest weight."""
        elapsed = _since(time, self.acts)
        return [
            (tau, np.where(elapsed > FORGOTTEN * tau, 0.0, STEEP * np.exp(-elapsed / tau)))
            for tau in self.history
        ]

    def _elapsed(self, time: np.ndarray) -> np.ndarray:
        """Return the time since the last event [s], less where a pause bends the intensity."""
        elapsed = _since(time, self.events)
        late = elapsed - PAUSE_OVER * (1.0 - 1.0 / self.sharpness)
        return np.where(elapsed < PAUSE_OVER, elapsed / self.sharpness, late)

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


def since_last(time: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Time [s] since the last of the sorted `marks` strictly before each time; infinite if none."""
    at = np.searchsorted(marks, time, side="left") - 1
    gap = time - marks[np.maximum(at, 0)] if marks.size else np.full(time.shape, np.inf)
    return np.where(at >= 0, gap, np.inf)


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

    Raises
    ------
    GridError
        More segments than a grid may have points.
    """
    begin, end = _smooth(windows, marks)
    refuse_above(begin.size + (end - begin).sum() * scales.refine / scales.coarsest)
    starts, stops, count = [begin[:0]], [end[:0]], 0
    while begin.size:
        count += begin.size
        refuse_above(count)
        # a step must be seen in the time: of a large time the last digits are coarse
        step = np.maximum(marks.step(begin, scales), 8.0 * np.spacing(np.abs(begin)))
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

    Raises
    ------
    GridError
        More nodes than a grid may have.
    """
    start, length = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    allowed = share / marks.rate(start, mean_rate) * 100.0 ** (1 - scales.refine)
    digits = np.log(np.maximum(length / allowed, 1.0))
    wanted = np.ceil(digits / (2.0 * np.arcsinh(marks.scale(start, scales) / length)))
    for tau, weight in marks.weights(start):
        wanted = np.maximum(wanted, _history_order(length / tau, weight, SAME_SIGN * allowed / tau))
    count = np.clip(wanted, 1, MOST).astype(int)
    refuse_above(count.sum())
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


def _history_order(length: np.ndarray, weight: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return how many nodes integrate exp(weight (e^-u - 1)), 0 < u < length, within `allowed`.

    Times are in units of the time constant. The derivative of even order 2n is
    exp(w) T_2n(w), w = weight e^-u, which falls with u, so its value at 0 bounds the error.
    """
    order = np.full(length.shape, MOST)
    for n in range(MOST, 0, -1):
        ln_constant = 4.0 * gammaln(n + 1) - np.log(2 * n + 1) - 3.0 * gammaln(2 * n + 1)
        with np.errstate(divide="ignore"):
            error = (2 * n + 1) * np.log(length) + ln_constant + np.log(_touchard(2 * n, weight))
        order = np.where(error <= np.log(allowed), n, order)
    return np.where(weight > 0, order, 1)


def _touchard(degree: int, x: np.ndarray) -> np.ndarray:
    """Return sum over k of S(degree, k) x^k, S the Stirling numbers of the second kind."""
    coefficient = np.array([1.0])
    for _ in range(degree):
        times = np.append(coefficient * np.arange(coefficient.size), 0.0)
        coefficient = times + np.append(0.0, coefficient)
    return np.polynomial.polynomial.polyval(x, coefficient)
