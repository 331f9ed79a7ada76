from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from dopafit.backend.ops import Level, columns, solve_y
from dopafit.trace import Opponent
from dopafit.trace.recurrence import Trains, level

MODES = pytest.mark.parametrize(
    "mode", ["NUMBA", Mode(linker="py", optimizer="fast_compile")], ids=["numba", "python"]
)


def data(seed=0, sizes=((12, 20), (0, 4), (1, 6), (8, 0), (15, 30))):
    """Sessions with ties between events and reads, two kernels."""
    rng = np.random.default_rng(seed)
    events = [np.sort(rng.integers(0, 60, n)) for n, _ in sizes]
    reads = [np.sort(rng.integers(0, 80, n)) for _, n in sizes]
    offset = [np.cumsum([0, *map(len, part)]) for part in (events, reads)]
    events, reads = (np.concatenate(part).astype(float) for part in (events, reads))
    inputs = rng.uniform(0.5, 2, events.size)
    return Trains(events, inputs, offset[0], reads, offset[1], np.array([0, 1, 1, 0, 1]))


def compiled(mode, progression=True):
    """Value and gradients of sum(weight * level), every array an input."""
    inputs = [
        *(pt.dvector("time"), pt.dvector("magnitude"), pt.lvector("event_offset")),
        *(pt.dvector("read"), pt.lvector("read_offset"), pt.lvector("row")),
        *(pt.dmatrix("coef"), pt.dmatrix("rate")),
    ]
    weight = pt.dvector("weight")
    levels, _ = Level(progression=progression)(*inputs)
    cost = pt.dot(weight, levels)
    gradients = pytensor.grad(cost, [inputs[i] for i in (1, 6, 7)])
    return pytensor.function([*inputs, weight], [cost, levels, *gradients], mode=mode)


def kernels(seed=0):
    rng = np.random.default_rng(seed)
    values = [np.exp(rng.normal(np.log(m), 0.3, 2)) for m in (0.3, 8.0, 0.1)]
    return [np.stack(part, 1) for part in Opponent().exponentials(np, *values)]


def central(function, x, step=1e-5):
    """Central differences with one Richardson extrapolation, element by element."""
    out = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        slopes = []
        for h in (step * max(1.0, abs(x[at])), 2 * step * max(1.0, abs(x[at]))):
            up, down = x.copy(), x.copy()
            up[at] += h
            down[at] -= h
            slopes.append((function(up) - function(down)) / (2 * h))
        out[at] = (4 * slopes[0] - slopes[1]) / 3
    return out


@MODES
@pytest.mark.parametrize("progression", [True, False])
def test_value_and_gradients(mode, progression):
    trains, (coef, rate) = data(), kernels()
    weight = np.random.default_rng(5).normal(size=trains.read_time.size)
    cost, levels, *gradients = compiled(mode, progression)(*trains, coef, rate, weight)
    np.testing.assert_allclose(levels, level(trains, coef, rate), rtol=1e-12, atol=1e-12)
    assert cost == pytest.approx(weight @ levels)
    # the general recurrence on either side: off the progression each rate is its own variable
    slopes = (
        lambda x: weight @ level(trains._replace(event_input=x), coef, rate),
        lambda x: weight @ level(trains, x, rate),
        lambda x: weight @ level(trains, coef, x),
    )
    for got, function, at in zip(gradients, slopes, (trains.event_input, coef, rate), strict=True):
        exact = central(function, at)
        np.testing.assert_allclose(got, exact, rtol=1e-6, atol=1e-7 * np.abs(exact).max())


@MODES
def test_columns(mode):
    x, y, weight = pt.dvector("x"), pt.dmatrix("y"), pt.dmatrix("weight")
    table = columns(x, y[:, 1], x)  # contiguous and strided memory
    gradients = pytensor.grad((table * weight).sum(), [x, y])
    function = pytensor.function([x, y, weight], [table, *gradients, *table.shape], mode=mode)
    at, other = np.array([0.1, 0.2]), np.array([[2.0, 3.0], [4.0, 5.0]])
    weights = np.arange(6.0).reshape(2, 3)
    found, by_x, by_y, *shape = function(at, other, weights)
    np.testing.assert_array_equal(found, np.stack([at, other[:, 1], at], 1))
    np.testing.assert_array_equal(by_x, weights[:, 0] + weights[:, 2])
    np.testing.assert_array_equal(by_y, np.stack([np.zeros(2), weights[:, 1]], 1))
    assert [int(n) for n in shape] == [2, 3]
    with pytest.raises(ValueError, match=r"length|shape"):
        function(np.zeros(3), other, np.zeros((3, 3)))


def test_gradient_of_the_opponent_parameters():
    trains = data(seed=3)
    weight = np.random.default_rng(6).normal(size=trains.read_time.size)
    logs = pt.tensor("logs", dtype="float64", shape=(6,))
    coef, rate = Opponent().exponentials(
        pt, solve_y, pt.exp(logs[:2]), pt.exp(logs[2:4]), pt.exp(logs[4:])
    )
    levels, _ = Level(progression=True)(*trains, columns(*coef), columns(*rate))
    cost = pt.dot(weight, levels)
    mode = Mode(linker="py", optimizer="fast_compile")
    function = pytensor.function([logs], [cost, pytensor.grad(cost, logs)], mode=mode)

    def plain(logs):
        coef, rate = Opponent().exponentials(np, *np.exp(logs).reshape(3, 2))
        return weight @ level(trains, np.stack(coef, 1), np.stack(rate, 1))

    at = np.log([0.3, 0.7, 12.0, 9.0, 0.15, 0.4])
    value, gradient = function(at)
    assert value == pytest.approx(plain(at), rel=1e-11)
    np.testing.assert_allclose(gradient, central(plain, at, 1e-4), rtol=1e-6, atol=1e-8)


def test_one_function_serves_any_data():
    function = compiled("NUMBA")
    for sizes in ((((3, 4),) * 5), (((0, 0),) * 5), ((9, 1), (2, 2), (0, 3), (4, 4), (1, 0))):
        trains, (coef, rate) = data(seed=1, sizes=sizes), kernels(2)
        found = function(*trains, coef, rate, np.ones(trains.read_time.size))
        np.testing.assert_allclose(found[1], level(trains, coef, rate), rtol=1e-12, atol=1e-12)
        assert [g.shape for g in found[2:]] == [trains.event_input.shape, (2, 3), (2, 3)]


def test_times_have_no_gradient():
    trains, (coef, rate) = data(), kernels()
    time = pt.dvector("time")
    levels, _ = Level()(time, *trains[1:], coef, rate)
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        pytensor.grad(levels.sum(), time)


def test_shapes_are_known_without_running():
    trains, (coef, rate) = data(), kernels()
    for progression in (True, False):
        shared = [pytensor.shared(a) for a in (*trains, coef, rate)]
        levels, work = Level(progression=progression)(*shared)
        shape = pytensor.function([], [levels.shape, work.shape], mode="FAST_COMPILE")
        names = {type(n.op).__name__ for n in shape.maker.fgraph.toposort()}
        assert "Level" not in names
        sizes = [int(s[0]) for s in shape()]
        values = pytensor.function([], [levels, work], mode="NUMBA")()
        assert sizes == [v.size for v in values]


def test_wrong_types_are_refused():
    trains, (coef, rate) = data(), kernels()
    with pytest.raises(TypeError, match="integers"):
        Level()(*trains[:5], np.zeros(5), coef, rate)
    with pytest.raises(TypeError, match="three rates"):
        Level(progression=True)(*trains, coef[:, :2], rate[:, :2])
    with pytest.raises(TypeError, match="2 dimensions"):
        Level()(*trains, coef[0], rate)
