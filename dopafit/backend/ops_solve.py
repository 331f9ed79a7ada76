"""The opponent kernel's crossing as an elementwise Op with a closed-form derivative."""

from __future__ import annotations

import numpy as np
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_and_cache_key
from pytensor.link.numba.dispatch.scalar import scalar_op_cache_key
from pytensor.scalar import log, sigmoid, upgrade_to_float
from pytensor.scalar.basic import BinaryScalarOp
from pytensor.tensor.elemwise import Elemwise

from dopafit.backend.ops_common import source_version
from dopafit.trace import _solve, newton

__all__ = ["SolveY", "solve_y"]


class SolveY(BinaryScalarOp):
    """y = logit(x_c) from (log trough ratio, onset ratio); see `dopafit.trace.newton`.

    The implicit derivatives are 1/S and ln(x_p / x_m)/S: no Newton step is differentiated, and
    the compiled graph holds one call in place of sixty steps.
    """

    nfunc_spec = None

    def impl(self, log_ratio, onset_ratio):
        """Return y for two numbers."""
        return np.float64(newton.solve(log_ratio, onset_ratio))

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradients of both inputs."""
        (y,), (cotangent,) = outputs, cotangents
        slope, by_onset = newton.slopes(log, newton.roots(sigmoid(y), sigmoid(-y), inputs[1]))
        return [cotangent / slope, cotangent * by_onset / slope]


solve_y = Elemwise(SolveY(upgrade_to_float, name="solve_y"), name="solve_y")

_VERSION = source_version(newton, _solve)


@register_funcify_and_cache_key(SolveY)
def _numba_solve_y(op, node=None, **kwargs):
    solve_scalar = _solve.solve_scalar

    @numba_njit(fastmath=False)
    def solve_y(log_ratio, onset_ratio):
        return solve_scalar(log_ratio, onset_ratio)

    return solve_y, scalar_op_cache_key(op, cache_version=_VERSION)
