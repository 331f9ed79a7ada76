"""The Ops of the backend: the kernel's crossing, the trace recurrence, sparse design rows."""

from __future__ import annotations

from dopafit.backend.ops_level import Columns, Level, LevelPullback, columns
from dopafit.backend.ops_rows import LinearRows, LinearRowsTransposed, linear_rows
from dopafit.backend.ops_solve import SolveY, solve_y

__all__ = [
    "Columns",
    "Level",
    "LevelPullback",
    "LinearRows",
    "LinearRowsTransposed",
    "SolveY",
    "columns",
    "linear_rows",
    "solve_y",
]
