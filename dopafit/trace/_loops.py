"""Compiled loops of the exponential-sum trace; imported on first use, for numba is slow to load.

Every session owns a block of events and a block of reads. `work` holds what the pullback needs
again: the decay over each gap (the time since the previous event) and the states after each
event. For a progression of rates (lam, lam + kap, lam + 2 kap) two decays per gap give all three.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from dopafit.core.machine_code import kept

__all__ = [
    "divide",
    "exp",
    "forward",
    "forward_progression",
    "plus",
    "pullback",
    "pullback_progression",
    "work_size",
]


# "contract" lets a*b+c become one fused multiply-add; nothing else is relaxed.
JIT = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # ln 2 in two parts: k * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
_ONE = 4607182418800017408  # the bits of 1.0


@intrinsic
def _bits(typingctx, value):
    """Read a float64 as the int64 with the same bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _float(typingctx, value):
    """Read an int64 as the float64 with the same bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def divide(typingctx, one, other):
    """Divide float64s without a check for 0.

    Inlined code is compiled with its caller's error model; Python's raises an exception, a branch
    that keeps a loop from becoming SIMD code.
    """

    def codegen(context, builder, signature, args):
        return builder.fdiv(*args)

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def plus(typingctx, one, other):
    """Add float64s in a sum whose order is free, so that its loop becomes SIMD code."""

    def codegen(context, builder, signature, args):
        return builder.fadd(*args, flags=("reassoc",))

    return types.float64(types.float64, types.float64), codegen


@njit(inline="always", **JIT)
def exp(x):
    """Return e^x to 4e-16 relative; 0 below -708, infinity above 709, NaN for NaN.

    x = k ln 2 + r with abs(r) <= ln(2)/2; e^r by its Taylor polynomial (remainder 4e-18),
    2^k by shifting k into the exponent. No branch and no call, so that a loop over an array
    becomes SIMD code.
    """
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    # by pairs, not term by term: no product waits for the one before
    r2 = r * r
    r4 = r2 * r2
    low = (0.5 + r * (1.0 / 6.0)) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0))
    middle = (1.0 / 720.0 + r * (1.0 / 5040.0)) + r2 * (1.0 / 40320.0 + r * (1.0 / 362880.0))
    high = (1.0 / 3628800.0 + r * (1.0 / 39916800.0)) + r2 * (
        1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    )
    p = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)))
    value = p * _float((_bits(shifted) << 52) + _ONE)
    if x > 709.0:
        value = float("inf")
    return 0.0 if x < -708.0 else value


@kept(**JIT)
def work_size(n_events, n_reads, n_terms, progression):
    """Return the length of `work`."""
    n_decays = 2 if progression else n_terms
    return n_decays * (n_events + n_reads) + n_terms * n_events


@njit(inline="always", **JIT)
def _gaps(event_time, read_time, event_gap, read_gap):
    """Write the time since the previous event, at each event and at each read."""
    n_events, n_reads = event_time.size, read_time.size
    read = 0
    while read < n_reads and read_time[read] <= event_time[0]:
        read_gap[read] = 0.0
        read += 1
    event_gap[0] = 0.0
    for event in range(1, n_events):
        last, now = event_time[event - 1], event_time[event]
        event_gap[event] = now - last
        while read < n_reads and read_time[read] <= now:
            read_gap[read] = read_time[read] - last
            read += 1
    last = event_time[n_events - 1]
    while read < n_reads:
        read_gap[read] = read_time[read] - last
        read += 1


@njit(inline="always", **JIT)
def _two_decays(first, second, lam, kap):
    """Turn the gaps in `first` into e^(-lam gap); write e^(-kap gap) to `second`."""
    for i in range(first.size):
        gap = first[i]
        first[i] = exp(-lam * gap)
        second[i] = exp(-kap * gap)


@kept(**JIT)
def forward_progression(
    event_time, event_input, event_offset, read_time, read_offset, row, coef, rate, level, work
):
    """Write the level at the left limit of each read; three rates in arithmetic progression."""
    n_events, n_reads = event_time.size, read_time.size
    event_a, event_x = work[:n_events], work[n_events : 2 * n_events]
    rest = work[2 * n_events :]
    read_a, read_x = rest[:n_reads], rest[n_reads : 2 * n_reads]
    states = rest[2 * n_reads :].reshape((n_events, 3))
    for session in range(row.size):
        e0, e1 = event_offset[session], event_offset[session + 1]
        r0, r1 = read_offset[session], read_offset[session + 1]
        out, times = level[r0:r1], read_time[r0:r1]
        if e1 == e0:
            out[:] = 0.0
            continue
        at, u, z = event_time[e0:e1], event_input[e0:e1], states[e0:e1]
        ea, ex, ra, rx = event_a[e0:e1], event_x[e0:e1], read_a[r0:r1], read_x[r0:r1]
        k = row[session]
        lam, kap = rate[k, 0], rate[k, 1] - rate[k, 0]
        c0, c1, c2 = coef[k, 0], coef[k, 1], coef[k, 2]
        _gaps(at, times, ea, ra)
        _two_decays(ea, ex, lam, kap)
        _two_decays(ra, rx, lam, kap)
        z0 = z1 = z2 = 0.0
        read = 0
        for event in range(at.size):
            now = at[event]
            d0, d1, d2 = c0 * z0, c1 * z1, c2 * z2
            while read < times.size and times[read] <= now:
                x = rx[read]
                out[read] = ra[read] * (d0 + x * (d1 + x * d2))
                read += 1
            a, x = ea[event], ex[event]
            ax = a * x
            z0 = z0 * a + u[event]
            z1 = z1 * ax + u[event]
            z2 = z2 * (ax * x) + u[event]
            z[event, 0] = z0
            z[event, 1] = z1
            z[event, 2] = z2
        d0, d1, d2 = c0 * z0, c1 * z1, c2 * z2
        for last in range(read, times.size):
            x = rx[last]
            out[last] = ra[last] * (d0 + x * (d1 + x * d2))


@kept(**JIT)
def pullback_progression(
    event_time,
    event_input,
    event_offset,
    read_time,
    read_offset,
    row,
    coef,
    rate,
    work,
    gradient,
    d_input,
    d_coef,
    d_rate,
):
    """Write the gradients of sum(gradient * level); backwards through `forward_progression`."""
    n_events, n_reads = event_time.size, read_time.size
    event_a, event_x = work[:n_events], work[n_events : 2 * n_events]
    rest = work[2 * n_events :]
    read_a, read_x = rest[:n_reads], rest[n_reads : 2 * n_reads]
    states = rest[2 * n_reads :].reshape((n_events, 3))
    d_coef[:] = 0.0
    d_rate[:] = 0.0
    for session in range(row.size):
        e0, e1 = event_offset[session], event_offset[session + 1]
        r0, r1 = read_offset[session], read_offset[session + 1]
        if e1 == e0:
            continue
        at, du, z = event_time[e0:e1], d_input[e0:e1], states[e0:e1]
        ea, ex, ra, rx = event_a[e0:e1], event_x[e0:e1], read_a[r0:r1], read_x[r0:r1]
        times, g = read_time[r0:r1], gradient[r0:r1]
        k = row[session]
        c0, c1, c2 = coef[k, 0], coef[k, 1], coef[k, 2]
        dc0 = dc1 = dc2 = dl0 = dl1 = dl2 = 0.0
        b0 = b1 = b2 = 0.0  # gradients of the states just after the event
        read = times.size
        for event in range(at.size - 1, -1, -1):
            now = at[event]
            s0 = s1 = s2 = q0 = q1 = q2 = 0.0
            while read > 0 and times[read - 1] > now:
                read -= 1
                gap = times[read] - now
                w0 = g[read] * ra[read]
                w1 = w0 * rx[read]
                w2 = w1 * rx[read]
                s0 += w0
                s1 += w1
                s2 += w2
                q0 += w0 * gap
                q1 += w1 * gap
                q2 += w2 * gap
            z0, z1, z2 = z[event, 0], z[event, 1], z[event, 2]
            dc0 += z0 * s0
            dc1 += z1 * s1
            dc2 += z2 * s2
            dl0 -= c0 * z0 * q0
            dl1 -= c1 * z1 * q1
            dl2 -= c2 * z2 * q2
            b0 += c0 * s0
            b1 += c1 * s1
            b2 += c2 * s2
            du[event] = b0 + b1 + b2
            if event > 0:
                gap = now - at[event - 1]
                a, x = ea[event], ex[event]
                b0 *= a
                b1 *= a * x
                b2 *= a * x * x
                dl0 -= gap * z[event - 1, 0] * b0
                dl1 -= gap * z[event - 1, 1] * b1
                dl2 -= gap * z[event - 1, 2] * b2
        d_coef[k, 0] += dc0
        d_coef[k, 1] += dc1
        d_coef[k, 2] += dc2
        d_rate[k, 0] += dl0
        d_rate[k, 1] += dl1
        d_rate[k, 2] += dl2


@njit(inline="always", **JIT)
def _decay(out, gap, rate):
    """Write e^(-rate gap); `out` may be `gap` itself."""
    for i in range(out.size):
        out[i] = exp(-rate * gap[i])


@kept(**JIT)
def forward(
    event_time, event_input, event_offset, read_time, read_offset, row, coef, rate, level, work
):
    """Write the level at the left limit of each read; any number of rates.

    Term by term, so that every inner loop runs over contiguous memory. The gaps stand where the
    last term's decays will.
    """
    n_events, n_reads, n_terms = event_time.size, read_time.size, rate.shape[1]
    states, read_decays = work[n_terms * n_events :], work[2 * n_terms * n_events :]
    for session in range(row.size):
        e0, e1 = event_offset[session], event_offset[session + 1]
        r0, r1 = read_offset[session], read_offset[session + 1]
        out, times = level[r0:r1], read_time[r0:r1]
        out[:] = 0.0
        if e1 == e0:
            continue
        at, u = event_time[e0:e1], event_input[e0:e1]
        n = (n_terms - 1) * n_events
        event_gap = work[n + e0 : n + e1]
        n = (n_terms - 1) * n_reads
        read_gap = read_decays[n + r0 : n + r1]
        _gaps(at, times, event_gap, read_gap)
        for term in range(n_terms):
            n = term * n_events
            ed, z = work[n + e0 : n + e1], states[n + e0 : n + e1]
            n = term * n_reads
            rd = read_decays[n + r0 : n + r1]
            _decay(ed, event_gap, rate[row[session], term])
            _decay(rd, read_gap, rate[row[session], term])
            c = coef[row[session], term]
            state = 0.0
            read = 0
            for event in range(at.size):
                scaled = c * state
                while read < times.size and times[read] <= at[event]:
                    out[read] += scaled * rd[read]
                    read += 1
                state = state * ed[event] + u[event]
                z[event] = state
            for last in range(read, times.size):
                out[last] += c * state * rd[last]


@kept(**JIT)
def pullback(
    event_time,
    event_input,
    event_offset,
    read_time,
    read_offset,
    row,
    coef,
    rate,
    work,
    gradient,
    d_input,
    d_coef,
    d_rate,
):
    """Write the gradients of sum(gradient * level); backwards through `forward`."""
    n_events, n_reads, n_terms = event_time.size, read_time.size, rate.shape[1]
    states, read_decays = work[n_terms * n_events :], work[2 * n_terms * n_events :]
    d_input[:] = 0.0
    d_coef[:] = 0.0
    d_rate[:] = 0.0
    for session in range(row.size):
        e0, e1 = event_offset[session], event_offset[session + 1]
        r0, r1 = read_offset[session], read_offset[session + 1]
        at, du = event_time[e0:e1], d_input[e0:e1]
        times, g = read_time[r0:r1], gradient[r0:r1]
        for term in range(n_terms):
            n = term * n_events
            ed, z = work[n + e0 : n + e1], states[n + e0 : n + e1]
            n = term * n_reads
            rd = read_decays[n + r0 : n + r1]
            c = coef[row[session], term]
            back = dc = dl = 0.0
            read = times.size
            for event in range(at.size - 1, -1, -1):
                now = at[event]
                s = q = 0.0
                while read > 0 and times[read - 1] > now:
                    read -= 1
                    w = g[read] * rd[read]
                    s += w
                    q += w * (times[read] - now)
                dc += z[event] * s
                dl -= c * z[event] * q
                back += c * s
                du[event] += back
                if event > 0:
                    back *= ed[event]
                    dl -= (now - at[event - 1]) * z[event - 1] * back
            d_coef[row[session], term] += dc
            d_rate[row[session], term] += dl
