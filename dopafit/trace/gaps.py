"""Times since the event before: all that the trace has to know of when things happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = [
    "Gaps",
    "Pairing",
    "earlier_events",
    "last_event",
    "pair_counts",
    "trace_gaps",
    "trace_pairs",
]


class Gaps(NamedTuple):
    """Times since the event before, as `trace_gaps` finds them.

    Attributes
    ----------
    event : array, (event,)
        Since the session's previous event [s]; 0 at its first.
    begins : array of bool, (event,)
        Whether an event is its session's first.
    read : array, (read,)
        Since the event that a read follows [s]; 0 where there is none.
    state : array of int, (read,)
        What that event left: event e leaves state e + 1; state 0 is rest.
    row : array of int, (read,)
        Row of the kernels' table of a read's session.
    """

    event: np.ndarray
    begins: np.ndarray
    read: np.ndarray
    state: np.ndarray
    row: np.ndarray


def earlier_events(
    event_time: np.ndarray,
    event_offset: np.ndarray,
    read_time: np.ndarray,
    read_offset: np.ndarray,
    horizon: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the events that each read can see, of its session: from `first` up to `end`.

    An event at the very time of a read has not happened yet (the left limit), so that an outcome
    can never explain the choice it followed.

    Parameters
    ----------
    event_time, read_time : array, (event,) and (read,)
        Sorted by session and then by time [s].
    event_offset, read_offset : array of int, (session + 1,)
        Session s owns the events event_offset[s] to event_offset[s + 1], and so for the reads.
    horizon : float
        [s]; all earlier events unless given.

    Returns
    -------
    first, end : array of int, (read,)
    """
    first, end = np.zeros((2, read_time.size), dtype=np.int64)
    for session in range(read_offset.size - 1):
        begin, stop = event_offset[session : session + 2]
        reads = slice(*read_offset[session : session + 2])
        own, late = event_time[begin:stop], read_time[reads]
        first[reads] = begin + np.searchsorted(own, late - horizon, side="right")
        end[reads] = begin + np.searchsorted(own, late, side="left")
    return first, end


def last_event(
    event_time: np.ndarray,
    event_offset: np.ndarray,
    read_time: np.ndarray,
    read_offset: np.ndarray,
) -> np.ndarray:
    """Return the event of its session that each read follows, counted from 1; 0 where none."""
    first, end = earlier_events(event_time, event_offset, read_time, read_offset)
    return np.where(end > first, end, 0)


def trace_gaps(arrays: Mapping[str, np.ndarray]) -> Gaps:
    """Return the gaps of a layout's trace.

    Parameters
    ----------
    arrays : mapping of str to array
        Those of a `Layout` whose trace is read.
    """
    time, offset, read = (arrays[k] for k in ("event_time", "event_offset", "read_time"))
    begins = np.zeros(time.size, dtype=bool)
    begins[offset[:-1][np.diff(offset) > 0]] = True
    state = last_event(time, offset, read, arrays["read_offset"])
    padded = np.append(0.0, time)
    return Gaps(
        np.where(begins, 0.0, np.diff(padded)),
        begins,
        np.where(state > 0, read - padded[state], 0.0),
        state,
        np.repeat(arrays["kernel_row"], np.diff(arrays["read_offset"])),
    )


class Pairing(NamedTuple):
    """Reads and the events of their sessions within a horizon before them, read by read.

    Attributes
    ----------
    event, read : array of int, (pair,)
        Which.
    log_gap : array, (pair,)
        Logarithm of the time between them [ln s].
    row : array of int, (pair,)
        Row of the kernels' table of their session.
    """

    event: np.ndarray
    read: np.ndarray
    log_gap: np.ndarray
    row: np.ndarray


def pair_counts(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return of each read the first event less than `pair_horizon` [s] before it, and how many."""
    times = (arrays[k] for k in ("event_time", "event_offset", "read_time", "read_offset"))
    first, end = earlier_events(*times, horizon=arrays["pair_horizon"])
    return first, end - first


def trace_pairs(arrays: Mapping[str, np.ndarray]) -> Pairing:
    """Return the pairs of a layout's trace; its arrays as for `trace_gaps`, and `pair_horizon`."""
    first, count = pair_counts(arrays)
    read = np.repeat(np.arange(count.size), count)
    event = np.arange(read.size) + np.repeat(first - np.cumsum(count) + count, count)
    row = np.repeat(arrays["kernel_row"], np.diff(arrays["read_offset"]))
    gap = arrays["read_time"][read] - arrays["event_time"][event]
    return Pairing(event, read, np.log(gap), row[read])
