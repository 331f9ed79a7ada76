"""Branch-free scalar functions that compile to SIMD code inside a fused loop."""

from __future__ import annotations

import numpy as np
from numba import njit

from dopafit.trace._loops import JIT, exp

__all__ = ["affine", "exp", "log1p_unit", "sigmoid", "softplus", "transposed"]


@njit(inline="always", **JIT)
def log1p_unit(y):
    """Return ln(1 + y) for y in [0, 1], to 3e-16 relative.

    With s = y / (2 + y) <= 1/3 it is 2 atanh(s); the odd series ends below 2e-17.
    """
    s = y / (2.0 + y)
    z = s * s
    p = 1.0 / 33.0
    p = p * z + 1.0 / 31.0
    p = p * z + 1.0 / 29.0
    p = p * z + 1.0 / 27.0
    p = p * z + 1.0 / 25.0
    p = p * z + 1.0 / 23.0
    p = p * z + 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    p = p * z + 1.0
    return 2.0 * s * p


@njit(inline="always", **JIT)
def softplus(x):
    """Return ln(1 + e^x)."""
    return max(x, 0.0) + log1p_unit(exp(-abs(x)))


@njit(inline="always", **JIT)
def sigmoid(x):
    """Return 1 / (1 + e^-x)."""
    y = exp(-abs(x))
    return (1.0 if x >= 0.0 else y) / (1.0 + y)


@njit(cache=True, nogil=True)
def affine(centre, shape, u):
    """Return centre + shape @ u; a loop, because BLAS would start threads beside the chains'."""
    out = centre.copy()
    for i in range(out.size):
        total = 0.0
        for j in range(u.size):
            total += shape[i, j] * u[j]
        out[i] += total
    return out


@njit(cache=True, nogil=True)
def transposed(shape, g):
    """Return shape.T @ g."""
    out = np.zeros(shape.shape[1])
    for i in range(g.size):
        for j in range(out.size):
            out[j] += shape[i, j] * g[i]
    return out
