"""Sessions' log likelihoods as a function of every subject's own coordinates, all else given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dopafit.backend.evidence.conditional import Evaluate
from dopafit.backend.evidence.subjects import Subjects
from dopafit.backend.sampler.compiled import RowDensity
from dopafit.model.layout.layout import Layout

__all__ = ["deviations", "sessions_given"]


def sessions_given(
    layout: Layout, subjects: Subjects
) -> Callable[[np.ndarray, np.ndarray], Evaluate]:
    """Return what makes, of coordinates x and h, the sessions' log likelihoods by the blocks.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    subjects : Subjects
        Its subjects; their own coordinates in x are replaced by the blocks.
    """
    rows_at, own = RowDensity(layout), subjects.own[subjects.own >= 0]

    def given(x: np.ndarray, h: np.ndarray) -> Evaluate:
        def evaluate(blocks: np.ndarray) -> np.ndarray:
            points = np.tile(x, (len(blocks), 1))
            points[:, own] = subjects.spread(blocks)
            theta = layout.coordinates.theta(points, np.broadcast_to(h, (len(blocks), h.size)))
            found = np.array([subjects.sums(rows_at(point)) for point in theta])
            return np.where(np.isnan(found), -np.inf, found)  # off the map

        return evaluate

    return given


def deviations(layout: Layout, subjects: Subjects, h: np.ndarray) -> np.ndarray:
    """Return what a coordinate of 1 stands for: its group's standard deviation, (subject, place).

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    subjects : Subjects
        Its subjects.
    h : array, (halves,)
        Spreads.
    """
    owner = layout.coordinates.arrays["x_spread"][subjects.own]
    return np.append(1.0, h)[np.where(subjects.own >= 0, owner, 0)]
