"""Whether more draws of the subjects' own coordinates would change what a comparison says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dopafit.compare.difference import SMALL, difference
from dopafit.compare.score import Score

__all__ = ["Settled", "moved"]

SHARE = 0.1
"""Share of its standard error by which doubling the draws may move a difference."""

LEAST = SMALL / 40
"""Movement that does not matter however small the standard error is."""


@dataclass(frozen=True)
class Settled:
    """How far the last doubling of the inner draws moved the differences between fits.

    Parameters
    ----------
    draws : int
        Inner draws after it.
    moved : float
        The largest movement of a difference.
    share : float
        The largest over its difference's standard error, of those that matter.
    unsettled : tuple of str
        Fits with a difference that moved by too much.
    """

    draws: int
    moved: float
    share: float
    unsettled: tuple[str, ...]


def moved(scores: Mapping[str, Score], draws: int) -> Settled | None:
    """Return how far doubling the inner draws moved the differences; None where there are none.

    Units that either fit's score cannot be trusted in do not count: they are fitted without.

    Parameters
    ----------
    scores : mapping of str to Score
        By hypothesis.
    draws : int
        Inner draws that they are made with.
    """
    if len(scores) < 2 or any(score.half is None for score in scores.values()):
        return None
    far, share, names = 0.0, 0.0, set()
    for (name, one), (rival, other) in itertools.combinations(scores.items(), 2):
        sure = ~(one.result.bad | other.result.bad)
        if one.labels != other.labels or not sure.any():
            continue
        whose = [subject for subject, fine in zip(one.subjects, sure, strict=True) if fine]
        now = difference(one.result.elpd_i[sure], other.result.elpd_i[sure], whose)
        step = abs(now.total - float((one.half - other.half)[sure].sum()))
        far = max(far, step)
        if step > LEAST:
            part = step / now.se if now.se > 0 else np.inf
            share = max(share, part)
            names |= {name, rival} if part > SHARE else set()
    return Settled(draws, far, share, tuple(name for name in scores if name in names))
