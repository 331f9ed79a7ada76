"""Levels of text columns and the groups they form, kept so that other rows get the same codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dopafit.core.errors import suggest
from dopafit.model.formula.nodes import Column
from dopafit.model.formula.read import Reader

__all__ = ["Grouping", "LevelCode"]


@dataclass(frozen=True)
class LevelCode:
    """The levels of one column, as they are coded; `named` says that the first was asked for."""

    column: Column
    levels: tuple[str, ...]
    named: bool = False

    @classmethod
    def fit(
        cls,
        reader: Reader,
        column: Column,
        *,
        first: Sequence[str] = (),
    ) -> tuple[LevelCode, np.ndarray]:
        """Return the coding and the codes (n,) of the rows it was made from."""
        codes, labels = reader.codes(column)
        for value in first:
            if value not in labels:
                raise reader.source.error(
                    column.position,
                    f"column {column.name!r} has no level {value!r}",
                    allowed=_shown(labels),
                    todo=suggest(value, labels) or "name a level of these rows first",
                )
        final = [*first, *(v for v in labels if v not in first)]
        place = {v: i for i, v in enumerate(final)}
        moved = np.array([place[v] for v in labels], dtype=np.int64)
        return cls(column, tuple(final), bool(first)), moved[codes] if len(labels) else codes

    def apply(self, reader: Reader) -> np.ndarray:
        """Return codes (n,) of other rows; -1 where the level was never seen."""
        codes, labels = reader.codes(self.column)
        place = {v: i for i, v in enumerate(self.levels)}
        moved = np.array([place.get(v, -1) for v in labels], dtype=np.int64)
        return moved[codes] if len(labels) else codes

    def apply_known(self, reader: Reader) -> np.ndarray:
        """Return codes (n,) of other rows; an unseen level is an error."""
        codes = self.apply(reader)
        unseen = codes < 0
        if unseen.any():
            value = reader.frame[self.column.name].iloc[int(np.argmax(unseen))]
            raise reader.source.error(
                self.column.position,
                f"column {self.column.name!r} has {reader.label(value, self.column)!r}"
                f" at row {reader.row(unseen)}, a level the design has not seen",
                allowed=_shown(self.levels),
                todo="correct the level, or fit again with rows that have it",
            )
        return codes


@dataclass(frozen=True)
class Grouping:
    """A grouping factor over one or more columns; only combinations that occur are groups."""

    columns: tuple[Column, ...]
    parts: tuple[LevelCode, ...]
    combined: tuple[np.ndarray, ...]
    levels: tuple[str, ...]

    @classmethod
    def fit(cls, columns: tuple[Column, ...], reader: Reader) -> tuple[Grouping, np.ndarray]:
        """Return the grouping and the codes (n,) of the rows it was made from."""
        pairs = [LevelCode.fit(reader, c) for c in columns]
        parts, combined = tuple(p for p, _ in pairs), []
        codes, labels = pairs[0][1], list(parts[0].levels)
        for part, other in pairs[1:]:
            width = max(len(part.levels), 1)
            found, codes = np.unique(codes * width + other, return_inverse=True)
            labels = [f"{labels[k // width]}:{part.levels[k % width]}" for k in found]
            combined.append(found)
        if len(set(labels)) < len(labels):
            text = ":".join(c.text for c in columns)
            raise reader.source.error(
                columns[0].position,
                f"two groups of {text} have the same label",
                todo="leave ':' out of the level names",
                allowed="different labels for different groups",
            )
        return cls(columns, parts, tuple(combined), tuple(labels)), codes.astype(np.int64)

    def apply(self, reader: Reader) -> np.ndarray:
        """Return codes (n,) of other rows; -1 where the group was never seen."""
        codes = self.parts[0].apply(reader)
        for part, found in zip(self.parts[1:], self.combined, strict=True):
            other = part.apply(reader)
            width = max(len(part.levels), 1)
            key = codes * width + other
            place = np.minimum(np.searchsorted(found, key), max(len(found) - 1, 0))
            known = (codes >= 0) & (other >= 0)
            known &= (found[place] == key) if len(found) else False
            codes = np.where(known, place, -1)
        return codes.astype(np.int64)


def _shown(levels: Sequence[str]) -> str:
    return ", ".join(levels[:20]) + (f", ... ({len(levels)} levels)" if len(levels) > 20 else "")
