"""The press grid is bounded whatever a kernel's times: a floor, a largest size said in time."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from dopafit.channel import quadrature
from dopafit.channel.press import Presses
from dopafit.channel.quadrature import GridError
from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.fit.quadrature import integral_error, quadrature_check
from dopafit.model.claim import Model
from dopafit.model.layout.events import FLOOR, scales_of
from dopafit.model.layout.layout import build_layout
from dopafit.study import Study
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel


def study(end: float = 600.0, subjects: str = "a") -> Study:
    rng = np.random.default_rng(1)
    shown, acts = np.arange(10.0, 600.0, 40.0), np.sort(rng.uniform(0.0, 600.0, 50))
    keys = [{"subject": name, "session": "1"} for name in subjects]
    tables = {
        "sessions": [pd.DataFrame([key | {"start": 0.0, "end": end}]) for key in keys],
        "events": [
            pd.DataFrame(key | {"time": shown, "kind": "cue", "magnitude": 1.0}) for key in keys
        ],
        "presses": [pd.DataFrame(key | {"time": acts, "kind": "press"}) for key in keys],
    }
    return Study("s", **{k: pd.concat(v, ignore_index=True) for k, v in tables.items()})


@pytest.fixture
def kernel(monkeypatch):
    """A user's kernel: it jumps at the event and falls back; it has no half-life of recovery."""
    Kernel.members()
    monkeypatch.setattr(Kernel, "_members", dict(Kernel._members))

    @dataclass(frozen=True)
    class Fall(Kernel):
        name = "fall_only"
        reference = "this test"
        dynamics = Exponentials(1)
        peak = Parameter("jump", "trace", None, link="log", fixed=1.0, varies="event")
        trough_ratio = Parameter("none", "1", None, link="log", fixed=0.01, convention="no trough")
        fall = Parameter("time constant", "s", Prior.lognormal(8.0, 0.5), link="log")

        def exponentials(self, xp, trough_ratio, fall):
            return [1.0 + 0.0 * fall], [1.0 / fall]

        def response(self, t, *, peak=1.0, trough_ratio=0.01, fall=8.0):
            return np.where(t < 0, 0.0, peak * np.exp(-np.maximum(t, 0.0) / fall))

        def landmarks(self, *, peak=1.0, trough_ratio=0.01, fall=8.0):
            return {"time_to_peak": 0.0 * fall, "area": peak * fall}

    return Fall


def model(**changes) -> Model:
    options = {"kernel": "fall_only", "effects": {"peak": "1", "presses_rest": "1"}}
    return Model(drive="peak", channels=[Presses(history=(5.0,))], **(options | changes))


def small(make):
    """Call, and see that little memory is taken."""
    tracemalloc.start()
    try:
        found = make()
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    return found


def test_an_immediate_peak_has_a_finite_grid(kernel) -> None:
    scales = scales_of(model(), study())
    quantile = 8.0 * np.exp(-0.5 * 1.2816)  # of the fall, 10 %
    assert scales.finest == pytest.approx(0.5 * quantile, rel=0.05)
    layout = small(lambda: build_layout(model(), study()))
    assert len(layout.rows["presses"]) < 2000
    fine = small(lambda: build_layout(model(), study(), refine=3))
    coordinates = layout.coordinates
    theta = coordinates.theta(np.zeros(max(coordinates.normals, 1)), np.ones(coordinates.halves))
    assert abs(integral_error(layout, fine, theta[None], ["presses"])["presses"][0]) < 0.05


@pytest.mark.parametrize("shortest", [0.0, 1e-300, 1e-9])
def test_the_grid_has_a_floor(kernel, monkeypatch, shortest) -> None:
    monkeypatch.setattr(kernel, "shortest_time", lambda self, fall, **_: shortest + 0.0 * fall)
    assert scales_of(model(), study()).finest == FLOOR
    layout = build_layout(model(), study(), refine=10, simulation=True)
    assert len(layout.rows["presses"]) < 20_000


@pytest.mark.parametrize("shortest", [-1.0, np.nan])
def test_a_shortest_time_that_is_none(kernel, monkeypatch, shortest) -> None:
    monkeypatch.setattr(kernel, "shortest_time", lambda self, fall, **_: shortest + 0.0 * fall)
    with pytest.raises(SpecError, match=r"shortest_time(.|\n)*allowed(.|\n)*to do"):
        scales_of(model(), study())


@pytest.mark.parametrize("simulation", [False, True])
@pytest.mark.parametrize("end", [1e12, 1e300])
def test_too_large_a_grid_is_refused_before_memory_goes(kernel, simulation, end) -> None:
    def attempt() -> None:
        with pytest.raises(GridError, match=r"10,000,000 points(.|\n)*allowed(.|\n)*to do"):
            build_layout(model(), study(end), simulation=simulation)

    small(attempt)


def test_the_limit_counts_all_sessions_and_the_recheck_says_that_it_was_not_done(
    kernel, monkeypatch
) -> None:
    layout = build_layout(model(), study())
    nodes = int((layout.arrays["presses.data.weight"] > 0).sum())
    monkeypatch.setattr(quadrature, "LARGEST", nodes)
    assert len(build_layout(model(), study()).rows["presses"])
    (item,) = quadrature_check(layout, model(), study(), {})
    assert np.isnan(item.value) and not item.ok and "not measured" in item.advice
    with pytest.raises(GridError):
        build_layout(model(), study(subjects="ab"))


def test_times_far_from_zero_do_not_hang(kernel) -> None:
    """Where the last digit of a time is coarser than a step, steps are as long as can be seen."""
    marks = quadrature.Marks(np.array([1e13]), np.empty(0), np.empty(0))
    scales = quadrature.Scales(FLOOR, 1e6, 10)
    pieces = small(lambda: quadrature.segments(np.array([[1e13, 1e13 + 100.0]]), marks, scales))
    assert (pieces[:, 1] > pieces[:, 0]).all() and len(pieces) < 20_000


@pytest.mark.parametrize("history", [(1e-300,), (1e-12, 5.0), (0.0,)])
def test_a_history_too_short_to_be_timed_is_refused(history) -> None:
    with pytest.raises(SpecError, match=r"history(.|\n)*0.001 s or more(.|\n)*to do"):
        Presses(history=history)
