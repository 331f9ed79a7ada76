"""A sparse design matrix times a parameter vector."""

from __future__ import annotations

from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor import TensorType, as_tensor_variable, lscalar

from dopafit.backend import ops_loops
from dopafit.backend.ops_common import floats, integers, only, source_version

__all__ = ["LinearRows", "LinearRowsTransposed", "linear_rows"]


class LinearRows(Op):
    """y (N,) = CSR matrix @ theta (n,); differentiable in theta only.

    Inputs: indptr (N + 1,) and indices (nnz,) int64, data (nnz,) and theta (n,) float64.
    """

    __props__ = ()

    def make_node(self, indptr, indices, data, theta):
        """Return the application to CSR arrays and a vector."""
        inputs = [integers(indptr), integers(indices), floats(data, 1), floats(theta, 1)]
        (n,) = inputs[0].type.shape
        output = TensorType("float64", shape=(None if n is None else n - 1,))()
        return Apply(self, inputs, [output])

    def perform(self, node, inputs, output_storage):
        """Compute the product."""
        output_storage[0][0] = ops_loops.linear_rows(*inputs)

    def infer_shape(self, node, shapes):
        """Return the number of rows."""
        return [(shapes[0][0] - 1,)]

    def connection_pattern(self, node):
        """Return which inputs can have a gradient."""
        return [[False], [False], [False], [True]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient of theta."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(4)
        indptr, indices, data, theta = inputs
        transposed = LinearRowsTransposed()(indptr, indices, data, cotangents[0], theta.shape[0])
        return only(4, {3: transposed})


class LinearRowsTransposed(Op):
    """x (n,) = transposed CSR matrix @ gradient (N,); differentiable in the gradient only."""

    __props__ = ()

    def make_node(self, indptr, indices, data, gradient, size):
        """Return the application to CSR arrays, a vector and the number of columns."""
        inputs = [integers(indptr), integers(indices), floats(data, 1), floats(gradient, 1)]
        size = as_tensor_variable(size)
        if size.type.ndim != 0 or size.type.dtype != lscalar.dtype:
            raise TypeError(f"expected an int64 scalar, got {size.type}")
        return Apply(self, [*inputs, size], [TensorType("float64", shape=(None,))()])

    def perform(self, node, inputs, output_storage):
        """Compute the product."""
        *arrays, size = inputs
        output_storage[0][0] = ops_loops.linear_rows_transposed(*arrays, int(size))

    def infer_shape(self, node, shapes):
        """Return the number of columns."""
        return [(node.inputs[4],)]

    def connection_pattern(self, node):
        """Return which inputs can have a gradient."""
        return [[False], [False], [False], [True], [False]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient of the vector."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(5)
        return only(5, {3: LinearRows()(*inputs[:3], cotangents[0])})


linear_rows = LinearRows()

_VERSION = source_version(ops_loops)


@register_funcify_default_op_cache_key(LinearRows)
def _numba_linear_rows(op, node=None, **kwargs):
    loop = ops_loops.linear_rows

    @numba_njit(fastmath=False)
    def linear_rows(indptr, indices, data, theta):
        return loop(indptr, indices, data, theta)

    return linear_rows, _VERSION


@register_funcify_default_op_cache_key(LinearRowsTransposed)
def _numba_linear_rows_transposed(op, node=None, **kwargs):
    loop = ops_loops.linear_rows_transposed

    @numba_njit(fastmath=False)
    def linear_rows_transposed(indptr, indices, data, gradient, size):
        return loop(indptr, indices, data, gradient, size.item())

    return linear_rows_transposed, _VERSION
