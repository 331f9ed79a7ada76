"""The free kernel: its bumps, its size, its area, and its level against a double loop."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout import reads
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import numpy_operations
from dopafit.model.stepping import Event, _Session
from dopafit.trace.gaps import trace_pairs
from dopafit.trace.kernel import Kernel
from tests.backend.claims import study

KERNEL = Kernel.named("free")()
LAG = 120.0
KNOTS = LAG / 200 * 200 ** (np.arange(9) / 8)  # [s]; the last one is the end
LOG_LATE = np.linspace(np.log(KNOTS[0]) - 2, np.log(LAG), 900, endpoint=False)


def drawn(seed: int, n: int) -> dict[str, np.ndarray]:
    """Weights from their priors."""
    rng = np.random.default_rng(seed)
    return {f"weight_{k}": rng.standard_normal(n) for k in range(1, 9)}


def bumps(t: np.ndarray) -> np.ndarray:
    """The basis (time, knot), written out bump by bump."""
    place = (np.log(t) - np.log(KNOTS[0])) / np.diff(np.log(KNOTS))[0]
    away = np.abs(np.maximum(place, 0.0)[:, None] - np.arange(8))
    return np.where(away < 1, 1 - 3 * away**2 + 2 * away**3, 0.0)


def values(weights: np.ndarray) -> np.ndarray:
    """Values at the knots: a decay and the autoregression as a matrix, over their 16-norm."""
    lag = np.arange(8)[:, None] - np.arange(8)
    share = np.where(np.arange(8) > 0, np.sqrt(1 - 0.7**2), 1.0)
    mixed = 0.7 ** np.maximum(lag, 0) * (lag >= 0) * share
    raw = 1 - np.arange(8) / 8 + mixed @ weights
    return raw / np.linalg.norm(raw, 16)


def test_the_response_is_the_sum_of_its_bumps() -> None:
    shape, t = drawn(0, 20), np.exp(LOG_LATE)
    found = KERNEL.response(t[:, None], longest_lag=LAG, **shape)
    for i in range(20):
        own = values(np.array([v[i] for v in shape.values()]))
        np.testing.assert_allclose(found[:, i], bumps(t) @ own, atol=1e-13)
    np.testing.assert_array_equal(KERNEL.response([-1.0, 0.0, LAG, 2 * LAG], longest_lag=LAG), 0.0)


def test_the_bumps_are_nearly_raised_cosines_that_sum_to_one() -> None:
    t = np.geomspace(1e-3, KNOTS[7], 800)
    np.testing.assert_allclose(bumps(t).sum(axis=1), 1.0, atol=1e-14)
    place = np.linspace(0, 7, 500)
    cosines = np.cos(0.5 * np.pi * np.clip(np.abs(place[:, None] - np.arange(8)), 0, 1)) ** 2
    assert np.abs(bumps(KNOTS[0] * 200 ** (place / 8)) - cosines).max() < 0.011


def test_a_shape_of_the_span_is_recovered_and_others_nearly() -> None:
    t = np.exp(LOG_LATE)
    shape = drawn(4, 1)
    h = KERNEL.response(t, longest_lag=LAG, **shape)
    got, *_ = np.linalg.lstsq(bumps(t), h, rcond=None)
    assert got == pytest.approx(values(np.concatenate(list(shape.values()))), abs=1e-10)
    late = t[t >= KNOTS[0]]
    opponent = Kernel.named("opponent")().response(late, recovery_half_life=8.0)
    # half as many bumps are not enough: a control
    for basis, low, high in ((bumps(late), 0.0, 0.035), (bumps(late)[:, ::2], 0.1, 1.0)):
        got, *_ = np.linalg.lstsq(basis, opponent, rcond=None)
        error = np.sqrt(np.mean((basis @ got - opponent) ** 2))
        assert low <= error < high


def test_the_largest_deviation_is_one_within_what_is_said() -> None:
    h = KERNEL.response(np.append(1e-9, KNOTS[:8])[:, None], longest_lag=LAG, **drawn(1, 4000))
    between = KERNEL.response(np.exp(LOG_LATE)[:, None], longest_lag=LAG, **drawn(1, 4000))
    top = np.abs(h).max(axis=0)
    assert (np.abs(between).max(axis=0) <= top + 1e-12).all()  # extrema are at knots
    assert 8 ** (-1 / 16) <= top.min() and top.max() <= 1 + 1e-12
    assert np.median(top) > 0.99 and np.quantile(top, 0.05) > 0.95
    assert np.abs(values(np.zeros(8))).max() == pytest.approx(
        0.9925, abs=1e-4
    )  # the centre of the prior
    # the weights' common size drops out once it is large, and nothing breaks where all is 0
    big = {k: 1e6 * v for k, v in drawn(2, 1).items()}
    twice = {k: 2 * v for k, v in big.items()}
    left, right = (KERNEL.response(9.0, longest_lag=LAG, **s) for s in (big, twice))
    assert left == pytest.approx(right, abs=1e-5)


def test_the_area_is_the_integral() -> None:
    shape = {k: float(v[0]) for k, v in drawn(3, 1).items()} | {"longest_lag": LAG}
    ends = [0.0, *KNOTS]
    parts = [
        quad(lambda t: float(KERNEL.response(t, **shape)), a, b)[0]
        for a, b in itertools.pairwise(ends)
    ]
    assert KERNEL.landmarks(**shape)["area"] == pytest.approx(sum(parts), rel=1e-10)
    assert set(KERNEL.landmarks()) == set(KERNEL.landmark_words) == {"area"}


def trains(seed: int) -> dict[str, np.ndarray]:
    """Whole seconds, so that reads meet events and the edge of the horizon; empty sessions."""
    rng = np.random.default_rng(seed)
    events, reads = np.array([0, 30, 5, 0]), np.array([4, 40, 0, 3])
    times = [np.concatenate([np.sort(rng.integers(0, 250, n)) for n in c]) for c in (events, reads)]
    times[1][4:6] = times[0][0], times[0][0] + LAG
    times[1][4:44].sort()
    return {
        "event_time": times[0].astype(float),
        "event_offset": np.append(0, np.cumsum(events)),
        "read_time": times[1].astype(float),
        "read_offset": np.append(0, np.cumsum(reads)),
        "kernel_row": np.array([0, 1, 0, 1]),
        "pair_horizon": np.array([LAG]),
    }


def test_the_level_is_the_double_loop() -> None:
    a, shape = trains(0), drawn(5, 2)
    size = np.random.default_rng(1).uniform(-1, 2, a["event_time"].size)
    expected, pairs = np.zeros(a["read_time"].size), []
    for session, row in enumerate(a["kernel_row"]):
        own = {name: float(v[row]) for name, v in shape.items()} | {"longest_lag": LAG}
        for read in range(*a["read_offset"][session : session + 2]):
            for event in range(*a["event_offset"][session : session + 2]):
                gap = a["read_time"][read] - a["event_time"][event]
                expected[read] += size[event] * float(KERNEL.response(gap, **own))
                pairs += [(read, event)] if 0 < gap < LAG else []
    found = trace_pairs(a)
    assert list(zip(found.read.tolist(), found.event.tolist(), strict=True)) == pairs
    parameters = KERNEL.prepare(np, **shape, longest_lag=np.full(2, LAG))
    level = numpy_operations(a).trace(KERNEL.dynamics, size, parameters, a)["level"]
    np.testing.assert_allclose(level, expected, atol=1e-12)
    assert np.ptp(expected) > 0.5


def test_act_by_act_the_level_is_the_same() -> None:
    rng = np.random.default_rng(2)
    at, sizes = np.sort(rng.integers(0, 300, 20)).astype(float), rng.uniform(0.5, 2, 20)
    offers = np.sort(rng.integers(0, 500, 30)).astype(float)
    model = Model("level", [Choice()], kernel="free", effects={}, typical_spacing=12.0)
    shape = {name: float(v[0]) for name, v in drawn(6, 1).items()}
    session = _Session.of(model, shape | {"choice_rest": 0.0, "choice_gain_peak": 1.0})
    things = [*((t, 1, m) for t, m in zip(at, sizes, strict=True)), *((t, 0, 0) for t in offers)]
    seen = []
    for time, kind, size in sorted(things):
        if kind:
            session.kick(Event(time, size))
        else:
            seen.append(session.trace.signals(time)["level"][0])
    expected = [sizes @ KERNEL.response(t - at, longest_lag=LAG, **shape) for t in offers]
    np.testing.assert_allclose(seen, expected, atol=1e-12)


def claim(**options) -> Model:
    return Model("level", [Choice()], kernel="free", effects={}, typical_spacing=20.0, **options)


def test_the_horizon_is_ten_typical_spacings_and_fixed(monkeypatch) -> None:
    assert claim().parameters["longest_lag"].fixed == 200.0
    assert build_layout(claim(fixed={"longest_lag": 50}), study()).arrays["pair_horizon"] == [50]
    with pytest.raises(SpecError, match=r"longest_lag(.|\n)*allowed(.|\n)*to do"):
        build_layout(claim(priors={"longest_lag": Prior.lognormal(30.0, 1.0)}), study())
    monkeypatch.setattr(reads, "MOST_PAIRS", 5)
    with pytest.raises(SpecError, match=r"pairs of a read(.|\n)*allowed(.|\n)*longest_lag"):
        build_layout(claim(), study())


def test_a_drive_that_needs_a_trough_or_a_slope_is_refused() -> None:
    for drive in ("trough", "slope"):
        with pytest.raises(SpecError, match="free"):
            Model(drive, [Choice()], kernel="free")
