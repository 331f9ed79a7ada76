"""A design matrix, its dense columns apart from its sparse ones, times a parameter vector."""

from __future__ import annotations

from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor import TensorType, as_tensor_variable, lscalar

from dopafit.backend import ops_loops
from dopafit.backend.ops_common import floats, integers, only, source_version

__all__ = ["LinearRows", "LinearRowsTransposed", "linear_rows"]

PARTS = 5
"""Number of arrays that make up the matrix."""


class LinearRows(Op):
    """y (N,) = dense (N, k) @ theta[columns] + CSR matrix @ theta (n,); differentiable in theta.

    Inputs: dense (N, k) float64 and columns (k,) int64; indptr (N + 1,) and indices (nnz,) int64,
    data (nnz,) and theta (n,) float64.
    """

    __props__ = ()

    def make_node(self, dense, columns, indptr, indices, data, theta):
        """Return the application to the matrix's parts and a vector."""
        inputs = [*_matrix(dense, columns, indptr, indices, data), floats(theta, 1)]
        n = inputs[0].type.shape[0]
        return Apply(self, inputs, [TensorType("float64", shape=(n,))()])

    def perform(self, node, inputs, output_storage):
        """Compute the product."""
        output_storage[0][0] = ops_loops.linear_rows(*inputs)

    def infer_shape(self, node, shapes):
        """Return the number of rows."""
        return [(shapes[0][0],)]

    def connection_pattern(self, node):
        """Return which inputs can have a gradient."""
        return [*([[False]] * PARTS), [True]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient of theta."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(PARTS + 1)
        *matrix, theta = inputs
        transposed = LinearRowsTransposed()(*matrix, cotangents[0], theta.shape[0])
        return only(PARTS + 1, {PARTS: transposed})


class LinearRowsTransposed(Op):
    """x (n,) = the transposed matrix of `LinearRows` @ gradient (N,)."""

    __props__ = ()

    def make_node(self, dense, columns, indptr, indices, data, gradient, size):
        """Return the application to the matrix's parts, a vector and the length of theta."""
        inputs = [*_matrix(dense, columns, indptr, indices, data), floats(gradient, 1)]
        size = as_tensor_variable(size)
        if size.type.ndim != 0 or size.type.dtype != lscalar.dtype:
            raise TypeError(f"expected an int64 scalar, got {size.type}")
        return Apply(self, [*inputs, size], [TensorType("float64", shape=(None,))()])

    def perform(self, node, inputs, output_storage):
        """Compute the product."""
        *arrays, size = inputs
        output_storage[0][0] = ops_loops.linear_rows_transposed(*arrays, int(size))

    def infer_shape(self, node, shapes):
        """Return the length of theta."""
        return [(node.inputs[-1],)]

    def connection_pattern(self, node):
        """Return which inputs can have a gradient."""
        return [*([[False]] * PARTS), [True], [False]]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradient of the vector."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(PARTS + 2)
        return only(PARTS + 2, {PARTS: LinearRows()(*inputs[:PARTS], cotangents[0])})


def _matrix(dense, columns, indptr, indices, data):
    """Return the parts of the matrix as tensors of the types the loops take."""
    parts = [integers(columns), integers(indptr), integers(indices), floats(data, 1)]
    return [floats(dense, 2), *parts]


linear_rows = LinearRows()

_VERSION = source_version(ops_loops)


@register_funcify_default_op_cache_key(LinearRows)
def _numba_linear_rows(op, node=None, **kwargs):
    loop = ops_loops.linear_rows

    @numba_njit(fastmath=False)
    def linear_rows(dense, columns, indptr, indices, data, theta):
        return loop(dense, columns, indptr, indices, data, theta)

    return linear_rows, _VERSION


@register_funcify_default_op_cache_key(LinearRowsTransposed)
def _numba_linear_rows_transposed(op, node=None, **kwargs):
    loop = ops_loops.linear_rows_transposed

    @numba_njit(fastmath=False)
    def linear_rows_transposed(dense, columns, indptr, indices, data, gradient, size):
        return loop(dense, columns, indptr, indices, data, gradient, size.item())

    return linear_rows_transposed, _VERSION
