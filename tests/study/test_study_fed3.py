"""FED3 logs: against an independent conversion of the real logs, and spoilt ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import StudyError
from dopafit.study import Study, check_fed3, read_fed3, validate
from dopafit.study.fed3 import requirement_steps

TASK = "closed_economy_pr1"
HEADER = (
    "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,FR,Event,Active_Poke,"
    "Left_Poke_Count,Right_Poke_Count,Pellet_Count,Retrieval_Time,InterPelletInterval,Poke_Time"
)


@pytest.fixture(scope="module")
def converted(data_mirror: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the events and sessions of a conversion made with other code."""
    place = data_mirror / "operant-fed3"
    if not (place / "events.csv").is_file():
        pytest.skip(f"{place} (DOPAFIT_DATA_MIRROR) has the raw logs but not events.csv")
    return tuple(
        frame[frame["task"] == TASK]
        for frame in (pd.read_csv(place / f"{name}.csv") for name in ("events", "sessions"))
    )


@pytest.fixture(scope="module")
def real(data_mirror: Path) -> Study:
    return read_fed3(
        data_mirror / "operant-fed3" / "raw", session_types={"ClosedEcon", "ClosedEcon_PR1"}
    )


def test_every_row_agrees_with_the_other_conversion(real: Study, converted) -> None:
    events, sessions = converted
    assert len(real.sessions) == len(sessions) == 12
    for row in sessions.itertuples():
        stem = Path(row.file).stem
        mine = real.select(sessions=[stem])
        theirs = events[events["session"] == row.session]
        pellets = theirs[theirs["event"] == "pellet"]
        assert mine.events["time"].tolist() == pellets["t_s"].tolist()
        assert mine.events["requirement"].tolist() == pellets["fr"].tolist()
        assert np.array_equal(
            mine.events["retrieval"], pellets["retrieval_s"].to_numpy(), equal_nan=True
        )
        pokes = theirs[theirs["event"] != "pellet"]
        kind = np.where(pokes["side"] == pokes["active_side"], "active", "inactive")
        kind = kind + np.where(pokes["event"] == "poke_with_pellet", "_with_pellet", "")
        assert mine.presses["time"].tolist() == pokes["t_s"].tolist()
        assert mine.presses["kind"].tolist() == kind.tolist()
        assert mine.presses["side"].tolist() == pokes["side"].tolist()
        assert mine.presses["requirement"].tolist() == pokes["fr"].tolist()
        assert np.array_equal(
            mine.presses["poke_duration"], pokes["poke_s"].to_numpy(), equal_nan=True
        )
        assert (mine.presses["kind"] == "active").sum() == row.n_active_pokes
        assert len(mine.events) == row.n_pellets
        assert mine.presses["time"].size + mine.events["time"].size == row.n_events
        session = mine.sessions.iloc[0]
        assert session["clock_start"] == pytest.approx(theirs["clock_hour"].iloc[0], abs=1e-4)
        assert session["start"] == 0 and session["end"] == theirs["t_s"].max()
        assert session["end"] / 3600 == pytest.approx(row.duration_h, abs=0.006)


def test_totals_of_the_real_logs(real: Study) -> None:
    assert len(real.events) == 3463 and set(real.events["kind"]) == {"pellet"}
    assert real.presses["kind"].value_counts().to_dict() == {
        "active": 20029,
        "inactive": 3277,
        "active_with_pellet": 15,
        "inactive_with_pellet": 2,
    }
    report = validate(real)
    assert report.ok and {f.kind for f in report.warnings} == {"repeated-row"}
    # the one damaged log counted a poke and two pellets that it did not write
    assert real.description.count("more than it logged") == 3
    assert real.description.count("the log was followed") == 1


def test_the_step_function_is_the_logged_requirement(real: Study) -> None:
    """At every poke the step function has the logged value; before every pellet, too."""
    compared = 0
    for stem in real.sessions["session"]:
        one = real.select(sessions=[stem])
        steps = one.covariates
        for frame, side in ((one.presses, "right"), (one.events, "left")):
            time = frame["time"].to_numpy()
            where = np.searchsorted(steps["time"], time, side=side) - 1
            where = np.maximum(where, 0)
            # at 1 s resolution a poke in the very second of a change may belong to either side
            clear = ~np.isin(time, steps["time"].to_numpy()[1:]) | (side == "left")
            held = steps["requirement"].to_numpy()[where]
            assert (held == frame["requirement"])[clear].all()
            compared += int(clear.sum())
    assert compared > 26_700  # of 26786 rows


def test_the_reset_follows_the_last_active_poke_and_not_the_last_pellet(real: Study) -> None:
    """Negative control: with the pellet as the clock, the rule contradicts the logs."""
    wrong = {"poke": 0, "pellet": 0}
    for stem in real.sessions["session"]:
        one = real.select(sessions=[stem])
        active = one.presses[one.presses["kind"] == "active"]
        clocks = {"poke": active["time"].to_numpy(), "pellet": one.events["time"].to_numpy()}
        steps = one.covariates["requirement"].to_numpy()
        # active pokes that found a requirement above 1 although the clock had run out
        high = active[active["requirement"] > 1]
        time = high["time"].to_numpy()
        for name, clock in clocks.items():
            last = np.searchsorted(clock, time, side="left") - 1
            passed = time - clock[np.maximum(last, 0)]
            wrong[name] += int(((passed > 1800) & (last >= 0)).sum())
        assert steps.min() == 1
    assert wrong == {"poke": 0, "pellet": 1069}


def test_pellet_rows_carry_the_time_of_taking(real: Study, data_mirror: Path) -> None:
    log = pd.read_csv(data_mirror / "operant-fed3" / "raw" / "FED005_071621_00.CSV")
    device = log.loc[log["Event"] == "Pellet", "InterPelletInterval"].astype(float).to_numpy()[1:]
    pellets = real.select(sessions=["FED005_071621_00"]).events
    taken = pellets["time"].to_numpy()
    dropped = taken - pellets["retrieval"].to_numpy()
    assert np.abs(np.diff(taken) - device).max() <= 1
    assert np.abs(np.diff(dropped) - device).max() > 30


def log(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(
    clock: str,
    event: str,
    left: int,
    right: int,
    pellets: int,
    fr: int = 1,
    retrieval: str = "nan",
    active: str = "Left",
    kind: str = "ClosedEcon_PR1",
) -> str:
    return (
        f"7/22/2021 {clock},1.8.1,{kind},1,{fr},{event},{active},{left},{right},{pellets},"
        f"{retrieval},nan,0.14"
    )


GOOD = (
    row("14:43:03", "Left", 1, 0, 0),
    row("14:44:00", "Pellet", 1, 0, 1, retrieval="49.88"),
    row("14:44:35", "Right", 1, 1, 1, fr=2),
    row("14:45:00", "LeftWithPellet", 2, 1, 1, fr=2),
    row("14:46:00", "Pellet", 2, 1, 2, fr=2, retrieval="Timed_out"),
)


def test_a_small_log(tmp_path: Path) -> None:
    made = read_fed3(log(tmp_path / "FED007_x.CSV", *GOOD))
    assert made.sessions["subject"].tolist() == ["FED007"]
    assert made.sessions["end"].tolist() == [177.0]
    assert made.sessions["clock_start"][0] == 14 + 43 / 60 + 3 / 3600
    assert made.presses["time"].tolist() == [0.0, 92.0, 117.0]
    assert made.presses["kind"].tolist() == ["active", "inactive", "active_with_pellet"]
    assert made.events["retrieval_timed_out"].tolist() == [0.0, 1.0]
    assert np.array_equal(made.events["retrieval"], [49.88, np.nan], equal_nan=True)
    assert made.covariates[["time", "requirement"]].to_numpy().tolist() == [
        [0.0, 1.0],
        [57.0, 2.0],
        [177.0, 3.0],
    ]
    assert made.name == "fed3" and not made.simulated


def test_sides_of_bare_pokes_come_from_the_counts(tmp_path: Path) -> None:
    rows = [
        row("14:43:03", "Poke", 0, 1, 0, active="Right"),
        row("14:43:04", "Poke", 1, 1, 0, active="Right"),
        row("14:43:05", "Poke", 1, 1, 0, active="Right"),
        row("14:43:06", "Right", 1, 2, 0, active="nan"),
    ]
    path = log(tmp_path / "a.CSV", *rows)
    assert read_fed3(path).presses["kind"].tolist() == ["active", "inactive", "right"]
    (finding,) = check_fed3(path).warnings
    assert (finding.kind, finding.row) == ("unknown-side", 4)


def test_other_spellings_of_the_header(tmp_path: Path) -> None:
    other = HEADER.replace("Session_type", "Session_Type").replace("FR,", "FR_Ratio,")
    path = log(tmp_path / "a.CSV", *GOOD, header=other)
    assert read_fed3(path) == read_fed3(log(tmp_path / "a.CSV", *GOOD))


def test_requirement_steps_by_hand() -> None:
    def steps(rows, progressive=True):
        time, fr, pellet, active = (np.array(c) for c in zip(*rows, strict=True))
        got = requirement_steps(
            time.astype(float),
            fr,
            pellet.astype(bool),
            active.astype(bool),
            progressive=progressive,
        )
        return list(zip(got[0].tolist(), got[1].tolist(), strict=True)), got[2].tolist()

    poke, pellet, right = (0, 1), (1, 0), (0, 0)
    up = [(0, 1, *poke), (10, 1, *pellet)]
    assert steps(up) == ([(0, 1), (10, 2)], [])
    # falls 1800 s after the active poke, whatever happens on the other side
    assert steps([*up, (1000, 2, *right), (2000, 1, *right)]) == ([(0, 1), (10, 2), (1800, 1)], [])
    # an active poke winds the clock up again
    assert steps([*up, (1000, 2, *poke), (2799, 2, *right), (2801, 1, *right)]) == (
        [(0, 1), (10, 2), (2800, 1)],
        [],
    )
    # a pellet that lies long: the reset happens when it is taken
    assert steps([*up, (20, 2, *poke), (21, 2, *poke), (5000, 2, *pellet), (5010, 1, *poke)]) == (
        [(0, 1), (10, 2), (5000, 1)],
        [],
    )
    # the log is followed against the schedule, and the row is named
    assert steps([*up, (20, 5, *poke)]) == ([(0, 1), (10, 2), (20, 5)], [2])
    assert steps([*up, (1900, 2, *poke)]) == ([(0, 1), (10, 2)], [2])
    # other schedules: the log alone
    assert steps([(0, 3, *poke), (5, 3, *pellet), (6, 5, *poke)], False) == ([(0, 3), (6, 5)], [])


@pytest.mark.parametrize(
    ("old", "new", "kind", "line", "severity"),
    [
        ("7/22/2021 14:44:00", "22.7.2021 14:44", "bad-date", 3, "error"),
        ("7/22/2021 14:46:00", "7/22/20", "bad-date", 6, "warning"),
        ("7/22/2021 14:44:35", "7/21/2021 14:44:35", "clock-back", 4, "error"),
        (",Right,Left,1,1,1,", ",Wrong,Left,1,1,1,", "unknown-event", 4, "warning"),
        (",Right,Left,1,1,1,", ",Right,Left,1,x,1,", "not-a-number", 4, "error"),
        (",Right,Left,1,1,1,", ",Right,Left,1,,1,", "missing", 4, "error"),
        (",Right,Left,1,1,1,", ",Right,Left,1,1,", "ragged", 4, "error"),
        (",Right,Left,1,1,1,", ",Right,Left,1,3,1,", "lost-rows", 4, "warning"),
        (",Right,Left,1,1,1,", ",Right,Left,1,0,1,", "count-reset", 4, "warning"),
        ("Timed_out,nan,0.14", "Timed", "truncated", 6, "warning"),
        ("Pellet_Count", "Pelle_Count", "missing-column", 1, "error"),
    ],
)
def test_malformed_logs(tmp_path: Path, old, new, kind, line, severity) -> None:
    path = log(tmp_path / "FED001_1.CSV", *GOOD)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = [f for f in check_fed3(path).findings if f.kind == kind]
    assert found and (found[0].row, found[0].severity) == (line, severity)
    assert found[0].file == "FED001_1.CSV"
    if severity == "error":
        with pytest.raises(StudyError, match=re.escape(f"FED001_1.CSV, line {line}")):
            read_fed3(path)
    else:
        assert f"FED001_1.CSV, line {line}" in read_fed3(path).description


def test_a_cut_off_last_line_changes_nothing_else(tmp_path: Path) -> None:
    whole = read_fed3(log(tmp_path / "FED001_1.CSV", *GOOD[:-1]))
    path = log(tmp_path / "FED001_1.CSV", *GOOD[:-1], GOOD[-1][:40])
    assert read_fed3(path) == whole


def test_which_files_and_whose(tmp_path: Path) -> None:
    a = log(tmp_path / "FED001_a.CSV", *GOOD)
    b = log(tmp_path / "FED002_b.csv", *(r.replace("ClosedEcon_PR1", "FR1") for r in GOOD))
    (tmp_path / "notes.txt").write_text("not a log")
    assert len(read_fed3(tmp_path).sessions) == 2
    assert read_fed3([a, b]) == read_fed3(tmp_path)
    only = read_fed3(tmp_path, session_types={"FR1"}, name="mine")
    assert only.sessions["session"].tolist() == ["FED002_b"] and only.name == "mine"
    named = read_fed3(tmp_path, subjects={"FED001_a": "m1", "FED002_b": "m2"})
    assert named.subjects["subject"].tolist() == ["m1", "m2"]
    with pytest.raises(StudyError, match="did you mean 'FED001_a'"):
        read_fed3(tmp_path, subjects={"FED001_a": "m1"})
    with pytest.raises(StudyError, match="two logs are called"):
        read_fed3([a, a])
    with pytest.raises(StudyError, match="session type PR9"):
        read_fed3(tmp_path, session_types={"PR9"})
    with pytest.raises(StudyError, match="does not exist"):
        read_fed3(tmp_path / "none.CSV")


def test_an_empty_log_is_left_out(tmp_path: Path) -> None:
    path = log(tmp_path / "FED001_1.CSV")
    assert [f.kind for f in check_fed3(path).warnings] == ["no-rows"]
    with pytest.raises(StudyError, match="no FED3 log to read"):
        read_fed3(path)


def test_dates_as_labs_have_them(tmp_path: Path) -> None:
    def again(form: str, name: str) -> Study:
        rows = [
            re.sub(r"^\S+ \S+?,", pd.to_datetime(r.split(",")[0]).strftime(form) + ",", r)
            for r in GOOD
        ]
        path = log(tmp_path / name / "FED007_x.CSV", *rows)
        return read_fed3(path)

    for name in "abcd":
        (tmp_path / name).mkdir()
    as_written = read_fed3(log(tmp_path / "FED007_x.CSV", *GOOD))
    assert again("%Y-%m-%d %H:%M:%S", "a") == as_written
    assert again("%Y-%m-%dT%H:%M:%S", "b") == as_written
    minutes = again("%m/%d/%Y %H:%M", "c")
    assert minutes.presses["time"].tolist() == [0.0, 60.0, 120.0]
    assert "no seconds, in 5 of 5 rows" in minutes.description
    (first, *_) = check_fed3(tmp_path / "c").warnings
    assert (first.kind, first.row) == ("no-seconds", 2)
    with pytest.raises(StudyError, match="the day seems to come before the month"):
        again("%d/%m/%Y %H:%M:%S", "d")


def later(text: str, days: int) -> str:
    """Return a row moved by whole days."""
    return text.replace("7/22/2021", f"7/{22 + days}/2021")


def test_what_lies_between_joined_logs_was_not_observed(tmp_path: Path) -> None:
    """Joined with and without a second header, the file has the rows and windows of both."""
    two = [later(r, 1) for r in GOOD]
    alone = [read_fed3(log(tmp_path / f"FED007_{k}.CSV", *r)) for k, r in enumerate((GOOD, two))]
    for name, rows in (("plain", [*GOOD, *two]), ("header", [*GOOD, HEADER, *two])):
        path = log(tmp_path / f"FED008_{name}.CSV", *rows)
        made = read_fed3(path)
        assert made.windows[["start", "end"]].to_numpy().tolist() == [[0, 177], [86400, 86577]]
        assert made.sessions["end"].tolist() == [86577.0] and len(made.sessions) == 1
        assert made.hours == pytest.approx(sum(s.hours for s in alone))
        assert len(made.presses) == 6 and len(made.events) == 4
        # the device asked for one poke again
        steps = made.covariates[["time", "requirement"]].to_numpy().tolist()
        assert steps[3:] == [[86400, 1], [86457, 2], [86577, 3]]
        (told,) = [f for f in check_fed3(path).warnings if f.kind in ("joined", "restart")]
        assert told.row == (8 if name == "header" else 7) and "unobserved" in told.wrong
        assert validate(made).ok
    # negative control: the same pause within one run of the device is time without a poke
    pause = [*GOOD[:-1], row("18:46:00", "Pellet", 2, 1, 2, fr=2)]
    assert len(read_fed3(log(tmp_path / "FED009_a.CSV", *pause)).windows) == 1


def test_days_without_a_row_are_no_silence(tmp_path: Path) -> None:
    rows = [*GOOD[:-1], later(row("18:46:00", "Pellet", 2, 1, 2, fr=2), 1)]
    path = log(tmp_path / "FED009_a.CSV", *rows)
    assert [f.kind for f in check_fed3(path).warnings] == ["long-gap"]
    made = read_fed3(path)
    assert len(made.windows) == 2 and made.windows["end"].iloc[1] > made.windows["start"].iloc[1]
    wrong = log(tmp_path / "FED009_b.CSV", *GOOD[:-1], GOOD[-1].replace("2021", "2041"))
    (error,) = check_fed3(wrong).errors
    assert (error.kind, error.row) == ("clock-jump", 6)


def test_tasks_of_one_file_are_sessions_of_their_own(tmp_path: Path) -> None:
    two = [later(r, 1).replace("ClosedEcon_PR1", "FR1") for r in GOOD]
    path = log(tmp_path / "FED007_x.CSV", *GOOD, *two)
    made = read_fed3(path)
    assert made.sessions["session"].tolist() == ["FED007_x 1", "FED007_x 2"]
    assert made.sessions["session_type"].tolist() == ["ClosedEcon_PR1", "FR1"]
    assert made.sessions["end"].tolist() == [177, 177]
    assert made.sessions["date"].tolist() == ["2021-07-22", "2021-07-23"]
    alone = read_fed3(log(tmp_path / "FED007_y.CSV", *GOOD))
    first = made.select(sessions=["FED007_x 1"])
    for role in ("events", "presses", "covariates"):
        mine, theirs = (s.tables[role].drop(columns="session") for s in (first, alone))
        pd.testing.assert_frame_equal(mine, theirs)
    only = read_fed3(path, session_types={"FR1"})
    assert only.sessions["session"].tolist() == ["FED007_x 2"]


def test_both_sides_rewarded(tmp_path: Path) -> None:
    rows = [re.sub(r",(Left|Right|Pellet|LeftWithPellet),Left,", r",\1,Both,", r) for r in GOOD]
    made = read_fed3(log(tmp_path / "FED007_x.CSV", *rows))
    assert made.presses["kind"].tolist() == ["active", "active", "active_with_pellet"]
    assert made.presses["side"].tolist() == ["left", "right", "left"]
    # the log calls one side active, but pellets follow pokes on the other
    swapped = []
    for k in range(1, 5):
        swapped.append(row(f"14:4{k}:03", "Right", 0, k, k - 1))
        swapped.append(row(f"14:4{k}:10", "Pellet", 0, k, k))
    path = log(tmp_path / "FED008_x.CSV", *swapped)
    (told,) = check_fed3(path).warnings
    assert told.kind == "other-side" and "4 of 4 pellets" in told.wrong and told.row == 3
    assert set(read_fed3(path, active="both").presses["kind"]) == {"active"}
    assert not check_fed3(path, active="both").findings
    with pytest.raises(StudyError, match="did you mean 'left'"):
        read_fed3(path, active="lefft")


def test_a_box_is_not_an_animal(tmp_path: Path) -> None:
    def at(name: str, month: int) -> Path:
        return log(tmp_path / name, *(r.replace("7/22/2021", f"{month}/22/2021") for r in GOOD))

    files = [at("FED001_a.CSV", 3), at("FED001_b.CSV", 7), at("FED002_a.CSV", 3)]
    made = read_fed3(files)
    assert made.sessions["subject"].tolist() == ["FED001 2021-03-22", "FED001 2021-07-22", "FED002"]
    assert "taken as those of 2 animals" in made.description
    named = read_fed3(files, subjects=dict.fromkeys(("FED001_a", "FED001_b", "FED002_a"), "m"))
    assert named.subjects["subject"].tolist() == ["m"] and "animals" not in named.description
    copy = read_fed3([at("FED003_a.CSV", 3), at("FED003_b.CSV", 3)])
    assert "begins before FED003_a.CSV of the same box ends" in copy.description
