"""Grids over time: complete, in order, fine where things move, and not finer than they need be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from dopafit.channel.channel import Scales
from dopafit.channel.press import Presses
from dopafit.channel.quadrature import (
    MOST,
    Marks,
    _history_order,
    _touchard,
    grid,
    segments,
)
from dopafit.model.claim import Model
from dopafit.model.layout.events import scales_of
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.study import Study

EMPTY = np.empty(0)
times = st.lists(st.integers(0, 500), max_size=12).map(lambda v: np.sort(np.array(v, float)))


@given(times, times, times, st.sampled_from([(), (3.0,), (0.5, 60.0)]), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_segments_cover_the_windows_once(events, acts, cuts, history, refine) -> None:
    windows = np.array([[0.0, 100.0], [100.0, 240.0], [300.0, 500.0]])
    marks = Marks(events, np.unique(acts), cuts, history)
    scales = Scales(0.7, 125.0, refine)
    pieces = segments(windows, marks, scales)
    assert (pieces[:, 1] > pieces[:, 0]).all()
    assert (pieces[1:, 0] >= pieces[:-1, 1]).all()
    assert (pieces[:, 1] - pieces[:, 0]).sum() == pytest.approx(440, rel=1e-12)
    jumps = np.concatenate([events, cuts, [100.0, 240.0, 300.0]])
    if history:
        jumps = np.concatenate([jumps, acts])
    for jump in jumps:  # no jump inside a segment
        assert not ((pieces[:, 0] < jump) & (jump < pieces[:, 1])).any()
    found = grid(pieces, marks, scales, 0.02, 1e-3)
    assert found.weight.sum() == pytest.approx(440, rel=1e-12)
    assert (np.diff(found.time) > 0).all() and (found.weight > 0).all()


def test_presses_cut_the_grid_only_where_they_matter() -> None:
    windows, acts = np.array([[0.0, 600.0]]), np.linspace(10, 590, 200)
    scales = Scales(1.0, 150.0)
    events = np.array([50.0])
    bare = segments(windows, Marks(events, acts, EMPTY), scales)
    assert np.array_equal(bare, segments(windows, Marks(events, EMPTY, EMPTY), scales))
    assert len(bare) < 20
    assert len(segments(windows, Marks(events, acts, EMPTY, (5.0,)), scales)) > 200


def test_nothing_to_cut() -> None:
    scales = Scales(150.0, 150.0)
    pieces = segments(np.array([[0.0, 600.0]]), Marks(EMPTY, EMPTY, EMPTY), scales)
    assert pieces.tolist() == [[0, 150], [150, 300], [300, 450], [450, 600]]
    none = segments(np.empty((0, 2)), Marks(EMPTY, EMPTY, EMPTY), scales)
    assert none.shape == (0, 2)
    assert grid(none, Marks(EMPTY, EMPTY, EMPTY), scales, 1.0, 1e-3).time.size == 0


def test_smooth_functions_are_integrated_to_the_share_allowed() -> None:
    marks, scales = Marks(np.array([0.0]), EMPTY, EMPTY), Scales(1.0, 300.0)
    pieces = segments(np.array([[0.0, 2000.0]]), marks, scales)
    nodes = []
    for share in (1e-1, 1e-3, 1e-5):
        found = grid(pieces, marks, scales, 1.0, share)
        nodes.append(found.time.size)
        for tau in (2.0, 10.0, 50.0, 400.0):
            exact = tau * -np.expm1(-2000.0 / tau)
            error = abs((found.weight * np.exp(-found.time / tau)).sum() - exact)
            assert error < len(pieces) * share
    assert nodes == sorted(nodes) and nodes[0] < nodes[-1]


def many_hours(hours: float = 190.0, count: int = 300) -> Study:
    """One long session: events come in meals, each earned by presses a few seconds apart."""
    rng = np.random.default_rng(12)
    meals = np.sort(rng.uniform(0, hours * 3600 - 4000, count // 6))
    events = np.unique((meals[:, None] + rng.uniform(0, 1800, 6)).round().ravel())
    acts = (events[:, None] - np.cumsum(rng.exponential(4.0, (events.size, 12)), axis=1)).round()
    acts = np.sort(acts[acts > 0])
    return Study(
        "long",
        sessions=pd.DataFrame([["m", "1", 0.0, hours * 3600]], columns=COLUMNS),
        events=pd.DataFrame({**KEY, "time": events, "kind": "pellet", "magnitude": 1.0}),
        presses=pd.DataFrame({**KEY, "time": acts, "kind": "active"}),
    )


KEY = {"subject": "m", "session": "1"}
COLUMNS = ["subject", "session", "start", "end"]


def error_and_nodes(study: Study, model: Model, draws: int = 12) -> tuple[np.ndarray, int]:
    """Errors [nats] at prior draws whose gains move the log rate by a few units at most."""
    coarse, fine = build_layout(model, study), build_layout(model, study, refine=2)
    rng = np.random.default_rng(5)
    coordinates = coarse.coordinates
    theta = coordinates.theta(*coordinates.prior_draws(rng, (draws,)))
    gains = [coordinates.place(f"presses_{g}") for g in ("gain_peak", "gain_trough")]
    theta[:, gains] *= 0.25
    presses = coarse.arrays["presses.data.is_press"].sum()
    errors = []
    for one in theta:
        integrals = []
        for layout in (coarse, fine):
            weight = layout.arrays["presses.data.weight"]
            rows = evaluate(layout, one)["presses"]
            integrals.append(-rows[weight > 0].sum())
        errors.append(presses * (integrals[0] / integrals[1] - 1))  # at the best resting rate
    return np.array(errors), int((coarse.arrays["presses.data.weight"] > 0).sum())


@pytest.mark.parametrize(("history", "most"), [((), 10_000), ((5.0,), 22_000)])
def test_a_190_hour_session_needs_few_nodes_for_a_hundredth_of_a_nat(history, most) -> None:
    study = many_hours()
    model = Model(
        drive="encompassing",
        channels=[Presses("active", history=history)],
        effects={"peak": "1", "presses_rest": "1"},
        typical_spacing=600.0,
    )
    errors, nodes = error_and_nodes(study, model)
    assert np.median(np.abs(errors)) < 0.02
    assert nodes < most


def test_scales_follow_the_prior_and_the_sessions() -> None:
    study = many_hours(10.0, 30)
    channel = [Presses("active")]
    short, long = (
        scales_of(Model(drive="trough", channels=channel, typical_spacing=s), study)
        for s in (10.0, 1000.0)
    )
    assert long.finest == pytest.approx(100 * short.finest, rel=1e-9)
    assert long.coarsest == short.coarsest == 3600
    null = scales_of(Model(drive="no_drive", channels=channel), study)
    assert null.finest == null.coarsest == 3600
    fixed = {"trough_ratio": 0.3, "recovery_half_life": 100.0, "onset_ratio": 0.1}
    model = Model(drive="trough", channels=channel, fixed=fixed)
    assert scales_of(model, study).finest == pytest.approx(0.5 * 0.082 * 100, rel=0.02)


def test_a_finer_grid_is_a_better_one() -> None:
    study = many_hours(10.0, 60)
    model = Model(
        drive="trough",
        channels=[Presses("active", history=(5.0,))],
        effects={"peak": "1", "presses_rest": "1"},
        typical_spacing=300.0,
    )
    layouts = [build_layout(model, study, refine=r) for r in (1, 2, 4)]
    coordinates = layouts[0].coordinates
    base = np.array(coordinates.loc)
    truth = {"presses_rest": -4.0, "presses_gain_trough": 0.8}
    theta = coordinates.theta_from_truth(truth | {"presses_rest_effect[history_5s]": 2.0}, base)
    one, two, four = (evaluate(layout, theta)["presses"].sum() for layout in layouts)
    sizes = [len(layout.rows["presses"]) for layout in layouts]
    assert sizes == sorted(sizes)
    assert 0 < abs(two - four) < 0.1 * abs(one - four) < 0.01


def test_touchard_polynomials_count_partitions() -> None:
    assert [_touchard(n, np.array(1.0)) for n in range(7)] == [1, 1, 2, 5, 15, 52, 203]
    assert _touchard(4, np.array(2.0)) == 2 + 7 * 4 + 6 * 8 + 16


@pytest.mark.parametrize(
    ("weight", "length"), [(5.0, 0.1), (5.0, 1.2), (1.0, 0.1), (1.0, 3.0), (0.05, 3.0)]
)
@pytest.mark.parametrize("allowed", [1e-2, 1e-4, 1e-6])
def test_a_history_is_integrated_within_its_share(weight, length, allowed) -> None:
    """exp(W (e^-u - 1)) from 0 to `length`, time constant 1; held against adaptive quadrature."""
    order = int(_history_order(np.array([length]), np.array([weight]), np.array([allowed]))[0])

    def decay(u):
        return np.exp(weight * np.expm1(-u))

    exact = quad(decay, 0, length, epsabs=1e-13)[0]

    def error(n: int) -> float:
        node, share = np.polynomial.legendre.leggauss(n)
        return abs(0.5 * length * share @ decay(0.5 * length * (node + 1)) - exact)

    assert error(order) <= allowed or order == MOST
    assert order == 1 or error(max(order - 2, 1)) > 1e-3 * allowed  # not many more than needed
