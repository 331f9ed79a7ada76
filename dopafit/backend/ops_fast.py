"""Exponential, softplus and sigmoid as scalar Ops whose loops become SIMD code.

PyTensor's own call the C library once per element; in the likelihood of many rows that is most of
the time. Values agree to 1e-15.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.link.numba.dispatch.scalar import scalar_op_cache_key
from pytensor.scalar import upgrade_to_float
from pytensor.scalar.basic import UnaryScalarOp
from pytensor.tensor.elemwise import Elemwise

from dopafit.backend import fast_loops
from dopafit.backend.ops_common import source_version
from dopafit.trace import _loops

__all__ = ["FastExp", "FastSigmoid", "FastSoftplus", "exp", "namespace", "sigmoid", "softplus"]


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


_exp = FastExp(upgrade_to_float, name="fast_exp")
_sigmoid = FastSigmoid(upgrade_to_float, name="fast_sigmoid")
_softplus = FastSoftplus(upgrade_to_float, name="fast_softplus")
exp = Elemwise(_exp, name="fast_exp")
sigmoid = Elemwise(_sigmoid, name="fast_sigmoid")
softplus = Elemwise(_softplus, name="fast_softplus")

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


class _Namespace:
    """pytensor.tensor with the three functions replaced."""

    def __init__(self) -> None:
        self.exp, self.sigmoid, self.softplus = exp, sigmoid, softplus

    def __getattr__(self, name: str) -> Any:
        import pytensor.tensor as pt

        return getattr(pt, name)


namespace = _Namespace()
"""Array namespace for tensors in the likelihood."""
