"""Exclusions: each rule against a count by hand, and rules that leave nothing out refused."""

from __future__ import annotations

import pandas as pd
import pytest

from dopafit.core.errors import SpecError
from dopafit.study import Study, exclude, exclusions_from, validate

KEY = ["subject", "session"]


@pytest.fixture
def study() -> Study:
    """Two subjects, three sessions of 100 s that start at 1,000 s; the last has two windows."""
    sessions = pd.DataFrame(
        [["a", "1", "saline"], ["a", "2", "unknown"], ["b", "1", None]], columns=[*KEY, "drug"]
    ).assign(start=1000.0, end=1100.0)
    windows = pd.DataFrame(
        [["a", "1", 1000, 1100], ["a", "2", 1000, 1100], ["b", "1", 1000, 1040],
         ["b", "1", 1050, 1100]], columns=[*KEY, "start", "end"]
    )  # fmt: skip
    times = pd.DataFrame({"time": 1000.0 + pd.RangeIndex(5, 100, 10)})
    rows = sessions[KEY].merge(times, how="cross")
    rows = rows[~((rows["subject"] == "b") & (rows["time"] == 1045))]
    return Study(
        "three",
        sessions=sessions,
        windows=windows,
        subjects=pd.DataFrame({"subject": ["a", "b"], "sex": ["f", "m"]}),
        events=rows.assign(kind="cue", magnitude=1.0),
        observations=rows.assign(pursue=[i % 2 for i in range(len(rows))], practice=0.0).assign(
            practice=lambda f: (f["time"] < 1020).astype(float)
        ),
        presses=rows.assign(kind="lever"),
    )


def took(study: Study, **rule: object) -> dict[str, float]:
    row = exclude(study, [rule]).table.iloc[0].drop(["rule", "reason"])
    return {k: v for k, v in row.items() if v}


def test_subjects_sessions_and_levels_leave_with_all_their_rows(study) -> None:
    one = {"sessions": 1, "events": 10, "observations": 10, "presses": 10, "hours": 100 / 3600}
    last = {
        "subjects": 1,
        "sessions": 1,
        "events": 9,
        "observations": 9,
        "presses": 9,
        "hours": 0.025,
    }
    assert took(study, subjects=["b"]) == pytest.approx(last)
    assert took(study, subjects="a", sessions=[2]) == pytest.approx(one)
    assert took(study, where={"drug": "unknown"}) == pytest.approx(one)
    assert took(study, where={"drug": None}) == pytest.approx(last)
    assert took(study, where={"sex": ["m"]}) == pytest.approx(last)
    left = exclude(study, [{"subjects": ["b"]}]).study
    assert list(left.subjects["subject"]) == ["a"] and set(left.presses["subject"]) == {"a"}
    assert left.hash == study.select(subjects=["a"]).hash != study.hash


def test_times_leave_behaviour_and_keep_events(study) -> None:
    left = exclude(study, [{"before": 15, "after": 0}]).study
    assert took(study, before=15) == pytest.approx(
        {"observations": 3, "presses": 3, "hours": 45 / 3600}
    )
    assert left.events.equals(study.events) and left.sessions.equals(study.sessions)
    first = exclude(study, [{"before": 15}]).study
    assert first.observations["time"].min() == 1015  # the end of the stretch stays
    assert first.windows["start"].tolist() == [1015, 1015, 1015, 1050]
    late = exclude(study, [{"after": 60, "subjects": ["b"]}]).study
    assert late.windows["end"].tolist() == [1100, 1100, 1040, 1060]
    middle = exclude(study, [{"after": 30, "before": 60}]).study
    assert middle.windows[["start", "end"]].to_numpy().tolist() == [
        [1000, 1030], [1060, 1100], [1000, 1030], [1060, 1100], [1000, 1030], [1060, 1100]
    ]  # fmt: skip
    assert [f for f in validate(middle).errors] == []


def test_a_session_without_observed_time_leaves(study) -> None:
    left = exclude(study, [{"subjects": ["b"], "before": 100}])
    assert list(left.study.subjects["subject"]) == ["a"]
    assert left.table["events"].tolist() == [9]


def test_levels_of_trials_leave_trials_only(study) -> None:
    assert took(study, where={"practice": 1}) == {"observations": 6}
    assert took(study, where={"practice": 1, "sex": "f"}) == {"observations": 4}
    assert took(study, where={"practice": 0}, before=30) == {"observations": 3}


def test_rules_are_counted_one_after_the_other(study) -> None:
    found = exclude(
        study,
        [
            {"subjects": ["b"], "reason": "fell ill"},
            {"before": 10, "reason": "handling"},
            {"subjects": ["b"], "before": 10},
        ],
    )
    assert found.table["observations"].tolist() == [9, 2, 0]
    assert found.lines == [
        "left out: subject b (fell ill): 1 subject, 1 session, 9 events, 9 observations, "
        "9 presses, 0.025 h observed",
        "left out: the first 10 s of the session (handling): 2 observations, 2 presses, "
        "0.005556 h observed",
        "left out: subject b; the first 10 s of the session: nothing that an earlier rule had not "
        "taken",
    ]
    assert repr(found).startswith("left out: subject b")
    assert exclude(study, []).study.hash == study.hash


@pytest.mark.parametrize(
    ("rules", "wrong", "todo"),
    [
        ([{"subjects": ["B"]}], "rule 1: subject 'B' does not occur", None),
        ([{"subjects": ["a"]}, {"sessions": ["11"]}], "rule 2: session '11'", None),
        ([{"where": {"drgu": "x"}}], "no column 'drgu'", "did you mean 'drug'?"),
        ([{"where": {"drug": "Saline"}}], "drug is never 'Saline'", "did you mean 'saline'?"),
        ([{"where": {"practice": "yes"}}], "practice is never 'yes'", None),
        ([{"where": {"sex": None}}], "sex is never missing", None),
        ([{"where": {"time": 5}}], "no column 'time'", None),
        ([{"subjects": ["b"], "sessions": ["2"]}], "meets nothing", None),
        ([{"after": 100}], "meets nothing", None),
        ([{"subjects": ["a", "b"]}], "no session is left", None),
        ([{"before": 100}], "no session is left", None),
        ([{"befor": 1}], "'befor' is not known", "did you mean 'before'?"),
        ([{}], "says nothing to leave out", None),
        ([{"reason": "why"}], "says nothing to leave out", None),
        ([{"before": -1}], "before = -1", None),
        ([{"before": "60 s"}], "before = '60 s'", None),
        ([{"before": float("nan")}], "before = nan", None),
        ([{"after": 60, "before": 60}], "nothing comes after 60 s and before 60 s", None),
        ([{"where": "drug == 'x'"}], "where = ", None),
        ([{"where": {"drug": {"not": "x"}}}], "where: drug = ", None),
        ([{"subjects": {"a": 1}}], "subjects = ", None),
        (["a"], "rule 1: 'a'", None),
        ("a", "no list of rules", None),
        ({"subjects": ["a"], "before": 3}, "one rule or several", None),
    ],
)
def test_rules_that_cannot_be_meant(study, rules, wrong, todo) -> None:
    with pytest.raises(SpecError) as error:
        exclude(study, rules)
    assert wrong in error.value.wrong and error.value.allowed and error.value.todo
    assert todo is None or error.value.todo == todo


def test_one_mapping_is_one_rule_and_rules_round_trip() -> None:
    (rule,) = exclusions_from({"subjects": [7], "reason": "fell ill"})
    assert rule.subjects == ("7",) and rule.words == "subject 7"
    rules = [
        {"subjects": ["a", "b"], "where": {"drug": ["x", None]}, "before": 60.0, "after": 5.0},
        {"sessions": ["2"], "reason": "cable"},
    ]
    read = exclusions_from(rules)
    assert [r.to_dict() for r in read] == rules
    assert read[0].words == "subjects a, b; drug is x or missing; 5 to 60 s of the session"
    assert exclusions_from(None) == ()
