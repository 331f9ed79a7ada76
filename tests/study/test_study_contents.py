"""What validate says it read, against counts and quantiles by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dopafit.study import Study, contents_of, validate


def quantity(study: Study, table: str, name: str, kind: str = "") -> dict:
    frame = contents_of(study.tables).quantities.set_index(["table", "kind", "quantity"])
    return frame.loc[(table, kind, name)].to_dict()


def test_quantities_are_those_of_the_tables(small: Study) -> None:
    found = contents_of(small.tables)
    assert (found.subjects, found.sessions) == (2, 3) and found.hours == pytest.approx(small.hours)
    latency = quantity(small, "observations", "latency")
    values = np.array([0.8, 2.0, 1.5, 0.4])
    assert latency["unit"] == "s" and (latency["rows"], latency["missing"]) == (5, 1)
    assert latency["censored"] == 0.25  # of the four that are given
    assert [latency[k] for k in ("min", "median", "max")] == [0.4, np.median(values), 2.0]
    assert latency["q05"] == pytest.approx(np.quantile(values, 0.05))
    assert quantity(small, "observations", "pursue")["mean"] == 0.4
    assert quantity(small, "events", "magnitude", "reward")["max"] == 2
    # gaps are within the session: 55 to 56 in s01/a
    assert quantity(small, "presses", "gap", "left")["median"] == 1
    assert quantity(small, "observations", "gap")["max"] == 70
    assert quantity(small, "sessions", "length")["median"] == 600


def test_levels_have_counts(small: Study) -> None:
    levels = contents_of(small.tables).levels
    assert levels.to_dict(orient="records") == [
        {"table": "sessions", "covariate": "drug", "level": "drug", "rows": 1, "subjects": 1,
         "sessions": 1},
        {"table": "sessions", "covariate": "drug", "level": "placebo", "rows": 2, "subjects": 2,
         "sessions": 2},
    ]  # fmt: skip


def test_validate_prints_what_it_read(folder) -> None:
    report = validate(folder.write())
    text = str(report)
    assert text.startswith(str(folder.path) + ": no errors, no warnings\n  2 subjects, 3 sessions")
    for said in (
        "events of kind 'reward': 3\n    gap [s]: no number\n    magnitude: 1 (1 to 1.9; 1 to 2)",
        "latency [s]: 1.15 (0.46 to 1.925; 0.4 to 2), censored 25 %, missing 20 %",
        "pursue: 1 in 40 %, else 0",
        "sessions, drug: drug (1), placebo (2)",
    ):
        assert said in text, said
    assert report.contents.quantities.equals(contents_of(report_tables(folder)).quantities)


def report_tables(folder):
    from dopafit.study import read_study

    tables = read_study(folder.path).tables
    return {role: frame for role, frame in tables.items() if len(frame)}


def test_a_unit_mistake_is_seen(folder) -> None:
    folder.about["time_unit"] = "ms"  # of a study in seconds
    folder.about["units"] = {"latency": "s"}
    assert "length [s]: 0.6" in str(validate(folder.write()))


def test_what_cannot_be_read_does_not_keep_the_rest_from_being_said(folder) -> None:
    folder.files["observations"] = folder.files["observations"].replace("s01,a,50", "s01,a,soon")
    report = validate(folder.write())
    assert not report.ok and "latency [s]" in str(report)
    folder.files["sessions"] = "subject,session\n"
    assert validate(folder.write()).contents is not None


def test_records_are_plain(small: Study) -> None:
    text = json.dumps(contents_of(small.tables).to_dict(), allow_nan=False)
    assert '"quantity": "latency"' in text
    empty = contents_of({})
    assert empty.hours == 0 and empty.quantities.empty and "0 subjects" in str(empty)


def test_the_mean_of_the_largest_numbers_is_a_number(small: Study) -> None:
    """Their sum is out of range; the mean is not."""
    huge = np.full(len(small.observations), -1.7e308)
    wide = small.with_tables({"observations": small.observations.assign(huge=huge)})
    assert quantity(wide, "observations", "huge")["mean"] == pytest.approx(-1.7e308)
