"""Events and reads of several sessions, and the level over them by the double sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Trains(NamedTuple):
    """Events (time [s], size) and reads [s], sorted by session and time; offsets per session.

    `row` (session,) is the row of the kernels' table that holds each session's kernel.
    """

    event_time: np.ndarray
    event_size: np.ndarray
    event_offset: np.ndarray
    read_time: np.ndarray
    read_offset: np.ndarray
    row: np.ndarray

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What `Operations.trace` and `trace_gaps` take."""
        names = ("event_time", "event_offset", "read_time", "read_offset")
        return {name: getattr(self, name) for name in names} | {"kernel_row": self.row}


def parameters(coef: np.ndarray, rate: np.ndarray) -> dict[str, np.ndarray]:
    """Tables (kernel, term) as `Exponentials` takes them."""
    found = {f"coefficient_{k}": values for k, values in enumerate(np.transpose(coef))}
    return found | {f"rate_{k}": values for k, values in enumerate(np.transpose(rate))}


def double_sum(
    trains: Trains, coef: np.ndarray, rate: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], list[np.ndarray]]]:
    """The level at every read, and the slopes of its weighted sum by sizes, coefficients, rates."""
    level, shares = np.zeros(trains.read_time.size), []
    for session, k in enumerate(trains.row):
        own = slice(*trains.event_offset[session : session + 2])
        for read in range(*trains.read_offset[session : session + 2]):
            lag = trains.read_time[read] - trains.event_time[own]
            decays = np.exp(-np.multiply.outer(rate[k], np.maximum(lag, 0.0))) * (lag > 0)
            level[read] = coef[k] @ decays @ trains.event_size[own]
            shares.append((read, own, k, lag, decays))

    def slopes(weight: np.ndarray) -> list[np.ndarray]:
        by_size, by_coef, by_rate = (np.zeros_like(a) for a in (trains.event_size, coef, rate))
        for read, own, k, lag, decays in shares:
            size = trains.event_size[own]
            by_size[own] += weight[read] * (coef[k] @ decays)
            by_coef[k] += weight[read] * (decays @ size)
            by_rate[k] -= weight[read] * coef[k] * (decays @ (lag * size))
        return [by_size, by_coef, by_rate]

    return level, slopes
