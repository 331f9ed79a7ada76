"""Rows of one file for several tables (``where``), and words for words (``recode``).

An export often holds cues, rewards and responses in one file, told apart by a column. The two
rules compare whole cells with words and do nothing else: there are no expressions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.core.errors import some_of, suggest
from dopafit.core.spreadsheet import plain_cell
from dopafit.study.canonical import distinct_words
from dopafit.study.report import Finding
from dopafit.study.tables import REQUIRED, STUDY_FILE
from dopafit.study.tabular import RawTable

if TYPE_CHECKING:
    from dopafit.study.description import TableEntry

__all__ = ["Shared", "plain", "recoded", "rows_of", "rows_where"]

_SHOWN = 12  # words of a column in a message
# what to do about a word that does not occur, by rule, and how grave it is
_UNKNOWN = {
    "where": ("name a word that the column holds", "error"),
    "recode": ("take the word out if it never occurs", "warning"),
}


def _same(word: str) -> str:
    """Return a word for comparison; a truth value is one word however it is written."""
    return word.lower() if word.lower() in ("true", "false") else word


def _words(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    codes, words = distinct_words(column)
    return codes, np.array([None if w is None else _same(w) for w in words], dtype=object)


def _unknown_column(
    rule: str, role: str, column: str, raw: RawTable, names: Mapping[str, str]
) -> Finding:
    """Return what is said of a column that the file does not have."""
    columns = [str(c) for c in raw.frame.columns]
    theirs = names.get(column)
    todo = suggest(column, columns) or "correct the name in study.yaml"
    if theirs in columns:
        todo = f"write {theirs!r}: {rule} names columns as the file does"
    return Finding(
        STUDY_FILE,
        None,
        f"tables.{role}.{rule}",
        column,
        f"{raw.file} has no column {column!r}",
        ", ".join(columns[:_SHOWN]),
        todo,
        "error",
        f"{rule}-column",
    )


def _unknown_word(
    rule: str, role: str, column: str, raw: RawTable, known: list[str], word: str
) -> Finding:
    """Return what is said of a word that a column of the file does not hold."""
    otherwise, severity = _UNKNOWN[rule]
    return Finding(
        STUDY_FILE,
        None,
        f"tables.{role}.{rule}.{column}",
        word,
        f"no row of {raw.file} has {word!r} in column {column!r}",
        some_of(map(repr, known), _SHOWN) or "no words",
        suggest(word, known) or otherwise,
        severity,
        f"{rule}-value",
    )


def rows_where(
    role: str, raw: RawTable, where: Mapping[str, tuple[str, ...]], names: Mapping[str, str]
) -> Generator[Finding, None, np.ndarray | None]:
    """Tell which rows of a file a table takes.

    Parameters
    ----------
    role : str
        The table.
    raw : RawTable
        The file.
    where : mapping of column to words
        A row is taken when each of these columns holds one of its words.
    names : mapping
        Our names of columns to the file's, for the message.

    Returns
    -------
    taken : array of bool, (row,), or None
        None where a column or a word does not occur in the file.
    """
    known_to_file = True
    taken = np.ones(len(raw.frame), dtype=bool)
    for column, wanted in where.items():
        if column not in raw.frame.columns:
            known_to_file = False
            yield _unknown_column("where", role, column, raw, names)
            continue
        codes, words = _words(raw.frame[column])
        known = [w for w in words if w is not None]
        for word in wanted:
            if _same(word) not in known:
                known_to_file = False
                yield _unknown_word("where", role, column, raw, known, word)
        chosen = {_same(w) for w in wanted}
        taken &= np.array([w in chosen for w in words])[codes]
    if not known_to_file:
        return None
    if where and not taken.any():
        shown = ", ".join(f"{c}: {', '.join(w)}" for c, w in where.items())
        yield Finding(
            STUDY_FILE,
            None,
            f"tables.{role}.where",
            shown,
            f"no row of {raw.file} fits all of it",
            "words that occur together in a row",
            "look in the file which words stand beside each other, or take the table out",
            "error",
            "where-none",
        )
        return None
    return taken


def recoded(
    role: str,
    raw: RawTable,
    recode: Mapping[str, Mapping[str, str | None]],
    names: Mapping[str, str],
) -> Generator[Finding, None, pd.DataFrame | None]:
    """Return a file's cells with words replaced; words that are not named stay.

    Parameters
    ----------
    role, raw, names
        As for `rows_where`.
    recode : mapping of column to mapping of word to word
        None makes the cell a missing one.

    Returns
    -------
    frame : DataFrame, (row,), or None
        None where a column does not occur in the file.
    """
    frame, known_to_file = raw.frame, True
    for column, replaced in recode.items():
        if column not in frame.columns:
            known_to_file = False
            yield _unknown_column("recode", role, column, raw, names)
            continue
        codes, words = _words(raw.frame[column])
        known = [w for w in words if w is not None]
        by_word = {_same(w): new for w, new in replaced.items()}
        for word in replaced:
            if _same(word) not in known:
                yield _unknown_word("recode", role, column, raw, known, word)
        new = np.array([by_word.get(w, w) for w in words], dtype=object)
        frame = frame.assign(**{column: pd.Series(new[codes], index=frame.index, dtype=object)})
    return frame if known_to_file else None


@dataclass
class Shared:
    """Who took which rows of one file.

    Parameters
    ----------
    raw : RawTable
        The file.
    taken : dict of str to array of bool, (row,)
        By table.
    columns : list of str
        Columns that any table chose its rows by.
    refused : bool
        A rule could not be followed, so that counts would mislead.
    """

    raw: RawTable
    taken: dict[str, np.ndarray] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    refused: bool = False

    def count(self) -> list[Finding]:
        """Return how many rows each table took and how many none took, as a note."""
        if self.refused or not self.columns:
            return []
        n, times = len(self.raw.frame), sum(t.astype(int) for t in self.taken.values())
        parts = [f"{role} took {int(t.sum())}" for role, t in self.taken.items()]
        if (times > 1).any():
            parts.append(f"{int((times > 1).sum())} went to more than one table")
        left = times == 0
        parts.append(f"{int(left.sum())} to none" + self._described(left))
        return [
            Finding(
                self.raw.file,
                None,
                None,
                None,
                f"{n} rows: {', '.join(parts)}",
                "rows that no table needs may stay in the file",
                "look whether a kind of row was forgotten",
                "note",
                "rows-taken",
            )
        ]

    def _described(self, left: np.ndarray) -> str:
        """Return what the rows that no table took hold in the columns that were asked."""
        told = []
        for column in dict.fromkeys(self.columns):
            if left.any() and column in self.raw.frame:
                codes, words = distinct_words(self.raw.frame[column][left])
                counts = Counter(words[codes].tolist()).most_common(6)
                told.append(f"{column}: " + ", ".join(f"{n} {w or 'empty'}" for w, n in counts))
        return f" ({'; '.join(told)})" if told else ""


def plain(raw: RawTable) -> RawTable:
    """Return a table without the apostrophes that kept its cells from being formulas."""
    frame = raw.frame.rename(columns=plain_cell)
    cells = {
        c: frame[c].map(plain_cell, na_action="ignore")
        for c in frame.columns
        if isinstance(frame[c].dtype, pd.StringDtype)
    }
    return replace(raw, frame=frame.assign(**cells))


def rows_of(
    role: str, shared: Shared, entry: TableEntry
) -> Generator[Finding, None, RawTable | None]:
    """Return the rows of a file that a table takes, words replaced."""
    raw = shared.raw
    frame = yield from recoded(role, raw, entry.recode, entry.columns)
    taken = yield from rows_where(role, raw, entry.where, entry.columns)
    if frame is None or taken is None:
        shared.refused = True
        return None
    shared.taken[role] = taken
    shared.columns += list(entry.where)
    if not entry.where:
        return replace(raw, frame=frame)
    # an export has columns that only other kinds of row fill
    mapped = {*entry.columns.values(), *entry.columns, *REQUIRED[role], *entry.units}
    idle = [
        c
        for c in frame.columns
        if c not in mapped and not _filled(frame[c][taken]) and _filled(frame[c])
    ]
    frame = frame[taken].drop(columns=idle).reset_index(drop=True)
    return replace(raw, frame=frame, rows=raw.rows[taken])


def _filled(cells: pd.Series) -> bool:
    codes, words = distinct_words(cells)
    return any(words[code] is not None for code in np.unique(codes))
