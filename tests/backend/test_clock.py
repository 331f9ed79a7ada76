"""A landmark's time as a coordinate: the same density, in coordinates without the curved ridge."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.geometry.reparametrisation import (
    Reparametrisation,
    best_landmark,
    deviation,
)
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.model.layout.layout import build_layout
from dopafit.trace.opponent import Opponent
from tests.backend.claims import flat

SHAPES = {"trough_ratio": 0.25, "recovery_half_life": 20.0, "onset_ratio": 0.1}


def shape_at(coordinates, point: np.ndarray) -> dict[str, float]:
    theta = coordinates.theta(point[: coordinates.normals], np.exp(point[coordinates.normals :]))
    return {name: float(np.exp(theta[coordinates.place(name)])) for name in SHAPES}


@pytest.mark.parametrize("name", Opponent.clocks)
def test_the_coordinate_is_the_log_of_the_landmark(tiny_model, tiny_world, name) -> None:
    layout = build_layout(tiny_model("trough"), tiny_world)
    c, rng = layout.coordinates, np.random.default_rng(1)
    clock, density = Reparametrisation(c, clock=name), compile_layout(layout)
    wound, by_code = clock.wrap(density), density.changed(clock)
    own = c.unit[c.place("recovery_half_life")] - 1
    scale, centre = c.scale[c.place("recovery_half_life")], c.loc[c.place("recovery_half_life")]
    for _ in range(3):
        x, h = c.prior_draws(rng, ())
        point = flat(0.5 * x, 0.5 * h)
        q = clock.from_model(point)
        np.testing.assert_allclose(clock.to_model(q), point, rtol=0, atol=1e-12)
        assert np.array_equal(np.delete(q, own), np.delete(point, own))
        time = Opponent().landmarks(peak=1.0, **shape_at(c, point))[name]
        assert centre + scale * q[own] == pytest.approx(np.log(time), abs=1e-12)
        value, gradient = wound(q)
        assert value == density(clock.to_model(q))[0]  # volume 1
        assert value == pytest.approx(by_code(q)[0], rel=1e-13)
        np.testing.assert_allclose(by_code(q)[1], gradient, rtol=1e-9, atol=1e-9)
        step = 1e-5 * rng.standard_normal(q.size)
        change = wound(q + step)[0] - wound(q - step)[0]
        assert change == pytest.approx(2 * gradient @ step, rel=1e-4, abs=1e-7)
    for far in (-400.0, 400.0):
        for one in (wound, by_code):
            assert not one(far * np.ones(q.size))[0] > -1e6


@pytest.mark.parametrize("fixed", [(), ("onset_ratio",), ("trough_ratio", "onset_ratio")])
def test_what_is_fixed_stays_fixed(tiny_model, tiny_world, fixed) -> None:
    model = tiny_model("peak", fixed={name: SHAPES[name] for name in fixed})
    layout = build_layout(model, tiny_world)
    c = layout.coordinates
    density = compile_layout(layout)
    wound = density.changed(Reparametrisation(c, clock="time_to_trough"))
    q = 0.1 * np.random.default_rng(2).standard_normal(density.size)
    gradient = wound(q)[1]
    for i in range(q.size):
        step = np.zeros(q.size)
        step[i] = 1e-5
        change = wound(q + step)[0] - wound(q - step)[0]
        assert change == pytest.approx(2e-5 * gradient[i], rel=1e-4, abs=1e-7)


def test_the_clock_known_best_is_taken(tiny_model, tiny_world) -> None:
    """A covariance is made in which one time is known to 1 %, and the half-life to 50 %."""
    c = build_layout(tiny_model("trough"), tiny_world).coordinates
    point = flat(np.zeros(c.normals), np.ones(c.halves))
    every = np.arange(point.size)
    own = c.unit[c.place("recovery_half_life")] - 1
    for name in Opponent.clocks:
        clock = Reparametrisation(c, clock=name)
        # in wound coordinates everything is independent and the landmark sharp
        wide = np.full(point.size, 0.5**2)
        wide[own] = (0.01 / c.scale[c.place("recovery_half_life")]) ** 2
        q, turn = clock.from_model(point), []
        for i in range(point.size):
            step = np.zeros(point.size)
            step[i] = 1e-5
            turn.append((clock.to_model(q + step) - clock.to_model(q - step)) / 2e-5)
        turn = np.array(turn).T
        covariance = turn @ np.diag(wide) @ turn.T
        assert deviation(c, name, point, every, covariance) == pytest.approx(0.01, rel=1e-6)
        assert best_landmark(c, point, every, covariance) == name
    sharp = np.diag(np.where(np.arange(point.size) == own, 1e-6, 0.25))
    assert best_landmark(c, point, every, sharp) == ""
    null = build_layout(tiny_model("no_drive"), tiny_world).coordinates
    assert best_landmark(null, np.zeros(99), np.arange(99), np.eye(99)) == ""
    held = build_layout(tiny_model("trough", fixed={"recovery_half_life": 20.0}), tiny_world)
    assert best_landmark(held.coordinates, np.zeros(99), np.arange(99), np.eye(99)) == ""
