"""Presses: rows, weights, ties, borders, and the likelihood against slow direct integration."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from dopafit.channel.press import SHARPNESS, Presses, since_last
from dopafit.core.errors import SpecError
from dopafit.drive import Drive
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.trace.opponent import Opponent

KERNEL = {"trough_ratio": 0.6, "recovery_half_life": 15.0, "onset_ratio": 0.3}


def test_since_last_is_strict() -> None:
    marks = np.array([1.0, 3.0, 3.0, 10.0])
    time = np.array([0.0, 1.0, 1.5, 3.0, 3.5, 10.0, 11.0])
    assert since_last(time, marks).tolist() == [np.inf, np.inf, 0.5, 2.0, 0.5, 7.0, 1.0]
    assert since_last(time, np.empty(0)).tolist() == [np.inf] * 7
    assert since_last(np.empty(0), marks).tolist() == []


@pytest.mark.parametrize("refractory", [0.0, 0.75, 2.0])
@pytest.mark.parametrize("history", [(), (0.5,), (2.0, 40.0)])
def test_weights_sum_to_the_observed_time_less_the_refractory_time(
    make_study, rows_of, refractory, history
) -> None:
    windows = pd.DataFrame(
        [
            ["s1", "a", 0.0, 62.0],
            ["s1", "a", 100.0, 600.0],
            ["s1", "b", 0.0, 600.0],
            ["s2", "a", 10.0, 600.0],
        ],
        columns=["subject", "session", "start", "end"],
    )
    # a press on a window's border, presses whose refractory time crosses it or the next press
    press = pd.DataFrame(
        [["s1", "a", t, "press"] for t in (0.0, 20.0, 22.0, 61.5, 100.0, 597.0, 600.0)]
        + [["s1", "b", 300.0, "press"]],
        columns=["subject", "session", "time", "kind"],
    )
    study = make_study(presses=press, windows=windows)
    rows = rows_of(Presses(refractory=refractory, history=history), study)
    node = rows.data["is_press"] == 0
    weight = pd.Series(rows.data["weight"])
    assert (weight[node] > 0).all() and (weight[~node] == 0).all()
    total = weight.groupby([rows.frame["subject"], rows.frame["session"]]).sum()
    cut = sum(min(refractory, left) for left in (62, 2, 40, 0.5, 499, 3, 0))
    assert total["s1", "a"] == pytest.approx(562 - cut, rel=1e-12)
    assert total["s1", "b"] == pytest.approx(600 - refractory, rel=1e-12)
    assert total["s2", "a"] == pytest.approx(590, rel=1e-12)
    # every node is observed, and outside every refractory time
    at = rows.frame[node]
    own = at[(at["subject"] == "s1") & (at["session"] == "a")]["time"].to_numpy()
    assert not ((own > 62) & (own < 100)).any()
    acts = press["time"].to_numpy()[:7]
    assert (since_last(own, acts) > refractory).all()


def test_rows_hold_presses_first_then_nodes_of_every_session(study, rows_of) -> None:
    rows = rows_of(Presses(history=(2.0,)), study)
    assert rows.data["is_press"].tolist() == sorted(rows.data["is_press"], reverse=True)
    head = rows.frame[rows.data["is_press"] > 0]
    assert head["time"].tolist() == [5, 20, 61, 61, 63.5, 300]  # the lick is another act
    sessions = rows.frame.loc[rows.data["is_press"] == 0, ["subject", "session"]]
    assert len(sessions.drop_duplicates()) == 3  # also where nothing was pressed or shown


def test_ties_see_the_press_before_them_not_each_other(study, rows_of) -> None:
    rows = rows_of(Presses(history=(2.0,)), study)
    history = rows.frame["history_2s"][rows.data["is_press"] > 0]
    expected = [0, np.exp(-15 / 2), np.exp(-41 / 2), np.exp(-41 / 2), np.exp(-2.5 / 2), 0]
    assert history.tolist() == pytest.approx(expected, rel=1e-13)


def test_the_pause_counts_from_events_of_its_kind_strictly_before(study, rows_of) -> None:
    rows = rows_of(Presses(pause_after="pellet"), study)
    head = rows.frame[rows.data["is_press"] > 0]
    assert head["since_event"].tolist() == [np.inf, np.inf, 11, 11, 13.5, np.inf]
    assert np.isfinite(rows.data["since_event_power"][rows.frame["since_event"] < 1e9]).all()
    rows = rows_of(Presses(pause_after="cue"), study)
    # the press at 20 s, when the cue comes, does not feel it
    assert rows.frame["since_event"][1] == np.inf


def test_impossible_presses(make_study, study, rows_of) -> None:
    with pytest.raises(SpecError, match="no presses of kind 'pres'") as caught:
        rows_of(Presses("pres"), study)
    assert caught.value.todo == "did you mean 'press'?"
    with pytest.raises(SpecError, match="no presses of kind"):
        rows_of(Presses(), study.with_tables({"presses": None}))
    with pytest.raises(SpecError, match="61 s and 61 s are closer"):
        rows_of(Presses(refractory=0.1), study)
    outside = pd.DataFrame(
        [["s1", "a", 5.0, "press"], ["s1", "a", 600.5, "press"]],
        columns=["subject", "session", "time", "kind"],
    )
    with pytest.raises(SpecError, match=r"600\.5 s is outside every observed window"):
        rows_of(Presses(), make_study(presses=outside))


def test_names_of_history_columns_can_stand_in_a_formula() -> None:
    names = list(Presses(history=(5, 0.5, 120.25, 1e6)).extra_terms())
    assert names == ["history_5s", "history_0_5s", "history_120_25s", "history_1000000s"]
    assert all(name.isidentifier() for name in names)


# ---------------------------------------------------------------- against direct integration
def slow_total(study, channel: Presses, values: dict[str, float], drive: str) -> float:
    """Sum of log intensities less the integral, from the definitions, with adaptive quadrature."""
    total = 0.0
    coefficients, rates = (np.array(v)[:, None] for v in Opponent().exponentials(np, **KERNEL))

    def response(gap):
        return (coefficients * np.exp(-rates * np.maximum(gap, 0.0))).sum(axis=0)

    for _, session in study.sessions.iterrows():

        def mine(table, session=session):
            same = (table["subject"] == session["subject"]) & (
                table["session"] == session["session"]
            )
            return table[same]

        events, windows = mine(study.events), mine(study.windows)
        acts = mine(study.presses)
        acts = np.sort(acts.loc[acts["kind"] == channel.kind, "time"].to_numpy())
        stops = events.loc[events["kind"] == channel.pause_after, "time"].to_numpy()
        when, size = events["time"].to_numpy(), events["magnitude"].to_numpy()
        member = Drive.named(drive)()

        def log_rate(t, when=when, size=size, acts=acts, stops=stops, member=member) -> float:
            eta = values["rest"]
            if member.gains:
                level = (size * response(t - when))[when < t].sum()
                moved = member.motivation(np, {"level": level}, KERNEL)
                eta += sum(values[g] * m for g, m in zip(member.gains, moved, strict=True))
            before = acts[acts < t]
            for tau, weight in zip(channel.history, values["weights"], strict=True):
                eta += weight * np.exp(-(t - before.max()) / tau) if before.size else 0.0
            if channel.pause_after is not None and (stops < t).any():
                since = t - stops[stops < t].max()
                eta -= values["depth"] / (1 + (since / values["duration"]) ** SHARPNESS)
            return float(eta)

        total += sum(log_rate(t) for t in acts)
        for _, window in windows.iterrows():
            cuts = np.concatenate([events["time"], acts, acts + channel.refractory])
            ladder = (cuts[:, None] + np.geomspace(0.3, 200, 12)).ravel()
            edges = np.unique(
                np.clip(np.concatenate([cuts, ladder]), window["start"], window["end"])
            )
            edges = np.unique([window["start"], *edges, window["end"]])
            for low, high in itertools.pairwise(edges):
                middle = 0.5 * (low + high)
                last = acts[acts < middle]
                if high - low < 1e-9 or (last.size and middle - last.max() < channel.refractory):
                    continue
                total -= integrate.quad(
                    lambda t: np.exp(log_rate(t)), low, high, epsabs=1e-9, epsrel=1e-9
                )[0]
    return total


CASES = {
    "constant": ("no_drive", {}, {}),
    "trough": ("trough", {}, {}),
    "level": ("level", {"refractory": 1.5}, {}),
    "history": ("encompassing", {"history": (3.0, 25.0)}, {}),
    "pause": ("peak", {"pause_after": "pellet"}, {}),
    "all": ("encompassing", {"history": (4.0,), "refractory": 0.5, "pause_after": "cue"}, {}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_log_likelihood_is_that_of_direct_integration(make_study, case: str) -> None:
    drive, options, _ = CASES[case]
    windows = pd.DataFrame(
        [
            ["s1", "a", 0.0, 90.0],
            ["s1", "a", 120.0, 300.0],
            ["s1", "b", 0.0, 200.0],
            ["s2", "a", 0.0, 200.0],
        ],
        columns=["subject", "session", "start", "end"],
    )
    press = pd.DataFrame(
        [["s1", "a", t, "press"] for t in (0.0, 20.0, 30.0, 32.0, 61.0, 90.0, 130.0, 300.0)]
        + [["s1", "b", 150.0, "press"]],
        columns=["subject", "session", "time", "kind"],
    )
    study = make_study(windows=windows, presses=press)
    channel = Presses(**options)
    model = Model(
        drive=drive,
        channels=[channel],
        effects={"presses_rest": "1", "peak": "1"}
        if drive != "no_drive"
        else {"presses_rest": "1"},
    )
    values = {"rest": -3.0, "gain_peak": 1.1, "gain_trough": 0.8, "weights": (1.5, -0.7)}
    values |= {"depth": 4.0, "duration": 8.0}
    values["weights"] = values["weights"][: len(channel.history)]
    layout = build_layout(model, study)
    truth = {f"presses_{g}": values[g] for g in Drive.named(drive).gains}
    truth |= KERNEL if drive != "no_drive" else {}
    truth["presses_rest"] = values["rest"]
    if channel.pause_after:
        truth |= {"presses_pause_depth": 4.0, "presses_pause_duration": 8.0}
    for label, weight in zip(channel.extra_terms(), values["weights"], strict=True):
        truth[f"presses_rest_effect[{label}]"] = weight
    theta = layout.coordinates.theta_from_truth(truth, np.array(layout.coordinates.loc))
    exact = slow_total(study, channel, values, drive)
    found = evaluate(layout, theta)["presses"].sum()
    fine = evaluate(build_layout(model, study, refine=3), theta)["presses"].sum()
    assert found == pytest.approx(exact, abs=0.01 if case != "constant" else 1e-9)
    assert fine == pytest.approx(exact, abs=1e-4)
