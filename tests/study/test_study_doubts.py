"""What used to pass in silence: units, clocks, names, repeats. Each with a control."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import StudyError
from dopafit.study import Study, bundled, read_study, validate
from dopafit.study.waits import mixed_units, unit_by_group

KEY = ["subject", "session"]


def kinds(study: Study) -> dict[str, str]:
    """Return the kinds of finding with their severity; each has its three parts."""
    findings = validate(study).findings
    assert all(f.wrong and f.allowed and f.todo for f in findings)
    return {f.kind: f.severity for f in findings}


def study(**changes: pd.DataFrame) -> Study:
    """Four sessions of two subjects, with 20 events, 20 trials and 20 presses each."""
    rng = np.random.default_rng(5)
    sessions = pd.DataFrame({"subject": ["a", "a", "b", "b"], "session": ["1", "2", "1", "2"]})
    tables = {"sessions": sessions.assign(start=0.0, end=400.0, drug=["x", "y"] * 2)}
    rows = sessions.loc[np.repeat(np.arange(4), 20)].reset_index(drop=True)
    time = np.concatenate([np.sort(rng.uniform(1, 390, 20)).round(2) for _ in range(12)])
    tables["events"] = rows.assign(time=time[:80], kind="cue", magnitude=1.0)
    latency = np.exp(0.7 * rng.standard_normal(80))
    tables["observations"] = rows.assign(
        time=time[80:160], pursue=rng.integers(0, 2, 80), latency=latency, latency_censored=0.0
    )
    tables["presses"] = rows.assign(time=time[160:], kind="lever")
    return Study("sound", **(tables | changes))


SOUND = study()


def changed(role: str, **columns: object) -> Study:
    return study(**{role: getattr(SOUND, role).assign(**columns)})


def test_control_the_sound_study_has_no_findings() -> None:
    assert kinds(SOUND) == {}


def test_the_bundled_study_has_none() -> None:
    assert validate(bundled("cue-pursuit")).findings == ()


def test_the_real_logs_have_only_the_ties_of_their_clock(load_real) -> None:
    assert set(kinds(load_real)) == {"repeated-row"}


@pytest.fixture(scope="module")
def load_real(data_mirror) -> Study:
    from dopafit.study import read_fed3

    raw = data_mirror / "operant-fed3" / "raw"
    return read_fed3(raw, session_types={"ClosedEcon", "ClosedEcon_PR1"})


# magnitudes -------------------------------------------------------------------
def test_magnitudes_of_zero_and_below() -> None:
    assert kinds(changed("events", magnitude=0.0)) == {"zero-magnitude": "warning"}
    mixed = np.where(np.arange(80) % 8, 1.0, -2.0)
    assert kinds(changed("events", magnitude=mixed)) == {"negative-magnitude": "warning"}
    (finding,) = validate(changed("events", magnitude=mixed)).findings
    assert "10 of 80 magnitudes are negative (lowest -2)" in finding.wrong
    assert "the sign is kept" in finding.allowed
    some = np.where(np.arange(80) % 8, 1.0, 0.0)
    assert kinds(changed("events", magnitude=some)) == {}


# clocks -----------------------------------------------------------------------
@pytest.mark.parametrize("role", ["events", "observations", "presses"])
@pytest.mark.parametrize("shift", [1.66e9, -1.66e9])
def test_times_on_another_clock_are_one_error(role: str, shift: float) -> None:
    spoilt = changed(role, time=getattr(SOUND, role)["time"] + shift)
    assert kinds(spoilt) == {"all-outside": "error"}
    (finding,) = validate(spoilt).errors
    assert "none of the 80 times lies in its session" in finding.wrong
    assert "Unix" in finding.todo


def test_a_dose_before_the_session_is_doubted_and_one_among_others_is_not() -> None:
    early = SOUND.events["time"] - 400
    assert kinds(changed("events", time=early)) == {"all-outside": "warning"}
    dose = pd.DataFrame({"subject": ["a"], "session": ["1"], "time": [-600.0], "kind": ["dose"]})
    assert kinds(study(events=pd.concat([SOUND.events, dose.assign(magnitude=1.0)]))) == {}


def test_a_session_in_another_unit_than_its_rows() -> None:
    assert kinds(changed("sessions", end=400_000.0)) == {"session-unfilled": "warning"}
    assert kinds(changed("sessions", end=4_000.0)) == {}


def test_sessions_that_overlap_on_a_shared_clock() -> None:
    base = SOUND.sessions
    third = base[base["session"] == "2"].assign(session="3", start=900.0, end=1_300.0)
    second = base.assign(start=np.where(base["session"] == "2", 450.0, 0.0))
    sound = pd.concat([second.assign(end=second["start"] + 400), third])
    rows = {r: getattr(SOUND, r).query("session == '1'") for r in ("events", "observations")}
    rows["presses"] = SOUND.presses.query("session == '1'")
    assert "session-overlap" not in kinds(study(sessions=sound, **rows))
    wrong = sound.assign(end=np.where(sound["session"] == "2", 950.0, sound["end"]))
    assert kinds(study(sessions=wrong, **rows))["session-overlap"] == "warning"


# latencies --------------------------------------------------------------------
def test_latencies_in_two_units() -> None:
    latency = SOUND.observations["latency"].to_numpy()
    some = np.where(np.arange(80) % 10 == 0, 1000 * latency, latency)
    assert "mixed-units" in kinds(changed("observations", latency=some))
    own = np.where(SOUND.observations["subject"] == "b", 1000 * latency, latency)
    (finding,) = [f for f in validate(changed("observations", latency=own)).findings
                  if f.kind == "mixed-units"]  # fmt: skip
    assert "subject b" in finding.wrong and finding.severity == "warning"
    whole = kinds(changed("observations", latency=1000 * latency))
    assert whole == {"longer-than-gap": "warning"}


@pytest.mark.parametrize("seed", range(30))
def test_a_wide_spread_is_one_unit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.exp(1.5 * rng.standard_normal(500))
    assert mixed_units(values) is None
    subjects = [f"s{i % 25}" for i in range(500)]
    assert (
        unit_by_group(values * np.exp(rng.standard_normal(25))[np.arange(500) % 25], subjects)
        is None
    )


def test_a_wait_longer_than_its_session() -> None:
    latency = SOUND.observations["latency"].where(SOUND.observations.index != 7, 500.0)
    assert kinds(changed("observations", latency=latency)) == {"longer-than-session": "warning"}


def test_waits_that_pile_up_unmarked() -> None:
    cut = SOUND.observations["latency"].clip(upper=2.0)
    late = SOUND.observations["latency"] > 2.0
    assert kinds(changed("observations", latency=cut)) == {"waits-pile-up": "warning"}
    marked = changed("observations", latency=cut, latency_censored=late.astype(float))
    assert kinds(marked) == {}
    turned = changed("observations", latency=cut, latency_censored=(~late).astype(float))
    assert kinds(turned) == {}  # nothing but 2.0 is left to compare with


def test_responded_against_censored() -> None:
    no = (np.arange(80) % 9 > 0).astype(float)
    assert kinds(changed("observations", responded=no)) == {"responded-unmarked": "warning"}
    assert kinds(changed("observations", responded=no, latency_censored=1 - no)) == {}


# names ------------------------------------------------------------------------
@pytest.mark.parametrize("twin", ["X", " x", "\uff58"])
def test_levels_that_look_alike(twin: str) -> None:
    drug = ["x", "y", twin + " 1" if twin == " x" else twin, "y"]
    if twin == " x":
        drug[0] = "x  1"
    found = validate(changed("sessions", drug=drug)).findings
    assert [f.kind for f in found] == ["near-levels"] and "2 rows" not in found[0].wrong
    assert found[0].severity == "warning" and "1 rows" in found[0].wrong


def test_kinds_and_subjects_that_look_alike() -> None:
    kind = np.where(np.arange(80) % 5, "cue", "Cue")
    assert kinds(changed("events", kind=kind)) == {"near-levels": "warning"}
    rename = {"a": "S1", "b": "s01"}
    tables = {r: f.assign(subject=f["subject"].map(rename)) for r, f in SOUND.tables.items()
              if len(f) and r != "subjects"}  # fmt: skip
    assert "near-levels" not in kinds(study(**tables))  # S1 and s01 may be two people
    rename = {"a": "S01", "b": "s01"}
    tables = {r: f.assign(subject=f["subject"].map({"S1": "S01", "s01": "s01"}))
              for r, f in tables.items()}  # fmt: skip
    assert kinds(study(**tables)) == {"near-levels": "warning"}


# covariates in two tables -----------------------------------------------------
def test_a_covariate_in_subjects_and_sessions() -> None:
    people = pd.DataFrame({"subject": ["a", "b"], "age": [3.0, 4.0]})
    same = SOUND.sessions.assign(age=[3.0, 3.0, 4.0, 4.0])
    assert kinds(study(subjects=people, sessions=same)) == {"given-twice": "warning"}
    other = SOUND.sessions.assign(age=[3.0, 3.0, 4.0, 5.0])
    spoilt = study(subjects=people, sessions=other)
    assert kinds(spoilt) == {"given-twice": "error"}
    with pytest.raises(StudyError, match="another value in 1 row"):
        validate(spoilt).raise_errors()
    assert kinds(study(subjects=people)) == {}


def test_a_covariate_that_changes_and_one_of_the_session() -> None:
    steps = SOUND.sessions[KEY].assign(time=0.0, drug="z")
    assert kinds(study(covariates=steps)) == {"given-twice": "error"}
    assert kinds(changed("observations", drug="z")) == {"given-twice": "warning"}
    drug = SOUND.observations.merge(SOUND.sessions[[*KEY, "drug"]], on=KEY)["drug"]
    assert kinds(changed("observations", drug=drug)) == {}


# repeats ----------------------------------------------------------------------
def test_two_outcomes_at_one_time() -> None:
    time = SOUND.observations["time"].to_numpy().copy()
    time[1] = time[0]
    assert kinds(changed("observations", time=time)) == {"same-time": "warning"}
    long = SOUND.observations.assign(latency=np.nan, latency_censored=np.nan)
    waits = SOUND.observations.assign(pursue=np.nan)
    assert kinds(study(observations=pd.concat([long, waits]))) == {}  # one row an outcome


def test_two_events_or_presses_of_a_kind_at_one_time() -> None:
    time = SOUND.events["time"].to_numpy().copy()
    time[1] = time[0]
    size = np.where(np.arange(80) == 1, 2.0, 1.0)
    assert kinds(changed("events", time=time, magnitude=size)) == {"same-time": "warning"}
    kind = np.where(np.arange(80) == 1, "tone", "cue")
    assert kinds(changed("events", time=time, kind=kind)) == {}
    press = SOUND.presses["time"].to_numpy().copy()
    press[1] = press[0]
    force = {"force": np.arange(80.0)}
    assert kinds(changed("presses", time=press, **force)) == {"same-time": "warning"}
    assert kinds(changed("presses", time=np.floor(press), **force)) == {}  # a clock of seconds


def test_a_session_copied_from_another() -> None:
    first = SOUND.observations[:20]
    copied = pd.concat([SOUND.observations[20:], first.assign(session="1"),
                        first.assign(session="2", subject="b")])  # fmt: skip
    copied = copied.drop_duplicates([*KEY, "time"])
    only = copied[~((copied["subject"] == "b") & (copied["session"] == "2"))]
    only = pd.concat([only, first.assign(session="2", subject="b")])
    assert kinds(study(observations=only)) == {"same-session": "warning"}


def test_one_timetable_for_all() -> None:
    first = SOUND.observations["time"].to_numpy()[:20]
    same = kinds(changed("observations", time=np.tile(first, 4)))
    assert same == {"one-timetable": "warning"}


def test_one_choice_of_everybody_is_one_finding() -> None:
    (finding,) = validate(changed("observations", pursue=1.0)).findings
    assert finding.kind == "one-choice" and "every subject always chose 1" in finding.wrong


def test_lines_for_short_places(folder) -> None:
    folder.files["events"] += "s02,a,601,late,1\ns02,a,602,late,1\ns02,a,603,late,1\n"
    report = validate(folder.write())
    assert len(report.warnings) == 3 and isinstance(read_study(folder.path), Study)
    assert report.warning_lines == [
        "events.csv, line 6, column 'time': after the end of the session (value '601') "
        "(and 2 more like this)"
    ]
