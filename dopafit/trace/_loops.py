"""Arithmetic of the generated loops; imported on first use, for numba is slow to load."""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["JIT", "divide", "exp", "plus", "wide"]


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
        return builder.fadd(*args, flags=("reassoc", "contract"))

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def wide(typingctx):
    """Let the function that calls this use the widest vectors the processor has.

    For some processors LLVM stops at half of it, for the sake of code that needs them now and then;
    a long loop of arithmetic takes half the time with all. Without such vectors nothing changes.
    """

    def codegen(context, builder, signature, args):
        # llvmlite knows attributes without a value only, and so refuses this one by its own `add`
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), codegen


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
