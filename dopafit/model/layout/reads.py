"""The channels' rows as arrays: when they read the trace, how far back, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dopafit.channel import Channel, Rows
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.trace.dynamics import Pairs
from dopafit.trace.gaps import pair_counts
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import Changes

__all__ = ["MOST_PAIRS", "row_arrays", "trace_arrays"]

MOST_PAIRS = 20_000_000
"""Pairs of a read and an event before it: 0.6 gigabytes, and about half a second a gradient."""


def trace_arrays(
    model: Model,
    events: pd.DataFrame,
    inputs: Changes | None,
    sessions: int,
    rows: Mapping[str, Rows],
    session_of: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Events and reads sorted by session and time; equal reads of several channels are one.

    Where events last, there is an entry for each change of the input. Nothing where the claim has
    no trace.
    """
    if not model.moved:
        return {}
    session = session_of["by event"]
    order = np.lexsort((events["time"].to_numpy(float), session))
    # `at(events)` keeps the frame's order, so the frame itself must already be in session order
    if not np.array_equal(order, np.arange(len(events))):
        raise AssertionError("events are not in session order")
    moments = {prefix: found.read_at() for prefix, found in rows.items()}
    where = np.concatenate([session_of[p][m.row] for p, m in moments.items()]).astype(np.int64)
    time = np.concatenate([m.time for m in moments.values()])
    ranked = np.lexsort((time, where))
    fresh = np.ones(ranked.size, dtype=bool)
    fresh[1:] = (np.diff(where[ranked]) != 0) | (np.diff(time[ranked]) != 0)
    inverse = np.empty(ranked.size, dtype=np.int64)
    inverse[ranked] = np.cumsum(fresh) - 1
    kept = ranked[fresh]
    bounds = np.arange(sessions + 1)
    magnitude, event_time = (events[name].to_numpy(float) for name in ("magnitude", "time"))
    if inputs is not None:
        magnitude, session, event_time = magnitude[inputs.event], session[inputs.event], inputs.time
    arrays = {
        "event_time": event_time,
        "event_magnitude": magnitude,
        "event_offset": np.searchsorted(session, bounds).astype(np.int64),
        "read_time": time[kept],
        "read_offset": np.searchsorted(where[kept], bounds).astype(np.int64),
    }
    if inputs is not None:
        arrays["event_input"] = inputs.input
    first = 0
    for prefix, found in moments.items():
        arrays[f"{prefix}.read"] = inverse[first : first + found.row.size]
        first += found.row.size
        if rows[prefix].moments is not None:
            offset = np.searchsorted(found.row, np.arange(len(rows[prefix]) + 1))
            arrays[f"{prefix}.moment_offset"] = offset.astype(np.int64)
            arrays[f"{prefix}.moment_weight"] = found.weight
    return arrays | _pair_horizon(model, arrays)


def _pair_horizon(model: Model, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `pair_horizon` [s], (1,), where the trace is a sum over pairs; else nothing.

    Raises
    ------
    SpecError
        The horizon is to be estimated, or there are too many pairs.
    """
    kernel = Kernel.named(model.kernel)
    if not isinstance(kernel.dynamics, Pairs):
        return {}
    name = kernel.dynamics.horizon
    horizon = model.parameters[name].fixed
    if horizon is None:
        raise SpecError(
            f"priors: {name} of the kernel {kernel.name} cannot be estimated",
            allowed=f"a fixed {name} [s], for it decides which events a read sees",
            todo=f"leave the prior out, or write fixed: {{{name}: ...}}",
        )
    found = {"pair_horizon": np.array([horizon])}
    _, count = pair_counts(arrays | found)
    if count.sum() > MOST_PAIRS:
        raise SpecError(
            f"the kernel {kernel.name} makes {count.sum():,} pairs of a read and an event less "
            f"than {horizon:g} s before it",
            allowed=f"up to {MOST_PAIRS:,} pairs",
            todo=f"fix a smaller {name}, correct typical_spacing, give presses as counts, or take "
            "another kernel",
        )
    return found


def row_arrays(
    model: Model, rows: Mapping[str, Rows], session_of: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return what every channel has by row: a zero, its data, and where it takes it, `_follows`.

    Raises
    ------
    SpecError
        Rows whose likelihood takes the row before are not in the order of their times.
    """
    arrays = {}
    for channel in model.channels:
        prefix, found = channel.prefix, rows[channel.prefix]
        arrays[f"{prefix}.zero"] = np.zeros(len(found))
        arrays |= {f"{prefix}.data.{k}": np.asarray(v, float) for k, v in found.data.items()}
        if channel.sequential:
            time = found.frame["time"].to_numpy(float)
            arrays[f"{prefix}.follows"] = _follows(channel, session_of[prefix], time)
    return arrays


def _follows(channel: Channel, session: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return 1 where the row before belongs to the same session, 0 at a session's first row.

    A channel's rows are those of its table: sorted by session and time, rows of the same time in
    the order of the table, rows without an outcome left out.
    """
    same = np.diff(session) == 0
    late = np.diff(session) < 0
    if (late | (same & (np.diff(time) < 0))).any():
        raise SpecError(
            f"channel {channel.prefix}: its likelihood takes the row before, and its rows are not "
            "in the order of their times",
            allowed="rows sorted by session and, within it, by time",
            todo="sort the frame that the channel's method rows returns, and its data with it",
        )
    return np.append(0.0, same.astype(float))
