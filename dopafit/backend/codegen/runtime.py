"""Compiled loops that the generated functions call; `w` is their scratch memory."""

from __future__ import annotations

import math

import numpy as np

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT, exp, plus, wide

__all__ = [
    "CHUNK",
    "STRIDE",
    "ends_back",
    "keep",
    "own_values",
    "own_values_back",
    "place",
    "pull",
    "rows",
    "rows_back",
    "run_values",
    "run_values_back",
    "states",
    "states_back",
    "states_progression",
    "states_progression_back",
    "total",
]

CHUNK = 256
"""Rows that a pass handles at a time: its scratch memory stays in the processor's first cache."""

STRIDE = CHUNK + 24
"""From one value's scratch memory to the next: an odd number of cache lines, or else all values of
a row fall into the same few places of the cache."""


@kept(**JIT)
def place(q, normals, half_free, half_scale, loc, power, scale, spread, unit, x_centring, x_spread):
    """Return theta (entry,) and the log prior of q = (x, log h); see `Coordinates.arrays`."""
    prior = 0.0
    for j in range(normals):
        shift = 0.0
        if x_spread[j] > 0:
            shift = x_centring[j] * q[normals + x_spread[j] - 1]
        z = q[j] * math.exp(-shift)
        prior -= 0.5 * z * z + shift
    for k in range(half_scale.size):
        log_h = q[normals + k]
        z = math.exp(log_h) / half_scale[k]
        # a model without spreads keeps one idle h: normal in log h
        prior += half_free[k] * (log_h - 0.5 * z * z) - (1.0 - half_free[k]) * 0.5 * log_h * log_h
    theta = np.empty(loc.size)
    for i in range(loc.size):
        step = scale[i]
        if spread[i] > 0:
            step *= math.exp(power[i] * q[normals + spread[i] - 1])
        theta[i] = loc[i] + (step * q[unit[i] - 1] if unit[i] > 0 else step)
    return theta, prior


@kept(**JIT)
def pull(
    by_theta,
    theta,
    q,
    normals,
    half_free,
    half_scale,
    loc,
    power,
    scale,
    spread,
    unit,
    x_centring,
    x_spread,
):
    """Return the gradient by q, backwards through `place`, of by_theta . theta + log prior."""
    found = np.zeros(q.size)
    for j in range(normals):
        owner = normals + x_spread[j] - 1
        shift = x_centring[j] * q[owner] if x_spread[j] > 0 else 0.0
        precision = math.exp(-2.0 * shift)
        found[j] = -q[j] * precision
        if x_spread[j] > 0:
            found[owner] += x_centring[j] * (q[j] * q[j] * precision - 1.0)
    for k in range(half_scale.size):
        z = math.exp(q[normals + k]) / half_scale[k]
        found[normals + k] += half_free[k] * (1.0 - z * z) - (1.0 - half_free[k]) * q[normals + k]
    for i in range(loc.size):
        owner = normals + spread[i] - 1
        if unit[i] > 0:
            step = scale[i] * (math.exp(power[i] * q[owner]) if spread[i] > 0 else 1.0)
            found[unit[i] - 1] += by_theta[i] * step
        if spread[i] > 0:
            found[owner] += by_theta[i] * (theta[i] - loc[i]) * power[i]
    return found


@kept(**JIT)
def keep(w, at, target, first, count):
    """Write w to some rows of target."""
    wide()
    for i in range(count):
        target[first + i] = w[at + i]


@kept(**JIT)
def own_values(columns, theta):
    """Return theta[columns]: an index array takes numba far longer to compile."""
    found = np.empty(columns.size)
    for i in range(columns.size):
        found[i] = theta[columns[i]]
    return found


@kept(**JIT)
def own_values_back(columns, by_own, by_theta):
    """Add the gradients of theta[columns] to those of theta."""
    for i in range(columns.size):
        by_theta[columns[i]] += by_own[i]


@kept(**JIT)
def run_values(indptr, indices, data, theta):
    """Return the share of every run: its row times theta."""
    found = np.empty(indptr.size - 1)
    for i in range(found.size):
        value = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            value += data[k] * theta[indices[k]]
        found[i] = value
    return found


@kept(**JIT)
def run_values_back(indptr, indices, data, by_runs, by_theta):
    """Add the runs' gradients to those of theta."""
    for i in range(by_runs.size):
        for k in range(indptr[i], indptr[i + 1]):
            by_theta[indices[k]] += data[k] * by_runs[i]


@kept(**JIT)
def rows(w, to, first, count, dense, own, start, run, first_run, runs):
    """Write some rows of a parameter's table times theta; `own` is theta[columns]."""
    wide()
    chunk = first // CHUNK
    target = w[to : to + count]  # a part of its own: an index from 0 up needs no check
    for k in range(first_run[chunk], first_run[chunk + 1]):
        value = runs[run[k]]
        part = target[start[k] - first : start[k + 1] - first]
        for i in range(part.size):
            part[i] = value
    for j in range(own.size):
        column, weight = dense[chunk * own.size + j], own[j]
        for i in range(count):
            target[i] += column[i] * weight


@kept(**JIT)
def rows_back(w, at, first, count, dense, by_own, start, run, first_run, by_runs):
    """Add the transposed product of some rows with w."""
    wide()
    chunk = first // CHUNK
    source = w[at : at + count]
    for k in range(first_run[chunk], first_run[chunk + 1]):
        by_runs[run[k]] += total(source[start[k] - first : start[k + 1] - first])
    for j in range(by_own.size):
        column, value = dense[chunk * by_own.size + j], 0.0
        for i in range(count):
            value = plus(value, column[i] * source[i])
        by_own[j] += value


@kept(**JIT)
def ends_back(w, at, first, count, dense, by_own, start, run, first_run, by_runs):
    """Do the same for a few rows, the last of a chunk; none where none is asked for."""
    chunk, place = first // CHUNK, first % CHUNK
    piece = first_run[chunk + 1] - 1
    for i in range(count - 1, -1, -1):
        while start[piece] > first + i:
            piece -= 1
        by_runs[run[piece]] += w[at + i]
        for j in range(by_own.size):
            by_own[j] += dense[chunk * by_own.size + j, place + i] * w[at + i]


@kept(**JIT)
def total(values):
    """Return the sum of some values."""
    wide()
    value = 0.0
    for i in range(values.size):
        value = plus(value, values[i])
    return value


@kept(**JIT)
def states_progression(gap, size, offset, row, rate, decay, state):
    """Write the trace's states after each event, and the decays since the event before.

    State 0 is rest; event e leaves state e + 1. Rates are lam, lam + kap, lam + 2 kap: two
    decays give all three.
    """
    wide()
    for session in range(row.size):
        first, last = offset[session], offset[session + 1]
        lam = rate[row[session], 0]
        kap = rate[row[session], 1] - lam
        own, slow, fast = gap[first:last], decay[0, first:last], decay[1, first:last]
        for i in range(own.size):
            slow[i] = exp(-lam * own[i])
            fast[i] = exp(-kap * own[i])
        z0 = z1 = z2 = 0.0
        for e in range(first, last):
            a, x = decay[0, e], decay[1, e]
            ax = a * x
            z0 = z0 * a + size[e]
            z1 = z1 * ax + size[e]
            z2 = z2 * (ax * x) + size[e]
            state[0, e + 1] = z0
            state[1, e + 1] = z1
            state[2, e + 1] = z2
    state[:, 0] = 0.0


@kept(**JIT)
def states_progression_back(gap, size, offset, row, rate, decay, state, by_state, by_size, by_rate):
    """Write the gradients of sum(by_state * state) by the sizes, and add those by the rates."""
    wide()
    for session in range(row.size):
        first, last = offset[session], offset[session + 1]
        b0 = b1 = b2 = l0 = l1 = l2 = 0.0
        for e in range(last - 1, first - 1, -1):
            b0 += by_state[0, e + 1]
            b1 += by_state[1, e + 1]
            b2 += by_state[2, e + 1]
            by_size[e] = b0 + b1 + b2
            if e > first:
                a, x = decay[0, e], decay[1, e]
                b0 *= a
                b1 *= a * x
                b2 *= a * x * x
                l0 -= gap[e] * state[0, e] * b0
                l1 -= gap[e] * state[1, e] * b1
                l2 -= gap[e] * state[2, e] * b2
        by_rate[row[session], 0] += l0
        by_rate[row[session], 1] += l1
        by_rate[row[session], 2] += l2


@kept(**JIT)
def states(gap, size, offset, row, rate, decay, state):
    """Write the same for any number of rates."""
    wide()
    for session in range(row.size):
        first, last = offset[session], offset[session + 1]
        own = gap[first:last]
        for k in range(rate.shape[1]):
            part, speed = decay[k, first:last], rate[row[session], k]
            for i in range(own.size):
                part[i] = exp(-speed * own[i])
        for k in range(0, rate.shape[1] - 2, 3):  # three at once: each waits for its own past only
            z0 = z1 = z2 = 0.0
            for e in range(first, last):
                z0 = z0 * decay[k, e] + size[e]
                z1 = z1 * decay[k + 1, e] + size[e]
                z2 = z2 * decay[k + 2, e] + size[e]
                state[k, e + 1] = z0
                state[k + 1, e + 1] = z1
                state[k + 2, e + 1] = z2
        for k in range(rate.shape[1] // 3 * 3, rate.shape[1]):
            z = 0.0
            for e in range(first, last):
                z = z * decay[k, e] + size[e]
                state[k, e + 1] = z
    state[:, 0] = 0.0


@kept(**JIT)
def states_back(gap, size, offset, row, rate, decay, state, by_state, by_size, by_rate):
    """Write the gradients of sum(by_state * state) by the sizes, and add those by the rates."""
    by_size[:] = 0.0
    for session in range(row.size):
        first, last = offset[session], offset[session + 1]
        for k in range(0, rate.shape[1] - 2, 3):
            b0 = b1 = b2 = l0 = l1 = l2 = 0.0
            for e in range(last - 1, first - 1, -1):
                b0 += by_state[k, e + 1]
                b1 += by_state[k + 1, e + 1]
                b2 += by_state[k + 2, e + 1]
                by_size[e] += b0 + b1 + b2
                if e > first:
                    b0 *= decay[k, e]
                    b1 *= decay[k + 1, e]
                    b2 *= decay[k + 2, e]
                    l0 -= gap[e] * state[k, e] * b0
                    l1 -= gap[e] * state[k + 1, e] * b1
                    l2 -= gap[e] * state[k + 2, e] * b2
            by_rate[row[session], k] += l0
            by_rate[row[session], k + 1] += l1
            by_rate[row[session], k + 2] += l2
        for k in range(rate.shape[1] // 3 * 3, rate.shape[1]):
            b = slope = 0.0
            for e in range(last - 1, first - 1, -1):
                b += by_state[k, e + 1]
                by_size[e] += b
                if e > first:
                    b *= decay[k, e]
                    slope -= gap[e] * state[k, e] * b
            by_rate[row[session], k] += slope
