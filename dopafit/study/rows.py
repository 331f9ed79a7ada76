"""Findings for many rows at once, and the rows whose keys can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from dopafit.study.load import Table
from dopafit.study.report import Finding

__all__ = ["KEY", "Tables", "by_session", "complete", "each", "present", "session_ends"]

KEY = ["subject", "session"]
Tables = Mapping[str, Table]


def each(
    table: Table,
    positions: np.ndarray,
    column: str | None,
    wrong: str | Callable[[int], str],
    **parts: str,
) -> list[Finding]:
    """Return one finding per position; `wrong` may depend on it, `parts` are `Table.finding`'s."""
    return [
        table.finding(
            int(p),
            column,
            wrong if isinstance(wrong, str) else wrong(int(p)),
            value=None if column is None else table.shown(int(p), column),
            **parts,
        )
        for p in positions
    ]


def complete(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return the rows whose keys (and these columns) can be used, with their positions."""
    usable = np.ones(len(frame), dtype=bool)
    for column in (*KEY, *columns):
        if column in frame.columns:
            usable &= frame[column].notna().to_numpy()
    for column in columns:
        usable &= np.isfinite(frame[column].to_numpy())
    return frame if usable.all() else frame[usable]


def present(tables: Tables, *roles: str) -> list[Table]:
    """Return those of these tables that could be read."""
    return [tables[role] for role in roles if role in tables]


def session_ends(tables: Tables) -> pd.DataFrame:
    """Return ``start`` and ``end`` [s] by subject and session."""
    sessions = complete(tables["sessions"].frame, "start", "end").drop_duplicates(KEY)
    return sessions.set_index(KEY)[["start", "end"]]


def by_session(frame: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Return the positions (index labels) of each session's rows."""
    return {k: v.to_numpy() for k, v in frame.groupby(KEY, sort=False).groups.items()}
