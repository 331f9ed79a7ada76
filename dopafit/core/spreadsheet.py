"""Cells of CSV files that a spreadsheet would run, written so that it does not.

A spreadsheet takes a cell that begins with = + - or @ for a formula, wherever the text came from.
An apostrophe before it makes it text. Numbers are left as they are.
"""

from __future__ import annotations

import re

import pandas as pd

__all__ = ["csv_text", "plain_cell", "runs", "safe_cell"]

# apostrophes before it count too, so that taking one away gives the text back, whatever it was
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def runs(text: str) -> bool:
    """Tell whether `safe_cell` changes a text."""
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text) is None


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell("-1"), safe_cell("a=b")
    ("'=1+1", '-1', 'a=b')
    """
    return f"'{text}" if runs(text) else text


def plain_cell(text: str) -> str:
    """Return the text that `safe_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV; numbers have the shortest digits that read back the same."""
    safe = {}
    for name, column in table.items():
        cells = column
        if column.dtype.kind not in "biufmM":
            values = column.tolist()
            if any(isinstance(v, str) and runs(v) for v in values):
                cells = pd.Series(
                    [safe_cell(v) if isinstance(v, str) else v for v in values],
                    index=column.index,
                    dtype=object,
                )
        safe[safe_cell(str(name))] = cells
    return pd.DataFrame(safe, index=table.index).to_csv(index=False, lineterminator="\n")
