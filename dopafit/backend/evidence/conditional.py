"""Each subject's block of coordinates given what subjects share: its mode and its curvature.

The log likelihoods of all sessions are read from one evaluation of the rows, so a step along a
direction that moves every subject tells all of them apart: differences of values give the slopes
and curvatures of every session at once, with and without any of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dopafit.backend.evidence.subjects import Subjects

__all__ = ["Evaluate", "Expansion", "Peak", "find_peak"]

Evaluate = Callable[[np.ndarray], np.ndarray]
"""From blocks (point, subject, place) to the log likelihoods of the sessions, (point, session)."""

STEP = 1e-3
"""Of the differences, in prior standard deviations."""

CLOSE = 0.05
"""Distance to the mode, in squared standard deviations there, from which one more step ends."""

ROUNDS = 30

SLACK = 1e-6
"""Fall of the log density that is rounding."""

SHORTEST = 1e-3
"""Share of a step at which a search gives up."""

LEAST, MOST = 0.3, 1e10
"""Least precision of any direction, where the prior alone gives 1; and the largest, beyond which a
covariance has no root in double precision."""


@dataclass(frozen=True, eq=False)
class Peak:
    """Modes of all subjects' blocks, and the curvature there.

    Parameters
    ----------
    mode : array, (subject, place)
    covariance : array, (subject, place, place)
        Inverse of minus the Hessian.
    """

    mode: np.ndarray
    covariance: np.ndarray

    def given_places(self, other: Peak, kept: np.ndarray) -> Peak:
        """Return another peak in the places kept, (subject, place), and this one given those.

        What a session left out owns alone is integrated out, so it may lie where the session
        wants it: then the draws serve the subject with that session too.
        """
        if kept.all():
            return other
        both = kept[:, :, None] & kept[:, None, :]
        across = ~kept[:, :, None] & kept[:, None, :]
        eye = np.eye(kept.shape[1])
        inner = np.linalg.inv(np.where(both, self.covariance, eye))
        pull = np.where(across, self.covariance, 0.0) @ inner
        moved = np.where(kept, other.mode - self.mode, 0.0)
        mode = self.mode + moved + np.einsum("nij,nj->ni", pull, moved)
        spread = pull + eye * kept[:, None, :]
        rest = self.covariance - pull @ self.covariance
        rest = np.where(~kept[:, :, None] & ~kept[:, None, :], rest, 0.0)
        inside = np.where(both, other.covariance, 0.0)
        return Peak(mode, spread @ inside @ spread.transpose(0, 2, 1) + rest)


@dataclass(frozen=True, eq=False)
class Expansion:
    """Log likelihoods of the sessions to second order around some blocks.

    Parameters
    ----------
    subjects : Subjects
        Who owns what.
    here : array, (subject, place)
        The blocks.
    value, slope, bend : array, (session, ...)
        Value, gradient and minus the Hessian along the session's directions.
    """

    subjects: Subjects
    here: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    bend: np.ndarray

    def log_density(self, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log density, gradient and minus the Hessian of every block, prior included."""
        owner, at = self.subjects.subject, self.subjects.touched
        subject, place = self.here.shape
        # a session left out may itself lie off the map, and 0 times infinity is no number
        seen = kept > 0
        value = np.bincount(owner, np.where(seen, self.value, 0.0), minlength=subject)
        # an empty direction is the place -1: one more, that is cut off again
        slope = np.zeros((subject, place + 1))
        bend = np.zeros((subject, place + 1, place + 1))
        slopes = np.where(seen[:, None], self.slope, 0.0)
        bends = np.where(seen[:, None, None], self.bend, 0.0)
        np.add.at(slope, (owner[:, None], at), slopes)
        np.add.at(bend, (owner[:, None, None], at[:, :, None], at[:, None, :]), bends)
        with np.errstate(over="ignore"):  # off the map
            value -= 0.5 * (self.here**2).sum(axis=1)
        slope, bend = slope[:, :-1] - self.here, bend[:, :-1, :-1] + np.eye(place)
        usable = np.isfinite(value) & np.isfinite(slope).all(axis=1) & np.isfinite(bend).all((1, 2))
        # from where there is no density the way leads to the prior
        slope = np.where(usable[:, None], slope, -self.here)
        bend = np.where(usable[:, None, None], bend, np.eye(place))
        return np.where(usable, value, -np.inf), slope, bend

    def peak(self, kept: np.ndarray) -> Peak:
        """Return the modes by one Newton step, and the curvature."""
        _, slope, bend = self.log_density(kept)
        inverse = _inverse(bend)
        return Peak(self.here + np.einsum("nij,nj->ni", inverse, slope), inverse)

    def replaced(self, other: Expansion, which: np.ndarray) -> Expansion:
        """Return this one with some subjects, (subject,), of another."""
        session = which[self.subjects.subject]
        return Expansion(
            self.subjects,
            np.where(which[:, None], other.here, self.here),
            np.where(session, other.value, self.value),
            np.where(session[:, None], other.slope, self.slope),
            np.where(session[:, None, None], other.bend, self.bend),
        )


def find_peak(
    evaluate: Evaluate, subjects: Subjects, start: np.ndarray, kept: np.ndarray
) -> tuple[Expansion, bool]:
    """Climb towards the mode of every block by Newton's method, all subjects at once.

    Parameters
    ----------
    evaluate : callable
        Log likelihoods of the sessions given the shared coordinates.
    subjects : Subjects
        Who owns what.
    start : array, (subject, place)
        Where the search starts.
    kept : array, (session,)
        Weight of each session: 0 leaves it out.

    Returns
    -------
    Expansion
        One Newton step away from the modes.
    bool
        Whether that is so for all of them.
    """
    moved = subjects.directions()
    best = _expand(evaluate, subjects, start, moved)
    size = np.ones(len(start))
    for _ in range(ROUNDS):
        height, slope, bend = best.log_density(kept)
        step = np.einsum("nij,nj->ni", _inverse(bend), slope)
        far = ~(np.einsum("ni,ni->n", step, slope) < CLOSE)
        if not far.any():
            return best, True
        new = _expand(evaluate, subjects, best.here + size[:, None] * step, moved)
        # a step that leads down is tried again shorter
        better = new.log_density(kept)[0] >= height - SLACK
        size = np.where(better, 1.0, size / 4)
        if (size[far] < SHORTEST).all():
            break
        best = best.replaced(new, better)
    return best, False


def _expand(
    evaluate: Evaluate, subjects: Subjects, here: np.ndarray, moved: np.ndarray
) -> Expansion:
    """Measure slopes and curvatures of the sessions by differences along their directions."""
    count = len(moved)
    pairs = list(itertools.combinations(range(count), 2))
    both = [moved[j] + moved[k] for j, k in pairs]
    steps = STEP * np.array([np.zeros_like(here), *moved, *-moved, *both])
    with np.errstate(invalid="ignore", over="ignore"):
        found = evaluate(here + steps)
        middle, up, down = found[0], found[1 : count + 1], found[count + 1 : 2 * count + 1]
        bend = np.empty((middle.size, count, count))
        for j in range(count):
            bend[:, j, j] = (2 * middle - up[j] - down[j]) / STEP**2
        for (j, k), value in zip(pairs, found[2 * count + 1 :], strict=True):
            bend[:, j, k] = bend[:, k, j] = (up[j] + up[k] - value - middle) / STEP**2
        return Expansion(subjects, here, middle, ((up - down) / (2 * STEP)).T, bend)


def _inverse(bend: np.ndarray) -> np.ndarray:
    """Return the inverses of a stack of symmetric matrices, their eigenvalues bounded."""
    value, vector = np.linalg.eigh(bend)
    return (vector / np.clip(value, LEAST, MOST)[:, None, :]) @ vector.transpose(0, 2, 1)
