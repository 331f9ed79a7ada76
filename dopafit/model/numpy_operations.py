"""The likelihood's operations on numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from dopafit.model.layout.layout import Layout
from dopafit.model.program import Machinery

__all__ = ["evaluate", "numpy_machinery"]


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


def _columns(*vectors: np.ndarray) -> np.ndarray:
    return np.stack(vectors, axis=-1)


def _take(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    return values[index]


def _level(*arguments: Any) -> np.ndarray:
    from dopafit.trace.recurrence import Trains, level

    *trains, coef, rate, progression = arguments
    return level(Trains(*trains), coef, rate, progression=progression)


@cache
def numpy_machinery() -> Machinery:
    """Return the numpy form of the operations."""
    from dopafit.trace.newton import solve

    return Machinery(np, _linear_rows, solve, _level, _take, _columns)


def evaluate(layout: Layout, theta: np.ndarray) -> Mapping[str, np.ndarray]:
    """Return the log density of every row by channel for one theta, in plain numpy.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    theta : array, (entry,)
        One parameter vector.
    """
    return layout.program.logp(layout.arrays, theta, numpy_machinery())
