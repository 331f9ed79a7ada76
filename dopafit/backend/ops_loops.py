"""Compiled loops of the row Ops."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["linear_rows", "linear_rows_transposed"]

_JIT = {"cache": True, "nogil": True, "fastmath": {"contract"}}


@njit(**_JIT)
def linear_rows(indptr, indices, data, theta):
    """Return y (N,), y[i] = sum of data * theta[indices] over row i."""
    n = indptr.size - 1
    out = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(indptr[i], indptr[i + 1]):
            total += data[j] * theta[indices[j]]
        out[i] = total
    return out


@njit(**_JIT)
def linear_rows_transposed(indptr, indices, data, gradient, size):
    """Return x (size,), x[k] = sum of data * gradient[row] over the entries in column k."""
    out = np.zeros(size)
    for i in range(indptr.size - 1):
        g = gradient[i]
        for j in range(indptr[i], indptr[i + 1]):
            out[indices[j]] += data[j] * g
    return out
