"""A generated C function bound to its data: called from Python, or by its address."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from dopafit.core.machine import available_cores

__all__ = ["Bound", "memory"]

STEP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


def memory() -> dict[str, np.ndarray]:
    """Return an empty workspace: a slot for whoever computes at a time, and one to spare."""
    slots = available_cores() + 1
    return {
        "busy": np.zeros(slots, np.int64),
        "work": np.empty((slots, 0)),
        "needed": np.zeros(1, np.int64),
    }


class Bound:
    """Log density and gradient; may be called from several threads at once.

    Parameters
    ----------
    code : numba.core.ccallback.CFunc
        From `dopafit.backend.codegen.load.load`.
    arrays : mapping of str to array
        Those it was loaded for, `memory` among them.
    size : int
        Number of coordinates.

    Attributes
    ----------
    address, table : int
        Of the function, and of the addresses that it is called with.
    """

    def __init__(self, code: Any, arrays: Mapping[str, np.ndarray], size: int) -> None:
        self.size, self.address = size, code.address
        self._call = STEP(code.address)
        self._bind(arrays)
        self(np.zeros(size))
        work = np.empty((len(arrays["busy"]), int(arrays["needed"][0])))
        self._bind({**arrays, "work": work})

    def _bind(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take these arrays as the function's data."""
        self._arrays = dict(arrays)
        sizes = np.zeros((1 + len(arrays), 2), np.int64)
        for row, value in zip(sizes[1:], arrays.values(), strict=True):
            row[: value.ndim] = value.shape
        self._sizes = sizes
        self._addresses = np.array([a.ctypes.data for a in (sizes, *arrays.values())], np.uintp)
        self.table = self._addresses.ctypes.data

    def replaced(self, arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the same function over other values of some arrays; the rest is shared."""
        other = copy.copy(self)
        other._bind(self._arrays | dict(arrays))
        return other

    def __call__(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient (coordinate,) at q."""
        q = np.ascontiguousarray(q, dtype=np.float64)
        gradient, value = np.empty(self.size), np.empty(1)
        self._call(self.size, q.ctypes.data, gradient.ctypes.data, value.ctypes.data, self.table)
        return float(value[0]), gradient
