"""The p-value of a statistic among surrogates that are drawn until it is decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["LIMIT", "p_value"]

LIMIT = 0.05


def p_value(statistic: float, surrogates: Sequence[float], count: int) -> tuple[float, int | None]:
    """Return the p-value of a statistic, and the number of surrogates that decided it.

    Parameters
    ----------
    statistic : float
        Of the data.
    surrogates : sequence of float
        Those drawn so far; one that is NaN counts as larger.
    count : int
        How many there will be.

    Returns
    -------
    p : float
    decided : int or None
        None unless so many were as large that more could not make it .05 again.

    Examples
    --------
    >>> p_value(9.0, [1.0, 2.0, 3.0], 39), p_value(0.0, [1.0, -1.0, 2.0, 3.0], 39)
    ((0.25, None), (0.6666666666666666, 3))
    """
    as_large = ~(np.asarray(surrogates, float) < statistic)
    enough = int(LIMIT * (count + 1) + 1e-9)
    decided = np.flatnonzero(np.cumsum(as_large) >= max(enough, 1))
    if decided.size and decided[0] + 1 < count:
        return max(enough, 1) / float(decided[0] + 1), int(decided[0]) + 1
    return float((1 + as_large.sum()) / (1 + as_large.size)), None
