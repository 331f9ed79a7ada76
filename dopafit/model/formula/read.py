"""Columns of a table as complete numbers or level codes; every refusal names column and row."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dopafit.model.formula.nodes import Column, number_text
from dopafit.model.formula.parse import Source

__all__ = ["Reader"]


@dataclass(frozen=True)
class Reader:
    """Reads columns of one table; every refusal names the column and the first row."""

    frame: pd.DataFrame
    source: Source

    def series(self, column: Column) -> pd.Series:
        """Return a column, complete."""
        series = self.frame[column.name]
        if isinstance(series, pd.DataFrame):
            raise self.source.error(
                column.position,
                f"column {column.name!r} occurs twice",
                allowed="each column once in the table",
                todo="rename or drop one of the two",
            )
        missing = series.isna().to_numpy(dtype=bool)
        if missing.any():
            raise self.source.error(
                column.position,
                f"column {column.name!r} is missing at row {self.row(missing)}"
                f" ({int(missing.sum())} rows in all)",
                todo="fill these values or leave these rows out before fitting",
                allowed="a value in every row",
            )
        return series

    def row(self, where: np.ndarray) -> str:
        """Return the label of the first row that holds."""
        label = self.frame.index[int(np.argmax(where))]
        return repr(label.item() if isinstance(label, np.generic) else label)

    def is_numeric(self, column: Column) -> bool:
        """Whether the column holds numbers rather than levels."""
        series = self.frame[column.name]
        if isinstance(series, pd.DataFrame):
            raise self.source.error(
                column.position,
                f"column {column.name!r} occurs twice",
                allowed="each column once in the table",
                todo="rename or drop one of the two",
            )
        dtype = series.dtype
        if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype):
            return False
        if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
            return True
        found = pd.api.types.infer_dtype(series, skipna=True)
        if found in ("integer", "floating", "mixed-integer-float", "boolean", "empty"):
            return True
        if found == "string":
            return False
        raise self.source.error(
            column.position,
            f"column {column.name!r} holds {found} values",
            allowed="numbers or text",
            todo="turn the column into numbers or text",
        )

    def numbers(self, column: Column) -> np.ndarray:
        """Return a numeric column as float64, shape (n,)."""
        if not self.is_numeric(column):
            raise self.source.error(
                column.position,
                f"column {column.name!r} holds levels, not numbers",
                allowed="a column of numbers",
                todo="use the column without a function, or turn it into numbers",
            )
        values = self.series(column).to_numpy(dtype=float, copy=True)
        infinite = ~np.isfinite(values)
        if infinite.any():
            raise self.source.error(
                column.position,
                f"column {column.name!r} is not finite at row {self.row(infinite)}",
                allowed="finite numbers",
                todo="correct the value there",
            )
        return values

    def codes(self, column: Column) -> tuple[np.ndarray, list[str]]:
        """Return codes (n,) and the labels of the observed levels, in the column's own order.

        A Categorical keeps the order of its categories; anything else is sorted.
        """
        series = self.series(column)
        if isinstance(series.dtype, pd.CategoricalDtype):
            codes, values = series.cat.codes.to_numpy().astype(np.int64), series.cat.categories
            seen = np.bincount(codes, minlength=len(values)) > 0
            order = np.flatnonzero(seen)
        else:
            codes, values = pd.factorize(series, use_na_sentinel=True)
            plain = all(isinstance(v, numbers.Real) for v in values)
            keys = [v if plain else self.label(v, column) for v in values]
            order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
        labels = [self.label(values[i], column) for i in order]
        if len(set(labels)) < len(labels):
            raise self.source.error(
                column.position,
                f"column {column.name!r} spells one level in two ways",
                allowed="one spelling for each level",
                todo="write the level the same way in every row",
            )
        rank = np.full(len(values) + 1, -1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        return rank[np.asarray(codes, dtype=np.int64)], labels

    def label(self, value: Any, column: Column) -> str:
        """Return the text of a level: 1, 1.0 and "1" are the same level."""
        if isinstance(value, str):
            return str(value)
        if isinstance(value, bool | np.bool_):
            return str(bool(value))
        if isinstance(value, numbers.Real):
            return number_text(float(value))
        raise self.source.error(
            column.position,
            f"column {column.name!r} holds a {type(value).__name__} as a level",
            allowed="text or numbers",
            todo="write the levels as text",
        )
