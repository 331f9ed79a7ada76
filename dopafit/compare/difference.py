"""Is one hypothesis behind another? Differences by subject, in the light of how few there are.

Left-out sessions of one subject share that subject, so they are summed before anything is said
about their spread. A normal quantile is too small for few subjects (Student 1908), and a standard
error of few differences is itself uncertain (Sivula, Magnusson & Vehtari 2020); hence Student's
quantile, and under twenty subjects the exact test that flips signs (Fisher 1935) as well.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from dopafit.backend.evidence.proposals import log_mean
from dopafit.core.errors import SpecError

__all__ = ["FEW_SUBJECTS", "SMALL", "THESE_ONLY", "Difference", "difference", "mixture"]

SMALL = 4.0
"""Differences of elpd below it are too small to tell (Sivula, Magnusson & Vehtari 2020)."""

FEW_SUBJECTS = 20
"""Below it the signs are flipped too."""

THESE_ONLY = 6
"""Below it no test over subjects can reject, and what is said is about these subjects alone."""

LEVEL = 0.025


@dataclass(frozen=True)
class Difference:
    """How far one hypothesis is ahead of another.

    Parameters
    ----------
    total : float
        Sum over all units of the one's elpd minus the other's.
    se : float
        Standard error of `total`, over `parts` differences; NaN with one.
    subjects : int
        Subjects that the units belong to.
    parts : int
        Differences that the standard error rests on: subjects, or units where there are too few.
    quantile : float
        How many standard errors `total` has to reach.
    p_flip : float
        Chance of a total as large if each part's sign were a coin's; NaN where it is not asked.
    """

    total: float
    se: float
    subjects: int
    parts: int
    quantile: float
    p_flip: float

    @property
    def ahead(self) -> bool:
        """Whether the other is behind by the rule."""
        far = self.total >= SMALL and self.total >= self.quantile * self.se  # false for NaN
        return bool(far and not self.p_flip > LEVEL)

    @property
    def these_only(self) -> bool:
        """Whether nothing is said beyond these subjects."""
        return self.subjects < THESE_ONLY


def difference(
    one: np.ndarray, other: np.ndarray, subjects: Sequence[Hashable] | np.ndarray
) -> Difference:
    """Compare two hypotheses by their predictive density of the same left-out units.

    Parameters
    ----------
    one, other : ndarray, shape (unit,)
        elpd of every unit under each.
    subjects : sequence, shape (unit,)
        Whose unit it is.

    Returns
    -------
    Difference

    Raises
    ------
    SpecError
        Unequal lengths, no units, or densities that are not finite.

    Examples
    --------
    >>> difference([-1.0, -2.0, -1.5], [-9.0, -8.0, -9.5], ["a", "b", "c"]).ahead
    False
    """
    gaps = np.asarray(one, dtype=float) - np.asarray(other, dtype=float)
    whose = np.asarray(subjects)
    if gaps.ndim != 1 or gaps.shape != whose.shape or not len(gaps) or not np.isfinite(gaps).all():
        raise SpecError(
            f"differences of shape {gaps.shape} for {whose.shape} subjects",
            allowed="one finite difference, and one subject, for each unit",
            todo="score both hypotheses on the same units",
        )
    _, number = np.unique(whose, return_inverse=True)
    by_subject = np.bincount(number, weights=gaps)
    parts = gaps if len(by_subject) < THESE_ONLY else by_subject
    n = len(parts)
    return Difference(
        total=float(gaps.sum()),
        se=float(np.sqrt(n) * parts.std(ddof=1)) if n > 1 else float("nan"),
        subjects=len(by_subject),
        parts=n,
        quantile=float(student.ppf(1 - LEVEL, n - 1)) if n > 1 else float("inf"),
        p_flip=_sign_flip(parts) if n < FEW_SUBJECTS else float("nan"),
    )


def mixture(points: np.ndarray) -> np.ndarray:
    """Return a family's elpd of every unit: its members' densities, mixed with equal weights.

    Parameters
    ----------
    points : ndarray, shape (unit, member)
        Each member's elpd.

    Returns
    -------
    ndarray, shape (unit,)
    """
    return log_mean(np.asarray(points, dtype=float).T)


def _sign_flip(parts: np.ndarray) -> float:
    """Return the share of all sign patterns whose sum is at least as large; exact."""
    sums = np.zeros(1)
    for size in np.abs(parts):
        sums = np.concatenate([sums + size, sums - size])
    rounding = 1e-12 * np.abs(parts).sum()
    return float(np.mean(sums >= parts.sum() - rounding))
