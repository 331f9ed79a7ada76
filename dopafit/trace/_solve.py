"""The compiled scalar form of `dopafit.trace.newton.solve`; the formulas are those of newton.py."""

from __future__ import annotations

import numpy as np
from numba import njit

from dopafit.trace import newton

__all__ = ["solve_scalar"]

_JIT = {"nogil": True, "error_model": "numpy"}
_roots = njit(**_JIT)(newton.roots)
_depth = njit(**_JIT)(newton.log_depth)
_start = njit(**_JIT)(newton.newton_start)
_MAX_STEPS, _SMALL_STEP = newton.MAX_STEPS, newton.SMALL_STEP
_LARGEST_STEP, _LARGEST_Y = newton.LARGEST_STEP, newton.LARGEST_Y


@njit(**_JIT)
def solve_scalar(log_ratio, onset_ratio):
    """Return y = logit(x_c) with R(y, nu) = ln(trough ratio); NaN where an input is NaN."""
    y = _start(log_ratio, onset_ratio)
    for _ in range(_MAX_STEPS):
        places = _roots(1 / (1 + np.exp(-y)), 1 / (1 + np.exp(y)), onset_ratio)
        step = (_depth(places, onset_ratio) - log_ratio) / places[0]
        step = min(max(step, -_LARGEST_STEP), _LARGEST_STEP)
        y = min(max(y - step, -_LARGEST_Y), _LARGEST_Y)
        if not abs(step) > _SMALL_STEP:
            break
    return y
