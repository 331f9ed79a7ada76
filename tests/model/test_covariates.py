"""Covariates joined to points in time: sessions, subjects, steps, clocks and trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import StudyError
from dopafit.model.layout.covariates import Joiner
from dopafit.study import Study

KEYS = ["subject", "session"]


def study(**tables) -> Study:
    frames = {
        "subjects": pd.DataFrame({"subject": ["a", "b"], "age": [30, 40], "drug": ["x", "y"]}),
        "sessions": pd.DataFrame(
            [
                ["a", "1", 0.0, 7200.0, "none", 22.5],
                ["a", "2", 100.0, 900.0, "drug", 8.0],
                ["b", "1", 0.0, 900.0, "none", np.nan],
            ],
            columns=[*KEYS, "start", "end", "drug", "clock_start"],
        ),
        "events": pd.DataFrame(
            [["a", "1", 50.0, "cue", 1.0], ["a", "2", 150.0, "cue", 1.0]],
            columns=[*KEYS, "time", "kind", "magnitude"],
        ),
        "covariates": pd.DataFrame(
            [["a", "1", 0.0, 1.0], ["a", "1", 60.0, 2.0], ["a", "2", 100.0, 5.0]],
            columns=[*KEYS, "time", "price"],
        ),
    }
    return Study("s", **(frames | tables))


POINTS = pd.DataFrame(
    [["a", "2", 400.0], ["a", "1", 60.0], ["a", "1", 59.999], ["b", "1", 1.0], ["a", "1", 6000.0]],
    columns=[*KEYS, "time"],
)


def test_everything_is_joined_in_the_order_of_the_rows() -> None:
    joined = Joiner(study())(POINTS)
    assert joined[["subject", "session", "time"]].equals(POINTS)
    assert joined["age"].tolist() == [30, 30, 30, 40, 30]
    assert joined["drug"].tolist() == ["drug", "none", "none", "none", "none"]  # the session's
    assert joined["drug_subject"].tolist() == ["x", "x", "x", "y", "x"]
    # a step holds from its own time on; where there is none the value is missing
    assert joined["price"].tolist()[:3] == [5, 2, 1]
    assert np.isnan(joined["price"][3]) and joined["price"][4] == 2
    assert joined["hours"].to_numpy() == pytest.approx(
        [300 / 3600, 1 / 60, 59.999 / 3600, 1 / 3600, 6000 / 3600]
    )
    clock = joined["clock_hour"].to_numpy()
    assert clock[0] == pytest.approx(8 + 400 / 3600)
    assert np.isnan(clock[3])
    assert clock[4] == pytest.approx(22.5 + 6000 / 3600 - 24)  # past midnight


def test_the_frames_own_columns_win() -> None:
    joined = Joiner(study())(POINTS.assign(drug="own", price=9.0, clock_hour=1.0, hours=2.0))
    assert set(joined["drug"]) == {"own"} and set(joined["price"]) == {9.0}
    assert set(joined["clock_hour"]) == {1.0} and set(joined["hours"]) == {2.0}


def test_trials_are_numbered_by_observations_else_by_events() -> None:
    observations = pd.DataFrame(
        [["a", "1", t] for t in (10.0, 20.0, 20.0, 30.0)], columns=[*KEYS, "time"]
    )
    time = [0.0, 9.9, 10.0, 19.0, 20.0, 29.0, 31.0]
    points = pd.DataFrame({"subject": "a", "session": "1", "time": time})
    by_trial = Joiner(study(observations=observations))(points)["trial_number"]
    assert by_trial.tolist() == [0, 0, 0, 0, 2, 2, 3]
    by_event = Joiner(study())(points.assign(time=[0.0, 49, 50, 51, 60, 70, 80]))["trial_number"]
    assert by_event.tolist() == [0] * 7
    nothing = Joiner(study(events=None))(points)["trial_number"]
    assert nothing.tolist() == [0] * 7


def test_empty_tables_and_empty_frames() -> None:
    bare = study(covariates=None, events=None)
    assert "price" not in Joiner(bare)(POINTS)
    empty = Joiner(study())(POINTS.iloc[:0])
    assert len(empty) == 0 and {"price", "drug", "age", "trial_number"} <= set(empty)


def test_rows_of_no_session_and_doubled_sessions_are_errors() -> None:
    with pytest.raises(StudyError, match="subject c, session 1 is not in the table of sessions"):
        Joiner(study())(pd.DataFrame({"subject": ["c"], "session": ["1"], "time": [1.0]}))
    sessions = study().sessions
    with pytest.raises(StudyError, match="listed twice in the sessions"):
        Joiner(study(sessions=pd.concat([sessions, sessions.iloc[:1]])))
    people = pd.DataFrame({"subject": ["a", "b", "a"], "age": [1, 2, 3]})
    with pytest.raises(StudyError, match="subject a is listed twice in the subjects"):
        Joiner(study(subjects=people))
