"""Cells that stand for something else: a spreadsheet's errors, words and numbers for missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dopafit.study.cells import SPREADSHEET_ERROR, is_missing_word, recode_line
from dopafit.study.load import Table
from dopafit.study.report import Finding
from dopafit.study.tables import TIMES, is_censoring, is_choice, is_duration

__all__ = ["check_codes"]

# numbers that often stand for a missing value
_CODES = [
    float(word)
    for word in "-9 -99 -999 -9999 -99999 -999999 -88 -888 -77 -777 999 9999 99999 999999".split()
]


def check_codes(table: Table) -> Iterator[Finding]:
    """Return cells of one table that seem to stand for a missing value, or for an error."""
    for column in table.frame.columns:
        values = table.frame[column]
        if values.dtype == np.float64:
            if column not in TIMES and not (
                is_choice(column) or is_censoring(column) or is_duration(column)
            ):
                yield from _numbers(table, column)
            continue
        counts = values.value_counts()
        for word in map(str, counts.index):
            if SPREADSHEET_ERROR.fullmatch(word):
                yield _first(
                    table,
                    column,
                    word,
                    f"a spreadsheet's error in {counts[word]} rows",
                    allowed="names, or empty cells",
                    todo="mend the formula there; leave the cell empty where it is not known",
                    kind="spreadsheet-error",
                    severity="error",
                )
            elif is_missing_word(word):
                yield _first(
                    table,
                    column,
                    word,
                    f"{word!r} is read as a name in {counts[word]} rows; "
                    "does it stand for a missing value?",
                    allowed="an empty cell, NA or NaN where nothing was measured",
                    todo="if so, leave the cell empty or add to the table in study.yaml: "
                    + recode_line(column, {word: "null"}),
                    kind="missing-word",
                    severity="warning",
                )


def _numbers(table: Table, column: str) -> Iterator[Finding]:
    """Return numbers far from all others that look like a code."""
    values = table.frame[column].to_numpy()
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    for at in np.flatnonzero(np.isin(distinct, _CODES)):
        value, count, others = distinct[at], counts[at], np.delete(distinct, at)
        if not len(others):
            continue
        word = f"{value:.0f}"
        low = value < 0 and others.min() >= 0
        high = value > 0 and 5 * np.abs(others).max() < value
        if low or high:
            yield _first(
                table,
                column,
                value,
                f"{word} is read as a number in {count} rows, and all others lie from "
                f"{others.min():g} to {others.max():g}; does it stand for a missing value?",
                allowed="an empty cell, NA or NaN where nothing was measured",
                todo="if so, leave the cell empty or add to the table in study.yaml: "
                + recode_line(column, {word: "null"}),
                kind="missing-code",
                severity="warning",
            )


def _first(table: Table, column: str, value: object, wrong: str, **parts: str) -> Finding:
    position = int(np.flatnonzero((table.frame[column] == value).to_numpy())[0])
    shown = table.shown(position, column)
    return table.finding(position, column, wrong, value=shown, **parts)
