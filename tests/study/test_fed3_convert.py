"""`dopafit convert fed3`: from logs and a table of who was where to a study that reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dopafit import cli
from dopafit.study import read_study, validate

HEADER = (
    "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,FR,Event,Active_Poke,"
    "Left_Poke_Count,Right_Poke_Count,Pellet_Count,Retrieval_Time,InterPelletInterval,Poke_Time"
)
ROWS = (
    "7/22/2021 14:43:03,1.8.1,{kind},1,1,Left,Left,1,0,0,nan,nan,0.14",
    "7/22/2021 14:44:00,1.8.1,{kind},1,1,Pellet,Left,1,0,1,2.5,nan,nan",
    "7/22/2021 14:50:00,1.8.1,{kind},1,2,Right,Left,1,1,1,nan,nan,0.14",
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    for box, kind in (("FED001_a", "ClosedEcon_PR1"), ("FED002_a", "FR1")):
        text = "\n".join([HEADER, *(r.format(kind=kind) for r in ROWS)]) + "\n"
        (folder / f"{box}.CSV").write_text(text)
    return folder


@pytest.fixture
def typed(monkeypatch, capsys):
    def run(*words) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["dopafit", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as leave:
            status = leave.code or 0
        done = capsys.readouterr()
        return status, done.out, done.err

    return run


def test_logs_become_a_study(typed, logs, tmp_path) -> None:
    status, out, _ = typed("convert", "fed3", logs, "--out", tmp_path / "study")
    assert status == 0 and "written to" in out
    study = read_study(tmp_path / "study")
    assert study.name == "study" and validate(tmp_path / "study").ok
    assert study.subjects["subject"].tolist() == ["FED001", "FED002"]
    assert len(study.events) == 2 and len(study.presses) == 4
    typed("convert", "fed3", logs, "--out", tmp_path / "one", "--session-type", "FR1")
    assert read_study(tmp_path / "one").sessions["session"].tolist() == ["FED002_a"]


def test_who_was_in_the_cage(typed, logs, tmp_path) -> None:
    table = tmp_path / "who.csv"
    table.write_text("file,subject,drug,dose\nFED001_a.CSV,m1,saline,0\nFED002_a,m2,agonist,0.5\n")
    files = sorted(logs.iterdir())
    status, *_ = typed("convert", "fed3", *files, "--out", tmp_path / "study", "--subjects", table)
    assert status == 0
    sessions = read_study(tmp_path / "study").sessions
    assert sessions["subject"].tolist() == ["m1", "m2"]
    assert sessions["drug"].tolist() == ["saline", "agonist"]
    assert sessions["dose"].tolist() == [0.0, 0.5]


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("file,subjct\nFED001_a,m1\n", "did you mean 'subjct'"),
        ("file,subject\nFED001_a,m1\n", "does not say who was in 'FED002_a'"),
        ("file,subject\nFED001_a,m1\nFED001_a.csv,m2\n", "line 3, column 'file'"),
        ("file,subject\nFED001_a,\nFED002_a,m2\n", "line 2, column 'subject': no subject"),
        ("file,subject,date\nFED001_a,m1,x\nFED002_a,m2,y\n", "have a column 'date' already"),
        ("", "empty"),
    ],
)
def test_a_table_that_does_not_tell(typed, logs, tmp_path, table, wrong) -> None:
    path = tmp_path / "who.csv"
    path.write_text(table)
    status, _, err = typed("convert", "fed3", logs, "--out", tmp_path / "s", "--subjects", path)
    assert status == 2 and wrong in err and "to do:" in err and not (tmp_path / "s").exists()


def test_nothing_is_written_from_a_log_that_is_none(typed, logs, tmp_path) -> None:
    (logs / "FED003_a.CSV").write_text("a,b\n1,2\n")
    status, _, err = typed("convert", "fed3", logs, "--out", tmp_path / "study")
    assert status == 2 and "FED003_a.CSV" in err and not (tmp_path / "study").exists()
