"""From a folder to typed tables, with everything that could not be read."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.core.errors import suggest
from dopafit.study.canonical import canonical_column, completed, to_seconds
from dopafit.study.cells import SPREADSHEET_ERROR, is_missing_word, not_numbers, recode_line
from dopafit.study.report import Finding
from dopafit.study.rules import Shared, plain, rows_of
from dopafit.study.suffixes import read_table
from dopafit.study.tables import (
    REQUIRED,
    STUDY_FILE,
    TABLES,
    TEXT_KEYS,
    TIMES,
    UNITS,
    is_length,
    is_numeric,
)
from dopafit.study.tabular import RawTable

if TYPE_CHECKING:
    from dopafit.study.description import StudyFile, TableEntry

__all__ = ["Loaded", "Table", "load_folder"]


@dataclass
class Table(RawTable):
    """A typed table: canonical cells, times in seconds, and where its rows stand in the file.

    Parameters
    ----------
    file, frame, rows, row_label
        As for `RawTable`.
    unread : dict of str to array of int
        Per column, positions whose cell is already reported as unreadable.
    cells : DataFrame, optional
        The cells before conversion, under our column names.
    """

    unread: dict[str, np.ndarray] = field(default_factory=dict)
    cells: pd.DataFrame | None = None

    def shown(self, position: int, column: str) -> str | None:
        """Return a cell as the file shows it, None where it is empty."""
        if pd.isna(self.frame[column].iloc[position]):
            return None
        known = self.cells is not None and column in self.cells
        return str((self.cells if known else self.frame)[column].iloc[position])

    def finding(
        self,
        position: int | None,
        column: str | None,
        wrong: str,
        *,
        allowed: str,
        todo: str,
        kind: str,
        value: str | None = None,
        severity: str = "error",
    ) -> Finding:
        """Return a finding at one row of this table."""
        row = None if position is None else int(self.rows[position])
        return Finding(
            self.file, row, column, value, wrong, allowed, todo, severity, kind, self.row_label
        )


@dataclass
class Loaded:
    """What a folder held."""

    description: StudyFile | None
    folder: Path | None = None
    tables: dict[str, Table] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def load_folder(folder: Path) -> Loaded:
    """Read every table that study.yaml names, as far as it can be read.

    Parameters
    ----------
    folder : Path
        The folder, or the ``study.yaml`` in it.
    """
    from dopafit.study.description import read_description  # pydantic is slow to import

    if folder.name == STUDY_FILE and not folder.is_dir():
        folder = folder.parent
    described, findings = read_description(folder)
    loaded = Loaded(described, folder, findings=findings)
    if described is not None:
        findings += _read_tables(folder, described, loaded.tables)
    return loaded


def _read_tables(folder: Path, described: StudyFile, tables: dict[str, Table]) -> Iterator[Finding]:
    """Put every table that can be read into `tables`; yield what keeps others from it."""
    if "sessions" not in described.tables:
        yield Finding(
            STUDY_FILE,
            None,
            "tables",
            None,
            "there is no table 'sessions'",
            "tables: {sessions: sessions.csv, ...} with subject, session, start, end",
            "write one row per session with the times observation began and ended",
            "error",
            "no-sessions",
        )
    files: dict[tuple[Path, bool], Shared | None] = {}
    for role in TABLES:
        entry = described.tables.get(role)
        if entry is None:
            continue
        path, problem = _inside(folder, entry.file)
        if problem is not None:
            yield problem
            continue
        key = (path, entry.escaped)
        if key not in files:
            raw, found = read_table(path, entry.file)
            yield from found
            files[key] = None if raw is None else Shared(plain(raw) if entry.escaped else raw)
        shared = files[key]
        raw = None if shared is None else (yield from rows_of(role, shared, entry))
        table = None if raw is None else (yield from _typed(role, raw, entry, described))
        if table is not None:
            tables[role] = table
    for shared in files.values():
        yield from [] if shared is None else shared.count()
    known = {column for table in tables.values() for column in table.frame}
    for column in sorted(set(described.units) - known):
        yield Finding(
            STUDY_FILE,
            None,
            "units",
            column,
            f"units: no table has a column {column!r}",
            "columns of the tables",
            suggest(column, known) or "take the entry out",
            "error",
            "unknown-unit-column",
        )


def _inside(folder: Path, file: str) -> tuple[Path, Finding | None]:
    """Return the path of a study's file; it must lie inside the folder."""
    root = folder.resolve()
    try:
        path = (root / file).resolve()
        inside = path.is_relative_to(root) and path != root
        exists = inside and path.exists()
    except (OSError, ValueError, RuntimeError):  # NUL, name too long, loop of links
        path, inside, exists = root, True, False
    if inside and exists:
        return path, None
    if inside:
        names = [p.name for p in sorted(root.iterdir())] if root.is_dir() else []
        wrong, kind = f"the file {file!r} does not exist", "no-file"
        todo = suggest(file, names) or "write the file or correct its name"
    else:
        wrong, kind = f"the file {file!r} lies outside the study folder", "outside-folder"
        todo = "copy the file into the study folder"
    allowed = f"files inside {folder.name or folder}"
    return path, Finding(STUDY_FILE, None, "tables", file, wrong, allowed, todo, "error", kind)


def _typed(
    role: str, raw: RawTable, entry: TableEntry, described: StudyFile
) -> Generator[Finding, None, Table | None]:
    """Return a table with our column names, types and seconds."""
    table = Table(raw.file, raw.frame, raw.rows, raw.row_label)
    frame = yield from _renamed(table, entry)
    if frame is None:
        return None
    table.cells = frame.copy()
    columns = list(frame.columns)
    keys = REQUIRED[role]
    frame, missing = completed(role, frame)
    for column in missing:
        yield table.finding(
            None,
            column,
            f"column {column!r} is missing (found: {', '.join(columns[:12])})",
            allowed=f"{role} has the columns {', '.join(keys)}",
            todo=_which(column, [c for c in columns if c not in keys]),
            kind="missing-column",
        )
    if missing:
        return None
    units = dict(described.units) | dict(entry.units)
    for column in sorted(set(entry.units) - set(columns)):
        yield table.finding(
            None,
            column,
            f"units: the table has no column {column!r}",
            allowed=", ".join(columns[:12]),
            todo=suggest(column, columns) or "take the entry out",
            kind="unknown-unit-column",
        )
    time_unit = entry.time_unit or described.time_unit
    done = {}
    for column in [*keys, *(c for c in columns if c not in keys)]:
        numeric = is_numeric(role, column) or column in units
        values, bad = canonical_column(frame[column], text=column in TEXT_KEYS, numeric=numeric)
        if numeric:
            if len(bad):
                table.unread[column] = bad
                yield from not_numbers(table, column, entry.columns.get(column, column), bad)
        elif len(bad):
            yield from _mixed(table, column, entry.columns.get(column, column), values, bad)
        if column in TIMES:
            values = to_seconds(values, time_unit)
        elif column in units:
            values = to_seconds(values, units[column])
        elif is_length(role, column) and time_unit != "s":
            yield table.finding(
                None,
                column,
                f"the unit of {column!r} is not declared while times are in {time_unit}",
                allowed=f"units: {{{column}: {'|'.join(UNITS)}}}",
                todo=f"add the line units: {{{column}: {time_unit}}} (or another unit)",
                kind="undeclared-unit",
            )
        done[column] = values
    table.frame = pd.DataFrame(done)
    return table


def _which(column: str, columns: list[str]) -> str:
    """Return how to say which column of the file is meant."""
    meant = suggest(column, columns)
    if not meant:
        return f"add it, or say which column it is: columns: {{{column}: <name in the file>}}"
    name = meant.removeprefix("did you mean ").removesuffix("?")
    return f"{meant} Then say so in study.yaml: columns: {{{column}: {name}}}"


def _renamed(table: Table, entry: TableEntry) -> Generator[Finding, None, pd.DataFrame | None]:
    """Return the frame under our column names."""
    columns = list(table.frame.columns)
    names: dict[str, str] = {}
    usable = True
    for ours, theirs in entry.columns.items():
        if theirs not in columns:
            usable = False
            yield table.finding(
                None,
                ours,
                f"columns: the file has no column {theirs!r} (for {ours!r})",
                allowed=", ".join(columns[:12]),
                todo=suggest(theirs, columns) or "correct the name in study.yaml",
                kind="missing-column",
            )
        elif theirs in names:
            usable = False
            yield table.finding(
                None,
                ours,
                f"columns: {theirs!r} is used for {names[theirs]!r} and for {ours!r}",
                allowed="each column of the file once",
                todo="give each role its own column",
                kind="doubled-column",
            )
        else:
            names[theirs] = ours
    final = [names.get(c, c) for c in columns]
    for name in sorted({c for c in final if final.count(c) > 1}):
        usable = False
        yield table.finding(
            None,
            name,
            f"after renaming, {name!r} occurs {final.count(name)} times",
            allowed="each column name once",
            todo=f"rename the file's own column {name!r}, or map it to another name",
            kind="doubled-column",
        )
    return table.frame.set_axis(final, axis=1) if usable else None


def _mixed(
    table: Table, column: str, theirs: str, values: pd.Series, bad: np.ndarray
) -> Iterator[Finding]:
    """Warn where a few words make a text column of what looks like numbers."""
    present = int(values.notna().sum())
    if len(bad) * 2 >= present:
        return
    words = {str(values.iloc[int(p)]) for p in bad}
    codes = all(is_missing_word(w) or SPREADSHEET_ERROR.fullmatch(w) for w in words)
    line = recode_line(theirs, dict.fromkeys(sorted(words)[:4], "null"))
    first = int(bad[0])
    yield table.finding(
        first,
        column,
        f"{present - len(bad)} of {present} cells are numbers and {len(bad)} are not"
        + (", but seem to stand for missing values" if codes else "")
        + ("" if codes else ", so the column is read as text"),
        allowed="numbers only (missing: empty, NA or NaN), or names only",
        todo=f"leave these cells empty, or add to the table in study.yaml: {line}"
        if codes
        else "correct the cells if the column is meant to be numeric",
        kind="mixed-column",
        value=str(values.iloc[first]),
        severity="error" if codes else "warning",
    )
