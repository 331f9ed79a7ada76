"""Events that last, as files hold them: what is refused, doubted, converted and kept."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.study import Study, read_study, validate
from dopafit.study.archive import study_from_bytes, study_to_bytes
from dopafit.study.write import write_study

EVENTS = (
    "subject,session,time,kind,magnitude,duration,shape\n"
    "s01,a,10,reward,1,,\ns01,a,100.5,cue,0.5,0,\ns01,b,20,reward,1,60,ramp\n"
    "s02,a,30,reward,2,25.5,constant\n"
)
TOLD = [("lasting-events", 4, "duration", "warning")]

# (old text, new text, kind, line, column, severity, what the message holds)
CASES = [
    ("1,60,ramp", "1,-60,ramp", "negative", 4, "duration", "error", "0 s or above"),
    ("1,60,ramp", "1,inf,ramp", "not-finite", 4, "duration", "error", "finite numbers"),
    ("1,60,ramp", "1,long,ramp", "not-a-number", 4, "duration", "error", "long"),
    ("1,60,ramp", "1,60,circle", "unknown-shape", 4, "shape", "error", "constant, ramp"),
    ("1,60,ramp", "1,580.5,ramp", "outlasts-session", 4, "duration", "warning", "for 0.5 s after"),
    ("1,,\n", "1,,ramp\n", "ramp-without-duration", 2, "shape", "warning", "arrives at once"),
]


def test_a_sound_study_is_told_what_lasts_once(folder) -> None:
    folder.files["events"] = EVENTS
    report = validate(folder.write())
    assert [(f.kind, f.row, f.column, f.severity) for f in report.findings] == TOLD
    assert "2 of 4 events last, up to 60 s" in report.findings[0].wrong
    numbers = report.contents.quantities.query("quantity == 'duration' and kind == 'reward'")
    assert numbers["unit"].tolist() == ["s"] and numbers["max"].tolist() == [60.0]


@pytest.mark.parametrize(("old", "new", "kind", "row", "column", "severity", "holds"), CASES)
def test_what_is_wrong_is_named(folder, old, new, kind, row, column, severity, holds) -> None:
    assert EVENTS.count(old) == 1
    folder.files["events"] = EVENTS.replace(old, new)
    (found,) = [f for f in validate(folder.write()).findings if f.kind == kind]
    assert (found.file, found.row, found.column) == ("events.csv", row, column)
    assert (
        found.severity == severity
        and found.value == new.strip().split(",")[2 if column == "shape" else 1]
    )
    assert holds in str(found) and found.allowed and found.todo


def test_other_meanings_of_the_columns_are_left_alone(folder) -> None:
    """A shape of a stimulus without a duration; a duration of a trial or a session."""
    folder.files["events"] = (
        EVENTS.replace(",duration", "")
        .replace(",,\n", ",round\n")
        .replace(",0,\n", ",round\n")
        .replace(",60,ramp", ",square")
        .replace(",25.5,constant", ",round")
    )
    folder.files["observations"] = folder.files["observations"].replace("time,", "time,duration,")
    folder.files["observations"] = (
        "\n".join(
            line if not k else line.replace(",", f",x{k},", 3).replace(f",x{k},", ",", 2)
            for k, line in enumerate(folder.files["observations"].splitlines())
        )
        + "\n"
    )
    assert validate(folder.write()).ok


def test_another_unit_is_declared_and_the_study_kept(folder, tmp_path) -> None:
    folder.files["events"] = EVENTS
    expected = read_study(folder.write())
    minutes = EVENTS
    for seconds, minute in (
        ("10", "0.16666666666666666"),
        ("100.5", "1.675"),
        ("20", "0.3333333333333333"),
        ("30", "0.5"),
        ("60", "1"),
        ("25.5", "0.425"),
    ):
        minutes = minutes.replace(f",{seconds},", f",{minute},")
    folder.files["events"] = minutes
    folder.about["tables"]["events"] = {"file": "events.csv", "time_unit": "min"}
    (found,) = [f for f in validate(folder.write()).findings if f.kind == "undeclared-unit"]
    assert found.column == "duration" and found.severity == "error"
    folder.about["tables"]["events"]["units"] = {"duration": "min"}
    study = read_study(folder.write())
    np.testing.assert_allclose(study.events["duration"], [np.nan, 0.0, 60.0, 25.5])
    assert read_study(write_study(expected, tmp_path / "again")) == expected
    again = study_from_bytes(study_to_bytes(expected))
    assert isinstance(again, Study) and again.events.equals(expected.events)
