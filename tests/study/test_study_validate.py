"""Every kind of finding, at the line and column where an editor shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import StudyError
from dopafit.study import Finding, Report, Study, read_study, validate


def test_a_sound_study_has_no_findings(folder, small: Study) -> None:
    report = validate(folder.write())
    assert report.ok and report.findings == () and "no errors" in str(report)
    assert validate(small).findings == ()


# (table, old text, new text, kind, line, column, severity)
CASES = [
    ("observations", "s01,a,120,0", "s09,a,120,0", "unknown-subject", 3, "subject", "error"),
    ("observations", "s01,a,120,0", "s01,aa,120,0", "unknown-session", 3, "session", "error"),
    ("events", "s02,a,30", "s02,b,30", "unknown-session", 5, "session", "error"),
    ("sessions", "s02,a", "s03,a", "unknown-subject", 4, "subject", "error"),
    ("subjects", "s02,40\n", "s02,40\ns03,7\n", "subject-without-session", 4, "subject", "warning"),
    ("subjects", "s02,40\n", "s02,40\ns02,41\n", "doubled-key", 4, "subject", "error"),
    ("sessions", "s02,a,0,600", "s01,a,0,700", "doubled-key", 4, "session", "error"),
    ("covariates", "s01,a,200", "s01,a,0", "doubled-key", 3, "time", "error"),
    ("covariates", "s01,a,0,1", "s01,a,5,1", "covariate-begins-late", 2, "time", "warning"),
    ("samples", "s01,a,2,-0.2", "s01,a,1,0.1", "repeated-row", 3, None, "error"),
    ("presses", "s01,a,56", "s01,a,55", "repeated-row", 3, None, "warning"),
    ("sessions", "s01,b,0,600", "s01,b,600,600", "end-before-start", 3, "end", "error"),
    ("windows", "s01,a,350,600", "s01,a,700,600", "end-before-start", 3, "end", "error"),
    ("windows", "s01,a,350,600", "s01,a,299,600", "overlap", 3, "start", "error"),
    ("windows", "s01,b,0,600", "s01,b,0,601", "window-outside-session", 4, "start", "error"),
    ("presses", "s01,a,56", "s01,a,320", "outside-window", 3, "time", "error"),
    ("observations", "s02,a,90", "s02,a,601", "outside-window", 6, "time", "error"),
    ("observations", "s02,a,90", "s02,a,-1", "outside-window", 6, "time", "error"),
    ("samples", "s01,a,2", "s01,a,340", "outside-window", 3, "time", "warning"),
    ("events", "s02,a,30", "s02,a,601", "after-end", 5, "time", "warning"),
    ("observations", "s01,a,120", "s01,a,100.5", "tie", 3, "time", "warning"),
    ("observations", "s01,a,50,", "s01,a,,", "missing", 2, "time", "error"),
    ("events", "s02,a,30,reward", "s02,a,30,", "missing", 5, "kind", "error"),
    ("presses", "s02,a,400", "NA,a,400", "missing", 4, "subject", "error"),
    ("events", "reward,2", "reward,inf", "not-finite", 5, "magnitude", "error"),
    ("samples", "2,-0.2", "2,-inf", "not-finite", 3, "value", "error"),
    ("covariates", "s01,a,200,2", "s01,a,200,1e999", "not-finite", 3, "cost", "error"),
    ("observations", "1,0.8,0", '1,"0,8",0', "not-a-number", 2, "latency", "error"),
    ("observations", "s02,a,90", "s02,a,00:01:30", "not-a-number", 6, "time", "error"),
    ("observations", "50,1,0.8", "50,yes,0.8", "not-a-number", 2, "pursue", "error"),
    ("observations", "50,1,0.8", "50,2,0.8", "not-binary", 2, "pursue", "error"),
    ("observations", "1,0.8,0", "1,0.8,0.5", "not-binary", 2, "latency_censored", "error"),
    ("observations", "1,0.8,0", "1,0,0", "not-positive", 2, "latency", "error"),
    ("observations", "0,2,1", "0,,1", "censored-without-value", 4, "latency", "error"),
    ("observations", "0,2,1", "0,2,", "censoring-unknown", 4, "latency_censored", "error"),
    (
        "observations",
        "pursue,latency,",
        "pursue,lat,",
        "censored-without-column",
        None,
        "latency_censored",
        "error",
    ),
    (
        "sessions",
        "start,end,drug",
        "start,end,clock_start",
        "not-a-number",
        2,
        "clock_start",
        "error",
    ),
    (
        "sessions",
        ",drug\ns01,a,0,600,placebo\ns01,b,0,600,drug\ns02,a,0,600,placebo",
        ",clock_start\ns01,a,0,600,1\ns01,b,0,600,24\ns02,a,0,600,3",
        "clock",
        3,
        "clock_start",
        "error",
    ),
    ("events", "s01,b,20,reward,1\n", "", "session-without-events", 3, "session", "warning"),
    ("observations", "s02,a,90,0,0.4,0\n", "", "single-observation", 5, "subject", "warning"),
    ("observations", "90,0,0.4", "90,1,0.4", "one-choice", None, "pursue", "warning"),
    ("subjects", "31\ns02,40", "\ns02,", "empty-column", None, "age", "warning"),
    (
        "events",
        "reward,1\ns01,a,100.5,cue,0.5\ns01,b,20,reward,1\ns02,a,30,reward,2",
        "reward,\ns01,a,100.5,cue,\ns01,b,20,reward,\ns02,a,30,reward,",
        "empty-column",
        None,
        "magnitude",
        "error",
    ),
    ("subjects", "s02,40\n", "s02,4O\ns03,1\ns04,2\n", "mixed-column", 3, "age", "warning"),
    (
        "presses",
        "s01,a,55,left\ns01,a,56,left\ns02,a,400,right\n",
        "",
        "no-rows",
        None,
        None,
        "warning",
    ),
    (
        "sessions",
        "s01,a,0,600,placebo\ns01,b,0,600,drug\ns02,a,0,600,placebo\n",
        "",
        "no-rows",
        None,
        None,
        "error",
    ),
    ("events", "time,kind", "tiem,kind", "missing-column", None, "time", "error"),
    ("presses", "s01,a,56,left", "s01,a,56", "ragged", 3, None, "error"),
    ("presses", "s01,a,56,left", "s01,a,56,left,7", "ragged", 3, None, "error"),
    ("presses", "time,kind", "time,time", "header", 1, "time", "error"),
    ("samples", "time,value", "time,,value", "header", 1, None, "error"),
    ("presses", "s01,a,56,left", 's01,a,56,"left', "unreadable-row", 3, None, "error"),
    (
        "presses",
        "subject,session,time,kind",
        "subject;session;time;kind",
        "header",
        1,
        None,
        "error",
    ),
]


@pytest.mark.parametrize(
    ("role", "old", "new", "kind", "line", "column", "severity"),
    CASES,
    ids=[f"{c[0]}-{c[3]}-{i}" for i, c in enumerate(CASES)],
)
def test_each_problem_is_found_at_its_place(
    folder, role, old, new, kind, line, column, severity
) -> None:
    assert old in folder.files[role]
    folder.files[role] = folder.files[role].replace(old, new, 1)
    report = validate(folder.write())
    hits = [f for f in report.findings if f.kind == kind]
    assert hits, report
    hit = hits[0]
    assert (hit.row, hit.column, hit.severity) == (line, column, severity), report
    assert hit.wrong and hit.allowed and hit.todo
    assert report.ok == (not report.errors)
    assert hit.file == ("sessions.csv" if kind == "session-without-events" else f"{role}.csv")


def test_errors_refuse_and_warnings_do_not(folder) -> None:
    folder.files["events"] += "s02,a,601,late,1\n"
    assert isinstance(read_study(folder.write()), Study)
    folder.files["presses"] += "s02,a,601,late\n"
    with pytest.raises(StudyError, match="outside every observed window") as error:
        read_study(folder.write())
    assert "presses.csv, line 5" in str(error.value) and "events.csv" not in str(error.value)


def test_all_problems_are_reported_at_once(folder) -> None:
    folder.files["observations"] = (
        "subject,session,time,pursue,latency\n"
        "s01,a,50,3,-1\n\n"  # two cells of one row; the blank line counts as a line
        's01,a,x,1,"1,5"\n'
        "s9,a,60,1,1\n"
    )
    found = {(f.row, f.column, f.kind) for f in validate(folder.write()).errors}
    assert found == {
        (2, "pursue", "not-binary"),
        (2, "latency", "not-positive"),
        (4, "time", "not-a-number"),
        (4, "latency", "not-a-number"),
        (5, "subject", "unknown-subject"),
    }


def test_lines_count_breaks_inside_quotes(folder) -> None:
    folder.files["presses"] = (
        'subject,session,time,kind\ns01,a,55,"le\nft"\ns01,a,bad,left\ns02,a,1,r\n'
    )
    (finding,) = validate(folder.write()).errors
    assert (finding.row, finding.value) == (4, "bad")


def test_names_and_units_are_suggested(folder) -> None:
    folder.files["observations"] = folder.files["observations"].replace("s02,a,70", "s2,a,70")
    (finding,) = [f for f in validate(folder.write()).errors]
    assert finding.todo == "did you mean 's02'?" and finding.value == "s2"
    assert finding.place == "observations.csv, line 5, column 'subject'"


def test_the_cell_is_shown_as_the_file_has_it(folder) -> None:
    folder.about["time_unit"] = "ms"
    folder.about["units"] = {"latency": "s"}
    folder.files["presses"] = folder.files["presses"].replace("a,56,", "a,0700,")
    folder.files["observations"] = folder.files["observations"].replace("1,0.8,0", "1,-0.80,0")
    values = {f.kind: f.value for f in validate(folder.write()).errors}
    assert values == {"outside-window": "0700", "not-positive": "-0.80"}


def test_events_before_the_session_are_history(folder) -> None:
    folder.files["events"] += "s02,a,-500,reward,1\n"
    folder.files["events"] += "s01,a,320,reward,1\n"  # in a gap of observation
    assert validate(folder.write()).findings == ()


def test_both_ends_of_a_window_are_inside(folder) -> None:
    folder.files["presses"] += "s01,a,0,left\ns01,a,300,left\ns01,a,350,left\ns01,a,600,left\n"
    assert validate(folder.write()).findings == ()


def test_text_is_shortened_and_the_object_is_not(folder) -> None:
    rows = "".join(f"s01,a,bad{i},left\n" for i in range(40))
    folder.files["presses"] += rows
    report = validate(folder.write())
    assert len(report.errors) == 40
    assert str(report).count("presses.csv, line") == 3
    assert "... and 37 more like this" in str(report)
    table = report.table
    assert len(table) == 40 and table["row"].tolist() == list(range(5, 45))
    assert table["value"].tolist() == [f"bad{i}" for i in range(40)]
    with pytest.raises(StudyError, match="40 errors"):
        read_study(folder.path)


def test_a_study_in_memory_is_checked_by_position(small: Study) -> None:
    presses = pd.concat(
        [
            small.presses,
            pd.DataFrame({"subject": ["s02"], "session": ["a"], "time": [900.0], "kind": ["x"]}),
        ]
    )
    (finding,) = validate(small.with_tables({"presses": presses})).findings
    assert (finding.file, finding.row, finding.row_label) == ("presses", 3, "row")
    assert finding.kind == "outside-window"


def test_a_long_table_is_checked_in_reasonable_time(small: Study) -> None:
    n = 200_000
    time = np.linspace(0, 600, n)
    samples = pd.DataFrame({"subject": "s01", "session": "b", "time": time, "value": time})
    samples.loc[5, "time"] = np.inf
    (finding,) = validate(small.with_tables({"samples": samples})).errors
    assert finding.kind == "not-finite" and finding.row == n - 1


def test_reports_without_findings_and_finding_text() -> None:
    assert Report("x").ok and Report("x").table.empty
    Report("x").raise_errors()
    finding = Finding("f.csv", 3, "time", "v" * 200, "wrong", "allowed", "to do it")
    text = str(finding)
    assert text.startswith("error: f.csv, line 3, column 'time': wrong (value 'vvv")
    assert "allowed: allowed" in text and "to do:   to do it" in text and len(text) < 250
