"""A table as a value: what is shown, what is stored, and the same table in LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from dopafit.report.set.escape import clean, latex

__all__ = ["Cell", "Table", "aligned", "file_name", "latex_table"]

WIDTH = 455.0  # [pt] 160 mm: A4 with margins of 25 mm
GAP = 8.0  # [pt] between columns
LETTER, MONO, SMALL = 4.35, 4.35, 4.0  # [pt] width of a digit by its font; letters are narrower
LEAST = 36.0  # [pt] the narrowest column of text
LONG = 40  # lines; a longer table does not fit a page


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


def aligned(alignment: str, names: str) -> tuple[tuple[str, str], ...]:
    """Return the heads of a table: names with commas between, and a letter "l" or "r" for each."""
    return tuple(zip(names.split(", "), alignment, strict=True))


def file_name(*parts: str) -> str:
    """Return a file name from names that may hold anything."""
    return "_".join(re.sub(r"[^A-Za-z0-9._-]+", "-", clean(p)).strip("-.") or "x" for p in parts)


def latex_table(table: Table) -> str:
    r"""Return the table in LaTeX with booktabs rules; every text is escaped.

    Second lines of cells stand in a row of their own, columns of text break where they would not
    fit a text width of 160 mm (A4 with margins of 25 mm), and a table of more than 40 lines
    continues on the next page.

    Returns
    -------
    str
        Needs ``\usepackage{array,booktabs,longtable}`` and ``\usepackage[T1]{fontenc}``.
    """
    caption = " ".join([*(f"{flag}." for flag in table.flags), table.caption, *table.notes])
    columns, lines = _columns(table)
    head = _row([latex(head) for head, _ in table.heads])
    named = f"\\caption{{{latex(caption)}}}\\label{{tab:{file_name(table.name)}}}"
    body = _body(table)
    start = [
        "% made by dopafit; needs \\usepackage{array,booktabs,longtable} and T1 fonts",
        "\\begingroup",
        "\\footnotesize",
        f"\\setlength{{\\tabcolsep}}{{{GAP / 2:g}pt}}",
    ]
    if lines <= LONG:
        start = [start[0], "\\begin{table}[htbp]", "\\centering", *start[2:]]
        start += [named, f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}"]
        rules = ["\\toprule", head, "\\midrule"]
        end = ["\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
    else:
        start += [f"\\begin{{longtable}}{{@{{}}{columns}@{{}}}}", f"{named} \\\\"]
        rules = ["\\toprule", head, "\\midrule", "\\endfirsthead"]
        rules += ["\\midrule", head, "\\midrule", "\\endhead"]
        end = ["\\bottomrule", "\\end{longtable}", "\\endgroup", ""]
    return "\n".join([*start, *rules, *body, *end])


def _body(table: Table) -> list[str]:
    lines: list[str] = []
    for place, row in enumerate(table.rows):
        if isinstance(row, str):
            lines += ["\\addlinespace"] if place else []
            lines.append(
                f"\\multicolumn{{{len(table.heads)}}}{{@{{}}l}}{{\\emph{{{latex(row)}}}}} \\\\*"
            )
            continue
        below = any(cell.sub for cell in row)
        lines.append(_row([_cell(cell) for cell in row], keep=below))
        if below:
            lines.append(_row([_small(cell) for cell in row]))
    return lines


def _columns(table: Table) -> tuple[str, int]:
    """Return the columns' types, and about how many lines the body takes."""
    rows = [row for row in table.rows if not isinstance(row, str)]
    widths = []
    for i, (head, _) in enumerate(table.heads):
        cells = [row[i] for row in rows]
        texts = [len(head) * LETTER, *(len(c.text) * (MONO if c.code else LETTER) for c in cells)]
        widths.append(max([*texts, *(len(c.sub) * SMALL for c in cells)]))
    text = [i for i, (_, align) in enumerate(table.heads) if align == "l"]
    spare = WIDTH - GAP * (len(widths) - 1) - sum(w for i, w in enumerate(widths) if i not in text)
    broken = _shares([widths[i] for i in text], spare)
    types = [align for _, align in table.heads]
    lines = [1] * len(table.rows)
    for i, width in zip(text, broken, strict=True):
        if width < widths[i]:
            types[i] = f">{{\\raggedright\\arraybackslash}}p{{{width / WIDTH:.3f}\\linewidth}}"
    for k, row in enumerate(table.rows):
        if isinstance(row, str):
            continue
        room = dict(zip(text, broken, strict=True))
        high = [math.ceil(len(c.text) * MONO / room.get(i, 1e9)) for i, c in enumerate(row)]
        low = [math.ceil(len(c.sub) * SMALL / room.get(i, 1e9)) for i, c in enumerate(row)]
        lines[k] = max([1, *high]) + max([0, *low])
    return "".join(types), sum(lines)


def _shares(widths: list[float], spare: float) -> list[float]:
    """Return widths that fit: narrow columns keep theirs, the wide ones share what is left."""
    found = list(widths)
    if sum(widths) <= spare:
        return found
    wide = set(range(len(widths)))
    while wide:
        left = spare - sum(found[i] for i in range(len(found)) if i not in wide)
        fair = left / len(wide)
        narrow = {i for i in wide if widths[i] <= fair}
        if not narrow:
            for i in wide:
                found[i] = max(fair, LEAST)
            break
        wide -= narrow
    return found


def _cell(cell: Cell) -> str:
    text = _breakable(latex(cell.text))
    return f"\\texttt{{{text}}}" if cell.code and text else text


def _small(cell: Cell) -> str:
    return f"{{\\scriptsize {_breakable(latex(cell.sub))}}}" if cell.sub else ""


def _breakable(text: str) -> str:
    """Let a long name break after an underscore or an opening bracket."""
    for mark in ("\\_", "{[}", "(", "=", "/"):
        text = text.replace(mark, f"{mark}\\allowbreak{{}}")
    return text


def _row(cells: Sequence[str], *, keep: bool = False) -> str:
    return " & ".join(cells) + (" \\\\*" if keep else " \\\\")
