"""A table as a value: what is shown, what is stored, and the same table in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from dopafit.report.escape import clean, latex

__all__ = ["Cell", "Table", "file_name", "latex_table"]


@dataclass(frozen=True)
class Cell:
    """One cell as shown.

    Parameters
    ----------
    text : str
        The main text, unescaped.
    sub : str
        A second, smaller line.
    mark : {"", "good", "bad", "warn", "faint"}
        How it is set off; never by colour alone.
    code : bool
        A name as it is typed.
    """

    text: str
    sub: str = ""
    mark: str = ""
    code: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Table:
    """A table for the page and for a manuscript.

    Parameters
    ----------
    name : str
        File name without a suffix.
    caption : str
        What it shows, with the kind and probability of its intervals.
    heads : tuple of (str, str)
        Heading and alignment ("l" or "r") of each column.
    rows : tuple
        A tuple of `Cell` is a row, a string is a heading over the rows below it.
    data : DataFrame
        What is stored, unrounded.
    flags : tuple of str
        ``"SIMULATED DATA"``, ``"NOT CONVERGED: ..."``.
    notes : tuple of str
        Lines under the table.
    fit : str
        The fit it is about; empty where it is about several.
    """

    name: str
    caption: str
    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...] | str, ...]
    data: pd.DataFrame
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    fit: str = ""

    @property
    def plain(self) -> list[list[str]]:
        """The cells' main texts, headings over rows left out."""
        return [[cell.text for cell in row] for row in self.rows if not isinstance(row, str)]


def file_name(*parts: str) -> str:
    """Return a file name from names that may hold anything."""
    return "_".join(re.sub(r"[^A-Za-z0-9._-]+", "-", clean(p)).strip("-.") or "x" for p in parts)


def latex_table(table: Table) -> str:
    r"""Return the table in LaTeX with booktabs rules; every text is escaped.

    Parameters
    ----------
    table : Table

    Returns
    -------
    str
        Needs ``\usepackage{booktabs}``.
    """
    caption = " ".join([*(f"{flag}." for flag in table.flags), table.caption, *table.notes])
    columns = "".join(align for _, align in table.heads)
    lines = [
        "% made by dopafit; needs \\usepackage{booktabs}",
        "\\begin{table}[htbp]",
        "\\centering",
        "\\footnotesize",
        f"\\caption{{{latex(caption)}}}",
        f"\\label{{tab:{file_name(table.name)}}}",
        f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        "\\toprule",
        _row([latex(head) for head, _ in table.heads]),
        "\\midrule",
    ]
    for place, row in enumerate(table.rows):
        if isinstance(row, str):
            lines += ["\\addlinespace"] if place else []
            lines.append(
                f"\\multicolumn{{{len(table.heads)}}}{{@{{}}l}}{{\\emph{{{latex(row)}}}}} \\\\"
            )
        else:
            lines.append(_row([_cell(cell) for cell in row]))
    lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    text = latex(cell.text)
    return f"\\texttt{{{text}}}" if cell.code and text else text


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + " \\\\"
