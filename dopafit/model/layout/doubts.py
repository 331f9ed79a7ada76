"""What a study cannot tell of a claim, and what it makes doubtful about it.

The former is refused; the latter are sentences that travel with the fit to the page.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd

from dopafit.channel import Channel
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula import Design, used_columns
from dopafit.study.sessions import KEYS

__all__ = ["check_designs", "doubts", "gaps", "references"]

FAR = 5.0
"""A typical spacing further from the data's own than this factor is doubted, unless such
gaps are common."""

CATEGORIES = frozenset(
    "arm batch cohort condition context drug genotype group sex site strain treatment".split()
)
MOST = 12
"""Names of columns whose whole numbers, if no more than this many, may be labels."""

OUTCOMES = frozenset({"pursue", "latency", "latency_censored", "responded"})
"""Columns that are outcomes under their usual names."""

CONSTANT, DEPENDENT = 1e-12, 1e-13
"""Largest relative deviation of a constant; largest share of variance that others leave."""

_NUMBER = re.compile(r"[-+]?[0-9]+([.,][0-9]+)?(e[-+]?[0-9]+)?")


def check_designs(model: Model, designs: Mapping[str, Design]) -> None:
    """Refuse fixed effects that the data cannot tell from each other or from the population value.

    Parameters
    ----------
    model : Model
        The claim.
    designs : mapping of str to Design
        Encodings by parameter, on the tables that they were made from.

    Raises
    ------
    SpecError
        A column that is the same in every row, or follows exactly from others.
    """
    for name, found in designs.items():
        # a channel's own terms are columns that it fills in later
        own = model.own_terms.get(f"{model.homes[name]}_rest", ())
        _check_independent(name, found, own)


def doubts(
    model: Model,
    events: pd.DataFrame,
    designs: Mapping[str, Design],
    frames: Mapping[str, pd.DataFrame],
) -> tuple[str, ...]:
    """Return the warnings of a claim over a study.

    Parameters
    ----------
    model : Model
        The claim.
    events : DataFrame, (event,)
        The events that move the trace.
    designs : mapping of str to Design
        Encodings by parameter.
    frames : mapping of str to DataFrame
        The tables they were made from, by channel or by what a kernel's parameter varies with.
    """
    told = [*_spacing(model, events), *_references(model, designs)]
    for name, one in designs.items():
        channel = model.owners[name]
        frame = frames[model.homes[name]]
        told += _read(one, frame)
        told += _same_groups(name, one)
        if channel is not None:
            told += _outcomes(model, channel, name, one, frame)
    return tuple(dict.fromkeys(told))


def references(designs: Mapping[str, Design]) -> dict[str, str]:
    """Return the reference level of each column of levels; none where formulas differ in it."""
    found: dict[str, set[str]] = {}
    for one in designs.values():
        for column, (level, _) in one.references.items():
            found.setdefault(column, set()).add(level)
    return {column: levels.pop() for column, levels in found.items() if len(levels) == 1}


def _references(model: Model, designs: Mapping[str, Design]) -> list[str]:
    taken = {
        (column, level)
        for one in designs.values()
        for column, (level, named) in one.references.items()
        if not named
    }
    for column in model.reference:
        if not any(column in one.references for one in designs.values()):
            raise SpecError(
                f"reference: no formula reads {column} as levels with one left out",
                allowed=", ".join(sorted(references(designs))) or "no column of this model",
                todo=f"write C({column}) in the formula if its numbers are labels, or leave the "
                "reference out",
            )
    return [
        f"the reference level of {column} is {level!r}, the first in order, as none is stated: "
        f"effects of {column} are differences from it; choose with reference: {{{column}: {level}}}"
        for column, level in sorted(taken)
    ]


def gaps(events: pd.DataFrame) -> np.ndarray:
    """Return the times between successive events of a session [s]; events at one time are one."""
    found = events.groupby(KEYS, sort=False)["time"].diff().to_numpy(float)
    return found[found > 0]


def _spacing(model: Model, events: pd.DataFrame) -> list[str]:
    found, own = gaps(events), model.typical_spacing
    if not model.moved or not len(found):
        return []
    low, gap, high = np.quantile(found, [0.1, 0.5, 0.9])
    # events that come in bouts have two typical gaps: one inside them is meant
    if 1 / FAR <= own / gap <= FAR or low <= own <= high:
        return []
    return [
        f"typical_spacing is {own:g} s, but the median time between successive events is "
        f"{gap:.3g} s: the prior of the recovery half-life sits far from these data; "
        f"give typical_spacing: {float(f'{gap:.2g}'):g}, or check the study's unit of time"
    ]


def _read(design: Design, frame: pd.DataFrame) -> Iterator[str]:
    """Ask about labels read as numbers, and about numbers read as labels."""
    for column, levels in design.plain_columns.items():
        if column in KEYS:
            continue
        if levels is not None:
            odd = [level for level in levels if not _NUMBER.fullmatch(level)]
            if len(odd) < len(levels) - len(odd):
                yield (
                    f"{column} is read as {len(levels)} levels, although most look like numbers"
                    + (f" (not {', '.join(map(repr, odd[:3]))})" if odd else "")
                    + f": correct the column if it holds numbers, else write C({column})"
                )
        elif set(re.split(r"[^a-z]+", column.lower())) & CATEGORIES:
            values = np.unique(frame[column].to_numpy(float))
            if len(values) <= MOST and (values == values.round()).all() and set(values) - {0, 1}:
                yield (
                    f"{column} holds the numbers {', '.join(f'{v:g}' for v in values)} and is read "
                    f"as a quantity with one slope: if they are labels, write C({column})"
                )


def _same_groups(name: str, design: Design) -> Iterator[str]:
    """Say which random effects are one and the same in these rows."""
    seen: dict[bytes, str] = {}
    for term in design.groups:
        codes = np.unique(term.codes, return_inverse=True)[1].ravel()
        _, first = np.unique(codes, return_index=True)
        rank = np.argsort(np.argsort(first))
        key = rank[codes].tobytes() + np.asarray(term.values, float).tobytes()
        if key in seen:
            yield (
                f"{name}: the random effects {seen[key]} and {term.label} are the same in these "
                "data, so only their joint spread can be learned: leave one of them out"
            )
        seen.setdefault(key, term.label)


def _outcomes(
    model: Model, channel: Channel, name: str, design: Design, frame: pd.DataFrame
) -> Iterator[str]:
    """Warn of predictors that are outcomes themselves."""
    used = used_columns(design.formula)
    others = {o: c.prefix for c in model.channels if c is not channel for o in c.explained}
    for column in sorted(used & ({*others, *OUTCOMES} - set(channel.explained))):
        if column in frame.columns:
            whose = f"the outcome of channel {others[column]}" if column in others else "an outcome"
            yield (
                f"{name}: {column} is {whose} itself: what happens with or after {channel.prefix} "
                "cannot explain it; take it out unless it was known before"
            )
    for outcome in channel.explained:
        if outcome in frame.columns:
            for column in _copies(frame, outcome, used & set(design.plain_columns) - set(KEYS)):
                yield f"{name}: {column} is the outcome {outcome} itself in other numbers"


def _copies(frame: pd.DataFrame, outcome: str, columns: Collection[str], least: int = 10) -> list:
    """Return the numeric columns that are the outcome itself in other numbers."""
    found = []
    known = pd.to_numeric(frame[outcome], errors="coerce").to_numpy(float)
    for column in columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            continue
        value = frame[column].to_numpy(float)
        use = np.isfinite(known) & np.isfinite(value)
        if use.sum() < least or np.ptp(known[use]) == 0 or np.ptp(value[use]) == 0:
            continue
        if abs(np.corrcoef(known[use], value[use])[0, 1]) > 1 - 1e-12:
            found.append(column)
    return found


def _check_independent(name: str, design: Design, own: Collection[str]) -> None:
    kept = [j for j, label in enumerate(design.columns) if label not in own]
    if not kept or len(design.fixed) < 2:
        return
    values = design.fixed[:, kept]
    labels = [design.columns[j] for j in kept]
    largest = np.abs(values).max(axis=0)
    centred = values - values.mean(axis=0)
    size = np.sqrt((centred**2).mean(axis=0))
    for label, spread, top in zip(labels, size, largest, strict=True):
        if spread <= CONSTANT * top or top == 0:
            raise SpecError(
                f"effects: {name}: {label} is the same in every row, so its effect cannot be told "
                "from the population value",
                allowed="terms that vary over the rows",
                todo="leave this term out",
            )
    gram = np.atleast_2d(np.corrcoef(values, rowvar=False))
    if np.linalg.eigvalsh(gram)[0] > DEPENDENT:
        return
    free: list[int] = []
    for j, label in enumerate(labels):
        if free:
            weights = np.linalg.solve(gram[np.ix_(free, free)], gram[free, j])
            if 1.0 - gram[free, j] @ weights <= DEPENDENT:
                others = [labels[k] for k, w in zip(free, weights, strict=True) if abs(w) > 1e-6]
                raise SpecError(
                    f"effects: {name}: {label} follows exactly from {', '.join(others)}: the data "
                    "cannot tell their effects apart",
                    allowed="terms none of which is a sum of the others",
                    todo="leave one of them out",
                )
        free.append(j)
