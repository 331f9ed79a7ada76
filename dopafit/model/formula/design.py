"""Formulas of a model's parameters: text from an analysis file becomes design columns.

A formula is a right-hand side such as ``drug + log(dose) + (1 | subject)``. It may come from
a stranger's file, so it can name columns and a short list of functions and do nothing else:
`language` says what a formula may hold, `parse` reads the text, `coding` lists the functions and
turns columns of a table into numbers and levels, and this module puts the columns together.

Coding is treatment coding against a reference level: the one that the formula or the caller
names, else the first in the order of a Categorical, else the first when sorted. Levels without a
row get no column. Redundant columns are left out by the rules of Wilkinson and Rogers (1973,
Appl. Statist. 22:392) as patsy and `formulae` apply them.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dopafit.core.errors import suggest
from dopafit.model.formula.coding import Coding, LevelCoding, PreviousCoding, Rows, coding
from dopafit.model.formula.language import Column, GroupPart, Parsed, Source, Term, spelled
from dopafit.model.formula.parse import parse

__all__ = ["MAX_COLUMNS", "Design", "GroupTerm", "design", "used_columns"]

MAX_COLUMNS = 500

# a term's factors by their text, and whether each has a column for every level
_Coded = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, eq=False)
class GroupTerm:
    """One column that varies over groups.

    Parameters
    ----------
    label : str
        For example ``"1|subject"`` or ``"drug[precursor]|subject"``.
    factor : str
        The grouping factor, e.g. ``"subject"`` or ``"subject:session"``.
    levels : tuple of str
        The groups seen by the design, e.g. ``("s01", "s02")`` or ``("s01:1", "s01:2")``.
    codes : ndarray of int64, shape (n,)
        Index into `levels`; -1 where the design has not seen the group.
    values : ndarray of float64, shape (n,)
        What the group's deviation is multiplied by.
    """

    label: str
    factor: str
    levels: tuple[str, ...]
    codes: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class _Grouping:
    """A grouping factor over one or more columns; only combinations that occur are groups."""

    parts: tuple[LevelCoding, ...]
    combined: pd.MultiIndex
    levels: tuple[str, ...]

    @classmethod
    def fit(cls, columns: tuple[Column, ...], rows: Rows) -> _Grouping:
        """Learn the groups of the rows."""
        parts = tuple(LevelCoding.fit(rows, column) for column in columns)
        combined = _combined(parts, rows).unique().sort_values()
        levels = tuple(
            ":".join(part.levels[code] for part, code in zip(parts, codes, strict=True))
            for codes in combined
        )
        if len(set(levels)) < len(levels):
            raise rows.source.error(
                columns[0].position,
                f"two groups of {spelled(columns)} have the same label",
                allowed="different labels for different groups",
                todo="leave ':' out of the level names",
            )
        return cls(parts, combined, levels)

    def codes(self, rows: Rows) -> np.ndarray:
        """Return the group of each row, shape (n,); -1 where it was never seen."""
        return self.combined.get_indexer(_combined(self.parts, rows)).astype(np.int64)


def _combined(parts: tuple[LevelCoding, ...], rows: Rows) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([part.codes(rows) for part in parts])


@dataclass(frozen=True)
class _Plan:
    """What was learnt from the rows of the design."""

    parsed: Parsed
    codings: dict[str, Coding]
    fixed: tuple[_Coded, ...]
    groups: tuple[tuple[GroupPart, _Grouping, tuple[_Coded, ...]], ...]

    @property
    def coded(self) -> tuple[_Coded, ...]:
        """Every term, of the fixed effects and of the groups."""
        return (*self.fixed, *(term for *_, terms in self.groups for term in terms))

    def design(self, rows: Rows) -> Design:
        """Make the columns of a table's rows."""
        values = {text: coding.values(rows) for text, coding in self.codings.items()}
        fixed = [column for coded in self.fixed for column in self._columns(coded, values)]
        matrix = np.empty((len(rows.frame), len(fixed)), dtype=np.float64)
        for j, (_, column) in enumerate(fixed):
            matrix[:, j] = column
        groups = []
        for part, grouping, terms in self.groups:
            codes = _frozen(grouping.codes(rows))
            columns = [("1", np.ones(len(rows.frame)))] if part.intercept else []
            columns += [column for coded in terms for column in self._columns(coded, values)]
            groups += [
                GroupTerm(f"{label}|{part.label}", part.label, grouping.levels, codes, _frozen(one))
                for label, one in columns
            ]
        labels = [label for label, _ in fixed]
        for names in (labels, [group.label for group in groups]):
            _refuse_twice(names, self.parsed.source)
        formula = self.parsed.canonical
        return Design(formula, tuple(labels), _frozen(matrix), tuple(groups), self)

    def width(self, coded: _Coded) -> int:
        """Return the number of columns of a term."""
        return math.prod(len(self.codings[text].labels(full)) for text, full in coded)

    def _columns(
        self, coded: _Coded, values: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Make the columns of one term, the last factor running fastest."""
        labels = [self.codings[text].labels(full) for text, full in coded]
        columns = [self.codings[text].columns(values[text], full) for text, full in coded]
        products = (functools.reduce(np.multiply, parts) for parts in itertools.product(*columns))
        return zip(map(":".join, itertools.product(*labels)), products, strict=True)


@dataclass(frozen=True, eq=False)
class Design:
    """A formula on the rows of a table.

    Parameters
    ----------
    formula : str
        The canonical spelling; it parses to itself.
    columns : tuple of str
        Labels of the p fixed-effect columns, without the intercept, which is the parameter's
        population value.
    fixed : ndarray of float64, shape (n, p)
        The fixed-effect columns.
    groups : tuple of GroupTerm
        The columns that vary over groups.
    """

    formula: str
    columns: tuple[str, ...]
    fixed: np.ndarray
    groups: tuple[GroupTerm, ...]
    _plan: _Plan = field(repr=False)

    @property
    def references(self) -> dict[str, tuple[str, bool]]:
        """Reference level by column of levels, and whether the formula or the caller named it."""
        factors = itertools.chain.from_iterable(self._plan.coded)
        levels = [self._plan.codings[text] for text, full in factors if not full]
        levels += [c.inner for c in self.previous.values() if isinstance(c.inner, LevelCoding)]
        return {coding.column.name: (coding.levels[0], coding.named) for coding in levels}

    @property
    def contrasts(self) -> dict[str, str]:
        """Columns made of levels, with the reference of those that are one level's difference.

        Empty for columns of several factors, and of a factor that another term has too: what they
        stand for depends on the other factor's level.
        """
        found: dict[str, str] = {}
        for coded in self._plan.fixed:
            codings = [self._plan.codings[text] for text, _ in coded]
            if not any(isinstance(coding, LevelCoding) for coding in codings):
                continue
            text, full = coded[0]
            terms = sum(text in dict(other) for other in self._plan.fixed)
            alone = len(coded) == 1 and not full and terms == 1
            labels = (c.labels(f) for c, (_, f) in zip(codings, coded, strict=True))
            reference = codings[0].levels[0] if alone else ""
            found |= dict.fromkeys(map(":".join, itertools.product(*labels)), reference)
        return found

    @property
    def previous(self) -> dict[str, PreviousCoding]:
        """What is taken of the row before, by the name of its column."""
        return {k: c for k, c in self._plan.codings.items() if isinstance(c, PreviousCoding)}

    @property
    def plain_columns(self) -> dict[str, tuple[str, ...] | None]:
        """Columns that stand in a term as they are: name to levels, None if read as numbers."""
        codings = self._plan.codings
        return {
            factor.name: getattr(codings[text], "levels", None)
            for text, factor in self._plan.parsed.factors.items()
            if type(factor) is Column
        }

    def evaluate(self, frame: pd.DataFrame) -> Design:
        """Return the design of other rows with the levels and transforms of this one.

        Returns
        -------
        Design
            A group that this design has not seen has code -1.

        Raises
        ------
        SpecError
            A column or value is missing, or a level of a fixed effect is new.
        """
        _refuse_unknown(self._plan.parsed, frame.columns)
        return self._plan.design(Rows(frame, self._plan.parsed.source))


def design(
    formula: str,
    frame: pd.DataFrame,
    *,
    where: str,
    reference: Mapping[str, str] | None = None,
) -> Design:
    """Code the columns of a table as a formula says.

    Parameters
    ----------
    formula : str
        A right-hand side; ``"1"`` and ``""`` are the intercept alone.
    frame : DataFrame, n rows
        The table whose columns the formula may use; never changed.
    where : str
        The place the formula stands in, for error messages, e.g. ``"effects.trough_ratio"``.
    reference : mapping of str to str, optional
        Reference level by column, as an analysis states it.

    Raises
    ------
    SpecError
        The formula is not allowed or does not fit the table.
    """
    parsed = parse(formula, where)
    source = parsed.source
    _refuse_unknown(parsed, frame.columns)
    if len(frame) == 0 and parsed.columns:
        raise source.error(
            None,
            "the table has no rows",
            allowed="a table with rows",
            todo="check which rows are left after exclusions",
        )
    rows = Rows(frame, source)
    codings = {
        text: coding(factor, rows, reference or {}) for text, factor in parsed.factors.items()
    }
    fixed = _contrasts(parsed.terms, True, codings, source)
    groups = tuple(
        (
            part,
            _Grouping.fit(part.columns, rows),
            _contrasts(part.terms, part.intercept, codings, source),
        )
        for part in parsed.groups
    )
    plan = _Plan(parsed, codings, fixed, groups)
    total = sum(map(plan.width, plan.coded))
    if total > MAX_COLUMNS:
        widest = max(plan.coded, key=plan.width)
        term = ":".join(text for text, _ in widest)
        raise source.error(
            None,
            f"the formula makes {total} columns, {plan.width(widest)} of them for {term}",
            allowed=f"at most {MAX_COLUMNS}",
            todo="leave out interactions; for many levels write a group term, e.g. (1 | subject)",
        )
    return plan.design(rows)


def used_columns(formula: str, *, where: str = "formula") -> frozenset[str]:
    """Return the names of the columns that a formula uses.

    Raises
    ------
    SpecError
        The formula is not allowed.
    """
    return frozenset(column.name for column in parse(formula, where).columns)


def _refuse_unknown(parsed: Parsed, columns: Iterable[object]) -> None:
    """Refuse the first column of the formula that the table does not have, or has twice."""
    names = [name for name in columns if isinstance(name, str)]
    for column in parsed.columns:
        times = names.count(column.name)
        if times != 1:
            shown = ", ".join(sorted(names)[:40]) + (", ..." if len(names) > 40 else "")
            todo = suggest(column.name, names) or "take one of those allowed"
            raise parsed.source.error(
                column.position,
                f"there is no column {column.name!r}"
                if not times
                else f"{column.name!r} occurs twice",
                allowed=shown or "the table has no columns a formula could use",
                todo="rename or drop one of the two" if times else todo,
            )


def _contrasts(
    terms: Iterable[Term],
    intercept: bool,
    codings: Mapping[str, Coding],
    source: Source,
) -> tuple[_Coded, ...]:
    """Choose, term by term, which factors of levels keep their reference level.

    A term of levels spans the products of each subset of its factors, coded without their
    reference levels. Subsets that an earlier term with the same numeric part spans are left out;
    of the others, one joins a subset of one factor more by keeping that factor's reference level.
    A term may then need two sets of columns (``a:b`` without ``a`` and ``b``).
    """
    spanned: set[tuple[frozenset[str], frozenset[str]]] = set()
    if intercept:
        spanned.add((frozenset(), frozenset()))
    chosen = []
    for term in terms:
        levels = [f.text for f in term if isinstance(codings[f.text], LevelCoding)]
        numeric = frozenset(f.text for f in term) - frozenset(levels)
        subsets: list[dict[str, bool]] = []
        for size in range(len(levels) + 1):
            for subset in itertools.combinations(levels, size):
                if (numeric, frozenset(subset)) not in spanned:
                    spanned.add((numeric, frozenset(subset)))
                    subsets.append(dict.fromkeys(subset, False))
        while pair := next(filter(_joins, itertools.combinations(subsets, 2)), None):
            short, long = pair
            subsets[subsets.index(long)] = dict.fromkeys(long, True) | short
            subsets.remove(short)
        for full in subsets:
            kept = [f for f in term if f.text in full or f.text in numeric]
            for factor in kept:
                if not codings[factor.text].labels(full.get(factor.text, True)):
                    raise source.error(
                        factor.position,
                        f"{factor.text} has one level only, {codings[factor.text].levels[0]!r}",
                        allowed="two levels or more",
                        todo="leave this term out, or use rows with another level",
                    )
            chosen.append(tuple((f.text, full.get(f.text, True)) for f in kept))
    return tuple(chosen)


def _joins(pair: tuple[dict[str, bool], dict[str, bool]]) -> bool:
    short, long = pair
    return len(long) == len(short) + 1 and short.items() <= long.items()


def _frozen(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def _refuse_twice(labels: list[str], source: Source) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise source.error(
                None,
                f"two columns are called {label!r}",
                allowed="a name of its own for every term and level",
                todo="leave [, ] and : out of levels",
            )
