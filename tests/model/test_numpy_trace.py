"""The trace over numpy arrays is the double sum over events, at the left limit of every read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from dopafit.model.numpy_operations import numpy_operations
from dopafit.trace import Opponent, _loops
from dopafit.trace.dynamics import Exponentials
from tests.trace.trains import Trains, double_sum, parameters


def trains(blocks, row=None, seed=0):
    """Trains from [(event times, read times), ...] with random sizes."""
    events = [np.asarray(e, dtype=float) for e, _ in blocks]
    reads = [np.asarray(r, dtype=float) for _, r in blocks]
    times = np.concatenate([*events, []])
    sizes = np.random.default_rng(seed).uniform(-1, 2, times.size)
    offset = [np.cumsum([0, *map(len, part)]) for part in (events, reads)]
    row = np.zeros(len(blocks), dtype=int) if row is None else np.asarray(row)
    return Trains(times, sizes, offset[0], np.concatenate([*reads, []]), offset[1], row)


def kernels(n, seed=0):
    rng = np.random.default_rng(seed)
    values = [np.exp(rng.normal(np.log(m), 0.5, n)) for m in (0.3, 8.0, 0.1)]
    coefficients, rates = Opponent().exponentials(np, *values)
    return np.stack(coefficients, 1), np.stack(rates, 1)


def level(trains, coef, rate, *, progression=False):
    """The level at every read, by the namespace's own operations."""
    dynamics = Exponentials(coef.shape[1], progression)
    signals = numpy_operations(trains.arrays).trace(
        dynamics, trains.event_size, parameters(coef, rate), trains.arrays
    )
    return signals["level"]


def check(trains, coef, rate, *, progression=False):
    value, _ = double_sum(trains, coef, rate)
    size, _ = double_sum(trains._replace(event_size=abs(trains.event_size)), abs(coef), rate)
    found = level(trains, coef, rate, progression=progression)
    assert np.all(np.abs(found - value) <= 1e-12 * size)


@pytest.mark.parametrize("progression", [True, False])
def test_against_the_direct_sum(progression):
    rng = np.random.default_rng(1)
    blocks = [
        (np.sort(rng.uniform(0, 300, n)), np.sort(rng.uniform(0, 400, m)))
        for n, m in [(40, 60), (0, 10), (25, 0), (0, 0), (1, 30), (70, 1), (30, 200)]
    ]
    check(trains(blocks, row=[0, 1, 2, 3, 3, 1, 0]), *kernels(5), progression=progression)


@settings(deadline=None, max_examples=60)
@given(
    blocks=st.lists(
        st.tuples(
            st.lists(st.integers(0, 12), max_size=8), st.lists(st.integers(-2, 15), max_size=8)
        ),
        max_size=4,
    ),
)
def test_ties_and_empty_sessions(blocks):
    check(trains([(sorted(e), sorted(r)) for e, r in blocks]), *kernels(1))


def test_an_event_at_the_time_of_a_read_does_not_count():
    coef, rate = kernels(1)
    one = trains([([5.0], [4.0, 5.0, np.nextafter(5.0, 6.0), 6.0])])
    found = level(one, coef, rate)
    assert np.all(found[:2] == 0) and found[3] != 0
    later = trains([([5.0, 6.0], [4.0, 5.0, np.nextafter(5.0, 6.0), 6.0])])
    np.testing.assert_array_equal(level(later, coef, rate), found)


def test_long_gaps_neither_overflow_nor_underflow():
    coef, rate = kernels(1)
    far = [0.0, 1.0, 1e6, 1e6 + 1, 3e9, 3e9 + 2]
    one = trains([(far, [t + 0.5 for t in far])])
    found = level(one, coef, rate)
    assert np.isfinite(found).all()
    alone = trains([([0.0], [0.5])])._replace(event_size=one.event_size[2:3])
    after = level(alone, coef, rate)
    assert found[2] == pytest.approx(after[0], rel=1e-12)


def test_many_events():
    rng = np.random.default_rng(2)
    n = 5_000
    one = trains([(np.cumsum(rng.exponential(2.0, n)), [])])
    reads = np.sort(rng.uniform(0, one.event_time[-1], 50))
    one = one._replace(read_time=reads, read_offset=np.array([0, 50]))
    check(one, *kernels(1))


def test_one_two_and_five_terms():
    rng = np.random.default_rng(3)
    blocks = [(np.sort(rng.uniform(0, 50, 20)), np.sort(rng.uniform(0, 60, 30))) for _ in range(3)]
    for terms in (1, 2, 5):
        check(
            trains(blocks, row=[1, 0, 1]),
            rng.normal(size=(2, terms)),
            rng.uniform(0, 1, (2, terms)),
        )


def test_level_is_the_sum_of_single_responses():
    values = {"trough_ratio": 0.4, "recovery_half_life": 9.0, "onset_ratio": 0.2}
    coef, rate = Opponent().exponentials(np, **values)
    one = trains([([1.0, 4.0, 9.0], np.arange(0, 30, 0.7))])
    found = level(one, np.array([coef]), np.array([rate]))
    single = Opponent().response(one.read_time[:, None] - one.event_time, **values)
    np.testing.assert_allclose(found, single @ one.event_size, atol=1e-12)


def test_mean_level_of_a_steady_train_is_the_load():
    values = {"trough_ratio": 0.3, "recovery_half_life": 6.0, "onset_ratio": 0.3}
    coef, rate = Opponent().exponentials(np, **values)
    # one period of a regular train in its steady state, by the midpoint rule (periodic: exact)
    reads = 4000 + (np.arange(4000) + 0.5) / 1000
    one = trains([(np.arange(0, 4008, 4.0), reads)])
    one = one._replace(event_size=np.full(one.event_time.size, 1.5))
    mean = level(one, np.array([coef]), np.array([rate])).mean()
    area = Opponent().landmarks(**values)["area"]
    assert mean == pytest.approx(0.25 * 1.5 * area, rel=1e-5)


def test_exponential_of_the_loops():
    scalar = njit(lambda x: _loops.exp(x))
    x = np.concatenate([np.linspace(-708, 709, 4001), np.linspace(-1, 1, 2001)])
    np.testing.assert_allclose([scalar(v) for v in x], np.exp(x), rtol=5e-16)
    assert scalar(0.0) == 1 and scalar(-708.1) == 0 and scalar(-1e300) == 0
    assert scalar(710.0) == np.inf and np.isnan(scalar(np.nan))
