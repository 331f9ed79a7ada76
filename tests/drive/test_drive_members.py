"""The further rivals: scales, limits, equivalences, and no NaN at any level."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.core.errors import SpecError
from dopafit.drive import Drive, rectify
from dopafit.model.claim import Model
from dopafit.trace.kernel import Kernel

S = np.linspace(-3, 3, 601)
RHO = 0.4
UNIT = {"trough_ratio": np.float64(RHO), "initial_slope": np.float64(-0.2)}


def moved(name: str, level=S, unit=UNIT, slope=None, **own) -> np.ndarray:
    drive = Drive.named(name)()
    given = {k: p.prior.location for k, p in drive.parameters.items() if k not in own}
    signals = {"level": np.asarray(level, float), "slope": slope}
    return drive.motivation(np, signals, unit, **given, **own)[0]


def test_each_is_one_where_its_gain_is_measured() -> None:
    for name in ("contrast", "deviation"):
        assert moved(name, 1.0) == pytest.approx(1)
    assert moved("suppression", 1.0) == -1
    assert moved("slope", slope=np.array([0.2, -0.2])) == pytest.approx([1, -1])
    for set_point in (-3.0, -0.5, 0.0, 0.7, 40.0):
        top, bottom = moved("threshold", [1.0, -RHO], set_point=set_point)
        assert bottom - top == pytest.approx(1)
        top, rest = moved("threshold", [1.0, 0.0], unit={}, set_point=set_point)
        assert rest - top == pytest.approx(1)


@pytest.mark.parametrize("name", ["contrast", "deviation", "suppression", "threshold"])
def test_nothing_moves_at_baseline(name) -> None:
    assert moved(name, 0.0) == pytest.approx(0, abs=1e-15)


def test_a_set_point_at_baseline_is_the_trough_drive_up_to_its_scale() -> None:
    trough = Drive.named("trough")().motivation(np, {"level": S}, UNIT)[0]
    scale = rectify(np, RHO) / (rectify(np, RHO) - rectify(np, -1.0))
    np.testing.assert_allclose(moved("threshold", set_point=0.0), scale * trough, atol=1e-14)
    assert not np.allclose(moved("threshold", set_point=0.3), scale * trough, atol=1e-2)


def test_a_set_point_far_above_is_a_linear_deficit() -> None:
    linear = moved("suppression") / (1 + RHO)
    np.testing.assert_allclose(moved("threshold", set_point=30.0), linear, atol=1e-10)


def test_above_baseline_pursuit_returns_before_the_level_is_back() -> None:
    # how much of the way from the top to rest is done when the level is halfway down
    def done(set_point):
        top, half, rest = moved("threshold", [1.0, 0.5, 0.0], set_point=set_point)
        return (half - top) / (rest - top)

    assert done(0.8) > 0.35 and done(0.1) < 0.05


def test_small_contrast_is_the_level() -> None:
    np.testing.assert_allclose(moved("contrast", contrast_weight=1e-8), S, atol=1e-7)
    exact = np.log1p(0.3 * S) / np.log1p(0.3)
    np.testing.assert_allclose(moved("contrast", contrast_weight=0.3), exact, rtol=1e-12)
    # a rise counts less from a higher level
    rise = np.diff(moved("contrast", [0.0, 1.0, 2.0], contrast_weight=0.8))
    assert rise[1] < 0.75 * rise[0]


@pytest.mark.parametrize("weight", [0.0, 1e-300, 1.0, 5.0, 1e6])
def test_contrast_is_finite_smooth_and_rising_for_every_level(weight) -> None:
    level = np.linspace(-1e3, 1e3, 20_001)
    with np.errstate(all="raise"):
        value = moved("contrast", level, contrast_weight=weight)
    assert np.isfinite(value).all() and (np.diff(value) > 0).all()
    corner = -0.95 / max(weight, 1e-9)  # where the tangent takes over
    around = moved("contrast", corner * (1 + np.array([-1e-5, 0, 1e-5])), contrast_weight=weight)
    assert np.diff(around)[0] == pytest.approx(np.diff(around)[1], rel=1e-3)


@pytest.mark.parametrize("set_point", [-60.0, -4.0, 60.0])
def test_a_threshold_far_away_loses_no_number(set_point) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert np.isfinite(moved("threshold", set_point=set_point)).all()


def test_equivalences_of_the_linear_drives() -> None:
    level = Drive.named("level")().motivation(np, {"level": S}, UNIT)[0]
    assert moved("suppression").tolist() == (-level).tolist()
    # in the plane of gains: deviation above, suppression opposite to the level's ray
    plane = Drive.named("suppression")().implied_gains({"gain_loss": 2.0}, UNIT)
    ray = Drive.named("level")().implied_gains({"gain_peak": -2.0}, UNIT)
    assert plane == pytest.approx(ray)
    both = Drive.named("deviation")().implied_gains({"gain_peak": 1.5}, UNIT)
    at = moved("deviation", [1.0, -RHO]) * 1.5
    assert list(both.values()) == pytest.approx(at.tolist())


@pytest.mark.parametrize("name", ["slope", "contrast", "threshold"])
def test_what_lies_in_no_plane_says_so(name) -> None:
    drive = Drive.named(name)()
    assert drive.implied_gains(dict.fromkeys(drive.gains, 1.0), UNIT) is None


def test_what_has_one_value_takes_no_effects() -> None:
    from dopafit.channel.choice import Choice

    with pytest.raises(SpecError, match=r"set_point has one value(.|\n)*allowed(.|\n)*to do"):
        Model("threshold", [Choice()], effects={"set_point": "drug"})
    assert Model("threshold", [Choice()], effects={"set_point": "1"}).parameters["set_point"]


def test_a_drive_is_refused_with_a_kernel_that_cannot_scale_it() -> None:
    from dopafit.channel.choice import Choice

    for drive in Drive.members().values():
        for name, kernel in Kernel.members().items():
            make = lambda d=drive, k=name: Model(d.name, [Choice()], kernel=k)  # noqa: E731
            if set(drive.scaled_by) <= kernel.scales:
                assert make().kernel == name
            else:
                with pytest.raises(SpecError, match=r"allowed: (.|\n)*to do"):
                    make()
    with pytest.raises(SpecError, match="trough_ratio"):
        Model("trough", [Choice()], kernel="monophasic")
