"""Which hypothesis is chosen where another is true: shares, exact intervals, and the inversion.

Source: Wilson & Collins 2019, eLife 8:e49547 (confusion matrix and its inversion); intervals of
shares, Clopper & Pearson 1934, Biometrika 26:404. Recalled, not re-read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta

__all__ = ["LEVEL", "confusion", "exact_interval"]

LEVEL = 0.95
"""Probability of intervals."""


def exact_interval(count: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share; 0 to 1 where nothing was counted.

    Examples
    --------
    >>> [round(end, 4) for end in exact_interval(19, 20)]
    [0.7513, 0.9987]
    """
    tail = (1.0 - LEVEL) / 2.0
    lower = float(beta.ppf(tail, count, total - count + 1)) if count else 0.0
    upper = float(beta.ppf(1.0 - tail, count + 1, total - count)) if count < total else 1.0
    return lower, upper


def confusion(true: Sequence[str], chosen: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Count what was chosen where each is true.

    Parameters
    ----------
    true, chosen : sequence of str, (study,)
        Names.
    names : sequence of str
        All of them, in the order of the table.

    Returns
    -------
    DataFrame, (pair,)
        `true`, `chosen`; `count` of `studies`; `p` = p(chosen | true) with its exact 95 % interval
        (`lower`, `upper`); `inverted` = p(true | chosen) where all are equally probable at first,
        NaN where it was never chosen.

    Examples
    --------
    >>> found = confusion(["a", "a", "b", "b"], ["a", "b", "b", "b"], ["a", "b"])
    >>> found["p"].tolist(), found["inverted"].round(3).tolist()
    ([0.5, 0.5, 0.0, 1.0], [1.0, 0.333, 0.0, 0.667])
    """
    counts = np.zeros((len(names), len(names)), int)
    place = {name: number for number, name in enumerate(names)}
    np.add.at(counts, ([place[name] for name in true], [place[name] for name in chosen]), 1)
    studies = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, studies, out=np.full(counts.shape, np.nan), where=studies > 0)
    known = np.nan_to_num(share)
    total = known.sum(axis=0, keepdims=True)
    inverted = np.divide(known, total, out=np.full(counts.shape, np.nan), where=total > 0)
    rows = []
    for i, truth in enumerate(names):
        for j, choice in enumerate(names):
            lower, upper = exact_interval(int(counts[i, j]), int(studies[i, 0]))
            told = {"true": truth, "chosen": choice, "count": int(counts[i, j])}
            told |= {"studies": int(studies[i, 0]), "p": float(share[i, j])}
            rows.append(told | {"lower": lower, "upper": upper, "inverted": float(inverted[i, j])})
    return pd.DataFrame(rows)
