"""The study as a frozen value: types, order, hash, selection."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dopafit.core.errors import StudyError
from dopafit.study import Study
from dopafit.study.canonical import canonical_column, content_hash, to_seconds
from dopafit.study.tables import TABLES

SESSIONS = pd.DataFrame({"subject": [1, 2], "session": ["a", "a"], "start": 0, "end": [90, 45]})


def study(**tables: pd.DataFrame) -> Study:
    return Study("x", sessions=SESSIONS, **tables)


def test_subjects_and_windows_are_derived() -> None:
    made = study()
    assert made.subjects["subject"].tolist() == ["1", "2"]
    assert made.windows[["start", "end"]].to_numpy().tolist() == [[0, 90], [0, 45]]
    assert made.hours == 135 / 3600
    assert list(made.events.columns) == ["subject", "session", "time", "kind", "magnitude"]
    assert all(len(made.tables[role]) == 0 for role in TABLES[3:])


def test_canonical_types() -> None:
    events = pd.DataFrame(
        {
            "note": [" word ", None, "NA"],
            "flag": [True, False, True],
            "level": pd.Categorical(["b", "a", "b"]),
            "dose": ["1", "2.50", ""],
            "time": [3, 1, 2],
            "session": "a",
            "subject": [1.0, 1.0, 2.0],
        }
    )
    got = study(events=events).events
    assert got["subject"].tolist() == ["1", "1", "2"]
    assert got["time"].tolist() == [1.0, 3.0, 2.0]  # by subject, then time
    assert got["kind"].tolist() == ["event"] * 3 and got["magnitude"].tolist() == [1.0] * 3
    assert got["flag"].tolist() == [0.0, 1.0, 1.0]
    assert got["level"].tolist() == ["a", "b", "b"]
    assert np.array_equal(got["dose"], [2.5, 1.0, np.nan], equal_nan=True)
    assert got["note"].isna().tolist() == [True, False, True] and got["note"][1] == "word"


def test_ties_keep_the_order_of_the_file() -> None:
    presses = pd.DataFrame({"subject": "1", "session": "a", "time": 5.0, "kind": list("zxy")})
    assert study(presses=presses).presses["kind"].tolist() == ["z", "x", "y"]


def test_nothing_reaches_inside(small: Study) -> None:
    before, frame = small.hash, small.events
    frame.loc[:, "time"] = 7.0
    frame["new"] = 1.0
    small.tables["events"].pop("time")
    assert small.with_tables({}).hash == before and "new" not in small.events
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.name = "other"
    given_frame = pd.DataFrame({"subject": ["1"], "session": ["a"], "time": [5.0]})
    made = study(observations=given_frame)
    given_frame.loc[0, "time"] = 6.0
    assert made.observations["time"][0] == 5.0


def test_hash_is_a_promise(small: Study) -> None:
    # changes only with the definition of the hash; stored fits depend on it
    assert small.hash == "6b38cf77b66786712e61a9296ccfa2720046ee06823e9c5b0a22ad4fe746a8cc"


def test_hash_ignores_order_words_and_spelling(small: Study) -> None:
    rng = np.random.default_rng(3)
    tables = {}
    for role, frame in small.tables.items():
        mixed = frame.iloc[rng.permutation(len(frame))]
        tables[role] = mixed[list(rng.permutation(frame.columns))]
    other = Study("another name", simulated=True, citation="c", time_unit="ms", **tables)
    assert other == small and hash(other) == hash(small) and other.hash == small.hash
    negative_zero = small.sessions.assign(start=-0.0)
    assert small.with_tables({"sessions": negative_zero}) == small
    assert small != "small"


@pytest.mark.parametrize("role", TABLES)
def test_hash_sees_every_cell(small: Study, role: str) -> None:
    tables = small.tables
    frame = tables[role]

    def hashed(changed: pd.DataFrame) -> str:
        return content_hash(tables | {role: changed}, simulated=True)

    seen = {small.hash}
    for column in frame.columns:
        for i in range(len(frame)):
            changed = frame.copy()
            cell = changed.at[i, column]
            changed.at[i, column] = (
                cell + "x"
                if isinstance(cell, str)
                else np.nextafter(np.nan_to_num(cell, nan=3.0), 9e9)
            )
            seen.add(hashed(changed))
    assert len(seen) == 1 + frame.size
    seen.add(hashed(frame.rename(columns={frame.columns[-1]: "zz"})))
    assert len(seen) == 2 + frame.size


def test_hash_sees_simulated_and_doubled_rows(small: Study) -> None:
    twice = pd.concat([small.events, small.events.iloc[:1]])
    assert small.with_tables({"events": twice}) != small
    measured = Study("small", **small.tables)
    assert measured != small


def test_text_boundaries_do_not_run_together() -> None:
    def named(*kinds: str) -> Study:
        return study(
            presses=pd.DataFrame(
                {"subject": "1", "session": "a", "time": [1.0, 2.0], "kind": kinds}
            )
        )

    assert named("ab", "c") != named("a", "bc")


def test_select(small: Study) -> None:
    one = small.select(subjects=["s01"], sessions="a")
    assert one.sessions[["subject", "session"]].to_numpy().tolist() == [["s01", "a"]]
    assert set(one.observations["subject"]) == {"s01"} and len(one.observations) == 2
    assert one.subjects["subject"].tolist() == ["s01"] and len(one.windows) == 2
    assert small.select() == small
    with pytest.raises(StudyError, match="did you mean 's01'") as error:
        small.select(subjects=["s1"])
    assert "'s01', 's02'" in error.value.allowed
    with pytest.raises(StudyError, match="no session is left"):
        small.select(subjects=["s02"], sessions=["b"])


def test_repr_says_what_it_is(small: Study) -> None:
    text = repr(small)
    for word in ("SIMULATED", "'small'", "1 cue, 3 reward", "0.4861 h", "latency_censored"):
        assert word in text
    assert "SIMULATED" not in repr(study())


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"events": pd.DataFrame({"subject": [1], "session": ["a"], "tiem": [1]})}, "'tiem'"),
        ({"events": pd.DataFrame({"subject": [1], "session": [1], "time": ["x"]})}, "not a number"),
        ({"events": pd.DataFrame([[1, 1]], columns=["time", "time"])}, "more than once"),
        ({"events": [1, 2]}, "is a list"),
    ],
)
def test_wrong_tables_are_refused(tables: dict, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        study(**tables)


def test_unknown_table_is_refused(small: Study) -> None:
    with pytest.raises(StudyError, match="did you mean 'events'"):
        small.with_tables({"event": small.events})


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-9, 9), st.booleans(), st.text())))
def test_canonical_form_is_a_fixed_point(cells: list) -> None:
    for text in (False, True):
        once, _ = canonical_column(pd.Series(cells, dtype=object), text=text)
        again, _ = canonical_column(once, text=text)
        pd.testing.assert_series_equal(once, again)
        assert once.dtype == np.float64 or once.map(lambda v: v != v or isinstance(v, str)).all()


def test_seconds_are_exact_to_the_nanosecond() -> None:
    minutes = pd.Series([0.7, 1.1, 0.35, 100.1 / 60, np.nan, np.inf])
    seconds = to_seconds(minutes, "min").tolist()
    assert seconds[:4] == [42.0, 66.0, 21.0, 100.1]
    assert np.isnan(seconds[4]) and np.isinf(seconds[5])
    assert to_seconds(pd.Series([0.1, 12345.0]), "ms").tolist() == [1e-4, 12.345]
    assert to_seconds(pd.Series([0.5, 1e300]), "h").tolist() == [1800.0, 3.6e303]
    rng = np.random.default_rng(1)
    for unit, factor in (("ms", 1e-3), ("min", 60.0), ("h", 3600.0)):
        exact = np.round(rng.uniform(0, 1e6, 300), 6)
        assert to_seconds(pd.Series(exact / factor), unit).tolist() == exact.tolist()
