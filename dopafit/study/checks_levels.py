"""Names that differ by case or white space only, and covariates that two tables give."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np

from dopafit.study.load import Table
from dopafit.study.report import Finding
from dopafit.study.rows import KEY, Tables
from dopafit.study.tables import REQUIRED

__all__ = ["given_twice", "near_levels"]

_KNOWN = {c for names in REQUIRED.values() for c in names} | {"clock_start"}
LARGEST = 2_000
"""Distinct names of a column beyond which it is free text and not a set of levels."""


def _folded(name: str) -> str:
    """Return a name without what the eye passes over: case, spaces, leading zeros of numbers."""
    plain = re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold()).strip()
    return str(int(plain)) if plain.isascii() and plain.isdigit() and len(plain) < 16 else plain


def near_levels(tables: Tables) -> Iterator[Finding]:
    """Return names in one column that the eye takes for the same."""
    for role, table in tables.items():
        for column in table.frame.columns:
            values = table.frame[column]
            # names of people and sessions are checked where they are listed
            if values.dtype == np.float64 or (
                column in KEY and role not in ("subjects", "sessions")
            ):
                continue
            if column == "subject" and role == "sessions" and "subjects" in tables:
                continue
            counts = values.value_counts()
            if len(counts) > LARGEST:
                continue
            groups: dict[str, list[str]] = {}
            for name in counts.index:
                groups.setdefault(_folded(str(name)), []).append(str(name))
            for names in groups.values():
                if len(names) < 2:
                    continue
                rare = names[-1]
                first = int(np.flatnonzero((values == rare).to_numpy())[0])
                told = ", ".join(f"{n!r} ({counts[n]} rows)" for n in names)
                yield table.finding(
                    first,
                    column,
                    f"names that differ by case, white space or form only: {told}",
                    allowed="one spelling for each",
                    todo=f"write {names[0]!r} throughout if the same is meant",
                    kind="near-levels",
                    value=rare,
                    severity="warning",
                )


def given_twice(tables: Tables) -> Iterator[Finding]:
    """Return covariates that two tables give, where only one of them can be used."""
    for above, keys in (("subjects", ["subject"]), ("sessions", KEY)):
        if above not in tables:
            continue
        for role in ("sessions", "covariates", "events", "observations", "presses"):
            if role not in tables or (role == above):
                continue
            own = set(tables[role].frame.columns) - _KNOWN
            for column in sorted(own & set(tables[above].frame.columns)):
                yield from _twice(tables[above], tables[role], role, column, keys)


def _twice(
    above: Table, table: Table, role: str, column: str, keys: list[str]
) -> Iterator[Finding]:
    """Compare one column of two tables."""
    todo = f"delete {column!r} from one of the two tables, or rename it"
    if role == "covariates":
        yield table.finding(
            None,
            column,
            f"{above.file} gives {column!r} as well, and its value would hide the changes here",
            allowed="a covariate that changes in a session in this table only",
            todo=todo,
            kind="given-twice",
        )
        return
    unique = above.frame.dropna(subset=keys).drop_duplicates(keys).set_index(keys)[column]
    other = table.frame[keys].join(unique, on=keys)[column]
    mine = table.frame[column]
    if mine.dtype != other.dtype:
        mine, other = mine.astype(str).where(mine.notna()), other.astype(str).where(other.notna())
    differ = np.flatnonzero((mine.notna() & other.notna() & (mine != other)).to_numpy())
    if len(differ):
        first = int(differ[0])
        yield table.finding(
            first,
            column,
            f"{above.file} gives {column!r} as well, with another value in {len(differ)} "
            f"{'row' if len(differ) == 1 else 'rows'} (there: {other.iloc[first]})",
            allowed="one table for each covariate",
            todo=todo if role == "sessions" else f"nothing if the row's own is meant; else {todo}",
            kind="given-twice",
            value=table.shown(first, column),
            severity="error" if role == "sessions" else "warning",
        )
    elif role == "sessions":
        yield table.finding(
            None,
            column,
            f"{above.file} gives {column!r} as well, with the same values",
            allowed="one table for each covariate",
            todo=todo,
            kind="given-twice",
            severity="warning",
        )
