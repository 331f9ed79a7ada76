"""The changes of coordinates as compiled loops; the generated function and Python call the same."""

from __future__ import annotations

import math

import numpy as np

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT, plus

__all__ = ["LEAN", "backward", "forward", "no_clock"]

LEAN = math.log(math.e - 1.0)
"""Where ln(1 + e^v) is 1."""


@kept(nogil=True)
def no_clock(which, log_shape, slopes):
    """Stand in where a kernel offers no clock; never called with a landmark."""
    return np.nan


@kept(**JIT)
def forward(
    u,
    q,
    normals,
    centre,
    shared,
    border,
    first,
    own,
    local,
    pull,
    knee,
    weight,
    power,
    x,
    spread,
    half,
    free,
):
    """Write q = m + L u, bent, with the gains' own size; return the mean log peak they were at.

    L is an arrowhead (`dopafit.backend.geometry.curvature`).
    """
    step, inner = np.empty(shared.size), np.empty(shared.size)
    for i in range(q.size):
        q[i] = centre[i] + u[i]
    for i in range(shared.size):
        inner[i] = u[shared[i]]
    for i in range(shared.size):
        total = 0.0
        for j in range(shared.size):
            total = plus(total, border[i, j] * inner[j])
        step[i] = total
        q[shared[i]] = centre[shared[i]] + total
    cell = 0
    for block in range(first.size - 1):
        start, end = first[block], first[block + 1]
        for i in range(start, end):
            total = centre[own[i]]
            for j in range(start, end):
                total += local[cell] * u[own[j]]
                cell += 1
            for j in range(shared.size):
                total -= pull[i, j] * step[j]
            q[own[i]] = total
    for k in range(knee.size):
        v = q[normals + k] - knee[k] + LEAN
        if v > 30.0:
            v = math.log(v)
        elif v > -30.0:
            v = math.log(math.log1p(math.exp(v)))
        q[normals + k] = knee[k] + v
    mean = 0.0
    for k in range(weight.size):
        log_h = q[normals + spread[k] - 1] if spread[k] > 0 else 0.0
        mean += weight[k] * math.exp(power[k] * log_h) * q[x[k]]
    for k in range(half.size):
        q[half[k]] -= mean
    for k in range(free.size):
        q[free[k]] *= math.exp(-mean)
    return mean


@kept(**JIT)
def backward(
    q,
    slope,
    gradient,
    mean,
    normals,
    slopes,
    shared,
    border,
    first,
    own,
    local,
    pull,
    knee,
    place,
    scale,
    weight,
    power,
    x,
    spread,
    half,
    free,
):
    """Write the gradient by u of density and volume, from `slope`, the density's by q.

    `mean` is from `forward`, `slopes` from the kernel's clock; `slope` is used up. Return the log
    volume, that of L aside.
    """
    volume = -free.size * mean
    by_mean = -1.0 * free.size
    for k in range(half.size):
        by_mean -= slope[half[k]]
    for k in range(free.size):
        by_mean -= slope[free[k]] * q[free[k]]
        slope[free[k]] *= math.exp(-mean)
    for k in range(weight.size):
        log_h = q[normals + spread[k] - 1] if spread[k] > 0 else 0.0
        size = by_mean * weight[k] * math.exp(power[k] * log_h)
        slope[x[k]] += size
        if spread[k] > 0:
            slope[normals + spread[k] - 1] += size * power[k] * q[x[k]]
    log_over = np.empty(knee.size)
    for k in range(knee.size):
        log_over[k] = q[normals + k] - knee[k]
    if knee.size > 0:
        for k in range(half.size):
            log_over[half[k] - normals] += mean
    for k in range(knee.size):
        over = math.exp(log_over[k])
        share = -math.expm1(-over) / over if over > 0.0 else 1.0
        volume += math.log(share)
        slope[normals + k] = slope[normals + k] * share + math.exp(-over) - share
    if place[0] >= 0:
        for k in range(slopes.size):
            slope[place[2 + k]] -= slope[place[1]] / scale[0] * slopes[k] * scale[1 + k]
    for i in range(slope.size):
        gradient[i] = slope[i]
    by_step, total = np.empty(shared.size), np.zeros(shared.size)
    for i in range(shared.size):
        by_step[i] = slope[shared[i]]
    cell = 0
    for block in range(first.size - 1):
        start, end = first[block], first[block + 1]
        for i in range(start, end):
            gradient[own[i]] = 0.0
        for i in range(start, end):
            mine = slope[own[i]]
            for j in range(start, end):
                gradient[own[j]] += local[cell] * mine
                cell += 1
            for j in range(shared.size):
                by_step[j] -= pull[i, j] * mine
    for i in range(shared.size):
        for j in range(shared.size):
            total[j] += border[i, j] * by_step[i]
    for j in range(shared.size):
        gradient[shared[j]] = total[j]
    return volume
