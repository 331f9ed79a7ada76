"""Where to evaluate an intensity so that its integral is cheap and its error known.

After an event or a press everything moves on the scale of the time elapsed since it, so segments
grow geometrically; once all has settled they grow to the step that slow covariates allow. Each
segment gets Gauss-Legendre nodes: few where it is short against the finest scale, more elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dopafit.channel.channel import Scales

__all__ = ["Grid", "grid", "segments"]

GROWTH = 1.8
"""Ratio of successive segment ends, counted from the last event or press."""


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


def _offsets(scales: Scales, first: float) -> np.ndarray:
    growth = GROWTH ** (1.0 / scales.refine)
    start = min(scales.finest, first) / scales.refine
    count = int(np.ceil(np.log(max(scales.coarsest, 2 * start) / start) / np.log(growth))) + 1
    return start * growth ** np.arange(count)


def _spread(marks: np.ndarray, offsets: np.ndarray, end: float) -> np.ndarray:
    """Marks plus offsets, each cut at the next mark."""
    until = np.append(marks[1:], end)
    points = marks[:, None] + offsets[None, :]
    return points[points < until[:, None]]


def segments(
    windows: np.ndarray,
    events: np.ndarray,
    acts: np.ndarray,
    cuts: np.ndarray,
    scales: Scales,
    *,
    memory: float = np.inf,
    refractory: float = 0.0,
) -> np.ndarray:
    """Cut the observed windows of one session where the intensity is not smooth.

    Parameters
    ----------
    windows : array, (window, 2)
        Observed time [s].
    events, acts : array
        Event and press times [s].
    cuts : array
        Further times [s] at which to cut: trial bounds, steps of covariates.
    scales : Scales
        What to resolve.
    memory : float
        Shortest time constant of the self-history [s]; infinite without one.
    refractory : float
        Time after each press in which no press can follow [s]; left out.

    Returns
    -------
    array, (segment, 2)
        Start and end [s], in order, of positive length.
    """
    end = float(windows[:, 1].max(initial=0.0))
    marks = np.unique(
        np.concatenate([events, acts + refractory if np.isfinite(memory) else events[:0]])
    )
    cap = _cap_points(windows, marks, scales)
    points = [windows.ravel(), events, acts, acts + refractory, cuts, cap]
    if marks.size:
        points.append(_spread(marks, _offsets(scales, memory), end))
    edges = np.unique(np.concatenate(points))
    start, stop = edges[:-1], edges[1:]
    middle = 0.5 * (start + stop)
    window = np.searchsorted(windows[:, 0], middle, side="right") - 1
    inside = (window >= 0) & (middle < windows[np.maximum(window, 0), 1])
    if refractory > 0 and acts.size:
        last = np.searchsorted(acts, middle, side="right") - 1
        inside &= (last < 0) | (middle > acts[np.maximum(last, 0)] + refractory)
    keep = inside & (stop > start)
    return np.column_stack([start[keep], stop[keep]])


def _cap_points(windows: np.ndarray, marks: np.ndarray, scales: Scales) -> np.ndarray:
    """Points that keep segments below the half-life while the trace moves, and below the cap."""
    step = scales.coarsest / scales.refine
    regular = [np.arange(lo, hi, step) for lo, hi in windows]
    near = min(scales.longest, scales.coarsest) / scales.refine
    if near < step and marks.size:
        ahead = np.arange(near, 12 * scales.longest, near)
        until = np.append(marks[1:], windows[-1, 1])
        reach = until - marks
        # only marks followed by a long silence need them
        for mark, gap in zip(marks[reach > near], reach[reach > near], strict=True):
            regular.append(mark + ahead[ahead < gap])
    return np.concatenate(regular) if regular else np.empty(0)


def grid(pieces: np.ndarray, scales: Scales, *, memory: float = np.inf) -> Grid:
    """Gauss-Legendre nodes over the segments: 2 where short, 4 elsewhere (more when refined)."""
    length = pieces[:, 1] - pieces[:, 0]
    short = length <= 0.5 * min(scales.finest, memory)
    times, weights = [], []
    for mask, order in ((short, 2 * scales.refine), (~short, 4 * scales.refine)):
        node, weight = np.polynomial.legendre.leggauss(order)
        half = 0.5 * length[mask][:, None]
        times.append((0.5 * pieces[mask].sum(axis=1)[:, None] + half * node).ravel())
        weights.append((half * weight).ravel())
    time, weight = np.concatenate(times), np.concatenate(weights)
    order_in_time = np.argsort(time, kind="stable")
    return Grid(time[order_in_time], weight[order_in_time])
