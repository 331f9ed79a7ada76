"""A model laid out over a study: sparse rows, reads, units, edge studies and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.errors import DopafitError, SpecError, StudyError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.layout.matrices import DENSE
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.rivals import RIVALS
from dopafit.study import Study

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))

KEYS = ["subject", "session"]


def dense_rows(layout, name: str, theta: np.ndarray) -> np.ndarray:
    """Link values of a parameter's rows, from its design and its effects by name."""
    found, entries = layout.designs[name], layout.coordinates.entries
    fixed = [theta[i] for i, e in enumerate(entries) if (e.parameter, e.role) == (name, "effect")]
    value = theta[layout.coordinates.place(name)] + found.fixed @ np.array(fixed)
    for term in found.groups:
        members = [f"{term.label}[{level}]" for level in term.levels]
        effects = np.array(
            [
                theta[i]
                for m in members
                for i, e in enumerate(entries)
                if (e.parameter, e.role, e.label) == (name, "group", m)
            ]
        )
        value = value + term.values * effects[term.codes]
    return value


def matrix(layout, name: str) -> sparse.csr_matrix:
    parts = [layout.arrays[f"{name}.{p}"] for p in ("data", "indices", "indptr")]
    size = (parts[2].size - 1, len(layout.coordinates.entries))
    full = sparse.lil_matrix(size)
    full[:, layout.arrays[f"{name}.columns"]] = layout.arrays[f"{name}.dense"]
    assert (layout.arrays[f"{name}.dense"] != 0).mean(axis=0).min(initial=1) > DENSE
    return sparse.csr_matrix(tuple(parts), shape=size) + full.tocsr()


def test_sparse_rows_are_the_dense_design_times_the_effects(tiny, three_channels, draw_theta):
    layout = build_layout(three_channels("encompassing"), tiny)
    theta = draw_theta(layout)
    for name in ("choice_rest", "latency_rest", "presses_rest", "peak"):
        found = matrix(layout, name) @ theta
        assert found == pytest.approx(dense_rows(layout, name, theta), rel=1e-13, abs=1e-13)
    # kernels are kept once each; every session points at its own
    rows = (matrix(layout, "trough_ratio") @ theta)[layout.arrays["kernel_row"]]
    assert rows == pytest.approx(dense_rows(layout, "trough_ratio", theta), rel=1e-13)
    assert layout.sessions[KEYS].to_numpy().tolist() == [["a", "1"], ["a", "2"], ["b", "1"]]


def test_equal_kernels_are_kept_once(tiny, three_channels) -> None:
    def kernels(formula: str) -> tuple[list[int], int]:
        layout = build_layout(three_channels(effects={"trough_ratio": formula}), tiny)
        return layout.arrays["kernel_row"].tolist(), layout.arrays["kernel_ones"].size

    rows, size = kernels("drug")
    assert size == 2 and rows[0] == rows[2] != rows[1]
    rows, size = kernels("1")
    assert size == 1 and rows == [0, 0, 0]
    rows, size = kernels("drug + (1 | subject)")
    assert size == 3 and len(set(rows)) == 3


def test_reads_are_shared_sorted_and_find_their_rows(tiny, three_channels) -> None:
    layout = build_layout(three_channels(), tiny)
    arrays = layout.arrays
    for prefix, rows in layout.rows.items():
        assert np.array_equal(
            arrays["read_time"][arrays[f"{prefix}.read"]], rows.frame["time"].to_numpy()
        )
        session = np.searchsorted(arrays["read_offset"], arrays[f"{prefix}.read"], side="right") - 1
        keys = layout.sessions[KEYS].to_numpy()[session]
        assert (keys == rows.frame[KEYS].to_numpy()).all()
    for what in ("read", "event"):
        offset, time = arrays[f"{what}_offset"], arrays[f"{what}_time"]
        assert offset[0] == 0 and offset[-1] == time.size
        for low, high in itertools.pairwise(offset):
            step = np.diff(time[low:high])
            assert (step > 0).all() if what == "read" else (step >= 0).all()
    # choice and latency are read at the same points
    assert np.array_equal(arrays["choice.read"], arrays["latency.read"])


def test_units_join_the_channels_of_a_trial(tiny, three_channels) -> None:
    layout = build_layout(three_channels(), tiny)
    for prefix, rows in layout.rows.items():
        unit = layout.units.iloc[layout.unit_of[prefix]]
        assert (unit[KEYS].to_numpy() == rows.frame[KEYS].to_numpy()).all()
        assert (unit["trial"].to_numpy() == rows.unit).all()
    assert np.array_equal(layout.unit_of["choice"], layout.unit_of["latency"])
    assert not layout.units.duplicated().any()
    # a node never reaches over the border of a trial: every trial has its exposure
    weight = pd.Series(layout.rows["presses"].data["weight"])
    exposure = weight.groupby(layout.unit_of["presses"]).sum()
    times = tiny.observations["time"].unique()
    inner = layout.units["trial"].between(1, len(times) - 2)
    assert exposure[inner.to_numpy()].to_numpy() == pytest.approx(23.0)


def test_the_grid_changes_the_rows_but_not_the_coordinates(tiny, three_channels) -> None:
    effects = {"presses_rest": "standardize(log(hours + 1)) + poly(time, 2) + drug + (1 | subject)"}
    model = three_channels(effects=effects)
    layouts = [
        build_layout(model, tiny),
        build_layout(model, tiny, refine=3),
        build_layout(model, tiny, refine=5, simulation=True),
    ]
    first = layouts[0]
    point = pd.DataFrame([["a", "2", 50.0]], columns=[*KEYS, "time"])
    point = point.assign(hours=50 / 3600, drug="drug", history_5s=0.0)
    for layout in layouts[1:]:
        assert layout.coordinates.entries == first.coordinates.entries
        assert layout.coordinates.loc == first.coordinates.loc
        assert layout.coordinates.scale == first.coordinates.scale
        a, b = (x.designs["presses_rest"].evaluate(point) for x in (first, layout))
        assert a.columns == b.columns
        assert a.fixed == pytest.approx(b.fixed, rel=1e-12)


def test_a_spline_over_the_session_can_be_evaluated_on_every_grid(tiny, three_channels) -> None:
    model = three_channels(effects={"presses_rest": "bs(hours, df=4)"})
    for options in ({}, {"refine": 3}, {"refine": 10, "simulation": True}):
        layout = build_layout(model, tiny, **options)
        assert len(layout.designs["presses_rest"].columns) == 5  # four and the history


def test_steps_of_covariates_are_seen_and_cut_the_grid(tiny) -> None:
    steps = pd.DataFrame(
        [
            ["a", "1", 0.0, "low"],
            ["a", "1", 77.0, "high"],
            ["a", "2", 0.0, "low"],
            ["b", "1", 0.0, "low"],
        ],
        columns=[*KEYS, "time", "price"],
    )
    study = tiny.with_tables({"covariates": steps})
    model = Model(drive="no_drive", channels=[Presses()], effects={"presses_rest": "price"})
    layout = build_layout(model, study)
    frame = layout.rows["presses"].frame
    late = (frame["subject"] == "a") & (frame["session"] == "1") & (frame["time"] >= 77)
    weight = layout.rows["presses"].data["weight"]
    assert weight[late].sum() == pytest.approx(123)
    high = (matrix(layout, "presses_rest").toarray()[:, -1] != 0) == (frame["price"] == "low")
    assert high.all()


def test_only_the_chosen_events_move_the_trace(tiny, three_channels) -> None:
    effects = {"peak": "1"}
    every = build_layout(three_channels(effects=effects), tiny)
    cues = build_layout(three_channels(events=["cue"], effects=effects), tiny)
    count = (tiny.events["kind"] == "cue").sum()
    assert cues.arrays["event_time"].size == count < every.arrays["event_time"].size
    with pytest.raises(SpecError, match="no events of kind 'cu'") as caught:
        build_layout(three_channels(events=["cu"], effects=effects), tiny)
    assert caught.value.todo == "did you mean 'cue'?"


# ---------------------------------------------------------------- edge studies
def one_trial(**changes) -> Study:
    key = {"subject": "only", "session": "1"}
    frames = {
        "sessions": pd.DataFrame([key | {"start": 0.0, "end": 10.0}]),
        "events": pd.DataFrame([key | {"time": 1.0, "kind": "cue", "magnitude": 1.0}]),
        "observations": pd.DataFrame([key | {"time": 5.0, "pursue": 1.0, "latency": 0.7}]),
        "presses": pd.DataFrame([key | {"time": 6.0, "kind": "press"}]),
    }
    return Study("one", **(frames | changes))


@pytest.mark.parametrize("drive", DRIVES)
def test_one_subject_with_one_trial(drive, draw_theta) -> None:
    channels = [Choice(), WaldLatency(), Presses(history=(0.5,), refractory=0.1)]
    layout = build_layout(Model(drive=drive, channels=channels), one_trial())
    rows = evaluate(layout, draw_theta(layout))
    assert len(rows["choice"]) == len(rows["latency"]) == 1
    assert all(np.isfinite(r).all() for r in rows.values())


def test_sparse_people(tiny, three_channels, draw_theta) -> None:
    """One observation, all one choice, missing outcomes, a session without events or presses."""
    table = tiny.observations
    table.loc[table["subject"] == "a", "pursue"] = 1.0
    table = pd.concat([table[table["subject"] == "a"], table[table["subject"] == "b"].iloc[:1]])
    table.loc[table.index[2], ["pursue", "latency"]] = np.nan
    events = tiny.events[(tiny.events["subject"] != "a") | (tiny.events["session"] != "2")]
    presses = tiny.presses[tiny.presses["subject"] == "a"]
    study = tiny.with_tables({"observations": table, "events": events, "presses": presses})
    for drive in DRIVES:
        layout = build_layout(three_channels(drive), study)
        assert layout.rows["choice"].excluded == layout.rows["latency"].excluded == 1
        assert len(layout.rows["choice"]) == len(table) - 1
        rows = evaluate(layout, draw_theta(layout))
        assert all(np.isfinite(r).all() for r in rows.values())
        if drive != "no_drive":
            offset = layout.arrays["event_offset"]
            assert offset[1] == offset[2], "session 2 of a has no events"
            operations = numpy_operations(layout.arrays)
            level = layout.program.signals(layout.arrays, draw_theta(layout), operations)["level"]
            at = slice(*layout.arrays["read_offset"][1:3])
            assert not level[at].any(), "and its level stays at rest"


def test_a_subject_without_events_has_no_peak_of_its_own(tiny, three_channels) -> None:
    events = tiny.events[tiny.events["subject"] == "a"]
    layout = build_layout(three_channels(), tiny.with_tables({"events": events}))
    labels = layout.coordinates.labels()
    assert labels["peak_group_member"] == ["1|subject[a]"]
    assert labels["choice_rest_group_member"] == ["1|subject[a]", "1|subject[b]"]


def test_null_needs_no_events(tiny) -> None:
    study = tiny.with_tables({"events": None})
    channels = [Choice(), Presses(history=(5.0,))]
    layout = build_layout(Model(drive="no_drive", channels=channels), study)
    assert not any(name.startswith(("event_", "read_")) for name in layout.arrays)
    with pytest.raises(SpecError, match="the hypothesis peak needs events"):
        build_layout(Model(drive="peak", channels=channels), study)


def test_missing_deadlines_do_not_matter_to_a_likelihood(tiny, draw_theta) -> None:
    model = Model(drive="peak", channels=[Latency()])
    with_deadline = tiny.with_tables({"observations": tiny.observations.assign(deadline=3.0)})
    a, b = build_layout(model, tiny), build_layout(model, with_deadline)
    theta = draw_theta(a)
    assert np.array_equal(evaluate(a, theta)["latency"], evaluate(b, theta)["latency"])


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"observations": {"pursue": np.nan}}, SpecError, "choice: every row is missing"),
        ({"observations": {"pursue": "maybe"}}, DopafitError, "maybe"),
        ({"events": {"magnitude": np.nan}}, StudyError, "magnitude = nan"),
        ({"events": {"time": np.nan}}, StudyError, "time = nan"),
        ({"observations": {"subject": "nobody"}}, StudyError, "subject nobody"),
        ({"events": {"session": "9"}}, StudyError, "session 9"),
        ({"presses": {"time": 1000.0}}, SpecError, "outside every observed window"),
    ],
)
def test_impossible_studies(tiny, three_channels, change, kind, message) -> None:
    with pytest.raises(kind, match=message):
        tables = {n: getattr(tiny, n).assign(**c) for n, c in change.items()}
        build_layout(three_channels(), tiny.with_tables(tables))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effects": {"peak": "drugg"}}, "effects: peak"),
        ({"effects": {"trough_ratio": "cost"}}, "effects: trough_ratio"),  # a column of trials
        ({"effects": {"choice_rest": "kind"}}, "effects: choice_rest"),  # a column of events
        ({"priors": {"peak_effect[kind[pelet]]": Prior.normal(0, 1)}}, "peak_effect"),
        ({"priors": {"peak_sd[1|session]": Prior.half_normal(1)}}, "peak_sd"),
        ({"priors": {"trough_ratio_effect[drug]": Prior.normal(0, 1)}}, "trough_ratio_effect"),
    ],
)
def test_names_that_the_study_does_not_have(tiny, three_channels, options, message) -> None:
    with pytest.raises(SpecError, match=message):
        build_layout(three_channels(**options), tiny)


def test_a_prior_of_an_effect_that_no_formula_makes_gets_a_suggestion(tiny, three_channels):
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(priors={"peak_effect[kind[pelet]]": Prior.normal(0, 1)}), tiny)
    assert caught.value.todo == "did you mean 'peak_effect[kind[pellet]]'?"
    layout = build_layout(
        three_channels(priors={"peak_effect[kind[pellet]]": Prior.normal(7, 1)}), tiny
    )
    entries = [(e.parameter, e.label) for e in layout.coordinates.entries]
    assert layout.coordinates.loc[entries.index(("peak", "kind[pellet]"))] == 7


def test_what_the_rows_make_doubtful_is_told(tiny_study):
    trials = tiny_study().observations.drop(columns="latency_censored")
    study = tiny_study(observations=trials.assign(latency=trials["latency"].clip(upper=2.5)))
    model = Model("no_drive", channels=[Choice(), Latency()])
    (text,) = build_layout(model, study).warnings
    assert "2.5, the longest there is" in text and "latency_censored" in text
    assert build_layout(model, study, simulation=True).warnings == ()
    assert build_layout(model, tiny_study()).warnings == ()
