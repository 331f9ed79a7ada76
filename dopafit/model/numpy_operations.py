"""The likelihood's operations on numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from dopafit.model.layout.layout import Layout
from dopafit.model.program import Operations
from dopafit.trace.dynamics import Dynamics
from dopafit.trace.gaps import trace_gaps

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


def _take(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    return values[index]


def _segment_sum(values: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, offset[:-1])


def _trace(
    dynamics: Dynamics,
    size: np.ndarray,
    parameters: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
) -> Mapping[str, np.ndarray]:
    """Return the signals at every read: all sessions side by side, event after event."""
    time, offset, row = (arrays[k] for k in ("event_time", "event_offset", "kernel_row"))
    after = np.empty((dynamics.states, time.size + 1))
    after[:, 0] = dynamics.rest  # event e leaves state e + 1
    count = np.diff(offset)
    for rank in range(int(count.max(initial=0))):
        sessions = np.flatnonzero(count > rank)
        event = offset[sessions] + rank
        own = _of_row(parameters, row[sessions])
        state = tuple(after[:, event] if rank else after[:, np.zeros_like(event)])
        gap = time[event] - time[event - 1] if rank else np.zeros(event.size)
        moved = dynamics.kick(np, dynamics.advance(np, state, gap, own), size[event], own)
        after[:, event + 1] = moved
    gaps = trace_gaps(arrays)
    own = _of_row(parameters, gaps.row)
    return dynamics.read(np, tuple(after[:, gaps.state]), gaps.read, own)


def _of_row(parameters: Mapping[str, np.ndarray], row: np.ndarray) -> dict[str, np.ndarray]:
    return {k: np.asarray(v)[row] if np.ndim(v) else v for k, v in parameters.items()}


@cache
def numpy_operations() -> Operations:
    """Return the numpy form of the operations."""
    return Operations(np, _linear_rows, _trace, _take, _segment_sum)


def evaluate(layout: Layout, theta: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the log density of every row by channel for one theta, in plain numpy.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    theta : array, (entry,)
        One parameter vector.
    """
    return layout.program.logp(layout.arrays, theta, numpy_operations())
