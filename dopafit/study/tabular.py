"""Read CSV, TSV and Parquet files, keeping the line each row stands on."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from dopafit.core.limits import CELL_CHARACTERS, COLUMNS, TABLE_BYTES
from dopafit.core.reading import ReadingError, read_text
from dopafit.study.canonical import one_form
from dopafit.study.report import Finding

__all__ = ["RawTable", "decode", "read_text_table", "unreadable"]

_CHUNK = 200_000
DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}


@dataclass
class RawTable:
    """Cells as the file holds them, with the line (or row) of each.

    Parameters
    ----------
    file : str
        Name to report.
    frame : DataFrame, (row,)
        Text cells, or typed cells from Parquet; index 0, 1, ...
    rows : array of int, (row,)
        Line of each row in the file.
    row_label : str
        ``"line"`` or ``"row"``.
    """

    file: str
    frame: pd.DataFrame
    rows: np.ndarray
    row_label: str = "line"


def decode(path: Path, file: str, limit: int = TABLE_BYTES) -> tuple[str | None, list[Finding]]:
    """Return a file's text, or what keeps it from being read."""
    try:
        text = read_text(path, limit)
        if not text.strip():
            raise ReadingError(
                "is empty",
                allowed="a header line and at least one row",
                todo="write the table, or take the file out of study.yaml",
                kind="empty-file",
            )
    except ReadingError as error:
        return None, [unreadable(file, error)]
    return text, []


def unreadable(file: str, error: ReadingError) -> Finding:
    """Return what keeps a whole file from being read."""
    wrong = f"the file {error.wrong}"
    return Finding(
        file, error.line, None, None, wrong, error.allowed, error.todo, "error", error.kind
    )


def read_text_table(path: Path, file: str, delimiter: str) -> tuple[RawTable | None, list[Finding]]:
    """Read a delimited text file without interpreting its cells.

    Rows with too few or too many cells are findings and are left out; blank lines are skipped.
    """
    text, findings = decode(path, file)
    if text is None:
        return None, findings
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    header: list[str] | None = None
    parts: list[pd.DataFrame] = []
    lines: list[int] = []
    rows: list[list[str]] = []
    before = 0
    try:
        while True:
            for cells in islice(reader, _CHUNK):
                line, before = before + 1, reader.line_num
                if not any(c.strip() for c in cells):
                    continue
                if header is None:
                    header = _names(cells)
                    width = len(header)
                    faults = list(_header_faults(header, cells, delimiter))
                    if faults:
                        return None, [Finding(file, line, *f, "error", "header") for f in faults]
                    continue
                if not any(c.strip() for c in cells[width:]):
                    cells = cells[:width]
                if len(cells) == width:
                    rows.append(cells)
                    lines.append(line)
                else:
                    findings.append(_ragged(file, line, cells, width))
            if not rows:
                break
            parts.append(pd.DataFrame(rows, columns=range(width), dtype="str"))
            rows = []
    except csv.Error as error:
        wrong, allowed, kind = (
            f"the row cannot be read ({error})",
            "cells with balanced double quotes",
            "unreadable-row",
        )
        if "field limit" in str(error):
            wrong = f"a cell has more than {CELL_CHARACTERS} characters"
            allowed, kind = "shorter cells", "limit"
        todo = "look for a double quote that is never closed, on this line or above it"
        place = (file, before + 1, None, None)
        return None, [*findings, Finding(*place, wrong, allowed, todo, "error", kind)]
    if header is None:
        return None, findings
    frame = (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame(columns=range(len(header)), dtype="str")
    )
    keep = [i for i, name in enumerate(header) if name]
    frame = frame[keep].set_axis([header[i] for i in keep], axis=1)
    return RawTable(file, frame, np.asarray(lines, dtype=np.int64)), findings


def _ragged(file: str, line: int, cells: list[str], width: int) -> Finding:
    return Finding(
        file,
        line,
        None,
        None,
        f"the row has {len(cells)} cells and the header {width}" + _split_number(cells, width),
        f"{width} cells in every row",
        "complete the row; put text that contains the separator in double quotes, and write "
        "numbers with a decimal point and without commas",
        "error",
        "ragged",
    )


def _split_number(cells: list[str], width: int) -> str:
    """Return what is said where a comma inside a number may have made two cells of one."""
    if len(cells) <= width:
        return ""
    for left, right in pairwise(c.strip() for c in cells):
        if re.fullmatch(r"[+-]?\d{1,3}", left) and re.fullmatch(r"\d{3}(\.\d+)?", right):
            return f"; perhaps {left},{right} is one number"
    return ""


def _names(cells: list[str]) -> list[str]:
    """Return the column names of a header."""
    names = [one_form(c.strip()) for c in cells]
    while names and not names[-1]:
        names.pop()  # spreadsheets leave empty columns at the right
    return names


def _header_faults(
    names: list[str], cells: list[str], delimiter: str
) -> Iterator[tuple[str | None, str | None, str, str, str]]:
    """Yield column, value and three parts for all that is wrong with a header."""
    if len(names) > COLUMNS:
        wrong, allowed = f"the header has {len(names)} columns", f"at most {COLUMNS} columns"
        yield None, None, wrong, allowed, "keep the columns that the study needs"
        return
    for name in dict.fromkeys(n for n in names if names.count(n) > 1 or not n):
        if name:
            wrong = f"column {name!r} occurs {names.count(name)} times"
            todo = "rename or delete the columns that are too many"
            yield name, None, wrong, "each column name once", todo
        else:
            wrong = f"column {names.index('') + 1} has no name"
            yield None, None, wrong, "a name for every column", "name the column or delete it"
    whole = delimiter.join(cells)
    other = [s for s in (";", "\t", ",") if whole.count(s) > whole.count(delimiter)]
    if other and names:
        word = {",": "commas", ";": "semicolons", "\t": "tabs"}
        wrong = f"the header is separated by {word[other[0]]}"
        allowed = f"{word[delimiter]} for this suffix (.csv: commas, .tsv: tabs)"
        todo = f"save the file with {word[delimiter]} between cells and with decimal points"
        yield None, whole, wrong, allowed, todo + ("; or name it .tsv" if other[0] == "\t" else "")
