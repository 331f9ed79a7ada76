"""What a formula asks that its study cannot answer: refused before anything is computed."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula import Design, used_columns
from dopafit.study.study import Study

__all__ = ["check_columns", "check_independent", "copies", "outcomes"]

CONSTANT, DEPENDENT = 1e-12, 1e-13
"""Largest relative deviation of a constant; largest share of variance that others leave."""

ROLES = ("events", "observations", "sessions", "subjects", "covariates", "presses")
REACH = {
    "event": ("one value per event", "events, sessions, subjects or covariates"),
    "session": ("one value per session", "sessions or subjects"),
}


def outcomes(channel: object) -> tuple[str, ...]:
    """Return the columns that a channel explains."""
    named = (getattr(channel, field, None) for field in ("column", "censored"))
    return tuple(name for name in named if isinstance(name, str))


def check_columns(
    model: Model, study: Study, name: str, formula: str, columns: Collection[str]
) -> None:
    """Refuse columns of other tables, with the reason, and a channel's outcome as its predictor.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    name : str
        The parameter.
    formula : str
        Its formula.
    columns : collection of str
        What a formula of this parameter may name.

    Raises
    ------
    SpecError
        The formula names one of them.
    """
    channel = next((c for c in model.channels if name.startswith(f"{c.prefix}_")), None)
    tables = study.tables
    for column in sorted(used_columns(formula, where=f"effects: {name}")):
        if channel is not None and column in outcomes(channel):
            raise SpecError(
                f"effects: {name}: {column} is the outcome of this channel, and cannot predict "
                "itself",
                allowed="columns that are known before the outcome",
                todo=f"take {column} out of the formula",
            )
        homes = [role for role in ROLES if column in tables[role].columns]
        if column in columns or not homes:
            continue
        many, reach = REACH.get(
            model.parameters[name].varies,
            ("one value per row of its channel", "its own rows, sessions, subjects or covariates"),
        )
        raise SpecError(
            f"effects: {name}: {column!r} is a column of the {homes[0]}, but {name} has {many}, "
            f"which can only depend on columns of {reach}",
            allowed=", ".join(sorted(map(str, columns))[:40]),
            todo="name one of these, or put the term on a parameter of a channel, e.g. "
            f"{model.channels[0].prefix}_rest",
        )


def check_independent(name: str, design: Design, own: Collection[str] = ()) -> None:
    """Refuse fixed effects that the data cannot tell from each other or from the population value.

    Parameters
    ----------
    name : str
        The parameter.
    design : Design
        On the rows it was made from.
    own : collection of str
        Columns that the channel adds and fills in later.

    Raises
    ------
    SpecError
        A column that is the same in every row, or follows exactly from others.
    """
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


def copies(frame: pd.DataFrame, outcome: str, columns: Collection[str], least: int = 10) -> list:
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
