"""Every kernel: a maximum of 1, landmarks where they are said to be, limits, bounds, no NaN."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from dopafit.core.errors import SpecError
from dopafit.model.numpy_operations import numpy_operations
from dopafit.trace import Kernel, Opponent
from dopafit.trace.dynamics import Dynamics

KERNELS = sorted(Kernel.members())
SCANNED = [name for name in KERNELS if isinstance(Kernel.named(name).dynamics, Dynamics)]
TIMES = {"time_to_peak": 1.0, "time_to_crossing": 0.0, "time_to_trough": None}


def shapes(kernel: Kernel, n: int, seed: int = 0, wide: float = 1.5) -> dict[str, np.ndarray]:
    """Draws around the priors, `wide` times as wide; what is fixed at 0 is let go for half."""
    rng, found = np.random.default_rng(seed), {}
    for name, parameter in kernel.parameters.items():
        if name == "peak":
            continue
        z = wide * rng.standard_normal(n)
        if parameter.prior is None:
            found[name] = np.where(rng.random(n) < 0.5, parameter.fixed, 1 / (1 + np.exp(-z)))
        elif parameter.link == "identity":
            found[name] = parameter.prior.location + parameter.prior.scale * z
        elif parameter.link == "log":
            found[name] = parameter.prior.location * np.exp(parameter.prior.scale * z)
        else:
            start = np.log(parameter.prior.location / (1 - parameter.prior.location))
            found[name] = 1 / (1 + np.exp(-start - parameter.prior.scale * z))
    return found


def one(shape: dict[str, np.ndarray], i: int) -> dict[str, float]:
    return {name: float(value[i]) for name, value in shape.items()}


def response(name: str, t, **shape) -> np.ndarray:
    return Kernel.named(name)().response(t, **shape)


def falling(h, t) -> float:
    return -float(h(t))


@pytest.mark.parametrize("name", SCANNED)
def test_landmarks_stand_where_an_optimiser_finds_them(name) -> None:
    kernel = Kernel.named(name)()
    shape = shapes(kernel, 12)
    for i in range(12):
        own = one(shape, i)
        marks = kernel.landmarks(**own)
        assert set(marks) <= set(kernel.landmark_words)
        slow = 40 * max(v for k, v in own.items() if k.endswith("half_life"))
        h = functools.partial(response, name, **own)
        grid = np.geomspace(1e-9 * slow, slow, 4000)
        values = kernel.response(grid, **own)
        top, bottom = int(np.argmax(values)), int(np.argmin(values))
        assert values[top] <= 1 + 1e-9 and values[top] == pytest.approx(1, abs=2e-4)
        if "time_to_peak" in marks:
            assert h(marks["time_to_peak"]) == pytest.approx(1, abs=1e-8)
            best = minimize_scalar(functools.partial(falling, h), bounds=grid[[top - 1, top + 1]])
            assert marks["time_to_peak"] == pytest.approx(best.x, rel=1e-3)
        if "time_to_trough" in marks:
            best = minimize_scalar(h, bounds=grid[[bottom - 1, bottom + 1]])
            assert marks["time_to_trough"] == pytest.approx(best.x, rel=1e-3)
            assert h(marks["time_to_trough"]) == pytest.approx(-own["trough_ratio"], rel=1e-7)
            assert best.fun == pytest.approx(-own["trough_ratio"], rel=1e-7)
            assert abs(h(marks["time_to_crossing"])) < 1e-7 * min(1, own["trough_ratio"])
            assert np.sum(np.diff(np.sign(values[1:])) != 0) == 1
        else:
            assert (values >= 0).all() and "time_to_crossing" not in marks
        if "area" not in marks:
            continue
        ends = [0, *np.geomspace(1e-4 * slow, slow, 9)]
        parts = [quad(h, *ends[k : k + 2], epsrel=1e-10)[0] for k in range(9)]
        assert marks["area"] == pytest.approx(sum(parts), abs=1e-6 * np.abs(parts).sum())


@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_lost_anywhere_in_wide_priors(name) -> None:
    kernel = Kernel.named(name)()
    shape = shapes(kernel, 4000, seed=1, wide=4.0)
    with np.errstate(all="raise", under="ignore"):
        numbers = kernel.unit_event(np, **shape)
        marks = kernel.landmarks(**shape)
        prepared = kernel.prepare(np, **shape)
        time = np.geomspace(1e-6, 1e7, 40)[:, None]
        values = kernel.response(time, **shape)
    assert set(numbers) == kernel.scales
    for value in (*numbers.values(), *marks.values(), *prepared.values(), values):
        assert np.isfinite(value).all()
    assert values.max() <= 1 + 1e-6
    assert (kernel.shortest_time(**shape) > 0).all()
    assert kernel.response(np.array([-1.0, 0.0]), **one(shape, 0)).tolist() == [0, 0]
    if "time_to_trough" in marks:
        assert values.min() >= -shape["trough_ratio"].max() * (1 + 1e-6)
        assert (marks["time_to_trough"] > marks["time_to_crossing"]).all()


@pytest.mark.parametrize("name", KERNELS)
def test_the_first_slope_is_the_responses(name) -> None:
    kernel = Kernel.named(name)()
    if "initial_slope" not in kernel.scales:
        return
    shape = shapes(kernel, 20, seed=2, wide=0.5)
    first, step = kernel.unit_event(np, **shape)["initial_slope"], kernel.shortest_time(**shape)
    ends = [kernel.response(step * f, **shape) for f in (1e-7, 2e-6)]
    slope = (ends[1] - ends[0]) / (step * 1.9e-6)
    np.testing.assert_allclose(slope, first, rtol=1e-4, atol=1e-6 * np.abs(1 / step).max())


@pytest.mark.parametrize("name", KERNELS)
def test_values_outside_their_range_are_refused_by_name(name) -> None:
    kernel = Kernel.named(name)()
    for parameter, spec in kernel.parameters.items():
        outside = {"identity": [], "log": [-1.0, 0.0], "logit": [-1.0, 1.5]}
        for wrong in (np.nan, "much", *outside[spec.link]):
            with pytest.raises(SpecError, match=parameter):
                kernel.response(1.0, **{parameter: wrong})
    with pytest.raises(SpecError, match="has no half_live"):
        kernel.landmarks(half_live=3.0)


# ------------------------------------------------------------------ limits
T = np.geomspace(0.01, 300, 200)


def test_without_a_trough_the_opponent_is_a_rise_and_a_decay() -> None:
    nu, half_life = 0.3, 20.0
    left = response("opponent", T, trough_ratio=1e-9, recovery_half_life=half_life, onset_ratio=nu)
    lam = 1 + 1 / nu  # the rate of the fall over that of the recovery that never comes
    right = response(
        "monophasic", T, decay_half_life=half_life / lam, rise_ratio=(nu + 1) / (nu + 2)
    )
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_without_a_trough_the_jump_is_a_decay() -> None:
    left = response("jump", T, trough_ratio=1e-9, recovery_half_life=20.0, fall_ratio=0.2)
    np.testing.assert_allclose(left, response("monophasic", T, decay_half_life=4.0), atol=1e-7)


def test_without_a_rise_the_decay_is_plain() -> None:
    plain = np.exp(-np.log(2) * T / 7.0)
    assert response("monophasic", T, decay_half_life=7.0) == pytest.approx(plain, rel=1e-14)
    steep = response("monophasic", T, decay_half_life=7.0, rise_ratio=1e-7)
    np.testing.assert_allclose(steep, plain, atol=1e-5)


def test_two_equal_scales_are_one() -> None:
    both = response("two_scales", T, decay_half_life=7.0, fast_ratio=1.0, slow_weight=0.3)
    np.testing.assert_allclose(both, response("monophasic", T, decay_half_life=7.0), rtol=1e-12)
    slow = response("two_scales", T, decay_half_life=7.0, fast_ratio=0.2, slow_weight=1.0)
    np.testing.assert_allclose(slow, response("monophasic", T, decay_half_life=7.0), rtol=1e-12)


def test_the_jump_at_half_the_rate_is_a_quadratic() -> None:
    # v = 1/2: rho = q^2 / (4 (1 - q))
    rho = np.array([0.01, 0.1, 0.5, 2.0])
    q = 2 * rho * (np.sqrt(1 + 1 / rho) - 1)
    (c, _), _ = Kernel.named("jump")().exponentials(np, rho, 20.0, 0.5)
    np.testing.assert_allclose(c, 1 / (1 - q), rtol=1e-12)


def most(name: str, gain: float) -> float:
    """The deepest trough of random responses with an opponent gain of at most so much."""
    kernel = Kernel.named(name)()
    shape = shapes(kernel, 40_000, seed=3, wide=3.0)
    gains = kernel.landmarks(**shape)["opponent_gain"]
    return float(shape["trough_ratio"][gains <= gain].max())


@pytest.mark.parametrize(
    ("name", "bound"), [(n, 0.3446) for n in KERNELS if n.startswith("opponent")]
    + [("jump", np.exp(-2))],
)  # fmt: skip
def test_bounds_without_net_debt(name, bound) -> None:
    assert 0.5 * bound < most(name, 1.0) <= bound
    assert most(name, 3.0) > bound  # control: an opponent that compensates too much


def test_the_bound_of_the_jump_is_approached() -> None:
    shape = {"trough_ratio": np.array([0.13, 0.14]), "fall_ratio": np.array([0.97, 0.97])}
    gain = Kernel.named("jump")().landmarks(**shape)["opponent_gain"]
    assert gain[0] < 1 < gain[1]


def test_the_default_is_still_the_opponent() -> None:
    assert Kernel.named("opponent") is Opponent


@pytest.mark.parametrize("ratio", [0.01, 0.3, 2.0, 20.0])
@pytest.mark.parametrize("nu", [0.02, 0.1, 1.0, 8.0])
def test_with_rates_in_progression_three_free_ones_are_the_opponent(ratio, nu) -> None:
    shape = {"trough_ratio": ratio, "recovery_half_life": 20.0}
    free = shape | {"fall_ratio": nu / (nu + 1), "rise_ratio": (nu + 1) / (nu + 2)}
    bound = shape | {"onset_ratio": nu}
    np.testing.assert_allclose(
        response("opponent3", T, **free), response("opponent", T, **bound), atol=1e-9
    )
    one, other = (
        Kernel.named(name)().landmarks(**values)
        for name, values in (("opponent3", free), ("opponent", bound))
    )
    for name, value in other.items():
        assert one[name] == pytest.approx(value, rel=1e-7)


def test_three_free_rates_hold_the_jump_and_the_decay() -> None:
    shape = {"trough_ratio": 0.3, "recovery_half_life": 20.0, "fall_ratio": 0.2}
    sharp = response("opponent3", T, **shape, rise_ratio=1e-5)
    np.testing.assert_allclose(sharp[T > 1], response("jump", T, **shape)[T > 1], atol=1e-3)
    shallow = response("opponent3", T, **shape | {"trough_ratio": 1e-4}, rise_ratio=0.3)
    decay = response("monophasic", T, decay_half_life=4.0, rise_ratio=0.3)
    np.testing.assert_allclose(shallow, decay, atol=1e-3)


# ------------------------------------------------------------------ the pool
def level_of(name: str, events, sizes, reads, **shape) -> np.ndarray:
    """The level by the house's recursion over one session."""
    kernel = Kernel.named(name)()
    arrays = {
        "event_time": np.asarray(events, float),
        "event_offset": np.array([0, len(events)]),
        "read_time": np.asarray(reads, float),
        "read_offset": np.array([0, len(reads)]),
        "kernel_row": np.array([0]),
    }
    parameters = kernel.prepare(np, **{k: np.array([v]) for k, v in shape.items()})
    size = np.asarray(sizes, float)
    return numpy_operations(arrays).trace(kernel.dynamics, size, parameters, arrays)["level"]


def test_the_pool_is_the_recursion_written_out() -> None:
    rng = np.random.default_rng(7)
    events, reads = np.sort(rng.uniform(0, 100, 30)), np.sort(rng.uniform(0, 130, 50))
    sizes = rng.uniform(0.2, 2, 30)
    shape = {"decay_half_life": 6.0, "release_share": 0.4, "refill_half_life": 15.0}
    left, effect = 1.0, np.empty(30)
    for j in range(30):
        if j:
            gap = events[j] - events[j - 1]
            left = 1 - (1 - left * (1 - 0.4)) * 0.5 ** (gap / 15.0)
        effect[j] = sizes[j] * left
    expected = [
        sum(e * 0.5 ** ((t - at) / 6.0) for e, at in zip(effect, events, strict=True) if at < t)
        for t in reads
    ]
    np.testing.assert_allclose(level_of("pool", events, sizes, reads, **shape), expected)
    # control: the same events without a memory of the pool
    plain = level_of("monophasic", events, sizes, reads, decay_half_life=6.0, rise_ratio=0.0)
    assert not np.allclose(plain, expected, rtol=0.1)
    endless = shape | {"release_share": 0.0}
    np.testing.assert_allclose(level_of("pool", events, sizes, reads, **endless), plain)


def test_the_pool_at_a_steady_rate_settles_where_release_is_refill() -> None:
    # R = 1 - (1 - (1 - U) R) d at every event: R = (1 - d) / (1 - (1 - U) d)
    events = np.arange(0, 4000, 10.0)
    d, share = 0.5 ** (10 / 20.0), 0.3
    shape = {"decay_half_life": 1e-3, "release_share": share, "refill_half_life": 20.0}
    just_after = level_of("pool", events, np.ones(400), [events[-1] + 1e-9], **shape)
    assert just_after == pytest.approx((1 - d) / (1 - (1 - share) * d), rel=1e-5)
