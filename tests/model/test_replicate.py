"""Simulated behaviour: reproducible, faithful to the truth, and never a hang."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses, since_last
from dopafit.core.errors import DopafitError, FitError, SpecError
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.play import Replicator, draw_population, simulate
from dopafit.model.schedule import Schedule, timetable
from dopafit.study import Study, validate

CHANNELS = [Choice(), Latency(), Presses(history=(5.0,))]
FLAT = {"choice_rest": "1", "latency_rest": "1", "presses_rest": "1"}
TRUTH = {
    "choice_rest": -0.5,
    "latency_rest": -0.7,
    "latency_sigma": 0.4,
    "presses_rest": -3.0,
    "presses_rest_effect[history_5s]": 0.0,
}


@pytest.fixture(scope="module")
def design() -> Study:
    return timetable({"subjects": 6, "duration": 900.0}, seed=3)


def test_one_seed_one_study(design) -> None:
    model = Model(drive="no_drive", channels=CHANNELS, effects=FLAT)
    one, truth = simulate(model, design, seed=1, truth=TRUTH)
    two, again = simulate(model, design, seed=1, truth=TRUTH)
    other, _ = simulate(model, design, seed=2, truth=TRUTH)
    assert one == two and one.hash == two.hash and truth == again
    assert one != other and one.simulated
    assert (one.observations["pursue"] != other.observations["pursue"]).any()
    assert one.events.equals(design.events)
    assert not validate(one).errors
    # what was given is honoured and reported; the rest comes from the prior
    assert truth | TRUTH == pytest.approx(truth, rel=1e-12)
    third, drawn = simulate(model, design, seed=1)
    assert drawn["choice_rest"] != TRUTH["choice_rest"] and third != one


def test_null_behaviour_has_the_stated_rates(design) -> None:
    model = Model(drive="no_drive", channels=CHANNELS, effects=FLAT)
    study, _ = simulate(model, design, seed=5, truth=TRUTH)
    table, n = study.observations, len(study.observations)
    chance = expit(-0.5)
    assert abs(table["pursue"].mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / n)
    # the deadline of 8 s cuts off the upper tail; the median does not notice
    assert abs(np.log(table["latency"].median()) - 0.7) < 4 * 1.2533 * 0.4 / np.sqrt(n)
    assert (
        table["latency"].max() <= 8 and (table["latency_censored"] == (table["latency"] == 8)).all()
    )
    expected = np.exp(-3.0) * study.hours * 3600
    assert abs(len(study.presses) - expected) < 4 * np.sqrt(expected)


def test_group_effects_and_covariates_are_drawn_as_stated() -> None:
    design = timetable({"subjects": 60, "duration": 2000.0, "trial_interval": 10.0}, seed=3)
    effects = {"choice_rest": "drug + (1 | subject)"}
    model = Model(drive="no_drive", channels=[Choice()], effects=effects)
    truth = {"choice_rest": 0.2, "choice_rest_sd[1|subject]": 1.0}
    truth["choice_rest_effect[drug[precursor]]"] = -1.0
    study, values = simulate(model, design, seed=8, truth=truth)
    deviation = np.array([v for k, v in values.items() if "_group[" in k])
    assert deviation.size == 60 and stats.kstest(deviation, "norm").pvalue > 0.01
    table = study.observations.merge(study.sessions[["subject", "session", "drug"]])
    for drug, shift in (("placebo", 0.0), ("precursor", -1.0)):
        own = table[table["drug"] == drug].groupby("subject")["pursue"]
        chance = expit(0.2 + shift + deviation)
        z = (own.mean() - chance) / np.sqrt(chance * (1 - chance) / own.count())
        assert abs(z.mean()) < 4 / np.sqrt(60) and 0.6 < z.std() < 1.4


def test_presses_have_the_models_own_intensity(design) -> None:
    """Time rescaling with the likelihood's grid: simulation and likelihood are one model."""
    model = Model(
        drive="encompassing",
        channels=[Presses(history=(4.0,), refractory=0.4, pause_after="cue")],
        effects={"presses_rest": "1", "peak": "1"},
        typical_spacing=20.0,
    )
    truth = {
        "trough_ratio": 0.4,
        "recovery_half_life": 15.0,
        "onset_ratio": 0.2,
        "presses_rest": -1.2,
        "presses_gain_peak": 0.5,
        "presses_gain_trough": 0.4,
        "presses_pause_depth": 3.0,
        "presses_pause_duration": 4.0,
        "presses_rest_effect[history_4s]": -1.0,
    }
    study, _ = simulate(model, design, seed=2, truth=truth)
    layout = build_layout(model, study)
    base = np.array(layout.coordinates.loc)

    def gaps(values: dict[str, float]) -> np.ndarray:
        theta = layout.coordinates.theta_from_truth(values, base)
        rows, frame = -evaluate(layout, theta)["presses"], layout.rows["presses"].frame
        found = []
        for key, own in frame.assign(mass=rows).groupby(["subject", "session"]):
            acts = study.presses
            acts = acts[(acts["subject"] == key[0]) & (acts["session"] == key[1])][
                "time"
            ].to_numpy()
            nodes = own[own["is_press"] == 0].sort_values("time")
            last = np.searchsorted(acts, nodes["time"], side="right") - 1
            sums = np.bincount(last[last >= 0], nodes["mass"][last >= 0], minlength=acts.size)
            found.append(sums[:-1])
        return np.concatenate(found)

    right = gaps(truth)
    assert right.size > 800
    assert stats.kstest(right, "expon").pvalue > 0.01
    for name, wrong in (
        ("presses_rest_effect[history_4s]", 0.0),
        ("presses_pause_depth", 0.3),
        ("presses_gain_trough", 0.0),
    ):
        assert stats.kstest(gaps(truth | {name: wrong}), "expon").pvalue < 0.01, name


def test_the_simulated_rate_is_the_likelihoods(tiny, draw_theta) -> None:
    """The log rate, linear between the simulation's points, against the likelihood's nodes."""
    model = Model(
        drive="encompassing",
        channels=[Presses(pause_after="cue")],
        effects={"presses_rest": "1", "peak": "1"},
    )
    steps = pd.DataFrame(
        [["a", "1", 0.0, 1.0], ["a", "1", 70.0, 3.0], ["a", "2", 0.0, 1.0], ["b", "1", 0.0, 1.0]],
        columns=["subject", "session", "time", "price"],
    )
    study = tiny.with_tables({"covariates": steps})
    stepped = Model(
        drive="encompassing",
        channels=[Presses(pause_after="cue")],
        effects={"presses_rest": "price", "peak": "1"},
    )
    for claim in (model, stepped):
        layout, replicator = build_layout(claim, study), Replicator.of(claim, study)
        assert layout.coordinates.entries == replicator.layout.coordinates.entries
        theta = draw_theta(layout, seed=1)
        logs = []
        for one in (layout, replicator.layout):
            program, m = one.program, numpy_operations(one.arrays)
            moved = program.motivation(one.arrays, theta, m)
            eta, options = program.arguments("presses", moved, one.arrays, theta, m)
            since = one.rows["presses"].data["since_event_power"]
            logs.append(Presses.paused(np, eta, since, **options))
        nodes, ends = layout.rows["presses"], replicator.layout.rows["presses"]
        weight = nodes.data["weight"]
        worst = []
        for key in (("a", "1"), ("b", "1")):
            a, b = (
                ((r.frame["subject"] == key[0]) & (r.frame["session"] == key[1])).to_numpy()
                for r in (nodes, ends)
            )
            a = a & (weight > 0)
            linear = np.interp(nodes.frame["time"][a], ends.frame["time"][b], logs[1][b])
            worst.append(np.abs(linear - logs[0][a]).max())
            lost = (weight[a] * (np.exp(linear) - np.exp(logs[0][a]))).sum()
            assert abs(lost) < 3e-3 * (weight[a] * np.exp(logs[0][a])).sum()
        assert max(worst) < 0.05


def test_replication_keeps_rows_and_censoring(tiny, three_channels, draw_theta) -> None:
    table = tiny.observations
    table.loc[3, ["pursue", "latency"]] = np.nan
    study = tiny.with_tables({"observations": table.assign(deadline=2.0)})
    model = three_channels("peak")
    replicator = Replicator.of(model, study)
    layout = build_layout(model, study)
    assert replicator.layout.coordinates.entries == layout.coordinates.entries
    drawn = replicator.draw(draw_theta(layout), np.random.default_rng(0))
    assert set(drawn) == {"choice", "latency", "presses"}
    assert len(drawn["choice"]) == len(drawn["latency"]) == len(table) - 1
    assert drawn["latency"]["latency"].max() <= 2
    assert drawn["latency"]["latency_censored"].tolist() == [
        float(v == 2) for v in drawn["latency"]["latency"]
    ]
    presses = drawn["presses"]
    assert list(presses.columns) == ["subject", "session", "time"]
    assert presses["time"].between(0, 200).all()
    for _, own in presses.groupby(["subject", "session"]):
        assert own["time"].is_monotonic_increasing
    again = replicator.draw(draw_theta(layout), np.random.default_rng(0))
    assert all(drawn[k].equals(again[k]) for k in drawn)


def test_presses_are_simulated_inside_windows_only(tiny) -> None:
    windows = pd.DataFrame(
        [["a", "1", 0.0, 50.0], ["a", "1", 150.0, 200.0], ["b", "1", 20.0, 200.0]],
        columns=["subject", "session", "start", "end"],
    )
    study = tiny.with_tables({"windows": windows})
    model = Model(
        drive="no_drive", channels=[Presses(refractory=0.5)], effects={"presses_rest": "1"}
    )
    found, _ = simulate(model, study, seed=1, truth={"presses_rest": 0.0})
    presses = found.presses
    assert set(zip(presses["subject"], presses["session"], strict=True)) == {("a", "1"), ("b", "1")}
    own = presses[presses["subject"] == "a"]["time"].to_numpy()
    assert not ((own >= 50) & (own < 150)).any() and (own > 150).any()
    assert (since_last(own, own)[1:] >= 0.5).all()
    assert set(presses["kind"]) == {"press"}


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ({"choice_rst": 0.0}, "truth: 'choice_rst'"),
        ({"choice_lapse": 0.1}, "truth: 'choice_lapse'"),  # fixed by convention
        ({"choice_rest_effect[drug[x]]": 0.1}, "truth: 'choice_rest_effect"),
        ({"latency_sigma": 0.0}, "truth: latency_sigma = 0"),
        ({"latency_sigma": "wide"}, "truth: latency_sigma = 'wide'"),
        ({"choice_rest": np.nan}, "truth: choice_rest"),
        ({"choice_rest_sd[1|subject]": -1.0}, "choice_rest_sd"),
        ({"choice_gain_trough": -1.0}, "choice_gain_trough"),
    ],
)
def test_impossible_truths(tiny, truth, message) -> None:
    model = Model(drive="trough", channels=[Choice(), Latency()])
    with pytest.raises(SpecError) as caught:
        simulate(model, tiny, seed=1, truth=truth)
    assert message in caught.value.wrong
    if "choice_rst" in truth:
        assert caught.value.todo == "did you mean 'choice_rest'?"


def test_absurd_rates_are_an_error_and_not_a_hang(tiny) -> None:
    for history, rest in (((), 30.0), ((5.0,), 700.0)):
        model = Model(drive="no_drive", channels=[Presses(history=history)])
        started = time.monotonic()
        with pytest.raises(FitError, match="presses"):
            simulate(model, tiny, seed=1, truth={"presses_rest": rest})
        assert time.monotonic() - started < 60


def test_every_channel_fits_what_it_simulated(design) -> None:
    channels = [Choice(), WaldLatency(), Presses()]
    model = Model(drive="peak", channels=channels, typical_spacing=20.0)
    truth = {"presses_rest": -4.0, "presses_gain_peak": 0.1, "latency_rest": 0.3}
    study, values = simulate(model, design, seed=4, truth=truth)
    layout = build_layout(model, study)
    base = np.array(layout.coordinates.loc)
    rows = evaluate(layout, layout.coordinates.theta_from_truth(values, base))
    assert all(np.isfinite(r).all() for r in rows.values())
    assert values["latency_rest"] == 0.3 and len(rows["choice"]) == len(design.observations)


def test_draw_population_of_truths_is_exact(tiny, three_channels) -> None:
    coordinates = build_layout(three_channels(), tiny).coordinates
    truth = {"trough_ratio": 0.2, "trough_ratio_sd[1|subject]": 0.0, "choice_gain_trough": 0.7}
    theta, values = draw_population(coordinates, np.random.default_rng(0), truth)
    assert {k: values[k] for k in truth} == pytest.approx(truth)
    assert values["trough_ratio_group[1|subject[a]]"] == 0
    assert theta[coordinates.place("choice_gain_trough")] == 0.7


# ---------------------------------------------------------------- timetables
def test_a_timetable_is_sound_and_reproducible() -> None:
    options = {"subjects": 12, "duration": 400.0, "trial_gap": 3.0}
    study = timetable(options, seed=1)
    assert study == timetable(Schedule(**options), seed=1) != timetable(options, seed=2)
    assert not validate(study).errors
    assert study.subjects["subject"].tolist()[0] == "s01" and len(study.sessions) == 24
    assert set(study.sessions["drug"]) == {"placebo", "precursor"}
    for _, own in study.observations.groupby(["subject", "session"]):
        assert np.diff(own["time"]).min() >= 3.0 - 1.1e-3  # times are rounded to 1 ms
    count = study.events.groupby(["subject", "session"]).size()
    assert abs(count.mean() - 20) < 4 * np.sqrt(20 / 24)
    assert set(study.events["magnitude"]) == {0.5, 1.0, 2.0}


def test_an_empty_timetable_is_a_study() -> None:
    study = timetable({"subjects": 1, "duration": 1e-3}, seed=1)
    assert len(study.events) == len(study.observations) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"subject": 3},
        {"subjects": 0},
        {"subjects": 2.5},
        {"duration": -1},
        {"duration": "long"},
        {"contexts": []},
        {"magnitudes": []},
        {"sessions": {}},
        {"cue_interval": 0},
        {"trial_gap": -1},
    ],
)
def test_impossible_timetables(options) -> None:
    with pytest.raises(DopafitError, match=next(iter(options))):
        timetable(options, seed=1)
