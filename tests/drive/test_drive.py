"""The rivals: normalised at the extremes of one unit event, and nested in the encompassing one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.errors import SpecError
from dopafit.drive import RECTIFIER, Drive, rectify
from dopafit.model.rivals import RIVALS
from dopafit.trace.opponent import Opponent

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))

ratios = st.floats(0.01, 5.0)
levels = st.lists(st.floats(-20, 20), min_size=1, max_size=20).map(np.array)


def motivation(name: str, level, ratio: float) -> tuple[np.ndarray, ...]:
    return Drive.named(name)().motivation(
        np, {"level": np.asarray(level, float)}, {"trough_ratio": np.float64(ratio)}
    )


@given(ratios, st.floats(0.5, 500.0), st.floats(0.01, 3.0))
@settings(max_examples=40, deadline=None)
def test_each_motivation_is_one_at_its_extreme_of_one_unit_event(ratio, half_life, onset) -> None:
    shape = {"trough_ratio": ratio, "recovery_half_life": half_life, "onset_ratio": onset}
    kernel = Opponent()
    marks = kernel.landmarks(**shape)
    top = kernel.response(marks["time_to_peak"], **shape)
    bottom = kernel.response(marks["time_to_trough"], **shape)
    assert motivation("peak", top, ratio)[0] == pytest.approx(1, rel=1e-8)
    assert motivation("level", top, ratio)[0] == pytest.approx(1, rel=1e-8)
    assert motivation("level", bottom, ratio)[0] == pytest.approx(-ratio, rel=1e-8)
    assert motivation("trough", bottom, ratio)[0] == pytest.approx(1, rel=1e-7)
    up, down = motivation("encompassing", np.array([top, bottom]), ratio)
    assert up[0] == pytest.approx(1, rel=1e-8)
    assert down[1] == pytest.approx(1, rel=1e-7)
    # and nowhere in the response is it larger
    t = np.linspace(0, 12 * half_life, 4000)
    for name in ("peak", "trough"):
        assert motivation(name, kernel.response(t, **shape), ratio)[0].max() <= 1 + 1e-7


@given(levels, ratios)
@settings(max_examples=50, deadline=None)
def test_every_motivation_is_zero_at_baseline(level, ratio) -> None:
    for name in ("trough", "peak", "level", "encompassing"):
        for moved in motivation(name, 0.0, ratio):
            assert moved == pytest.approx(0, abs=1e-14)


@given(levels, ratios)
@settings(max_examples=50, deadline=None)
def test_the_encompassing_drive_contains_trough_and_peak_exactly(level, ratio) -> None:
    up, down = motivation("encompassing", level, ratio)
    assert np.array_equal(up, motivation("peak", level, ratio)[0])
    assert np.array_equal(down, motivation("trough", level, ratio)[0])


@given(levels, ratios, st.floats(-3, 3))
@settings(max_examples=50, deadline=None)
def test_the_encompassing_drive_contains_level_and_null_exactly(level, ratio, b) -> None:
    # sp(x) - sp(-x) = x, so level is the ray b_+ : b_- = sp(1) : -sp(rho)
    up, down = motivation("encompassing", level, ratio)
    plus, minus = b * rectify(np, 1.0), -b * rectify(np, np.float64(ratio))
    assert plus * up + minus * down == pytest.approx(b * motivation("level", level, ratio)[0])
    assert not np.any(0 * up + 0 * down)


def test_with_a_sharp_rectifier_the_ray_of_level_is_minus_rho() -> None:
    assert rectify(np, 0.4, 1e-9) / rectify(np, 1.0, 1e-9) == pytest.approx(0.4, rel=1e-8)


@given(st.floats(-30, 30), st.floats(1e-3, 2.0))
@settings(max_examples=60, deadline=None)
def test_the_rectifier_is_smooth_zero_at_zero_and_hard_in_the_limit(x, k) -> None:
    value = rectify(np, x, k)
    assert max(x, 0) - k * np.log(2) - 1e-12 <= value <= max(x, 0) + 1e-12
    # odd part is the half identity: sp(x) - sp(-x) = x
    assert value - rectify(np, -x, k) == pytest.approx(x, abs=1e-11)
    assert rectify(np, 0.0, k) == 0
    assert rectify(np, x, 1e-9) == pytest.approx(max(x, 0), abs=1e-8)


def test_the_rectifier_does_not_overflow_and_becomes_linear_when_soft() -> None:
    assert rectify(np, 1e6) == pytest.approx(1e6)
    assert rectify(np, -1e6) == pytest.approx(-RECTIFIER * np.log(2))
    x = np.linspace(-2, 2, 9)  # k to infinity: half the identity, aliased with a linear deficit
    assert rectify(np, x, 1e6) == pytest.approx(x / 2, abs=1e-4)
    assert RECTIFIER == 0.1


def test_trough_grows_below_and_peak_above() -> None:
    level = np.linspace(-2, 2, 41)
    assert (np.diff(motivation("trough", level, 0.3)[0]) < 0).all()
    assert (np.diff(motivation("peak", level, 0.3)[0]) > 0).all()


def test_null_moves_nothing() -> None:
    null = Drive.named("no_drive")()
    assert null.motivation(np, {"level": np.ones(3)}, {}) == ()
    assert not null.gains
    assert null.implied_gains({}, {"trough_ratio": np.array([0.3, 0.4])})["gain_peak"].tolist() == [
        0,
        0,
    ]


def test_implied_gains_put_every_drive_into_one_plane() -> None:
    rho, b = np.array([0.2, 0.5]), np.array([1.0, 2.0])
    plane = {
        name: Drive.named(name)().implied_gains(gains, {"trough_ratio": rho})
        for name, gains in {
            "no_drive": {},
            "peak": {"gain_peak": b},
            "trough": {"gain_trough": b},
            "level": {"gain_peak": b},
            "encompassing": {"gain_peak": b, "gain_trough": -b},
        }.items()
    }
    assert plane["peak"]["gain_peak"] is b and plane["peak"]["gain_trough"].tolist() == [0, 0]
    assert plane["trough"]["gain_trough"] is b and plane["trough"]["gain_peak"].tolist() == [0, 0]
    assert plane["level"]["gain_trough"].tolist() == [-0.2, -1.0]
    assert plane["encompassing"] == {"gain_peak": b, "gain_trough": pytest.approx(-b)}
    assert all(set(p) == {"gain_peak", "gain_trough"} for p in plane.values())


def test_implied_gains_are_the_effects_on_a_predictor() -> None:
    ratio, b = 0.4, 1.3
    for name in ("trough", "peak", "level"):
        drive = Drive.named(name)()
        moved = motivation(name, np.array([1.0, -ratio]), ratio)[0] * b
        implied = drive.implied_gains({next(iter(drive.gains)): b}, {"trough_ratio": ratio})
        at = {"trough": [1], "peak": [0], "level": [0, 1]}[name]
        for i in at:
            assert moved[i] == pytest.approx(list(implied.values())[i], rel=1e-12)


def test_the_rivals_are_members_and_say_what_they_claim() -> None:
    assert set(DRIVES) <= set(Drive.members())
    for member in Drive.members().values():
        assert member.words and member.latex
        assert all(name.startswith("gain_") and meaning for name, meaning in member.gains.items())
    assert not Drive.named("encompassing").directed
    assert all(Drive.named(d).directed for d in DRIVES if d != "encompassing")


def test_unknown_drive() -> None:
    with pytest.raises(SpecError, match="drive 'dip' is not known"):
        Drive.named("dip")
