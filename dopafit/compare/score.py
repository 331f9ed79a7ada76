"""How well a fit predicts what was left out of it: by session, by subject, by trial."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from dopafit.backend.evidence.integrated import integrate_subjects
from dopafit.backend.evidence.scores import LooResult, loo
from dopafit.core.errors import SpecError, unknown
from dopafit.fit.fit import Fit
from dopafit.fit.likelihood import unit_subjects

__all__ = ["UNITS", "Score", "score"]

UNITS = ("session", "subject", "trial")
"""What may be left out; of a trial the rest of its session stays, and of its subject's deviations
it was itself a part: such a score is conditional, and no claim rests on it."""


class Score(NamedTuple):
    """Left-out predictive density of one fit.

    Parameters
    ----------
    result : LooResult
        By unit.
    labels, subjects : tuple of str
        Each unit's name, and whose it is.
    """

    result: LooResult
    labels: tuple[str, ...]
    subjects: tuple[str, ...]


def score(fit: Fit, unit: str, *, draws: int | None = 250, seed: int = 0) -> Score:
    """Leave each unit out of a fit.

    Parameters
    ----------
    fit : Fit
        With draws of all coordinates.
    unit : {"session", "subject", "trial"}
        What is left out together.
    draws : int or None
        Draws per chain that are used, evenly spread; all where None.
    seed : int
        Source of the inner draws.

    Returns
    -------
    Score

    Raises
    ------
    SpecError
        Another unit.
    """
    if unit not in UNITS:
        raise unknown(SpecError, f"unit {unit!r} cannot be left out", unit, UNITS)
    if unit == "trial":
        log_lik, labels = fit.log_likelihood(unit, draws=draws)
        subjects = unit_subjects(fit.layout, unit)
        return Score(loo(log_lik), tuple(labels), tuple(subjects))
    x, h = fit.coordinates["x"].values, fit.coordinates["h"].values
    found = integrate_subjects(fit.layout, x, h, seed=seed, draws=draws)
    result = replace(found.loo(unit), weak=found.unreliable(unit))
    if unit == "subject":
        return Score(result, found.subjects, found.subjects)
    owners = tuple(found.subjects[i] for i in found.subject)
    return Score(result, found.sessions, owners)
