"""One factor of a term becomes columns; what was learnt from the rows is kept for other rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dopafit.model.formula.functions import Transform
from dopafit.model.formula.levels import LevelCode
from dopafit.model.formula.nodes import Call, Column, Factor, Levels, Number
from dopafit.model.formula.read import Reader

__all__ = ["Coded", "Coder"]


@dataclass(frozen=True)
class Coded:
    """One factor on some rows.

    Parameters
    ----------
    text : str
        The factor as the formula spells it.
    values : ndarray, shape (n,) or (n, k)
        Numbers, or level codes where `levels` is given.
    labels : tuple of str
        Labels of the k columns; empty for a single column.
    levels : tuple of str or None
        Levels of a categorical factor; the first is the reference.
    """

    text: str
    values: np.ndarray
    labels: tuple[str, ...] = ()
    levels: tuple[str, ...] | None = None

    def width(self, full: bool) -> int:
        """Return the number of columns, with or without the reference level's."""
        if self.levels is not None:
            return len(self.levels) - (not full)
        return len(self.labels) or 1

    def blocks(self, full: bool) -> list[tuple[str, np.ndarray]]:
        """Return (label, values (n,)) of each column."""
        if self.levels is not None:
            start = 0 if full else 1
            return [
                (f"{self.text}[{level}]", (self.values == code).astype(float))
                for code, level in enumerate(self.levels)
                if code >= start
            ]
        if self.values.ndim == 1:
            return [(self.text, self.values)]
        return [(f"{self.text}[{s}]", self.values[:, j]) for j, s in enumerate(self.labels)]


@dataclass(frozen=True)
class Coder:
    """One factor of a term with everything learnt from the rows of the design."""

    factor: Factor
    level_code: LevelCode | None
    transforms: Mapping[str, Transform]

    @classmethod
    def fit(
        cls, factor: Factor, reader: Reader, reference: Mapping[str, str]
    ) -> tuple[Coder, Coded]:
        """Return the coding and the coded rows it was made from."""
        if isinstance(factor, Levels) or (
            isinstance(factor, Column) and not reader.is_numeric(factor)
        ):
            column = factor.column if isinstance(factor, Levels) else factor
            first = factor.first if isinstance(factor, Levels) else ()
            stated = reference.get(column.name)
            if first and stated is not None and first[0] != stated:
                raise reader.source.error(
                    factor.position,
                    f"{factor.text} contradicts the reference level {stated!r} of {column.name}",
                    allowed="one reference level of a column",
                    todo="take it out of the formula, or out of reference",
                )
            first = first or (() if stated is None else (stated,))
            code, codes = LevelCode.fit(reader, column, first=first)
            return cls(factor, code, {}), Coded(factor.text, codes, levels=code.levels)
        transforms: dict[str, Transform] = {}
        coder = cls(factor, None, transforms)
        return coder, coder._numeric(reader, transforms)

    def apply(self, reader: Reader) -> Coded:
        """Code other rows in the same way."""
        if self.level_code is not None:
            codes = self.level_code.apply_known(reader)
            return Coded(self.factor.text, codes, levels=self.level_code.levels)
        return self._numeric(reader, None)

    def _numeric(self, reader: Reader, learn: dict[str, Transform] | None) -> Coded:
        factor = self.factor
        with np.errstate(all="ignore"):
            values = np.asarray(self._evaluate(factor, reader, learn), dtype=float)
        _finite(factor, values, reader)
        labels: tuple[str, ...] = ()
        if isinstance(factor, Call) and factor.function.labels is not None:
            labels = factor.function.labels(factor.options)
        return Coded(factor.text, values, labels)

    def _evaluate(self, node: Any, reader: Reader, learn: dict[str, Transform] | None) -> Any:
        if isinstance(node, Column):
            return reader.numbers(node)
        if isinstance(node, Number):
            return np.float64(node.value)
        if isinstance(node, Call):
            x = self._evaluate(node.argument, reader, learn)
            _finite(node.argument, x, reader)
            try:
                if learn is not None and node.text not in learn:
                    learn[node.text] = node.function.fit(x, **node.options)
                return self.transforms[node.text](x)
            except ValueError as error:
                raise reader.source.error(
                    node.position,
                    f"{node.text}: {error}",
                    allowed="values that the function can take",
                    todo="check the column's values and the function's numbers",
                ) from error
        left = self._evaluate(node.left, reader, learn)
        return _ARITHMETIC[node.sign](left, self._evaluate(node.right, reader, learn))


def _finite(node: Any, values: np.ndarray, reader: Reader) -> None:
    finite = np.isfinite(values)
    if finite.all():
        return
    bad = ~finite if values.ndim == 1 else ~finite.all(axis=1)
    row = int(np.argmax(bad))
    inputs = {c.name: float(reader.frame[c.name].iloc[row]) for c in node.columns()}
    raise reader.source.error(
        next(node.columns()).position,
        f"{node.text} is not a finite number at row {reader.row(bad)}"
        f" ({', '.join(f'{k} = {v:g}' for k, v in inputs.items())})",
        allowed="values at which the function is finite",
        todo="change the values there, or add a constant, e.g. log(dose + 1)",
    )


_ARITHMETIC = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
}
