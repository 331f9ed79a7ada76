"""Checks on the tidy tables that figures are drawn from."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from dopafit.core.errors import DopafitError, suggest

__all__ = ["FigureError", "clean", "has", "need", "numbers"]


class FigureError(DopafitError):
    """A table cannot be drawn."""


def need(table: pd.DataFrame, columns: Sequence[str], name: str) -> pd.DataFrame:
    """Return the table if it holds these columns.

    Raises
    ------
    FigureError
        Not a table, or a column is missing.
    """
    if not isinstance(table, pd.DataFrame):
        raise FigureError(
            f"{name} is a {type(table).__name__}",
            allowed="a pandas DataFrame",
            todo="give the table of a result, e.g. comparison.table",
        )
    missing = [c for c in columns if c not in table.columns]
    if missing:
        raise FigureError(
            f"{name}: no column {', '.join(map(repr, missing))}",
            allowed=f"columns {', '.join(columns)}",
            todo=suggest(missing[0], [str(c) for c in table.columns])
            or "take one of those allowed",
        )
    return table


def numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as float, shape (rows,); all NaN where the column does not exist.

    Raises
    ------
    FigureError
        The column holds something that is not a number.
    """
    if column not in table.columns:
        return np.full(len(table), np.nan)
    try:
        return pd.to_numeric(table[column]).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise FigureError(
            f"column {column!r}: {error}",
            allowed="numbers or missing",
            todo="turn the column into numbers first",
        ) from None


def has(table: pd.DataFrame | None, *columns: str) -> bool:
    """Whether the table exists and holds at least one finite number in each column."""
    return table is not None and all(
        c in table.columns and bool(np.isfinite(numbers(table, c)).any()) for c in columns
    )


def clean(text: object, width: int | None = None) -> str:
    """Return one printable line; longer than `width` characters, it is cut in the middle."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\s]+", " ", str(text)).strip()
    if width is None or len(line) <= width:
        return line
    head = (width - 1) * 2 // 3
    return f"{line[:head]}…{line[head + 1 - width :]}"
