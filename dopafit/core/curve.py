"""A smooth curve over time whose prior says the same at every time, and a straight line.

Both are given all their numbers and learn nothing from the rows that they are made for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["line", "smooth", "smooth_labels", "stretched", "waves"]

PERIOD = 1.75
"""Period of a curve's longest wave over the length of its axis: above 1, so that ends are free."""

MOST_WAVES = 8
"""More waves than this are nearly dependent on an axis shorter than their period."""


def stretched(time: Any, *, start: float, end: float, first: float, widest: float) -> Any:
    """Return where times lie on an axis that is stretched early, in gaps.

    Parameters
    ----------
    time : array
        Times; before `start` and after `end` they count as these.
    start, end : float
        Ends of the axis.
    first, widest : float
        The gap is `first` at the start, grows with the time since, and ends at `widest`.

    Returns
    -------
    array like `time`
        0 at `start`; rises by 1 a gap.
    """
    since = np.clip(time, start, end) - start
    turn = max(widest - first, 0.0)
    return np.log1p(np.minimum(since, turn) / first) + np.maximum(since - turn, 0.0) / widest


def waves(options: Mapping[str, float]) -> int:
    """Return how many waves `smooth` has: half of the shortest is no shorter than a gap."""
    return max(1, int(PERIOD * stretched(options["end"], **options) / 2 + 1e-9))


def smooth(x: np.ndarray, **options: float) -> Callable[..., np.ndarray]:
    """Return cosines and sines on the axis of `stretched`, each less its mean over time.

    With coefficients that are independent normals of one sd, the curve's sd is about that at every
    time: exactly, but for the means.
    """
    count, span = waves(options), PERIOD * float(stretched(options["end"], **options))

    def columns(x: np.ndarray) -> np.ndarray:
        phase = 2 * np.pi / span * stretched(x, **options)
        each = [wave(k * phase) for k in range(1, count + 1) for wave in (np.cos, np.sin)]
        return np.column_stack(each) / np.sqrt(count)

    even = np.linspace(options["start"], options["end"], 2001)
    mean = np.trapezoid(columns(even), even, axis=0) / (even[-1] - even[0])
    return lambda x: columns(x) - mean


def smooth_labels(options: Mapping[str, float]) -> tuple[str, ...]:
    """Return the names of the columns of `smooth`.

    Raises
    ------
    ValueError
        Numbers that make no curve.
    """
    _check_ends(**options)
    if (count := waves(options)) > MOST_WAVES:
        raise ValueError(f"{count} waves, more than {MOST_WAVES}: give wider gaps")
    return tuple(f"{f}{k}" for k in range(1, count + 1) for f in ("cos", "sin"))


def line(x: np.ndarray, *, start: float, end: float) -> Callable[..., np.ndarray]:
    """Return a straight line from -1 at `start` to 1 at `end`."""
    _check_ends(start, end)
    return lambda x: 2 * (x - start) / (end - start) - 1


def _check_ends(start: float, end: float, **_: float) -> None:
    if not end > start:
        raise ValueError("end is not above start")
