"""What is said of cells, headers and encodings as spreadsheets and loggers leave them."""

from __future__ import annotations

import unicodedata

import pytest

from dopafit.core.errors import suggest
from dopafit.study import Study, read_study, validate


def first(folder, column: str | None = None):
    """The first error, in three parts."""
    report = validate(folder.write())
    errors = [f for f in report.errors if column in (None, f.column)]
    assert errors, report
    assert all(f.allowed and f.todo for f in report.findings)
    return errors[0]


CELLS = [
    ('"1,012.5"', "thousands are marked", "write 1012.5"),
    ('"1,012"', "a comma stands in it", "write 1012 if the comma marks thousands, 1.012 if"),
    ('"12,5"', "a decimal comma", "12.5"),
    ('"1.012,5"', "a decimal comma, and points", "write 1012.5"),
    ("1 012", "thousands are marked", "write 1012"),
    ("'12.5'", "it stands in quotes", "without quotes"),
    ("\u22125", "its minus sign is a dash (U+2212)", "write -5"),
    ("#N/A", "a spreadsheet's error", "mend the formula"),
    ("#DIV/0!", "a spreadsheet's error", "mend the formula"),
    ("#####", "a spreadsheet's error", "mend the formula"),
    (".", "seems to stand for a missing value", 'recode: {time: {".": null}}'),
    ("NULL", "seems to stand for a missing value", "recode: {time: {NULL: null}}"),
    ("2024-03-01 12:00:00", "a date", "since the session's own zero"),
    ("3/1/24", "a date", "since the session's own zero"),
    ("12:30:01.5", "a clock time", "one number in the declared unit"),
    ("12.5 s", "'s' stands beside it", "write 12.5, and the unit in study.yaml"),
    ("350ms", "'ms' stands beside it", "write 350, and the unit in study.yaml"),
    ("<0.2", "a bound", "latency_censored"),
    ("soon", "not a number", "correct the cell"),
]


@pytest.mark.parametrize(("cell", "wrong", "todo"), CELLS)
def test_a_cell_that_is_no_number_says_why(folder, cell: str, wrong: str, todo: str) -> None:
    folder.files["events"] = folder.files["events"].replace("100.5", cell, 1)
    finding = first(folder, "time")
    assert finding.place == "events.csv, line 3, column 'time'" and finding.value == cell.strip('"')
    assert wrong in finding.wrong and todo in finding.todo, finding


def test_a_column_of_yes_and_no(folder) -> None:
    text = folder.files["observations"]
    for number, word in (("50,1", "50,yes"), ("60,0", "60,No"), ("70,1", "70,yes")):
        text = text.replace(number, word)
    folder.files["observations"] = text
    finding = first(folder, "pursue")
    assert "recode: {pursue: {yes: 1, No: 0}}" in finding.todo and finding.allowed.startswith(
        "0 or"
    )
    entry = {"file": "observations.csv", "recode": {"pursue": {"yes": 1, "No": 0}}}
    folder.about["tables"]["observations"] = entry  # what it says to do is what helps
    assert validate(folder.write()).ok


@pytest.mark.parametrize(
    ("role", "head", "column", "todo"),
    [
        ("sessions", "subject,session,start,responded", "end", "add it, or say which column"),
        ("sessions", "subject,session,start,End", "end", "columns: {end: 'End'}"),
        ("sessions", "Subject ID,session,start,end", "subject", "columns: {subject: 'Subject ID'}"),
        ("sessions", "subject,session,start,session_end", "end", "columns: {end: 'session_end'}"),
        ("events", "subject,session,Time (s),kind,magnitude", "time", "{time: 'Time (s)'}"),
    ],
)
def test_a_missing_column(folder, role: str, head: str, column: str, todo: str) -> None:
    _, *rows = folder.files[role].splitlines()
    folder.files[role] = "\n".join(
        [head, *(",".join(r.split(",")[: head.count(",") + 1]) for r in rows)]
    )
    finding = first(folder, column)
    assert finding.kind == "missing-column" and todo in finding.todo, finding
    assert "responded" not in finding.todo


def test_suggestions_are_of_names_nearly_the_same() -> None:
    assert not suggest("end", ["responded", "weekend"]) and not suggest("time", ["trial", "kind"])
    assert not suggest("sex", ["session"]) and not suggest("end", [])
    assert suggest("Start time", ["start_time", "end"]) == "did you mean 'start_time'?"
    assert suggest("rwo", ["row", "two words"]) == "did you mean 'row'?"
    assert suggest("end", ["session_end", "end_of_block_time"]) == "did you mean 'session_end'?"


def test_other_separators_are_named(folder) -> None:
    text = folder.files["events"]
    folder.files["events"] = text.replace(",", ";").replace("100.5", "100,5")
    assert "separated by semicolons" in first(folder).wrong
    folder.files["events"] = text.replace(",", ";").replace("magnitude", "magnitude, a.u.", 1)
    finding = first(folder)
    assert "separated by semicolons" in finding.wrong and "commas between cells" in finding.todo
    folder.files["events"] = text.replace(",", "\t")
    assert "or name it .tsv" in first(folder).todo


def test_a_comma_within_a_number_makes_two_cells(folder) -> None:
    folder.files["events"] = folder.files["events"].replace("100.5", "1,012.5")
    finding = first(folder)
    assert finding.row == 3 and "perhaps 1,012.5 is one number" in finding.wrong
    assert "without commas" in finding.todo


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_encodings_are_named(folder, encoding: str) -> None:
    folder.write()
    text = folder.files["sessions"].replace("drug\n", "caf\u00e9\n", 1)
    (folder.path / "sessions.csv").write_bytes(text.encode(encoding))
    (finding,) = [f for f in validate(folder.path).errors if f.file == "sessions.csv"]
    assert ("UTF-16" if "16" in encoding else "Windows-1252") in finding.wrong and finding.todo


def test_two_normal_forms_are_one_subject(folder) -> None:
    composed, apart = (unicodedata.normalize(f, "Zo\u00e9") for f in ("NFC", "NFD"))
    for role, text in folder.files.items():
        folder.files[role] = text.replace("s01", apart if role == "events" else composed)
    folder.files["sessions"] = folder.files["sessions"].replace("drug", apart, 1)
    study = read_study(folder.write())
    assert study.subjects["subject"].tolist() == [composed, "s02"]
    assert set(study.events["subject"]) == {composed, "s02"} and composed in study.sessions
    memory = {role: frame for role, frame in study.tables.items()}
    memory["events"] = memory["events"].replace(composed, apart)
    assert Study("x", simulated=True, **memory) == study


@pytest.mark.parametrize(
    ("cell", "severity", "kind"),
    [("#REF!", "error", "spreadsheet-error"), (".", "warning", "missing-word"), ("none", None, "")],
)
def test_words_among_names(folder, cell: str, severity: str | None, kind: str) -> None:
    folder.files["sessions"] = folder.files["sessions"].replace("600,drug", f"600,{cell}")
    report = validate(folder.write())
    found = [
        f for f in report.findings if f.column == "drug" and f.kind.endswith(("error", "word"))
    ]
    assert [(f.severity, f.kind, f.row) for f in found] == (
        [(severity, kind, 3)] if severity else []
    )


@pytest.mark.parametrize(
    ("code", "asked"), [("-999", True), ("-1", False), ("999", True), ("60", False)]
)
def test_numbers_that_stand_for_missing(folder, code: str, asked: bool) -> None:
    folder.files["subjects"] = f"subject,age\ns01,31\ns02,{code}\n"
    found = [f for f in validate(folder.write()).warnings if f.kind == "missing-code"]
    assert len(found) == asked
    assert not asked or (found[0].row == 3 and f'{{age: {{"{code}": null}}}}' in found[0].todo)


def test_a_word_for_missing_among_numbers_is_an_error(folder) -> None:
    folder.files["subjects"] = "subject,age\ns01,31\ns02,.\ns03,40\n"
    finding = first(folder, "age")
    assert finding.kind == "mixed-column" and 'recode: {age: {".": null}}' in finding.todo


@pytest.mark.parametrize("entry", [[], {}, "", None, {"file": []}, {"file": ""}])
def test_a_table_that_names_no_file(folder, entry: object) -> None:
    folder.about["tables"]["events"] = entry
    finding = first(folder)
    assert "tables.events" in finding.wrong and finding.row is not None


def test_lines_end_as_they_like(folder, small: Study) -> None:
    for role, text in folder.files.items():
        folder.files[role] = text.rstrip("\n").replace("\n", "\r")
    assert read_study(folder.write()) == small
