"""Times of the opponent kernel's landmarks in half-lives, with their derivatives, compiled.

With x = e^(-kap t) a landmark at x lies -nu ln(x) / ln 2 half-lives after its event. The maximum
x_p and the minimum x_m are roots of (nu+2) x^2 - (nu+1)(1+x_c) x + nu x_c, whose derivative by x is
+S and -S there; y = logit(x_c) moves by 1/S with the log trough ratio and by ln(x_p/x_m)/S with nu.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dopafit.core.machine_code import kept
from dopafit.core.xp import MAX_STEPS, SMALL_STEP
from dopafit.trace import newton

__all__ = ["log_clock", "solve_scalar"]

_JIT = {"nogil": True, "error_model": "numpy"}
_roots = njit(**_JIT)(newton.roots)
_depth, _start = (njit(**_JIT)(function) for function in newton.over(np))
_LARGEST_STEP, _LARGEST_Y = newton.LARGEST_STEP, newton.LARGEST_Y
_LOG_LN2 = math.log(math.log(2.0))


@njit(**_JIT)
def solve_scalar(log_ratio, onset_ratio):
    """Return what `dopafit.trace.newton.solve` does, for two numbers."""
    y = _start(log_ratio, onset_ratio)
    for _ in range(MAX_STEPS):
        places = _roots(1 / (1 + np.exp(-y)), 1 / (1 + np.exp(y)), onset_ratio)
        step = (_depth(places, onset_ratio) - log_ratio) / places[0]
        step = min(max(step, -_LARGEST_STEP), _LARGEST_STEP)
        y = min(max(y - step, -_LARGEST_Y), _LARGEST_Y)
        if not abs(step) > SMALL_STEP:
            break
    return y


@kept(**_JIT)
def log_clock(which, log_shape, slopes):
    """Return ln(time / half-life) of one of `Opponent.clocks`; write its slopes by both logs."""
    log_ratio, log_onset = log_shape[0], log_shape[1]
    nu = np.exp(log_onset)
    y = solve_scalar(log_ratio, nu)
    x_c, gap = 1 / (1 + np.exp(-y)), 1 / (1 + np.exp(y))
    slope, x_p, one_p, over_p, x_m, one_m, under_m = _roots(x_c, gap, nu)
    if which == 0:
        x, late = x_p, -np.log1p(-one_p)
        by_cross, by_nu = ((nu + 1) * x_p - nu) / slope, one_p * over_p / slope
    elif which == 1:
        x, late = x_c, np.log1p(np.exp(-y)) if y > -30 else -y
        by_cross, by_nu = 1.0, 0.0
    else:
        x, late = x_m, -np.log1p(-one_m) if one_m < 0.5 else -np.log(x_m)
        by_cross, by_nu = (nu - (nu + 1) * x_m) / slope, one_m * under_m / slope
    by_y = by_cross * x_c * gap
    slopes[0] = -by_y / (slope * x * late)
    own = (by_nu + by_y * np.log(x_p / x_m) / slope) / (x * late)
    slopes[1] = 1.0 - nu * own
    return log_onset + np.log(late) - _LOG_LN2
