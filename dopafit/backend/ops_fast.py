"""Exponential, softplus and sigmoid as scalar Ops whose loops become SIMD code.

PyTensor's own call the C library once per element; in the likelihood of many rows that is most of
the time. Values agree to 1e-15.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_and_cache_key,
    register_funcify_default_op_cache_key,
)
from pytensor.link.numba.dispatch.scalar import scalar_op_cache_key
from pytensor.scalar import upgrade_to_float
from pytensor.scalar.basic import UnaryScalarOp
from pytensor.tensor.elemwise import Elemwise

from dopafit.backend.codegen import special as fast_loops
from dopafit.backend.ops_common import floats, source_version
from dopafit.trace import _loops

__all__ = [
    "FastExp",
    "FastSigmoid",
    "FastSoftplus",
    "LogNdtr",
    "LogNdtrSlope",
    "NormalOrBeyond",
    "SoftplusVector",
    "exp",
    "log_ndtr",
    "namespace",
    "normal_or_beyond",
    "sigmoid",
    "softplus",
]


class FastExp(UnaryScalarOp):
    """e^x; 0 below -708, infinity above 709."""

    def impl(self, x):
        """Return e^x."""
        return np.exp(x)

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient, from the output."""
        return [cotangents[0] * outputs[0]]


class FastSigmoid(UnaryScalarOp):
    """1 / (1 + e^-x)."""

    def impl(self, x):
        """Return the logistic function."""
        y = np.exp(-abs(x))
        return (1.0 if x >= 0 else y) / (1.0 + y)

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient, from the output."""
        return [cotangents[0] * outputs[0] * (1.0 - outputs[0])]


class FastSoftplus(UnaryScalarOp):
    """ln(1 + e^x)."""

    def impl(self, x):
        """Return the softplus."""
        return max(x, 0.0) + np.log1p(np.exp(-abs(x)))

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient."""
        return [cotangents[0] * _sigmoid(inputs[0])]


class LogNdtr(UnaryScalarOp):
    """ln Phi(x), the standard normal's log distribution function."""

    def impl(self, x):
        """Return ln Phi(x)."""
        return fast_loops.log_ndtr(float(x))

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient."""
        return [cotangents[0] * _log_ndtr_slope(inputs[0])]


class LogNdtrSlope(UnaryScalarOp):
    """Derivative of ln Phi(x): the inverse Mills ratio at -x."""

    def impl(self, x):
        """Return the derivative."""
        return fast_loops.log_ndtr_slope(float(x))

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient: -s (x + s) for the slope s."""
        return [-cotangents[0] * outputs[0] * (inputs[0] + outputs[0])]


class SoftplusVector(Op):
    """Softplus of a vector, with its slope as a second output for the pullback."""

    __props__ = ()

    def make_node(self, x):
        """Return the application to one vector."""
        x = floats(x, 1)
        return Apply(self, [x], [x.type(), x.type()])

    def perform(self, node, inputs, output_storage):
        """Run the loop."""
        value, slope = np.empty_like(inputs[0]), np.empty_like(inputs[0])
        fast_loops.softplus_pair(inputs[0], value, slope)
        output_storage[0][0], output_storage[1][0] = value, slope

    def infer_shape(self, node, shapes):
        """Return the input's shape twice."""
        return [shapes[0], shapes[0]]

    def connection_pattern(self, node):
        """Only the value is differentiated."""
        return [[True, False]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient, from the slope."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return [DisconnectedType()()]
        return [cotangents[0] * outputs[1]]


class NormalOrBeyond(Op):
    """A standard normal's log density or, where a flag is 1, its log mass above; with its slope.

    Only the branch that a row needs is computed: the mass costs ten times the density.
    """

    __props__ = ()

    def make_node(self, z, beyond):
        """Return the application to two vectors."""
        z, beyond = floats(z, 1), floats(beyond, 1)
        return Apply(self, [z, beyond], [z.type(), z.type()])

    def perform(self, node, inputs, output_storage):
        """Run the loop."""
        value, slope = np.empty_like(inputs[0]), np.empty_like(inputs[0])
        fast_loops.normal_or_beyond(*inputs, value, slope)
        output_storage[0][0], output_storage[1][0] = value, slope

    def infer_shape(self, node, shapes):
        """Return the first input's shape twice."""
        return [shapes[0], shapes[0]]

    def connection_pattern(self, node):
        """Only the value is differentiated, and only by z."""
        return [[True, False], [False, False]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient, from the slope."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return [DisconnectedType()(), DisconnectedType()()]
        return [cotangents[0] * outputs[1], DisconnectedType()()]


_exp = FastExp(upgrade_to_float, name="fast_exp")
_sigmoid = FastSigmoid(upgrade_to_float, name="fast_sigmoid")
_softplus = FastSoftplus(upgrade_to_float, name="fast_softplus")
exp = Elemwise(_exp, name="fast_exp")
sigmoid = Elemwise(_sigmoid, name="fast_sigmoid")
_scalar_softplus = Elemwise(_softplus, name="fast_softplus")
_log_ndtr = LogNdtr(upgrade_to_float, name="log_ndtr")
_log_ndtr_slope = LogNdtrSlope(upgrade_to_float, name="log_ndtr_slope")
log_ndtr = Elemwise(_log_ndtr, name="log_ndtr")


def softplus(x: Any) -> Any:
    """Return ln(1 + e^x); for a vector by the loop that finds the slope as well."""
    return SoftplusVector()(x)[0] if getattr(x, "ndim", 0) == 1 else _scalar_softplus(x)


_VERSION = source_version(fast_loops, _loops)


def _register(kind: type, function: Any) -> None:
    @register_funcify_and_cache_key(kind)
    def dispatch(op, node=None, **kwargs):
        @numba_njit(fastmath=False)
        def scalar(x):
            return function(x)

        return scalar, scalar_op_cache_key(op, cache_version=_VERSION)


_register(FastExp, fast_loops.exp)
_register(FastSigmoid, fast_loops.sigmoid)
_register(FastSoftplus, fast_loops.softplus)
_register(LogNdtr, fast_loops.log_ndtr)
_register(LogNdtrSlope, fast_loops.log_ndtr_slope)


@register_funcify_default_op_cache_key(SoftplusVector)
def _numba_softplus_vector(op, node=None, **kwargs):
    loop = fast_loops.softplus_pair

    @numba_njit(fastmath=False)
    def softplus_vector(x):
        value, slope = np.empty(x.size), np.empty(x.size)
        loop(x, value, slope)
        return value, slope

    return softplus_vector, _VERSION


@register_funcify_default_op_cache_key(NormalOrBeyond)
def _numba_normal_or_beyond(op, node=None, **kwargs):
    loop = fast_loops.normal_or_beyond

    @numba_njit(fastmath=False)
    def normal_or_beyond(z, beyond):
        value, slope = np.empty(z.size), np.empty(z.size)
        loop(z, beyond, value, slope)
        return value, slope

    return normal_or_beyond, _VERSION


def normal_or_beyond(z: Any, beyond: Any) -> Any:
    """Return a standard normal's log density at z, or its log mass above z where flagged."""
    return NormalOrBeyond()(z, beyond)[0]


class _Namespace:
    """pytensor.tensor with the functions replaced that cost most."""

    def __init__(self) -> None:
        self.exp, self.sigmoid, self.softplus = exp, sigmoid, softplus
        self.log_ndtr, self.normal_or_beyond = log_ndtr, normal_or_beyond

    def __getattr__(self, name: str) -> Any:
        import pytensor.tensor as pt

        return getattr(pt, name)


namespace = _Namespace()
"""Array namespace for tensors in the likelihood."""
