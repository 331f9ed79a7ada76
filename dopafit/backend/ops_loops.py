"""Compiled loops of the row Ops."""

from __future__ import annotations

import numpy as np

from dopafit.core.machine_code import kept

__all__ = ["linear_rows", "linear_rows_transposed"]

_JIT = {"nogil": True, "fastmath": {"contract"}}


@kept(**_JIT)
def linear_rows(dense, columns, indptr, indices, data, theta):
    """Return y (N,), y[i] = dense[i] @ theta[columns] + sum of data * theta[indices] over row i."""
    n, k = dense.shape
    own = theta[columns]
    out = np.empty(n)
    for i in range(n):
        total = 0.0
        for j in range(k):
            total += dense[i, j] * own[j]
        for j in range(indptr[i], indptr[i + 1]):
            total += data[j] * theta[indices[j]]
        out[i] = total
    return out


@kept(**_JIT)
def linear_rows_transposed(dense, columns, indptr, indices, data, gradient, size):
    """Return x (size,), the transposed product with `gradient` (N,)."""
    n, k = dense.shape
    own = np.zeros(k)
    out = np.zeros(size)
    for i in range(n):
        g = gradient[i]
        for j in range(k):
            own[j] += dense[i, j] * g
        for j in range(indptr[i], indptr[i + 1]):
            out[indices[j]] += data[j] * g
    for j in range(k):
        out[columns[j]] += own[j]
    return out
