"""When events move the trace and rows read it, how finely, and how far back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dopafit.channel import Rows, Scales
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.study.lasting import input_of
from dopafit.study.study import Study
from dopafit.trace.dynamics import Pairs
from dopafit.trace.gaps import pair_counts
from dopafit.trace.kernel import Kernel
from dopafit.trace.lasting import Changes, changes, lasting_dynamics

__all__ = ["FLOOR", "MOST_PAIRS", "input_changes", "scales_of", "trace_arrays"]

FLOOR = 1e-3
"""Shortest time [s] that a grid resolves: no behaviour is timed more finely."""

MOST_PAIRS = 20_000_000
"""Pairs of a read and an event before it: 0.6 gigabytes, and about half a second a gradient."""


def scales_of(model: Model, study: Study, *, refine: int = 1) -> Scales:
    """Time scales that a grid has to resolve under the model's prior.

    The finest is half the prior's 10 % quantile of the kernel's shortest time [s], but no less
    than `FLOOR`.

    Raises
    ------
    SpecError
        The kernel's shortest time is no number, or below 0.
    """
    if not model.moved:
        finest = np.inf
    else:
        rng = np.random.default_rng(0)
        kernel = Kernel.named(model.kernel)()
        draws = {}
        for name in kernel.parameters:
            parameter = model.parameters[name]
            if name != "peak":
                draws[name] = (
                    parameter.prior.sample(rng, 2000)
                    if parameter.prior
                    else np.full(2000, parameter.fixed)
                )
        finest = max(0.5 * _shortest(kernel, draws), FLOOR)
    span = float((study.windows["end"] - study.windows["start"]).max())
    coarsest = min(3600.0, span / 4)
    return Scales(min(finest, coarsest), coarsest, refine)


def _shortest(kernel: Kernel, draws: Mapping[str, np.ndarray]) -> float:
    """Return the 10 % quantile over draws of a kernel's shortest time [s]."""
    times = np.asarray(kernel.shortest_time(**draws), dtype=float)
    bad = ~(times >= 0)
    if bad.any():
        raise SpecError(
            f"kernel {kernel.name}: its shortest_time is {times[bad].flat[0]} s at a draw of the "
            "prior",
            allowed="times [s], 0 or above",
            todo="correct the kernel's shortest_time, or leave it out: then the fastest of its "
            "exponentials tells",
        )
    return float(np.quantile(times, 0.1))


def input_changes(model: Model, events: pd.DataFrame, session: np.ndarray) -> Changes | None:
    """Return when the events' input to the trace changes; None where none lasts.

    Parameters
    ----------
    model : Model
        The claim.
    events : DataFrame, (event,)
        The events that move the trace.
    session : array of int, (event,)
        Their sessions.

    Raises
    ------
    SpecError
        The kernel cannot carry events that last.
    StudyError
        A duration or shape of an event is none.
    """
    duration, ramp = input_of(events)
    found = changes(session, events["time"].to_numpy(float), duration, ramp)
    if not model.moved or found.event.size == len(events):
        return None
    lasting_dynamics(Kernel.named(model.kernel))
    return found


def trace_arrays(
    model: Model,
    events: pd.DataFrame,
    inputs: Changes | None,
    session: np.ndarray,
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
