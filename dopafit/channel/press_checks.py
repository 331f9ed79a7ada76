"""What the channel of presses refuses: times that are none, presses where none can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from dopafit.core.errors import SpecError

__all__ = ["past_scales", "refuse_misplaced", "seconds", "time_constants"]

SHORTEST = 1e-3
"""Shortest time constant of the self-history [s]: no press is timed more finely."""


def seconds(option: str, value: Any) -> float:
    """Return an option as a time [s], or refuse it."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < np.inf:
        raise SpecError(
            f"presses: {option} = {value!r}",
            allowed="times [s], finite, not negative",
            todo=f"give {option} in seconds, or leave it out",
        )
    return float(value)


def time_constants(history: Any) -> tuple[float, ...]:
    """Return the time constants of the self-history [s], or refuse them."""
    if isinstance(history, str) or not isinstance(history, Iterable):
        raise SpecError(
            f"presses: history = {history!r}",
            allowed="a list of times [s]",
            todo="write for instance history: [2.0]",
        )
    times = tuple(seconds("history", tau) for tau in history)
    if len(set(times)) < len(times) or any(tau < SHORTEST for tau in times):
        raise SpecError(
            f"presses: history = {list(times)}",
            allowed=f"different times of {SHORTEST} s or more",
            todo="give each time constant once, in seconds",
        )
    return times


def past_scales(gaps: np.ndarray) -> tuple[float, ...]:
    """Return three time constants [s] spaced over intervals between presses; none without any.

    They lie evenly in the logarithm, from the intervals' 10 % to their 90 % quantile, each at least
    twice the one before, and are rounded to two digits.
    """
    gaps = np.maximum(gaps[gaps > 0], SHORTEST)
    if not gaps.size:
        return ()
    low, high = np.log(np.quantile(gaps, [0.1, 0.9]))
    step = max((high - low) / 2, np.log(2))
    middle = max((low + high) / 2, np.log(SHORTEST) + step)
    return tuple(float(f"{np.exp(middle + k * step):.2g}") for k in (-1, 0, 1))


def refuse_misplaced(where: str, acts: np.ndarray, bounds: np.ndarray, refractory: float) -> None:
    """Refuse presses of one session that are too close, or outside the windows (window, 2) [s]."""
    gaps = np.diff(acts)
    if refractory > 0 and (gaps < refractory).any():
        first = int(np.argmax(gaps < refractory))
        raise SpecError(
            f"{where}: presses at {acts[first]:g} s and {acts[first + 1]:g} s are closer than "
            f"the refractory time {refractory:g} s",
            allowed=f"refractory <= {gaps.min():g} s for this study",
            todo="set a shorter refractory time, or remove presses recorded twice",
        )
    window = np.searchsorted(bounds[:, 0], acts, side="right") - 1
    outside = (window < 0) | (acts > bounds[np.maximum(window, 0), 1])
    if outside.any():
        raise SpecError(
            f"{where}: the press at {acts[outside][0]:g} s is outside every observed window",
            allowed="presses inside the windows (both ends included)",
            todo="correct the time or the window; dopafit validate FOLDER lists every such row",
        )
