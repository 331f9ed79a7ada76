"""Signatures of a study small enough to count by hand, and by brute force in fine steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.press import Presses
from dopafit.check.signatures import BINS, Lags, Reducer
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.study import Study

KEYS = ["subject", "session"]
EVENTS = {"a": [10.0, 14.0, 60.0], "b": [5.0, 5.0]}
WINDOWS = {"a": [(0.0, 40.0), (50.0, 100.0)], "b": [(2.0, 50.0)]}
TRIALS = {"a": [3.0, 10.0, 12.0, 19.0, 30.0, 61.0, 70.0, 75.0], "b": [4.0, 11.0, 25.0]}
PRESSES = {"a": [1.0, 11.0, 13.0, 20.0, 61.0, 61.5, 99.0], "b": [6.0, 9.0]}
PAIRED = {"a": [False, True, False], "b": [False, True]}


def table(times: dict[str, list], **columns) -> pd.DataFrame:
    rows = [["s", session, time] for session, found in times.items() for time in found]
    return pd.DataFrame(rows, columns=[*KEYS, "time"]).assign(**columns)


@pytest.fixture(scope="module")
def study() -> Study:
    trials = table(TRIALS)
    n = len(trials)
    return Study(
        "by hand",
        sessions=pd.DataFrame(
            [["s", "a", 0, 100], ["s", "b", 0, 50]], columns=[*KEYS, "start", "end"]
        ),
        windows=pd.DataFrame(
            [["s", k, lo, hi] for k, pairs in WINDOWS.items() for lo, hi in pairs],
            columns=[*KEYS, "start", "end"],
        ),
        events=table(EVENTS, kind="cue", magnitude=1.0),
        observations=trials.assign(
            pursue=np.arange(n) % 3 == 0,
            latency=1.0 + np.arange(n) % 5,
            latency_censored=(np.arange(n) % 4 == 1).astype(float),
        ),
        presses=table(PRESSES, kind="press"),
    )


@pytest.fixture(scope="module")
def layout(study):
    return build_layout(Model("no_drive", [Choice(), Latency(), Presses()]), study)


def since(session: str, t: float) -> tuple[float, int]:
    """Time since the last event strictly before, and which of the session it is."""
    before = [i for i, e in enumerate(EVENTS[session]) if e < t]
    return (t - EVENTS[session][before[-1]], before[-1]) if before else (np.inf, -1)


def cell(edges: np.ndarray, session: str, t: float) -> tuple[int | None, bool]:
    gap, which = since(session, t)
    inside = [b for b in range(len(edges) - 1) if edges[b] <= gap < edges[b + 1]]
    return (inside[0] if inside else None), which >= 0 and PAIRED[session][which]


def groups(paired: bool) -> tuple[str, str]:
    return ("all", "paired" if paired else "single")


def test_lags_and_bins(study) -> None:
    lags = Lags(study, None)
    assert lags.gaps.tolist() == [np.inf, 4.0, 46.0, np.inf, 0.0]
    frame = table({"a": [9.0, 10.0, 10.5, 14.0, 100.0], "b": [1.0, 5.0, 6.0]})
    gap, which = lags.since(lags.place(frame))
    assert gap.tolist() == [np.inf, np.inf, 0.5, 4.0, 40.0, np.inf, np.inf, 1.0]
    assert which[[2, 3, 4, 7]].tolist() == [0, 0, 2, 4]
    edges = lags.edges
    assert edges.size == BINS + 1 and edges[0] == 0 and (np.diff(edges) > 0).all()
    assert edges[-1] == pytest.approx(4 + 0.98 * 42)
    np.testing.assert_allclose(np.diff(np.log(edges[1:])), np.log(edges[2] / edges[1]), rtol=1e-9)
    other = Lags(study, ("pellet",))
    assert other.events.size == 0 and np.isinf(other.since(lags.place(frame))[0]).all()
    assert other.exposure().tolist() == [0.0]


def test_exposure_against_fine_steps(study, layout) -> None:
    lags = Lags(study, None)
    reducer = Reducer(Presses(), layout, lags, 5.0)
    assert reducer.paired.tolist() == PAIRED["a"] + PAIRED["b"]
    step, expected = 0.005, {g: np.zeros(BINS) for g in ("all", "paired", "single")}
    for session, pairs in WINDOWS.items():
        for lo, hi in pairs:
            for t in np.arange(lo + step / 2, hi, step):
                b, paired = cell(lags.edges, session, t)
                if b is not None:
                    for group in groups(paired):
                        expected[group][b] += step
    frame = reducer.frame
    for group, total in expected.items():
        found = frame.loc[frame["group"] == group, "n"].to_numpy()
        np.testing.assert_allclose(found, total, atol=0.03)
    split = lags.exposure(reducer.paired) + lags.exposure(~reducer.paired)
    np.testing.assert_allclose(split, lags.exposure(), atol=1e-12)
    # observed time after the first event is 10-40, 50-100 and 5-50; between the events at 14 and
    # 60 the bins end a little before the second
    beyond = 60 - 14 - lags.edges[-1]
    assert 0 < beyond < 10
    assert lags.exposure().sum() == pytest.approx(30 + 50 + 45 - beyond, abs=1e-9)


def test_choice_counts_and_shares(study, layout) -> None:
    lags = Lags(study, None)
    reducer = Reducer(Choice(), layout, lags, 5.0)
    rows = layout.rows["choice"].frame
    hits = {g: [[] for _ in range(BINS)] for g in ("all", "paired", "single")}
    for row in rows.itertuples():
        b, paired = cell(lags.edges, row.session, row.time)
        if b is not None:
            for group in groups(paired):
                hits[group][b].append(float(row.pursue))
    values, frame = reducer.values(rows), reducer.frame
    assert len(values) == len(frame) == 3 * BINS
    for group, bins in hits.items():
        at = (frame["group"] == group).to_numpy()
        assert frame["n"].to_numpy()[at].tolist() == [len(b) for b in bins]
        expected = [np.mean(b) if b else np.nan for b in bins]
        np.testing.assert_allclose(values[at], expected)
    n = frame.groupby("group")["n"].sum()
    assert n["all"] == n["paired"] + n["single"] == 8  # 3 trials come before their first event
    flipped = reducer.values(rows.assign(pursue=1 - rows["pursue"].astype(float)))
    np.testing.assert_allclose(flipped, 1 - values)


def test_latency_medians(study, layout) -> None:
    lags = Lags(study, None)
    reducer = Reducer(Latency(), layout, lags, 5.0)
    rows = layout.rows["latency"].frame
    values, frame = reducer.values(rows), reducer.frame
    assert len(values) == len(frame)
    for group in ("all", "paired", "single"):
        bins = [[] for _ in range(BINS)]
        for row in rows.itertuples():
            b, paired = cell(lags.edges, row.session, row.time)
            if b is not None and group in groups(paired):
                bins[b].append(row.latency)
        at = frame["group"] == group
        np.testing.assert_allclose(
            values[at.to_numpy()], [np.median(b) if b else np.nan for b in bins]
        )


def test_press_rates(study, layout) -> None:
    lags = Lags(study, None)
    reducer = Reducer(Presses(), layout, lags, 5.0)
    frame, values = reducer.frame, reducer.values(study.presses)
    for group in ("all", "paired", "single"):
        count = np.zeros(BINS)
        for session, times in PRESSES.items():
            for t in times:
                b, paired = cell(lags.edges, session, t)
                if b is not None and group in groups(paired):
                    count[b] += 1
        at = (frame["group"] == group).to_numpy()
        time = frame["n"].to_numpy()[at]
        rate = np.where(time > 0, 60 * count / np.where(time > 0, time, 1), np.nan)
        np.testing.assert_allclose(values[at], rate)
        assert count.sum() == {"all": 8, "paired": 3, "single": 5}[group]
    none = reducer.values(study.presses.iloc[:0])
    assert np.nansum(none) == 0 and np.array_equal(np.isnan(none), np.isnan(values))
