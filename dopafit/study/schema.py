"""What each table must look like on its own, as pandera schemas."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from dopafit.study.load import Table
from dopafit.study.report import Finding
from dopafit.study.tables import DURATION, REQUIRED, TEXT_KEYS, is_censoring, is_choice, is_length

if TYPE_CHECKING:
    import pandera.pandas as pa

__all__ = ["check_table", "table_schema"]

# check -> (what is wrong, what is allowed, what to do)
_WORDS = {
    "missing": ("the cell is empty", "a value in every row", "fill the cell or delete the row"),
    "not-finite": (
        "not a finite number",
        "finite numbers",
        "correct the cell; leave it empty where nothing was measured",
    ),
    "not-positive": (
        "not above zero",
        "a time above 0 s; empty where nothing was measured",
        "correct the cell; mark a response that never came with latency_censored = 1, and "
        "leave the cell empty where a code such as 0 or -1 stands for nothing measured",
    ),
    "negative": (
        "below zero",
        "how long the event's input goes on, 0 s or above; empty where it arrives at once",
        "correct the cell, or rename the column if it is not about the event's input",
    ),
    "not-binary": ("neither 0 nor 1", "0, 1 or empty", "write 1 for yes and 0 for no"),
    "clock": (
        "not an hour of the day",
        "0 <= clock_start < 24",
        "give the hour of day at time 0, e.g. 14.5 for half past two",
    ),
}


@functools.cache
def table_schema(role: str, columns: tuple[tuple[str, bool], ...]) -> pa.DataFrameSchema:
    """Return the schema of one table.

    Parameters
    ----------
    role : str
        One of `TABLES`.
    columns : tuple of (str, bool)
        The columns the table has and whether each holds numbers; optional ones are checked by
        what their name promises.

    Returns
    -------
    DataFrameSchema
        Its checks are named by the codes of findings.
    """
    import pandera.pandas as pa  # seconds to import

    finite = pa.Check(np.isfinite, error="not-finite")
    positive = pa.Check(lambda s: s > 0, error="not-positive")
    from_zero = pa.Check(lambda s: s >= 0, error="negative")
    binary = pa.Check(lambda s: s.isin((0.0, 1.0)), error="not-binary")
    clock = pa.Check(lambda s: (s >= 0) & (s < 24), error="clock")
    made = {}
    for column, numeric in columns:
        required = column in REQUIRED[role]
        if column in TEXT_KEYS or not numeric:
            made[column] = pa.Column(nullable=not required)
            continue
        if is_length(role, column):
            checks = [finite, from_zero if column == DURATION else positive]
        elif is_censoring(column) or is_choice(column):
            checks = [binary]
        elif column == "clock_start" and role == "sessions":
            checks = [clock]
        else:
            checks = [finite]
        made[column] = pa.Column("float64", checks, nullable=not required, coerce=True)
    return pa.DataFrameSchema(made, strict=True, name=role)


def check_table(role: str, table: Table) -> list[Finding]:
    """Return every cell of one table that breaks the table's schema."""
    from pandera.errors import SchemaErrors

    frame = table.frame
    findings = [
        table.finding(
            None,
            column,
            "the column is wholly empty",
            allowed="at least one value",
            todo="fill the column or delete it",
            kind="empty-column",
            severity="error" if column in REQUIRED[role] else "warning",
        )
        for column in frame.columns
        if len(frame) and frame[column].isna().all() and column not in table.unread
    ]
    unread = {column: set(cells.tolist()) for column, cells in table.unread.items()}
    columns = tuple((c, frame[c].dtype == np.float64) for c in frame.columns)
    cells = []
    try:
        table_schema(role, columns).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        for column, check, position in zip(
            cases["column"], cases["check"], cases["index"], strict=True
        ):
            code = "missing" if check == "not_nullable" else str(check)
            if code != "missing" or int(position) not in unread.get(column, ()):
                cells.append((int(position), column, code))
    return findings + [
        _cell(table, column, position, code) for position, column, code in sorted(cells)
    ]


def _cell(table: Table, column: str, position: int, code: str) -> Finding:
    wrong, allowed, todo = _WORDS[code]
    value = table.shown(position, column)
    return table.finding(
        position, column, wrong, allowed=allowed, todo=todo, kind=code, value=value
    )
