from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from scipy.sparse import csr_array

from dopafit.backend.ops import linear_rows

MODES = pytest.mark.parametrize(
    "mode", ["NUMBA", Mode(linker="py", optimizer="fast_compile")], ids=["numba", "python"]
)


def matrix(n_rows=30, n_columns=7, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_rows, n_columns)) * (rng.uniform(size=(n_rows, n_columns)) < 0.3)
    dense[3] = 0  # an empty row
    return dense, csr_array(dense)


@MODES
def test_value_gradient_and_second_derivative(mode):
    dense, sparse = matrix()
    rng = np.random.default_rng(1)
    theta, weight = rng.normal(size=7), rng.normal(size=30)
    x = pt.dvector("x")
    arrays = [pytensor.shared(a.astype(np.int64)) for a in (sparse.indptr, sparse.indices)]
    y = linear_rows(*arrays, pytensor.shared(sparse.data), x)
    cost = (weight * y**3).sum()
    gradient = pytensor.grad(cost, x)
    curvature = pytensor.grad(pt.dot(gradient, theta), x)
    found = pytensor.function([x], [y, gradient, curvature], mode=mode)(theta)
    exact = dense @ theta
    np.testing.assert_allclose(found[0], exact, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found[1], dense.T @ (3 * weight * exact**2), rtol=1e-12)
    np.testing.assert_allclose(found[2], dense.T @ (6 * weight * exact * exact), rtol=1e-12)


def test_no_rows_and_repeated_columns():
    x = pt.dvector("x")
    indptr, indices, data = pt.lvector("indptr"), pt.lvector("indices"), pt.dvector("data")
    y = linear_rows(indptr, indices, data, x)
    function = pytensor.function(
        [indptr, indices, data, x], [y, pytensor.grad(y.sum(), x)], mode="NUMBA"
    )
    empty = np.array([], dtype=np.int64)
    value, gradient = function(np.array([0]), empty, np.array([]), np.ones(2))
    assert value.shape == (0,) and np.all(gradient == 0) and gradient.shape == (2,)
    value, gradient = function(
        np.array([0, 3]), np.array([1, 1, 0]), np.ones(3), np.array([2.0, 5])
    )
    assert value.tolist() == [12.0] and gradient.tolist() == [1.0, 2.0]


def test_only_theta_has_a_gradient():
    _, sparse = matrix()
    data = pt.dvector("data")
    arrays = [a.astype(np.int64) for a in (sparse.indptr, sparse.indices)]
    y = linear_rows(*arrays, data, np.ones(7))
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        pytensor.grad(y.sum(), data)
    with pytest.raises(TypeError, match="integers"):
        linear_rows(arrays[0].astype(float), arrays[1], data, np.ones(7))
