"""Derived quantities are functions of the same draw, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.fit.derived import event_rate, implied_gains
from dopafit.model.layout.coordinates import on_link, to_link
from dopafit.trace.opponent import Opponent

SHAPE = ("trough_ratio", "recovery_half_life", "onset_ratio")
MARKS = ("time_to_peak", "time_to_crossing", "time_to_trough", "opponent_gain", "area")


def test_landmarks_are_those_of_the_same_draw(tiny_fit) -> None:
    posterior = tiny_fit.posterior
    for chain, draw in ((0, 0), (1, 17), (1, 59)):
        shape = {name: float(posterior[name][chain, draw]) for name in SHAPE}
        marks = Opponent().landmarks(**shape)
        for name in MARKS:
            assert float(posterior[name][chain, draw]) == pytest.approx(float(marks[name]), 1e-12)
        time = np.linspace(0, 60 * shape["recovery_half_life"], 200_001)
        curve = Opponent().response(time, **shape)
        assert np.trapezoid(curve, time) == pytest.approx(float(marks["area"]), rel=1e-3)
        assert time[curve.argmin()] == pytest.approx(
            float(posterior["time_to_trough"][chain, draw]), abs=2 * time[1]
        )
    assert posterior["time_to_trough"].attrs["unit"] == "s"
    assert posterior["choice_rest"].attrs["unit"] == "log odds"
    assert posterior["trough_ratio_effect"].attrs["unit"] == "link"


def test_load_is_rate_times_magnitude_times_area(tiny_fit) -> None:
    events, sessions = tiny_fit.study.events, tiny_fit.study.sessions
    rate = len(events) / (sessions["end"] - sessions["start"]).sum()
    mean = events["magnitude"].mean() / events["magnitude"].median()
    expected = rate * mean * tiny_fit.posterior["area"]
    np.testing.assert_allclose(tiny_fit.posterior["load"], expected, rtol=1e-12)


def test_the_event_rate_counts_the_kinds_of_the_claim(tiny_model, tiny_world) -> None:
    events = tiny_world.events
    events.loc[events.index[::3], "kind"] = "pellet"
    events.loc[events.index[::3], "magnitude"] = 4.0
    study = tiny_world.with_tables({"events": events})
    rate, magnitude = event_rate(tiny_model("trough", events=["pellet"]), study)
    assert rate == pytest.approx(len(events.iloc[::3]) / 720.0) and magnitude == 1.0
    raw = tiny_model("trough", events=["pellet"], unit_magnitude=2)
    assert event_rate(raw, study) == (rate, 2.0)
    assert event_rate(tiny_model("trough"), study)[0] == pytest.approx(len(events) / 720.0)
    none = tiny_world.with_tables({"events": None})
    assert event_rate(tiny_model("no_drive"), none) == (0.0, 0.0)


def test_fixed_parameters_are_constants_in_the_landmarks(tiny_model, tiny_world, fit_at) -> None:
    model = tiny_model("peak", fixed={"onset_ratio": 0.2, "recovery_half_life": 9.0})
    fit = fit_at(model, tiny_world, {"trough_ratio": 0.5}, draws=5)
    assert "onset_ratio" not in fit.posterior and "recovery_half_life" not in fit.posterior
    marks = Opponent().landmarks(trough_ratio=0.5, recovery_half_life=9.0, onset_ratio=0.2)
    np.testing.assert_allclose(fit.posterior["time_to_peak"], marks["time_to_peak"], rtol=1e-10)


@pytest.mark.parametrize(
    ("drive", "own", "peak", "trough"),
    [
        ("trough", {"gain_trough": 2.0}, 0.0, 2.0),
        ("peak", {"gain_peak": 2.0}, 2.0, 0.0),
        ("level", {"gain_peak": 2.0}, 2.0, -1.0),
        ("encompassing", {"gain_peak": 2.0, "gain_trough": -3.0}, 2.0, -3.0),
        ("no_drive", {}, 0.0, 0.0),
    ],
)
def test_implied_gains(tiny_model, drive, own, peak, trough) -> None:
    values = {"trough_ratio": 0.5, "recovery_half_life": 9.0, "onset_ratio": 0.2}
    shape = {name: np.full((2, 3), value) for name, value in values.items()}
    variables = {f"choice_{name}": np.full((2, 3), value) for name, value in own.items()}
    found = implied_gains(tiny_model(drive), variables, "choice", shape)
    assert np.array_equal(found["gain_peak"], np.full((2, 3), peak))
    assert np.array_equal(found["gain_trough"], np.full((2, 3), trough))
    for name, value in own.items():  # held fixed instead of estimated: the same
        model = tiny_model(drive, fixed={f"choice_{name}": value})
        rest = {k: v for k, v in variables.items() if k != f"choice_{name}"}
        again = implied_gains(model, rest, "choice", shape)
        assert np.array_equal(again["gain_trough"], found["gain_trough"])


def test_the_null_drive_has_no_landmarks(tiny_fits) -> None:
    assert not set(MARKS) & set(tiny_fits["no_drive"].posterior.data_vars)


@pytest.mark.parametrize("link", ["log", "logit", "identity"])
def test_on_link_is_to_link_for_arrays(link) -> None:
    from dopafit.core.component import Parameter
    from dopafit.core.prior import Prior

    prior = {
        "log": Prior.lognormal(1, 1),
        "logit": Prior.logit_normal(0.1, 1),
        "identity": Prior.normal(0, 1),
    }[link]
    values = np.array([[0.01, 0.3], [0.5, 0.99]])
    parameter = Parameter("a", "1", prior, link=link)
    expected = [to_link(parameter, v) for v in values.ravel()]
    np.testing.assert_allclose(on_link(link, values).ravel(), expected, rtol=1e-14)
