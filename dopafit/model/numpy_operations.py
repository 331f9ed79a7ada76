"""The likelihood's operations on numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from operator import getitem
from typing import Any

import numpy as np

from dopafit.model.layout.layout import Layout
from dopafit.model.program import Operations
from dopafit.trace.dynamics import Dynamics, Pairs
from dopafit.trace.gaps import Gaps, Pairing, trace_gaps, trace_pairs

__all__ = ["evaluate", "numpy_operations"]


def _linear_rows(
    dense: np.ndarray,
    columns: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    theta: np.ndarray,
) -> np.ndarray:
    from scipy import sparse

    rest = sparse.csr_matrix((data, indices, indptr), (len(dense), theta.size), copy=False)
    return dense @ theta[columns] + rest @ theta


def _segment_sum(values: np.ndarray, offset: np.ndarray) -> np.ndarray:
    row = np.repeat(np.arange(offset.size - 1), np.diff(offset))
    return np.bincount(row, weights=values, minlength=offset.size - 1)


def _previous(values: np.ndarray | float, follows: np.ndarray) -> np.ndarray:
    every = np.broadcast_to(np.asarray(values, float), follows.shape)
    return np.where(follows > 0, np.append(0.0, every[:-1]), 0.0)


def _pairs(
    pairs: Pairing,
    dynamics: Pairs,
    size: np.ndarray,
    parameters: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
) -> Mapping[str, np.ndarray]:
    """Return the signals at every read: sums over the events before it."""
    signals = dynamics.response(np, pairs.log_gap, _of_row(parameters, pairs.row))
    reads = arrays["read_time"].size
    sizes = size[pairs.event]
    return {k: np.bincount(pairs.read, sizes * v, minlength=reads) for k, v in signals.items()}


def _trace(
    gaps: Gaps,
    dynamics: Dynamics,
    size: np.ndarray,
    parameters: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
) -> Mapping[str, np.ndarray]:
    """Return the signals at every read: all sessions side by side, event after event."""
    offset = arrays["event_offset"]
    count = np.diff(offset)
    longest = np.argsort(-count, kind="stable")  # those still running are always the first
    first, running = offset[longest], np.cumsum(np.bincount(count)[::-1])[::-1]
    own = _of_row(parameters, arrays["kernel_row"][longest])
    after = np.empty((dynamics.states, size.size + 1))  # event e leaves state e + 1
    after[:, 0] = dynamics.rest
    state = tuple(np.full(count.size, value) for value in dynamics.rest)
    for rank in range(int(count.max(initial=0))):
        left = running[rank + 1]
        if left < state[0].size:
            state = tuple(values[:left] for values in state)
            own = {name: value[:left] if np.ndim(value) else value for name, value in own.items()}
        event = first[:left] + rank
        moved = dynamics.advance(np, state, gaps.event[event], own)
        told = {name: arrays["event_input"][event, k] for k, name in enumerate(dynamics.inputs)}
        state = dynamics.kick(np, moved, size[event], own | told)
        for values, kept in zip(state, after, strict=True):
            kept[event + 1] = values
    seen = tuple(values[gaps.state] for values in after)
    return dynamics.read(np, seen, gaps.read, _of_row(parameters, gaps.row))


def _of_row(parameters: Mapping[str, Any], row: np.ndarray) -> dict[str, Any]:
    """Return the parameters of each kernel's row; a number where all rows have the same kernel."""
    rows = {name: np.asarray(value) for name, value in parameters.items()}
    return {k: v[row] if v.size > 1 else v.reshape(()) for k, v in rows.items()}


def numpy_operations(arrays: Mapping[str, np.ndarray]) -> Operations:
    """Return the NumPy form of the operations over a layout's arrays.

    What the trace has to know of when things happened is found once, where a claim has a trace.
    """
    run, times = (_pairs, trace_pairs) if "pair_horizon" in arrays else (_trace, trace_gaps)
    found = cache(lambda: times(arrays))

    def trace(*arguments: Any) -> Mapping[str, np.ndarray]:
        return run(found(), *arguments)

    return Operations(np, _linear_rows, trace, getitem, _segment_sum, _previous)


def evaluate(layout: Layout, theta: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the log density of every row by channel for one theta, in plain numpy.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    theta : array, (entry,)
        One parameter vector.
    """
    return layout.program.logp(layout.arrays, theta, numpy_operations(layout.arrays))
