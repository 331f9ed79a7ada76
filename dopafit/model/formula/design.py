"""Formulas of a model's parameters: text from an analysis file becomes design columns.

A formula is a right-hand side such as ``drug + log(dose) + (1 | subject)``. It may come from
a stranger's file, so it can name columns and a short list of functions and do nothing else:
`formula_parse` reads the text, `formula_terms` and `formula_expression` make terms of it,
`formula_functions` lists the functions, `formula_read`, `formula_levels` and `formula_code`
turn columns into numbers, and this module puts the columns together.

Coding is treatment coding against a reference level: the one that the formula or the caller
names, else the first in the order of a Categorical, else the first when sorted. Levels without a
row get no column. Redundant columns are left out by the rules of Wilkinson and Rogers (1973,
Appl. Statist. 22:392) as patsy and `formulae` apply them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from dopafit.model.formula.code import Coded, Coder
from dopafit.model.formula.levels import Grouping
from dopafit.model.formula.nodes import Call, Column, Factor
from dopafit.model.formula.parse import Source
from dopafit.model.formula.read import Reader
from dopafit.model.formula.terms import GroupPart, Parsed, Term, known_columns, parse

__all__ = ["MAX_COLUMNS", "Design", "GroupTerm", "check", "design", "used_columns"]

MAX_COLUMNS = 500

# which factors of a term are coded with all their levels: factor text -> bool
_Coding = dict[str, bool]


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
class _Plan:
    """What was learnt from the rows of the design."""

    parsed: Parsed
    coders: dict[str, Coder]
    fixed: tuple[tuple[Term, _Coding], ...]
    groups: tuple[tuple[GroupPart, Grouping, tuple[tuple[Term, _Coding], ...]], ...]


@dataclass(frozen=True, eq=False)
class Design:
    """A formula on the rows of a table.

    Parameters
    ----------
    formula : str
        The canonical spelling; it parses to itself.
    intercept : bool
        Always True: the intercept is the parameter's population value.
    columns : tuple of str
        Labels of the p fixed-effect columns, without the intercept.
    fixed : ndarray of float64, shape (n, p)
        The fixed-effect columns.
    groups : tuple of GroupTerm
        The columns that vary over groups.
    """

    formula: str
    intercept: bool
    columns: tuple[str, ...]
    fixed: np.ndarray
    groups: tuple[GroupTerm, ...]
    _plan: _Plan = field(repr=False)

    @property
    def references(self) -> dict[str, tuple[str, bool]]:
        """Reference level by column of levels, and whether the formula or the caller named it."""
        plan, found = self._plan, {}
        for term, coding in itertools.chain(plan.fixed, *(terms for *_, terms in plan.groups)):
            for one in term:
                code = plan.coders[one.text].level_code
                if code is not None and not coding.get(one.text, True):
                    found[code.column.name] = (code.levels[0], code.named)
        return found

    @property
    def plain_columns(self) -> dict[str, tuple[str, ...] | None]:
        """Columns that stand in a term as they are: name to levels, None if read as numbers."""
        return {
            coder.factor.name: None if coder.level_code is None else coder.level_code.levels
            for coder in self._plan.coders.values()
            if isinstance(coder.factor, Column)
        }

    def evaluate(self, frame: pd.DataFrame) -> Design:
        """Return the design of other rows with the levels and transforms of this one.

        Parameters
        ----------
        frame : DataFrame
            Holds the columns of the formula.

        Returns
        -------
        Design
            A group that this design has not seen has code -1.

        Raises
        ------
        SpecError
            A column or value is missing, or a level of a fixed effect is new.
        """
        plan = self._plan
        known_columns(plan.parsed, _names(frame))
        reader = Reader(frame, plan.parsed.source)
        coded = {text: coder.apply(reader) for text, coder in plan.coders.items()}
        codes = [grouping.apply(reader) for _, grouping, _ in plan.groups]
        return _assemble(plan, coded, codes, len(frame))


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

    Returns
    -------
    Design

    Raises
    ------
    SpecError
        The formula is not allowed or does not fit the table.
    """
    parsed = parse(formula, where)
    source = parsed.source
    known_columns(parsed, _names(frame))
    if len(frame) == 0 and next(parsed.columns(), None) is not None:
        raise source.error(
            None,
            "the table has no rows",
            allowed="a table with rows",
            todo="check which rows are left after exclusions",
        )
    _refuse_width(sum(_known_width(f) for f in _factors(parsed)), source)
    reader = Reader(frame, source)
    coders: dict[str, Coder] = {}
    coded: dict[str, Coded] = {}
    for one in _factors(parsed):
        coders[one.text], coded[one.text] = Coder.fit(one, reader, reference or {})
    fixed = _codings(parsed.terms, True, coded, source)
    groups, codes = [], []
    for part in parsed.groups:
        grouping, code = Grouping.fit(part.columns, reader)
        groups.append((part, grouping, _codings(part.terms, part.intercept, coded, source)))
        codes.append(code)
    plan = _Plan(parsed, coders, fixed, tuple(groups))
    _within_limit(plan, coded)
    return _assemble(plan, coded, codes, len(frame))


def used_columns(formula: str, *, where: str = "formula") -> frozenset[str]:
    """Return the names of the columns that a formula uses.

    Raises
    ------
    SpecError
        The formula is not allowed.
    """
    return frozenset(column.name for column in parse(formula, where).columns())


def check(formula: str, columns: Iterable[str], where: str) -> str:
    """Check all that can be checked without data and return the canonical spelling.

    Raises
    ------
    SpecError
        The formula is not allowed or names a column that does not exist.
    """
    parsed = parse(formula, where)
    known_columns(parsed, frozenset(columns))
    return parsed.canonical


def _names(frame: pd.DataFrame) -> frozenset[str]:
    return frozenset(c for c in frame.columns if isinstance(c, str))


def _codings(
    terms: Iterable[Term], intercept: bool, coded: Mapping[str, Coded], source: Source
) -> tuple[tuple[Term, _Coding], ...]:
    """Choose, term by term, which factors keep their reference level.

    Terms with the same numeric part share one bucket; within it, `formulae` drops what is
    already spanned. A term may need two sets of columns (``a:b`` without ``a`` and ``b``).
    """
    from formulae.contrasts import pick_contrasts

    terms = tuple(terms)
    buckets: dict[frozenset[str], dict[int, list[str]]] = {}
    if intercept:
        buckets[frozenset()] = {-1: []}
    for i, term in enumerate(terms):
        levels = [f.text for f in term if coded[f.text].levels is not None]
        numeric = frozenset(f.text for f in term) - set(levels)
        buckets.setdefault(numeric, {})[i] = levels
    picked: dict[int, list[_Coding]] = {}
    for bucket in buckets.values():
        picked.update(pick_contrasts(bucket))
    result = []
    for i, term in enumerate(terms):
        for coding in picked[i]:
            kept = tuple(f for f in term if coded[f.text].levels is None or f.text in coding)
            for one in kept:
                if coded[one.text].width(coding.get(one.text, True)) == 0:
                    raise source.error(
                        getattr(one, "position", None),
                        f"{one.text} has one level only, {coded[one.text].levels[0]!r}",
                        todo="leave this term out, or use rows with another level",
                        allowed="two levels or more",
                    )
            result.append((kept, coding))
    return tuple(result)


def _factors(parsed: Parsed) -> tuple[Factor, ...]:
    """Return each factor of the formula once."""
    terms = itertools.chain(parsed.terms, *(g.terms for g in parsed.groups))
    return tuple({one.text: one for term in terms for one in term}.values())


def _known_width(factor: Factor) -> int:
    """Return the number of columns that a function is known to make before it is evaluated."""
    if isinstance(factor, Call) and factor.function.labels is not None:
        return len(factor.function.labels(factor.options))
    return 1


def _refuse_width(total: int, source: Source, most: str = "") -> None:
    if total > MAX_COLUMNS:
        raise source.error(
            None,
            f"the formula makes {total} columns{most}",
            allowed=f"at most {MAX_COLUMNS}",
            todo="leave out interactions; for many levels write a group term, e.g. (1 | subject)",
        )


def _within_limit(plan: _Plan, coded: Mapping[str, Coded]) -> None:
    """Refuse too many columns before any of them is made."""
    parts = [*plan.fixed, *itertools.chain.from_iterable(terms for _, _, terms in plan.groups)]
    total, widest, most = 0, "", 0
    for term, coding in parts:
        width = 1
        for one in term:
            width *= coded[one.text].width(coding.get(one.text, True))
        total += width
        if width > most:
            widest, most = ":".join(f.text for f in term), width
    _refuse_width(total, plan.parsed.source, f", {most} of them for {widest}")


def _blocks(
    term: Term, coding: _Coding, coded: Mapping[str, Coded]
) -> Iterable[tuple[str, np.ndarray]]:
    """Make the columns of one term, the last factor running fastest."""
    factors = [coded[f.text].blocks(coding.get(f.text, True)) for f in term]
    for combination in itertools.product(*factors):
        values = combination[0][1]
        for _, other in combination[1:]:
            values = values * other
        yield ":".join(label for label, _ in combination), values


def _assemble(plan: _Plan, coded: Mapping[str, Coded], codes: list[np.ndarray], n: int) -> Design:
    blocks = [b for term, coding in plan.fixed for b in _blocks(term, coding, coded)]
    labels = tuple(label for label, _ in blocks)
    fixed = np.empty((n, len(blocks)), dtype=np.float64)
    for j, (_, values) in enumerate(blocks):
        fixed[:, j] = values
    groups: list[GroupTerm] = []
    ones = np.ones(n)
    for (part, grouping, terms), code in zip(plan.groups, codes, strict=True):
        made: list[tuple[str, Any]] = [("1", ones)] if part.intercept else []
        made += [b for term, coding in terms for b in _blocks(term, coding, coded)]
        for label, values in made:
            label = f"{label}|{part.label}"
            groups.append(GroupTerm(label, part.label, grouping.levels, code, _frozen(values)))
        _frozen(code)
    _unique(labels, plan.parsed.source)
    _unique(tuple(g.label for g in groups), plan.parsed.source)
    return Design(plan.parsed.canonical, True, labels, _frozen(fixed), tuple(groups), plan)


def _frozen(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def _unique(labels: tuple[str, ...], source: Source) -> None:
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            raise source.error(
                None,
                f"two columns are called {label!r}",
                todo="leave [, ] and : out of levels",
                allowed="a name of its own for every term and level",
            )
        seen.add(label)
