"""How well a fit predicts what was left out of it: by session, by subject, by trial."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dopafit.backend.evidence.integrated import integrate_subjects
from dopafit.backend.evidence.scores import LooResult, loo
from dopafit.backend.evidence.subjects import find_subjects
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit
from dopafit.fit.likelihood import unit_subjects

__all__ = ["INNER", "UNITS", "Score", "check_unit", "score"]

UNITS = ("session", "subject", "future", "trial")
"""What may be left out; `future` is the part of a session after a time. Of a trial the rest of its
session stays, and of its subject's deviations it was itself a part: such a score is conditional,
and no claim rests on it."""

INNER = 100
"""Draws of every subject's own coordinates."""

HALF = 0.5
"""Share of a session after which its future begins unless another is given."""


class Score(NamedTuple):
    """Left-out predictive density of one fit.

    Parameters
    ----------
    result : LooResult
        By unit.
    labels, subjects : tuple of str
        Each unit's name, and whose it is.
    unit : str
        What was left out.
    after : float or None
        Where the future begins.
    half : array, (unit,), or None
        Each unit's part of `elpd` from half the inner draws; None where there are none.
    """

    result: LooResult
    labels: tuple[str, ...]
    subjects: tuple[str, ...]
    unit: str
    after: float | None = None
    half: np.ndarray | None = None


def check_unit(unit: str, after: float | None) -> float | None:
    """Return where the future begins: None for another unit.

    Raises
    ------
    SpecError
        An unknown unit, a time that is none, or a time for another unit.
    """
    if unit not in UNITS:
        raise SpecError(f"unit {unit!r} cannot be left out", given=unit, known=UNITS)
    if unit != "future" and after is not None:
        raise SpecError(
            f"after = {after!r} with unit {unit!r}",
            allowed="after with the unit future",
            todo="leave after out, or leave out the future",
        )
    after = HALF if unit == "future" and after is None else after
    if after is not None and not (isinstance(after, (int, float)) and 0 < after < np.inf):
        raise SpecError(
            f"after = {after!r}",
            allowed="a number above 0: a share of each session, or seconds if 1 or more",
            todo="give a number such as 0.5 or 600",
        )
    return after


def score(
    fit: Fit,
    unit: str,
    *,
    after: float | None = None,
    draws: int | None = 250,
    inner: int = INNER,
    seed: int = 0,
) -> Score:
    """Leave each unit out of a fit.

    Parameters
    ----------
    fit : Fit
        With draws of all coordinates.
    unit : {"session", "subject", "future", "trial"}
        What is left out together.
    after : float, optional
        Where the future begins: at a share of each session, or so many seconds after its start if
        1 or more; half a session unless given.
    draws : int or None
        Draws per chain that are used, evenly spread; all where None.
    inner : int
        Draws of every subject's own coordinates.
    seed : int
        Source of the inner draws.

    Returns
    -------
    Score

    Raises
    ------
    SpecError
        Another unit, or no session has a future.
    """
    after = check_unit(unit, after)
    if unit == "trial":
        log_lik, labels = fit.log_likelihood(unit, draws=draws)
        subjects = unit_subjects(fit.layout, unit)
        return Score(loo(log_lik), tuple(labels), tuple(subjects), unit)
    x, h = fit.coordinates["x"].values, fit.coordinates["h"].values
    parts = find_subjects(fit.layout, after, whole_only=unit == "subject")
    if unit == "future" and not parts.scored.any():
        raise SpecError(
            f"no session has outcomes after {after:g}",
            allowed="a time before the end of some session",
            todo="give a smaller number",
        )
    found = integrate_subjects(
        fit.layout, x, h, seed=seed, draws=draws, count=inner, subjects=parts
    )
    result = replace(found.loo(unit), weak=found.unreliable(unit))
    half = found.loo(unit, half=True).elpd_i
    labels = owners = found.subjects
    if unit != "subject":
        labels = tuple(np.array(found.sessions)[parts.scored])
        owners = tuple(np.array(found.subjects)[parts.subject[parts.scored]])
    return Score(result, labels, owners, unit, after, half)
