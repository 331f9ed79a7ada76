"""How a channel's outcomes become one number, and how figures and sentences say it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Signature", "Typical"]

STYLES = ("line", "bars")
CHANGES = ("points", "ratio", "difference")


@dataclass(frozen=True)
class Signature:
    """How the outcomes that fall into one bin become one number of a predictive check.

    Parameters
    ----------
    words : str
        What the number is, as an axis says it: ``"pursuit"``, ``"median latency"``.
    unit : str
        Its unit; empty for a pure number.
    statistic : callable (array) -> float
        From the outcomes in a bin to the number.
    per_minute : bool
        The outcomes are acts at times of their own: the number is acts per observed minute.
    style : {"line", "bars"}
        How its band is drawn along the bins.
    """

    words: str = "mean outcome"
    unit: str = ""
    statistic: Callable[[np.ndarray], Any] = np.mean
    per_minute: bool = False
    style: str = "line"

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise TypeError(f"Signature: style {self.style!r}, allowed {', '.join(STYLES)}")

    @property
    def label(self) -> str:
        """The words with the unit."""
        return f"{self.words} [{self.unit}]" if self.unit else self.words


@dataclass(frozen=True)
class Typical:
    """How a sentence says what `Channel.typical` returns.

    Parameters
    ----------
    words : str
        What it is, as the subject of a sentence: ``"the probability of pursuit"``.
    change : {"points", "ratio", "difference"}
        How two of them are held against each other: probabilities by their difference in points,
        numbers above 0 by their ratio, others by their difference.
    unit : str
        Unit of the value; without one only a ratio is said.
    """

    words: str
    change: str = "ratio"
    unit: str = ""

    def __post_init__(self) -> None:
        if self.change not in CHANGES:
            raise TypeError(f"Typical: change {self.change!r}, allowed {', '.join(CHANGES)}")
