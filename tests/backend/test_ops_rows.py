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


def parts(full: tuple[int, ...] = ()) -> tuple[np.ndarray, list[np.ndarray]]:
    """A matrix, and its parts with the columns `full` kept dense."""
    whole, _ = matrix()
    rest = whole.copy()
    rest[:, full] = 0
    rest = csr_array(rest)
    index = [np.array(full, dtype=np.int64)]
    index += [a.astype(np.int64) for a in (rest.indptr, rest.indices)]
    return whole, [np.ascontiguousarray(whole[:, full]), *index, rest.data]


@MODES
@pytest.mark.parametrize("full", [(), (2, 5), tuple(range(7))], ids=["csr", "both", "dense"])
def test_value_gradient_and_second_derivative(mode, full):
    dense, arrays = parts(full)
    rng = np.random.default_rng(1)
    theta, weight = rng.normal(size=7), rng.normal(size=30)
    x = pt.dvector("x")
    y = linear_rows(*(pytensor.shared(a) for a in arrays), x)
    cost = (weight * y**3).sum()
    gradient = pytensor.grad(cost, x)
    curvature = pytensor.grad(pt.dot(gradient, theta), x)
    found = pytensor.function([x], [y, gradient, curvature], mode=mode)(theta)
    exact = dense @ theta
    np.testing.assert_allclose(found[0], exact, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found[1], dense.T @ (3 * weight * exact**2), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found[2], dense.T @ (6 * weight * exact * exact), rtol=1e-12)


def test_no_rows_and_repeated_columns():
    x = pt.dvector("x")
    inputs = [pt.dmatrix(), *(pt.lvector() for _ in range(3)), pt.dvector(), x]
    y = linear_rows(*inputs)
    function = pytensor.function(inputs, [y, pytensor.grad(y.sum(), x)], mode="NUMBA")
    empty = np.array([], dtype=np.int64)
    none, zero = np.empty((0, 0)), np.array([0])
    value, gradient = function(none, empty, zero, empty, np.array([]), np.ones(2))
    assert value.shape == (0,) and np.all(gradient == 0) and gradient.shape == (2,)
    sparse = (np.array([0, 3]), np.array([1, 1, 0]), np.ones(3))
    value, gradient = function(np.array([[3.0]]), np.array([1]), *sparse, np.array([2.0, 5]))
    assert value.tolist() == [27.0] and gradient.tolist() == [1.0, 5.0]


def test_only_theta_has_a_gradient():
    _, arrays = parts((1,))
    dense, data = pt.dmatrix("dense"), pt.dvector("data")
    y = linear_rows(dense, *arrays[1:4], data, np.ones(7))
    for fixed in (dense, data):
        with pytest.raises(pytensor.gradient.DisconnectedInputError):
            pytensor.grad(y.sum(), fixed)
    with pytest.raises(TypeError, match="integers"):
        linear_rows(*arrays[:2], arrays[2].astype(float), *arrays[3:], np.ones(7))
