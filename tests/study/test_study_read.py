"""Folders in and out: formats, units, study.yaml, round trips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.errors import StudyError
from dopafit.study import Study, read_study, validate, write_study


def test_folder_equals_memory(folder, small: Study) -> None:
    read = read_study(folder.write())
    assert read == small
    assert (read.name, read.simulated, read.licence, read.citation, read.description) == (
        "small",
        True,
        "CC0-1.0",
        "nobody",
        "made for tests",
    )
    assert read.source == folder.path and read_study(folder.path / "study.yaml") == small


def test_rows_in_any_order_and_bom_and_crlf(folder, small: Study) -> None:
    for role, text in folder.files.items():
        head, *rows = text.splitlines()
        folder.files[role] = "\ufeff" + "\r\n".join([head, *rows[::-1]]) + "\r\n"
    assert read_study(folder.write()) == small


def test_spreadsheet_leftovers_are_harmless(folder, small: Study) -> None:
    folder.files["presses"] = folder.files["presses"].replace("\n", ",,\n") + ",,,,,\n\n"
    assert read_study(folder.write()) == small


@pytest.mark.parametrize(("unit", "per_second"), [("ms", 1000.0), ("min", 1 / 60), ("h", 1 / 3600)])
def test_units_give_the_same_study(folder, small: Study, unit: str, per_second: float) -> None:
    folder.about["time_unit"] = unit
    folder.about["units"] = {"latency": "ms"}
    folder.write()
    for role, frame in small.tables.items():
        frame = frame.copy()
        for column in {"time", "start", "end"} & set(frame.columns):
            frame[column] *= per_second
        if role == "observations":
            frame["latency"] *= 1000
        frame.to_csv(folder.path / f"{role}.csv", index=False)
    read = read_study(folder.path)
    assert read == small and read.time_unit == unit


def test_a_table_may_have_its_own_unit_names_and_format(folder, small: Study) -> None:
    folder.write()
    presses = small.presses.rename(columns={"time": "t", "subject": "id"})
    presses["t"] *= 1000
    presses.to_csv(folder.path / "presses.tsv", sep="\t", index=False)
    folder.about["tables"]["presses"] = {
        "file": "presses.tsv",
        "time_unit": "ms",
        "columns": {"time": "t", "subject": "id"},
    }
    small.samples.set_index("subject").to_parquet(folder.path / "samples.parquet")
    folder.about["tables"]["samples"] = "samples.parquet"
    small.observations.assign(latency=small.observations["latency"] / 60).to_parquet(
        folder.path / "trials.parquet"
    )
    folder.about["tables"]["observations"] = {"file": "trials.parquet", "units": {"latency": "min"}}
    assert read_study(folder.write()) == small


def test_optional_tables_are_derived(folder, small: Study) -> None:
    for role in ("subjects", "windows", "presses", "samples", "covariates"):
        del folder.about["tables"][role]
    read = read_study(folder.write())
    assert read.subjects["subject"].tolist() == ["s01", "s02"]
    assert len(read.windows) == 3 and read.presses.empty


def test_latency_without_a_unit_is_not_guessed(folder) -> None:
    folder.about["time_unit"] = "ms"
    (finding,) = [f for f in validate(folder.write()).errors if f.kind == "undeclared-unit"]
    assert finding.column == "latency" and "units: {latency: ms}" in finding.todo


def test_parquet_rows_are_counted_from_one(folder, small: Study) -> None:
    folder.write()
    presses = small.presses
    presses.loc[1, "time"] = 9999.0
    presses.to_parquet(folder.path / "presses.parquet")
    folder.about["tables"]["presses"] = "presses.parquet"
    (finding,) = validate(folder.write()).errors
    assert finding.place == "presses.parquet, row 2, column 'time'"


def yaml_finding(folder, text: str):
    folder.write()
    (folder.path / "study.yaml").write_text(text)
    report = validate(folder.path)
    assert not report.ok
    with pytest.raises(StudyError):
        read_study(folder.path)
    return report.errors[0]


TABLES = "tables: {sessions: sessions.csv}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: x\ntables:\n  sesions: sessions.csv\n", 3, "did you mean 'sessions'"),
        ("name: x\ntime_unit: sec\n" + TABLES, 2, "allowed: s, ms, min, h"),
        ("name: x\nauthor: me\n" + TABLES, 2, "author is not a known entry"),
        ("name: x\nlicense: CC0\n" + TABLES, 2, "did you mean 'licence'"),
        (TABLES, None, "name is missing"),
        ("name: x\n", None, "tables is missing"),
        ("name: x\ntables: {}\n", 2, "at least the table 'sessions'"),
        ("name: x\ntables: [a]\n", 2, "tables is not a group of entries"),
        ("name: x\ntables: {sessions: [a]}\n", 2, "not a group of entries"),
        ("name: x\ntables: {sessions: {columns: {}}}\n", 2, "file is missing"),
        ("name: x\ntables: {sessions: {file: sessions.csv, colums: {}}}\n", 2, "'columns'"),
        ("name: x\nsimulated: perhaps\n" + TABLES, 2, "yes or no"),
        ("name: [1, 2]\n" + TABLES, 1, "name"),
        ("name: x\n\ttab: 1\n", 2, "not valid YAML"),
        ("name: x: y\n", 1, "not valid YAML"),
        ("name: x\nname: y\n" + TABLES, 2, "'name' is given twice"),
        ("- a\n", None, "holds a list"),
        ("name: 2024-13-45\n", None, "tables is missing"),
        ("name: x\ntables: {events: events.csv}\n", None, "no table 'sessions'"),
        ("name: x\ntables: {sessions: session.csv}\n", None, "did you mean 'sessions.csv'"),
        ("name: x\ntables: {sessions: ../sessions.csv}\n", None, "outside the study folder"),
        ("name: x\ntables: {sessions: /etc/passwd}\n", None, "outside the study folder"),
        ("name: x\ntables: {sessions: .}\n", None, "outside the study folder"),
        ("name: x\ntables: {sessions: study.yaml}\n", None, "cannot be read"),
        (
            "name: x\ntables: {sessions: {file: sessions.csv, columns: {start: onset}}}\n",
            None,
            "no column 'onset'",
        ),
        (
            "name: x\ntables: {sessions: {file: sessions.csv, columns: {begin: start}}}\n",
            None,
            "'start' is missing",
        ),
        (
            "name: x\ntables: {sessions: {file: sessions.csv, columns: {start: drug}}}\n",
            None,
            "'start' occurs 2 times",
        ),
        (
            "name: x\ntables: {sessions: {file: sessions.csv, units: {dose: ms}}}\n",
            None,
            "no column 'dose'",
        ),
        ("name: x\nunits: {dose: ms}\n" + TABLES, None, "no table has a column 'dose'"),
        ("", None, "the file is empty"),
        ("a: &a [*a]\n", 1, "a value that holds itself"),
    ],
)
def test_study_yaml_problems(folder, text: str, line: int | None, words: str) -> None:
    finding = yaml_finding(folder, text)
    assert words in str(finding), finding
    assert finding.row == line
    assert finding.allowed and finding.todo


def test_links_out_of_the_folder_are_refused(folder, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("subject,session,start,end\n")
    folder.write()
    (folder.path / "link.csv").symlink_to(secret)
    finding = yaml_finding(folder, "name: x\ntables: {sessions: link.csv}\n")
    assert finding.kind == "outside-folder" and finding.value == "link.csv"


@pytest.mark.parametrize("raw", [b"\xff\xfea\0b\0", b"subject\n\xe9\n", b"", b" \n", b"a\0b"])
def test_bytes_that_are_no_text(folder, raw: bytes) -> None:
    folder.write()
    (folder.path / "presses.csv").write_bytes(raw)
    (finding,) = [f for f in validate(folder.path).errors if f.file == "presses.csv"]
    assert finding.kind in ("encoding", "empty-file")
    if raw.startswith(b"subject"):
        assert finding.row == 2 and "0xe9" in finding.wrong


def test_missing_folder_and_missing_yaml(tmp_path: Path) -> None:
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(StudyError, match=r"study\.yaml"):
            read_study(place)
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "study.yaml").write_text("name: x\ntables: {sessions: x.parquet}\n")
    assert "as Parquet" in str(validate(tmp_path))


@pytest.mark.parametrize("file", ["x.xlsx", "x"])
def test_other_suffixes_are_named(folder, file: str) -> None:
    folder.write()
    (folder.path / file).write_text("a")
    finding = yaml_finding(folder, f"name: x\ntables: {{sessions: {file}}}\n")
    assert finding.kind == "suffix" and ".parquet" in finding.allowed


def test_written_and_read_again(small: Study, tmp_path: Path) -> None:
    made = write_study(small, tmp_path / "new" / "s", extra={"README.md": "hello\n"})
    read = read_study(made)
    assert read == small and read.simulated and (made / "README.md").read_text() == "hello\n"
    assert write_study(read.select(subjects=["s01"]), made) == made  # a study may be replaced
    assert read_study(made).sessions["subject"].unique().tolist() == ["s01"]
    assert not list(made.glob("*.part"))


def test_other_folders_are_not_overwritten(small: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StudyError, match="not a study"):
        write_study(small, tmp_path)
    with pytest.raises(StudyError, match="not a study"):
        write_study(small, tmp_path / "thesis.txt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis.txt"]
    assert read_study(write_study(small, tmp_path, overwrite=True)) == small
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    with pytest.raises(StudyError, match="cannot be written"):
        write_study(small, tmp_path / "thesis.txt" / "sub")


@pytest.mark.parametrize("name", ["../up", "events.csv", "a/b", "study.yaml", ".."])
def test_extra_files_stay_inside(small: Study, tmp_path: Path, name: str) -> None:
    with pytest.raises(StudyError, match="extra file"):
        write_study(small, tmp_path / "s", extra={name: "x"})


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
NUMBERS = st.floats(allow_nan=True, allow_infinity=False)


@settings(deadline=None, max_examples=15)
@given(
    names=st.lists(WORDS.map(str.strip).filter(bool), min_size=2, max_size=2),
    times=st.lists(st.floats(0, 100), min_size=1, max_size=6),
    cells=st.lists(st.one_of(NUMBERS, WORDS, st.none()), min_size=6, max_size=6),
    numbers=st.lists(NUMBERS, min_size=6, max_size=6),
    text=WORDS,
)
def test_round_trip_of_anything(tmp_path_factory, names, times, cells, numbers, text) -> None:
    n = len(times)
    keys = {"subject": names[0], "session": names[1]}
    made = Study(
        text,
        description=text,
        simulated=True,
        sessions=pd.DataFrame({**keys, "start": [0.0], "end": [100.0]}),
        samples=pd.DataFrame(
            {**keys, "time": times, "value": numbers[:n], "note": pd.Series(cells[:n])}
        ),
    )
    place = tmp_path_factory.mktemp("trip")
    write_study(made, place)
    try:
        read = read_study(place)
    except StudyError:
        # names that mean "missing" and doubled samples are errors of the data, said as such
        assert {f.kind for f in validate(place).errors} <= {
            "missing",
            "empty-column",
            "repeated-row",
            "not-finite",
            "yaml",
        }
    else:
        assert read == made and read.description == text and read.name == text
        pd.testing.assert_frame_equal(read.samples, made.samples)


def test_float_text_is_exact(tmp_path: Path) -> None:
    values = np.random.default_rng(5).standard_normal(500) * 10.0 ** np.arange(-250, 250)
    made = Study(
        "x",
        sessions=pd.DataFrame({"subject": ["a"], "session": ["1"], "start": [0], "end": [9]}),
        samples=pd.DataFrame(
            {"subject": "a", "session": "1", "time": np.linspace(0, 9, 500), "value": values}
        ),
    )
    assert np.array_equal(read_study(write_study(made, tmp_path)).samples["value"], values)
