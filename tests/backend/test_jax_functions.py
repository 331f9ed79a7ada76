"""JAX's forms of the likelihood's functions against independent ones, values and slopes."""

from __future__ import annotations

import itertools
from functools import partial

import jax
import mpmath
import numpy as np
import pytest
from scipy import special

from dopafit.backend.bridges import jax_density
from dopafit.backend.bridges.jax_functions import namespace
from dopafit.backend.codegen import special as fast_loops
from dopafit.trace import newton
from dopafit.trace.dynamics import Exponentials
from tests.trace.trains import Trains, double_sum


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def both(function, *inputs: np.ndarray) -> list[np.ndarray]:
    """Value and derivative of an elementwise function by each of its inputs."""
    slopes = jax.jit(jax.grad(lambda *x: function(*x).sum(), argnums=tuple(range(len(inputs)))))
    return [np.asarray(a) for a in (jax.jit(function)(*inputs), *slopes(*inputs))]


WIDE = np.concatenate([np.linspace(-60, 60, 4001), [-1e4, -700.0, 700.0, 0.0, 1e-9, -1e-9]])


def test_sigmoid_and_softplus() -> None:
    value, slope = both(namespace.softplus, WIDE)
    np.testing.assert_allclose(value, np.logaddexp(0, WIDE), rtol=1e-14, atol=1e-307)
    np.testing.assert_allclose(slope, special.expit(WIDE), rtol=1e-13)
    value, slope = both(namespace.sigmoid, WIDE)
    np.testing.assert_allclose(value, special.expit(WIDE), rtol=1e-13)
    expected = special.expit(WIDE) * special.expit(-WIDE)
    np.testing.assert_allclose(slope, expected, rtol=1e-13)


def test_erfcx() -> None:
    x = np.concatenate([np.linspace(-5, 30, 5001), [1e2, 1e5, 1e150, 10.0]])
    value, slope = both(namespace.erfcx, x)
    np.testing.assert_allclose(value, special.erfcx(x), rtol=1e-14)
    expected = 2 * x * special.erfcx(x) - 2 / np.sqrt(np.pi)
    near = x <= 30
    np.testing.assert_allclose(slope[near], expected[near], rtol=1e-10)
    assert np.isfinite(slope).all()


def test_log_ndtr() -> None:
    x = np.concatenate([np.linspace(-45, 8, 4001), [-36.0, 0.0, -1e3, -1e6]])
    value, slope = both(namespace.log_ndtr, x)
    np.testing.assert_allclose(value, [fast_loops.log_ndtr(v) for v in x], rtol=1e-13)
    expected = [fast_loops.log_ndtr_slope(v) for v in x]
    moderate = np.abs(x) < 100
    np.testing.assert_allclose(slope[moderate], np.array(expected)[moderate], rtol=1e-11)
    for v in (-40.0, -36.0, -20.0, -1.0, 5.0):
        with mpmath.workdps(40):
            exact = float(mpmath.log(mpmath.erfc(-mpmath.mpf(v) / mpmath.sqrt(2)) / 2))
        assert float(namespace.log_ndtr(v)) == pytest.approx(exact, rel=1e-12)


def test_the_branch_that_is_not_taken_leaves_no_trace() -> None:
    z = np.array([-1e200, 0.3, 1e200, 0.3])
    value, slope, _ = both(namespace.normal_or_beyond, z, np.array([1.0, 1.0, 0.0, 0.0]))
    assert value[0] == 0 and np.isfinite(value[[1, 3]]).all()
    assert slope[0] == 0 and slope[2] == -1e200 and slope[3] == pytest.approx(-0.3)


solve = partial(newton.solve, namespace)


def test_the_crossing_over_the_whole_domain() -> None:
    log_ratio, onset = (
        a.ravel() for a in np.meshgrid(np.linspace(-200, 60, 41), np.geomspace(1e-6, 1e4, 41))
    )
    y, by_ratio, by_onset = both(solve, log_ratio, onset)
    np.testing.assert_allclose(y, newton.solve(np, log_ratio, onset), rtol=1e-12, atol=1e-12)
    inner = np.abs(y) < newton.LARGEST_Y
    assert inner.sum() > 1000
    h = 1e-5
    for slope, rise in (
        (by_ratio, newton.solve(np, log_ratio + h, onset) - newton.solve(np, log_ratio - h, onset)),
        (
            by_onset * onset,
            newton.solve(np, log_ratio, onset * np.exp(h))
            - newton.solve(np, log_ratio, onset * np.exp(-h)),
        ),
    ):
        np.testing.assert_allclose(slope[inner], rise[inner] / (2 * h), rtol=1e-4, atol=1e-5)
    log_ratio[3] = np.nan
    y = np.asarray(solve(log_ratio, onset))
    assert np.isnan(y[3]) and np.isnan(y).sum() == 1
    assert solve(-1.0, np.array([0.1, 0.2])).shape == (2,)


def inclusive(trains: Trains) -> np.ndarray:
    """The last event of each read by the wrong rule: one at the very time counts."""
    found = np.zeros(trains.read_time.size, dtype=np.int32)
    for s, (first, end) in enumerate(itertools.pairwise(trains.event_offset)):
        reads = slice(trains.read_offset[s], trains.read_offset[s + 1])
        seen = np.searchsorted(trains.event_time[first:end], trains.read_time[reads], "right")
        found[reads] = np.where(seen > 0, first + seen, 0)
    return found


@pytest.mark.parametrize("terms", [1, 3, 4])
def test_the_level_and_its_pullback(terms) -> None:
    """Any kernels, sessions without events or without reads, ties, many events at one time."""
    rng = np.random.default_rng(terms)
    events, reads = np.array([0, 5, 0, 40, 3]), np.array([4, 9, 6, 90, 0])
    event_time = np.concatenate([np.sort(rng.integers(0, 30, n)) for n in events]).astype(float)
    read_time = np.concatenate([np.sort(rng.integers(0, 40, n)) for n in reads]).astype(float)
    offsets = [np.concatenate([[0], np.cumsum(n)]) for n in (events, reads)]
    row = np.array([0, 2, 1, 0, 2])
    size, coef, rate = rng.uniform(0.5, 2, 48), *rng.uniform(0.01, 2, (2, 3, terms))
    trains = Trains(event_time, size, offsets[0], read_time, offsets[1], row)
    expected, slopes_of = double_sum(trains, coef, rate)
    weight = rng.standard_normal(read_time.size)
    arrays = jax_density.prepared(
        {
            "event_time": event_time,
            "event_offset": offsets[0],
            "read_time": read_time,
            "read_offset": offsets[1],
            "kernel_row": row,
        }
    )

    def level_of(arrays):
        operations = jax_density.jax_operations(arrays)
        dynamics = Exponentials(terms)

        def level(size, coefficients, rates):
            own = {f"coefficient_{k}": coefficients[:, k] for k in range(terms)}
            own |= {f"rate_{k}": rates[:, k] for k in range(terms)}
            return operations.trace(dynamics, size, own, arrays)["level"]

        return jax.jit(level)

    by_jax = level_of(arrays)
    np.testing.assert_allclose(by_jax(size, coef, rate), expected, rtol=1e-13, atol=1e-15)
    late = level_of(arrays | {"steps.read_last": inclusive(trains)})(size, coef, rate)
    # control: a read that saw an event at its own time would read another level
    assert np.abs(late - expected).max() > 0.1
    found = jax.grad(lambda *x: weight @ by_jax(*x), argnums=(0, 1, 2))(size, coef, rate)
    for ours, theirs in zip(found, slopes_of(weight), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    assert (expected == 0).sum() >= 10  # before any event, and where there is none


def test_a_table_s_rows() -> None:
    from scipy import sparse

    rng = np.random.default_rng(1)
    rest = sparse.random_array((7, 9), density=0.3, rng=rng, format="csr")
    dense, columns, theta = rng.standard_normal((7, 2)), np.array([1, 8]), rng.standard_normal(9)
    parts = {
        "p.indptr": rest.indptr.astype(np.int64),
        "p.indices": rest.indices,
        "p.data": rest.data,
    }
    ready = jax_density.prepared(parts)
    rows = jax_density.jax_operations(ready).linear_rows

    @jax.jit
    def product(theta):
        return rows(dense, columns, *ready.values(), theta)

    np.testing.assert_allclose(product(theta), dense @ theta[columns] + rest @ theta, rtol=1e-13)
    weight = rng.standard_normal(7)
    expected = rest.T @ weight
    np.add.at(expected, columns, dense.T @ weight)
    np.testing.assert_allclose(
        jax.grad(lambda t: weight @ product(t))(theta), expected, rtol=1e-12, atol=1e-15
    )
