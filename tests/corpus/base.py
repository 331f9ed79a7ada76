"""A sound study, an analysis of it, ways to spoil them, and what a newcomer would be told."""

from __future__ import annotations

import csv
import io
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dopafit.core.errors import DopafitError
from dopafit.model.analysis import read_analysis
from dopafit.model.layout.layout import build_layout
from dopafit.report.opening import open_study

__all__ = ["ANALYSIS", "Case", "Told", "cell", "column", "drop", "fill", "lines", "sound", "swap"]
__all__ += ["tell", "whole"]

Edit = Callable[[Path], None]
SECONDS = 10.0

ANALYSIS = """\
title: Corpus
question: Does anything follow the events?
study: study
drives: [encompassing]
typical_spacing: 20
channels:
  choice: {column: pursue}
  latency: {}
  presses: {kind: press}
effects:
  choice_rest: drug + (1 | subject)
  peak: "1"
reference: {drug: placebo}

sampling: {draws: 100, tune: 100, chains: 2}
seed: 1
"""

STUDY = """\
name: corpus
time_unit: s
tables:
  subjects: subjects.csv
  sessions: sessions.csv
  events: events.csv
  observations: observations.csv
  presses: presses.csv
"""


def sound(folder: Path) -> Path:
    """Write a study in which nothing is wrong, and an analysis beside it."""
    rng = np.random.default_rng(3)
    study = folder / "study"
    study.mkdir(parents=True)
    rows: dict[str, list[list[object]]] = {
        "subjects": [["subject", "sex", "age"], ["s1", "f", 31], ["s2", "m", 28], ["s3", "f", 45]],
        "sessions": [["subject", "session", "start", "end", "drug"]],
        "events": [["subject", "session", "time", "kind", "magnitude"]],
        "observations": [
            ["subject", "session", "time", "pursue", "latency", "latency_censored"],
        ],
        "presses": [["subject", "session", "time", "kind"]],
    }
    for k, subject in enumerate(("s1", "s2", "s3")):
        for session, drug in (("a", "placebo"), ("b", "active")):
            rows["sessions"].append([subject, session, 0, 200 + 10 * k, drug])
            shift = round(float(rng.uniform(0, 4)), 2)
            for j in range(8):
                kind, size = (("cue", 1), ("reward", 2))[j % 2]
                rows["events"].append([subject, session, round(5 + 20 * j + shift, 2), kind, size])
            for j in range(12):
                pursue = (j + k + (drug == "active")) % 3 != 0
                latency = round(float(0.5 + rng.gamma(3.0, 0.3)), 3)
                rows["observations"].append(
                    [subject, session, round(9 + 15 * j + shift, 2), int(pursue), latency, 0]
                )
            for when in np.sort(rng.uniform(3, 190, 12)):
                rows["presses"].append([subject, session, round(float(when), 2), "press"])
    for name, table in rows.items():
        _write(study / f"{name}.csv", table)
    (study / "study.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "analysis.yaml").write_text(ANALYSIS, encoding="utf-8")
    return folder


def _read(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def _path(folder: Path, file: str) -> Path:
    return folder / (file if file.startswith("analysis") else f"study/{file}")


def swap(file: str, old: str, new: str, *, count: int = 1) -> Edit:
    """Replace a text in a file; it has to be there."""

    def edit(folder: Path) -> None:
        path = _path(folder, file)
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, count), encoding="utf-8")

    return edit


def cell(file: str, row: int, name: str, value: object) -> Edit:
    """Set one cell; rows count from 1, the header aside."""

    def edit(folder: Path) -> None:
        rows = _read(_path(folder, file))
        rows[row][rows[0].index(name)] = str(value)
        _write(_path(folder, file), rows)

    return edit


def column(file: str, name: str, make: Callable[[dict[str, str], int], object]) -> Edit:
    """Set or add a column from each row's cells and its number."""

    def edit(folder: Path) -> None:
        rows = _read(_path(folder, file))
        if name not in rows[0]:
            rows = [[*row, ""] for row in rows]
            rows[0][-1] = name
        at = rows[0].index(name)
        for k, row in enumerate(rows[1:]):
            row[at] = str(make(dict(zip(rows[0], row, strict=True)), k))
        _write(_path(folder, file), rows)

    return edit


def fill(file: str, name: str, value: object) -> Edit:
    """Set a whole column to one value."""
    return column(file, name, lambda row, k: value)


def drop(file: str, name: str) -> Edit:
    """Take a column out."""

    def edit(folder: Path) -> None:
        rows = _read(_path(folder, file))
        at = rows[0].index(name)
        _write(_path(folder, file), [[*row[:at], *row[at + 1 :]] for row in rows])

    return edit


def lines(file: str, make: Callable[[list[str]], list[str]]) -> Edit:
    """Rewrite a file line by line, the header included."""

    def edit(folder: Path) -> None:
        path = _path(folder, file)
        kept = make(path.read_text(encoding="utf-8").splitlines())
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")

    return edit


def whole(file: str, content: str | bytes | None) -> Edit:
    """Replace a file; None removes it."""

    def edit(folder: Path) -> None:
        path = _path(folder, file)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


@dataclass(frozen=True)
class Case:
    """One way to spoil a study or an analysis, and what must happen.

    Parameters
    ----------
    name : str
        What is wrong.
    must : {"error", "warning", "read"}
        Whether it has to be refused, doubted, or read as what it means.
    says : str
        Pattern that the answer has to match.
    edits : tuple of callable
        What spoils it.
    """

    name: str
    must: str
    says: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Told:
    """What a newcomer is told."""

    how: str
    text: str
    seconds: float
    incomplete: tuple[str, ...] = ()


def tell(folder: Path) -> Told:
    """Validate, open and lay out, as `dopafit run` does before it samples."""
    began = time.monotonic()
    incomplete: list[str] = []
    try:
        analysis = read_analysis(folder / "analysis.yaml")
        opened = open_study(analysis)
        incomplete += [f.line() for f in opened.report.findings if not (f.allowed and f.todo)]
        warnings = list(opened.warnings)
        for model in analysis.models.values():
            warnings += build_layout(model, opened.study).warnings
    except DopafitError as error:
        if not (error.allowed.strip() and error.todo.strip()):
            incomplete.append(str(error))
        return Told("error", str(error), time.monotonic() - began, tuple(incomplete))
    how = "warning" if warnings else "read"
    return Told(how, "\n".join(warnings), time.monotonic() - began, tuple(incomplete))


def judge(case: Case, folder: Path) -> list[str]:
    """Return what is amiss in the answer to a case."""
    sound(folder)
    for edit in case.edits:
        edit(folder)
    told = tell(folder)
    amiss = []
    if told.how != case.must:
        amiss.append(f"{told.how}, where it must be {case.must}")
    if not re.search(case.says, told.text):
        amiss.append(f"does not say {case.says!r}")
    if told.seconds > SECONDS:
        amiss.append(f"took {told.seconds:.1f} s")
    amiss += [f"has not three parts: {text}" for text in told.incomplete]
    return [f"{text}\n{told.text}" for text in amiss]
