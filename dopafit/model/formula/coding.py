"""The listed functions, and the columns of a table as numbers or levels.

Nothing but these functions is reachable from a formula. What is learnt from the rows of the
design is kept and applied, unchanged, to other rows.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.bases import (
    center,
    harmonic,
    harmonic_labels,
    polynomial,
    spline,
    standardize,
)
from dopafit.core.curve import line, smooth, smooth_labels
from dopafit.core.errors import SpecError, suggest
from dopafit.model.formula.language import (
    Call,
    Column,
    Expression,
    Factor,
    Function,
    Levels,
    Number,
    Option,
    Previous,
    Source,
    number_text,
)

__all__ = ["FUNCTIONS", "SIGNS", "Coding", "LevelCoding", "PreviousCoding", "Rows", "coding"]

Transform = Callable[..., np.ndarray]


def _elementwise(function: Transform) -> Callable[..., Transform]:
    return lambda *parts: function


def _numbered(name: str) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    return lambda options: tuple(str(k) for k in range(1, options[name] + 1))


_PERIOD, *_GAPS = (
    Option(name, 1e-300, 1e300, whole=False) for name in ("period", "first", "widest")
)
_ENDS = tuple(Option(name, -1e300, 1e300, whole=False) for name in ("start", "end"))
_TABLE = (
    Function("log(x)", _elementwise(np.log)),
    Function("log2(x)", _elementwise(np.log2)),
    Function("log10(x)", _elementwise(np.log10)),
    Function("exp(x)", _elementwise(np.exp)),
    Function("sqrt(x)", _elementwise(np.sqrt)),
    Function("abs(x)", _elementwise(np.abs)),
    Function("center(x)", center),
    Function("standardize(x)", standardize),
    Function("scale(x)", standardize),
    Function(
        "harmonic(x, period, order)",
        harmonic,
        (_PERIOD, Option("order", 1, 20, default=1)),
        harmonic_labels,
    ),
    Function("poly(x, 2)", polynomial, (Option("degree", 1, 10),), _numbered("degree")),
    Function(
        "bs(x, df=5, degree=3)",
        spline,
        (Option("df", 1, 20, keyword=True), Option("degree", 1, 5, default=3, keyword=True)),
        _numbered("df"),
    ),
    Function("smooth(x, start, end, first, widest)", smooth, (*_ENDS, *_GAPS), smooth_labels),
    Function("line(x, start, end)", line, _ENDS),
    Function("previous(pursue), the column in the row before", None),
    Function("C(drug), C(drug, 'saline', ...) with the reference level first", None),
)
FUNCTIONS: dict[str, Function] = {function.name: function for function in _TABLE}
SIGNS = {
    "+": Function("+", _elementwise(np.add)),
    "-": Function("-", _elementwise(np.subtract)),
    "*": Function("*", _elementwise(np.multiply)),
    "/": Function("/", _elementwise(np.divide)),
    "**": Function("**", _elementwise(np.power)),
}


@dataclass(frozen=True)
class Rows:
    """The columns of one table; every refusal names the column and the first row."""

    frame: pd.DataFrame
    source: Source
    coded: dict[str, tuple[np.ndarray, list[str]]] = field(default_factory=dict)

    def refused(self, column: Column, wrong: str, *, allowed: str, todo: str) -> SpecError:
        """Return an error about a column."""
        wrong = f"column {column.name!r} {wrong}"
        return self.source.error(column.position, wrong, allowed=allowed, todo=todo)

    def row(self, where: np.ndarray) -> str:
        """Return the label of the first row that holds."""
        label = self.frame.index[int(np.argmax(where))]
        return repr(label.item() if isinstance(label, np.generic) else label)

    def complete(self, column: Column) -> pd.Series:
        """Return a column without gaps."""
        series = self.frame[column.name]
        missing = series.isna().to_numpy(dtype=bool)
        if missing.any():
            raise self.refused(
                column,
                f"is missing at row {self.row(missing)} ({int(missing.sum())} rows in all)",
                allowed="a value in every row",
                todo="fill these values or leave these rows out before fitting",
            )
        return series

    def is_numeric(self, column: Column) -> bool:
        """Whether the column holds numbers rather than levels."""
        series = self.frame[column.name]
        if isinstance(series.dtype, pd.CategoricalDtype | pd.StringDtype):
            return False
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_complex_dtype(series):
            return True
        kind = pd.api.types.infer_dtype(series, skipna=True)
        if kind not in ("string", "integer", "floating", "mixed-integer-float", "boolean", "empty"):
            raise self.refused(
                column,
                f"holds {kind} values",
                allowed="numbers or text",
                todo="turn the column into numbers or text",
            )
        return kind != "string"

    def numbers(self, column: Column) -> np.ndarray:
        """Return a numeric column as float64, shape (n,)."""
        if not self.is_numeric(column):
            raise self.refused(
                column,
                "holds levels, not numbers",
                allowed="a column of numbers",
                todo="use the column without a function, or turn it into numbers",
            )
        return self.complete(column).to_numpy(dtype=float, copy=True)

    def levels(self, column: Column) -> tuple[np.ndarray, list[str]]:
        """Return codes (n,) and labels of the levels that occur, in categorical order or sorted."""
        if column.name in self.coded:
            return self.coded[column.name]
        series = self.complete(column)
        if isinstance(series.dtype, pd.CategoricalDtype):
            codes, values = series.cat.codes.to_numpy(), series.cat.categories
            order = np.unique(codes)
        else:
            codes, values = pd.factorize(series)
            numeric = all(isinstance(value, numbers.Real) for value in values)
            keys = values if numeric else [self.label(value, column) for value in values]
            order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
        labels = [self.label(values[code], column) for code in order]
        if len(set(labels)) < len(labels):
            raise self.refused(
                column,
                "spells one level in two ways",
                allowed="one spelling for each level",
                todo="write the level the same way in every row",
            )
        rank = np.empty(len(values), dtype=np.int64)
        rank[order] = np.arange(len(order))
        return self.coded.setdefault(column.name, (rank[codes], labels))

    def label(self, value: Any, column: Column) -> str:
        """Return the text of a level: 1, 1.0 and "1" are the same level."""
        if isinstance(value, str | bool | np.bool_):
            return str(value)
        if isinstance(value, numbers.Real):
            return number_text(float(value))
        raise self.refused(
            column,
            f"holds a {type(value).__name__} as a level",
            allowed="text or numbers",
            todo="write the levels as text",
        )


@dataclass(frozen=True)
class LevelCoding:
    """A column of levels, each with a column of 0 and 1; the first level is the reference.

    `text` is the factor's, and `named` says whether the reference was asked for.
    """

    text: str
    column: Column
    levels: tuple[str, ...]
    named: bool

    @classmethod
    def fit(cls, rows: Rows, factor: Column | Levels, stated: str | None = None) -> LevelCoding:
        """Learn the levels of the rows; those that the factor names, or `stated`, come first."""
        column, first = factor, () if stated is None else (stated,)
        if isinstance(factor, Levels):
            (column,) = factor.parts
            if stated is not None and factor.first and factor.first[0] != stated:
                raise rows.source.error(
                    factor.position,
                    f"{factor.text} contradicts the reference level {stated!r} of {column.name}",
                    allowed="one reference level of a column",
                    todo="take it out of the formula, or out of reference",
                )
            first = factor.first or first
        _, labels = rows.levels(column)
        for level in first:
            if level not in labels:
                raise rows.refused(
                    column,
                    f"has no level {level!r}",
                    allowed=_shown(labels),
                    todo=suggest(level, labels) or "name a level of these rows first",
                )
        others = (label for label in labels if label not in first)
        return cls(factor.text, column, (*first, *others), bool(first))

    def labels(self, full: bool) -> list[str]:
        """Return the label of each column, with or without the reference level's."""
        return [f"{self.text}[{level}]" for level in self.levels[not full :]]

    def codes(self, rows: Rows) -> np.ndarray:
        """Return the level of each row, shape (n,); -1 where it was never seen."""
        codes, labels = rows.levels(self.column)
        place = {level: code for code, level in enumerate(self.levels)}
        return np.array([place.get(label, -1) for label in labels], dtype=np.int64)[codes]

    def values(self, rows: Rows) -> np.ndarray:
        """Return the level of each row, shape (n,); one that was never seen is an error."""
        codes = self.codes(rows)
        unseen = codes < 0
        if unseen.any():
            value = rows.frame[self.column.name].iloc[int(np.argmax(unseen))]
            raise rows.refused(
                self.column,
                f"has {rows.label(value, self.column)!r} at row {rows.row(unseen)},"
                " a level the design has not seen",
                allowed=_shown(self.levels),
                todo="correct the level, or fit again with rows that have it",
            )
        return codes

    def columns(self, values: np.ndarray, full: bool) -> list[np.ndarray]:
        """Return the columns, each of shape (n,), in the order of their labels."""
        return [(values == code).astype(float) for code in range(not full, len(self.levels))]


@dataclass(frozen=True)
class NumberCoding:
    """A numeric column or function; `learnt` holds what each function learnt, by its text."""

    factor: Column | Call
    learnt: dict[str, Transform] = field(default_factory=dict)

    def labels(self, full: bool) -> list[str]:
        """Return the label of each column; numbers have no reference level."""
        text = self.factor.text
        labels = self.factor.labels if isinstance(self.factor, Call) else ()
        return [f"{text}[{label}]" for label in labels] or [text]

    def values(self, rows: Rows) -> np.ndarray:
        """Return the columns, shape (n,) or (n, k); the first rows are learnt from."""
        with np.errstate(all="ignore"):
            return self._values(self.factor, rows)

    def _values(self, node: Expression, rows: Rows) -> np.ndarray:
        if isinstance(node, Number):
            return np.float64(node.value)
        if isinstance(node, Column):
            values = rows.numbers(node)
        else:
            parts = [self._values(part, rows) for part in node.parts]
            try:
                if node.text not in self.learnt:
                    self.learnt[node.text] = node.function.fit(*parts, **node.options)
                values = self.learnt[node.text](*parts)
            except ValueError as error:
                raise rows.source.error(
                    node.position,
                    f"{node.text}: {error}",
                    allowed="values that the function can take",
                    todo="check the column's values and the function's numbers",
                ) from error
        infinite = ~np.isfinite(np.atleast_2d(values.T)).all(axis=0)
        if infinite.any():
            row = int(np.argmax(infinite))
            inputs = {column.name: rows.frame[column.name].iloc[row] for column in node.columns}
            shown = ", ".join(f"{name} = {float(value):g}" for name, value in inputs.items())
            raise rows.source.error(
                node.position,
                f"{node.text} is not finite at row {rows.row(infinite)} ({shown})",
                allowed="finite numbers, and values at which the function is finite",
                todo="change the values there, or add a constant, e.g. log(dose + 1)",
            )
        return values

    def columns(self, values: np.ndarray, full: bool) -> list[np.ndarray]:
        """Return the columns, each of shape (n,), in the order of their labels."""
        return list(np.atleast_2d(values.T))


@dataclass(frozen=True)
class PreviousCoding:
    """What a column held in the row before, from its middle; 0 where there was nothing.

    The middle of numbers is their mean, that of 0 and 1 lies between them. Of levels each but the
    first has a column of 0 and 1, from its mean. `two` says that only 0 and 1 were seen.
    """

    factor: Previous
    inner: LevelCoding | NumberCoding
    middle: np.ndarray
    two: bool

    @classmethod
    def fit(cls, rows: Rows, factor: Previous, stated: str | None = None) -> PreviousCoding:
        """Learn the levels and the middle from the rows that have a row before them."""
        found = cls._there(rows, factor)
        if not len(found.frame):
            raise rows.refused(
                factor,
                "is empty: no row has one before it in its session that holds a value",
                allowed="sessions of two rows or more",
                todo="leave this term out",
            )
        numeric = found.is_numeric(factor)
        inner = NumberCoding(factor) if numeric else LevelCoding.fit(found, factor, stated)
        values = np.column_stack([np.empty((len(found.frame), 0)), *cls._columns(inner, found)])
        two = numeric and bool(np.isin(values, (0.0, 1.0)).all())
        return cls(factor, inner, np.array([0.5]) if two else values.mean(axis=0), two)

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels; none of numbers."""
        return getattr(self.inner, "levels", ())

    @staticmethod
    def _there(rows: Rows, factor: Previous) -> Rows:
        return Rows(rows.frame[rows.frame[factor.name].notna()], rows.source)

    @staticmethod
    def _columns(inner: LevelCoding | NumberCoding, rows: Rows) -> list[np.ndarray]:
        return inner.columns(inner.values(rows), False)

    def labels(self, full: bool) -> list[str]:
        """Return the label of each column; levels are always without the reference level's."""
        return self.inner.labels(False)

    def values(self, rows: Rows) -> np.ndarray:
        """Return the columns, shape (n, k)."""
        there = rows.frame[self.factor.name].notna().to_numpy()
        values = np.zeros((there.size, self.middle.size))
        for j, column in enumerate(self._columns(self.inner, self._there(rows, self.factor))):
            values[there, j] = column - self.middle[j]
        return values

    def columns(self, values: np.ndarray, full: bool) -> list[np.ndarray]:
        """Return the columns, each of shape (n,), in the order of their labels."""
        return list(values.T)


Coding = LevelCoding | NumberCoding | PreviousCoding


def coding(factor: Factor, rows: Rows, reference: Mapping[str, str]) -> Coding:
    """Return how a factor becomes columns; levels are learnt from the rows here."""
    column = factor.columns[0]
    stated = reference.get(column.name)
    if isinstance(factor, Previous):
        return PreviousCoding.fit(rows, factor, stated or reference.get(factor.of))
    if isinstance(factor, Call) or (isinstance(factor, Column) and rows.is_numeric(factor)):
        return NumberCoding(factor)
    return LevelCoding.fit(rows, factor, stated)


def _shown(levels: Sequence[str]) -> str:
    return ", ".join(levels[:20]) + (f", ... ({len(levels)} levels)" if len(levels) > 20 else "")
