"""``where`` and ``recode``: one export for several tables, words for words, and no expressions."""

from __future__ import annotations

import csv
import io
import unicodedata

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.yaml_text import dump_yaml
from dopafit.study import Study, read_study, validate, write_study
from dopafit.study.load import load_folder

LOG = """id,block,time,row,size,responded,rt
s01,1,10,cue,1,,
s01,1,12,trial,,yes,0.8
s01,1,20,reward,2,,
s01,1,22,trial,,no,
s01,1,23,iti,,,
s02,1,5,cue,1,,
s02,1,9,trial,,YES,1.25
s02,1,11,iti,,,
"""
ABOUT = """name: export
tables:
  sessions: sessions.csv
  events:
    file: log.csv
    columns: {subject: id, session: block, kind: row, magnitude: size}
    where: {row: [cue, reward]}
  observations:
    file: log.csv
    columns: {subject: id, session: block, pursue: responded, latency: rt}
    where: {row: trial}
    recode: {responded: {yes: 1, YES: 1, no: 0}}
"""
SESSIONS = "subject,session,start,end\ns01,1,0,60\ns02,1,0,60\n"


@pytest.fixture
def export(tmp_path):
    def put(about: str = ABOUT, log: str = LOG, name: str = "log.csv"):
        (tmp_path / "sessions.csv").write_text(SESSIONS)
        (tmp_path / name).write_text(log)
        (tmp_path / "study.yaml").write_text(about)
        return tmp_path

    return put


def table(text: str) -> pd.DataFrame:
    head, *rows = (line.split(",") for line in text.split())
    return pd.DataFrame(rows, columns=head)


def by_hand() -> Study:
    """The same study from tables written one by one."""
    events = "subject,session,time,kind,magnitude s01,1,10,cue,1 s01,1,20,reward,2 s02,1,5,cue,1"
    trials = "s01,1,12,trial,1,0.8 s01,1,22,trial,0, s02,1,9,trial,1,1.25"
    return Study(
        "export",
        sessions=table(SESSIONS),
        events=table(events),
        observations=table("subject,session,time,row,pursue,latency " + trials),
    )


def test_one_file_for_two_tables_equals_tables_by_hand(export, tmp_path) -> None:
    study = read_study(export())
    assert study == by_hand()
    assert "size" not in study.observations and "responded" not in study.events  # never filled
    assert read_study(write_study(study, tmp_path / "again")) == study


def test_tsv_and_parquet_say_the_same(export, tmp_path) -> None:
    export(ABOUT.replace("log.csv", "log.tsv"), LOG.replace(",", "\t"), "log.tsv")
    assert read_study(tmp_path) == by_hand()
    typed = pd.read_csv(tmp_path / "log.tsv", sep="\t")
    typed["responded"] = typed["responded"].map({"yes": True, "YES": True, "no": False})
    typed["code"] = pd.Series([1, 2, 1, 2, 3, 1, 2, 3])
    typed.to_parquet(tmp_path / "log.parquet")
    about = ABOUT.replace("log.csv", "log.parquet").replace(
        "{yes: 1, YES: 1, no: 0}", "{true: 1, False: 0}"
    )
    about = about.replace("where: {row: trial}", "where: {code: 2}")
    (tmp_path / "study.yaml").write_text(about)
    study = read_study(tmp_path)
    assert study.observations.drop(columns="code").equals(by_hand().observations)


def test_rows_are_counted(export) -> None:
    report = validate(export())
    (note,) = report.notes
    assert report.ok
    assert note.wrong == "8 rows: events took 3, observations took 3, 2 to none (row: 2 iti)"
    assert note.line() in str(report) and note.file == "log.csv"
    more = ABOUT + "  presses: {file: log.csv, columns: {subject: id, session: block, kind: row},"
    (note,) = validate(export(more + " where: {row: [cue, iti]}}\n")).notes
    assert "presses took 4, 2 went to more than one table, 0 to none" in note.wrong
    one = "name: x\ntables: {sessions: sessions.csv}\n"  # control: no rule, no note
    assert not validate(export(one)).notes


def test_lines_are_those_of_the_file(export) -> None:
    (finding,) = validate(
        export(log=LOG.replace("s01,1,22,trial,,no", "s01,1,22,trial,,perhaps"))
    ).errors
    assert finding.place == "log.csv, line 5, column 'pursue'" and finding.value == "perhaps"
    assert "recode: {responded: {perhaps: 0 or 1}}" in finding.todo


@pytest.mark.parametrize(
    ("old", "new", "wrong", "todo"),
    [
        ("{row: trial}", "{rwo: trial}", "has no column 'rwo'", "did you mean 'row'?"),
        ("{row: trial}", "{kind: trial}", "has no column 'kind'", "correct the name"),
        ("{row: trial}", "{pursue: yes}", "has no column 'pursue'", "write 'responded'"),
        ("{row: trial}", "{row: trail}", "no row of log.csv has 'trail'", "did you mean 'trial'?"),
        ("{row: trial}", "{row: [trial, Cue]}", "has 'Cue'", "did you mean 'cue'?"),
        ("{row: trial}", "{row: trial, size: 2}", "fits all of it", "beside each other"),
        ("{row: trial}", "{row: []}", "no word to choose rows by", "where: {trial_type"),
        ("{row: trial}", "{row: }", "no word to choose rows by", "where: {trial_type"),
        ("{row: trial}", "{row: {a: b}}", "no word to choose rows by", "where: {trial_type"),
        ("{row: trial}", "row == 'trial'", "is not a group", "write where:"),
        ("{responded: {", "{respnded: {", "has no column 'respnded'", "'responded'"),
        ("{responded: {", "{pursue: {", "has no column 'pursue'", "write 'responded'"),
        ("{yes: 1, YES: 1, no: 0}", "{}", "no words to replace", "name each word"),
        ("{yes: 1, YES: 1, no: 0}", "yes", "no words to replace", "name each word"),
        ("{yes: 1, YES: 1, no: 0}", "{~: 1}", "an empty cell cannot be", "into the file"),
        ("{yes: 1, YES: 1, no: 0}", "{yes: [1]}", "'yes' is not replaced", "one word each"),
        ("{yes: 1, YES: 1, no: 0}", "{yes: 1, yes: 0}", "'yes' is given twice", "correct"),
        ("{yes: 1, YES: 1, no: 0}", "{yes: 1, YES: 1}", "a word, where 1", "{no: 0}"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_named(export, old: str, new: str, wrong: str, todo: str) -> None:
    about = ABOUT.replace(old, new)
    assert about != ABOUT
    report = validate(export(about))
    finding = report.errors[0]
    assert wrong in finding.wrong and todo in finding.todo and finding.allowed, str(report)


def test_a_word_that_never_occurs_is_asked_about(export) -> None:
    warning = validate(export(ABOUT.replace("no: 0", "no: 0, maybe: 0"))).warnings[0]
    assert warning.kind == "recode-value" and warning.value == "maybe" and warning.todo


def test_words_of_yaml_1_1_and_codes_for_missing(tmp_path) -> None:
    """Bare yes, no, on, 010 and -999 are the words that the cells hold."""
    log = "subject,session,time,pursue,latency,note\ns,010,1,yes,-999,on\ns,010,2,no,2.5,off\n"
    (tmp_path / "log.csv").write_text(log + "s,8,3,no,1,off\n")
    (tmp_path / "sessions.csv").write_text("subject,session,start,end\ns,010,0,9\n")
    (tmp_path / "study.yaml").write_text(
        "name: x\ntables:\n  sessions: sessions.csv\n  observations:\n    file: log.csv\n"
        "    where: {session: 010, note: [on, off]}\n"
        "    recode: {pursue: {yes: 1, no: 0}, latency: {-999: ~}, note: {on: no, off: null}}\n"
    )
    table = read_study(tmp_path).observations
    assert table["pursue"].tolist() == [1, 0] and table["note"].tolist()[0] == "no"
    assert table["latency"].isna().tolist() == [True, False] and table["note"].isna().tolist()[1]


MISSING = ("", "NA", "NaN", "nan", "N/A", "n/a")
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4)
WORDS = CELLS.map(lambda w: unicodedata.normalize("NFC", w.strip()))
PRESENT = WORDS.filter(lambda w: w not in MISSING)


@settings(deadline=None, max_examples=15)
@given(
    st.lists(WORDS.filter(lambda w: w not in MISSING), min_size=2, max_size=4, unique_by=str.lower)
)
def test_any_words_choose_and_are_replaced(tmp_path_factory, words) -> None:
    """Rows are taken by each word but the last; the first word is replaced in them."""
    place = tmp_path_factory.mktemp("words")
    rows = pd.DataFrame({"subject": "s", "session": "1", "time": range(len(words)), "w": words})
    rows.to_csv(place / "log.csv", index=False)
    (place / "sessions.csv").write_text("subject,session,start,end\ns,1,0,60\n")
    entry = {"file": "log.csv", "where": {"w": words[:-1]}, "recode": {"w": {words[0]: "new"}}}
    about = {"name": "x", "tables": {"sessions": "sessions.csv", "samples": entry}}
    (place / "study.yaml").write_text(dump_yaml(about))
    loaded = load_folder(place)
    assert [f.kind for f in loaded.findings if f.severity != "warning"] == ["rows-taken"]
    table = loaded.tables["samples"]
    assert table.rows.tolist() == list(range(2, len(words) + 1))
    assert table.frame["w"].astype(str).tolist()[0] == "new"


NAMES = ["=cmd|' /C calc'!A0", "-1", "'=1", "+a", "@b", "''-x", "rat"]


def test_names_that_are_formulas_are_written_so_that_they_do_not_run(tmp_path) -> None:
    n = len(NAMES)
    keys = {"subject": NAMES, "session": "1"}
    made = Study(
        "-x",
        sessions=pd.DataFrame({**keys, "start": 0.0, "end": 9.0, "=dose": range(n)}),
        samples=pd.DataFrame({**keys, "time": 1.0, "note": NAMES[::-1], "x": [-1.0] * n}),
    )
    place = write_study(made, tmp_path / "s")
    for path in place.glob("*.csv"):
        cells = [c for row in csv.reader(io.StringIO(path.read_text(), newline="")) for c in row]
        assert not [c for c in cells if c[:1] in tuple("=@+") or (c[:1] == "-" and not float(c))]
    read = read_study(place)
    assert read == made and sorted(read.subjects["subject"]) == sorted(NAMES)
    assert read.samples["x"].eq(-1).all()
    about = (place / "study.yaml").read_text()
    assert about.count("escaped: true") == 4
    # control: an apostrophe in a file that does not say so is the user's own
    (place / "study.yaml").write_text(about.replace("escaped: true", "escaped: false"))
    assert "'=cmd|' /C calc'!A0" in set(read_study(place).sessions["subject"])
