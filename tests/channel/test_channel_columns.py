"""Columns a channel names must exist; waits that pile up without a mark are asked about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.errors import SpecError
from dopafit.study.waits import pile_up


def waits(count: int = 60, *, deadline: float | None, seed: int = 1) -> pd.DataFrame:
    """Lognormal latencies of two subjects, cut at a deadline."""
    drawn = np.exp(0.8 * np.random.default_rng(seed).standard_normal(count))
    late = np.zeros(count) if deadline is None else (drawn > deadline).astype(float)
    frame = pd.DataFrame({"subject": np.where(np.arange(count) % 2, "s1", "s2"), "session": "a"})
    frame["time"] = 2.0 * np.arange(count)
    latency = drawn if deadline is None else np.minimum(drawn, deadline)
    return frame.assign(pursue=np.arange(count) % 2, latency=latency, missed=late)


@pytest.mark.parametrize("member", [Latency, WaldLatency])
def test_a_misspelt_censoring_column_is_refused(trials, rows_of, member) -> None:
    with pytest.raises(SpecError, match="no column 'latency_cens'") as error:
        rows_of(member(censored="latency_cens"), trials)
    assert "latency_censored" in error.value.allowed
    assert error.value.todo == "did you mean 'latency_censored'?"
    with pytest.raises(SpecError) as error:
        rows_of(member(censored="zzz"), trials)
    assert error.value.todo == "say censored: null if every wait ended with a response"


def test_censoring_that_belongs_to_the_column_is_not_passed_over(trials, rows_of) -> None:
    names = {"latency": "rt", "latency_censored": "rt_censored"}
    study = trials.with_tables({"observations": trials.observations.rename(columns=names)})
    with pytest.raises(SpecError, match="'rt_censored' marks") as error:
        rows_of(Latency("rt"), study)
    assert error.value.allowed and error.value.todo == "add censored: rt_censored to the channel"
    flags = rows_of(Latency("rt", censored="rt_censored"), study).data["is_censored"]
    assert flags.tolist() == [0, 1, 0, 0, 1]
    assert not rows_of(Latency("rt", censored=None), study).data["is_censored"].any()


def test_an_empty_censoring_column_is_refused(trials, rows_of) -> None:
    empty = trials.observations.assign(latency_censored=np.nan)
    with pytest.raises(SpecError, match="empty wherever there is a latency") as error:
        rows_of(Latency(), trials.with_tables({"observations": empty}))
    assert error.value.allowed and error.value.todo


def test_waits_that_pile_up_unmarked_are_asked_about(make_study, rows_of) -> None:
    study = make_study(observations=waits(deadline=2.0))
    (text,) = rows_of(Latency(), study).warnings
    late = int(study.observations["missed"].sum())
    assert late > 3 and f"{late} of 60 values are 2, the longest there is" in text
    assert "censored: null" in text and "'missed' is 1 in just these rows" in text
    # negative controls: said to be responses, marked, or not piled up
    assert rows_of(Latency(censored=None), study).warnings == ()
    assert rows_of(Latency(censored="missed"), study).warnings == ()
    assert rows_of(Latency(), make_study(observations=waits(deadline=None))).warnings == ()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("step", [0.001, 0.1, 1.0])
def test_a_coarse_clock_is_no_deadline(seed: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = np.ceil(np.exp(1 + 0.8 * rng.standard_normal(300)) / step) * step
    assert pile_up(drawn, np.arange(300) // 30) is None


def test_deadlines_with_jitter_or_of_each_session_are_seen() -> None:
    rng = np.random.default_rng(3)
    drawn = np.exp(0.8 * rng.standard_normal(400))
    session = np.arange(400) // 20
    jitter = np.where(drawn > 4, 4 + 0.005 * rng.random(400), drawn)
    assert pile_up(jitter, session).count == (drawn > 4).sum()
    own = np.minimum(drawn, 1.5 + 0.1 * session)
    found = pile_up(own, session)
    assert found.value is None and found.rows[drawn < own.max()].any()
    assert "longest of their session" in found.words
    assert pile_up(np.full(20, 3.0), np.zeros(20)) is None  # no second value: no pile


def test_all_censored_and_all_alike_are_said(make_study, rows_of) -> None:
    table = waits(deadline=2.0).assign(latency_censored=1.0, pursue=1.0)
    study = make_study(observations=table)
    assert "nobody responded" in rows_of(Latency(), study).warnings[0]
    assert rows_of(Choice(), study).warnings == (
        "channel choice: pursue is 1 in all 60 observations",
    )
    assert rows_of(Choice(), make_study(observations=waits(deadline=2.0))).warnings == ()


def test_a_pause_after_events_that_never_come_is_refused(study, make_study, rows_of) -> None:
    with pytest.raises(SpecError, match="no events of kind 'pelet'") as error:
        rows_of(Presses(pause_after="pelet"), study)
    assert error.value.allowed == "cue, pellet" and error.value.todo == "did you mean 'pellet'?"
    with pytest.raises(SpecError, match="no events of kind 'pellet'") as error:
        rows_of(Presses(pause_after="pellet"), make_study(events=None))
    assert error.value.allowed == "(the study has no events at all)" and error.value.todo
    assert len(rows_of(Presses(pause_after="pellet"), study))
