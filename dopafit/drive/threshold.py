"""The threshold drive: pursuit starts when the level falls below a set point of its own."""

from __future__ import annotations

from typing import ClassVar

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import softplus
from dopafit.drive.drive import RECTIFIER, Drive

__all__ = ["Threshold"]


class Threshold(Drive):
    r"""Homeostatic drive: the smooth deficit below a set point, as its change from rest.

    The set point may lie above baseline: then pursuit returns while the level still falls towards
    baseline, and a kernel without a trough will do. Its scale is the range over one unit event:
    from the top, where it is least, to the bottom (without a trough, to rest) it rises by 1. At set
    point 0 it is the trough drive up to that scale; far above, the suppression drive.
    """

    name = "threshold"
    reference = (
        "homeostatic reinforcement, Keramati and Gutkin (2014); presses at a falling level that is "
        "still above baseline, PMID 7480530 (abstract)"
    )
    gains: ClassVar = {
        "gain_fall": "change of the predictor from the top of one unit event to its lowest point"
    }
    words = "a level below a set point, which may lie above baseline, drives pursuit"
    latex = (
        r"M(t) = \frac{\mathrm{sp}_k(\theta - s(t)) - \mathrm{sp}_k(\theta)}"
        r"{\mathrm{sp}_k(\theta - \min h) - \mathrm{sp}_k(\theta - 1)}"
    )
    notation: ClassVar = {"gain_fall": "b", "set_point": r"\theta"}
    colour = "#8c6d1f"

    set_point = Parameter(
        meaning="level below which pursuit is driven, from baseline",
        unit="peak",
        prior=Prior.normal(0.0, 0.5),
        phrase="the set point lies at {} of the peak, from baseline",
        reason="around baseline, below it and above it up to the peak",
        varies="population",
    )

    def motivation(self, xp, signals, unit, set_point):
        """Return the change of the deficit from rest, over its range in one unit event."""

        def deficit(level):
            return softplus(xp, (set_point - level) / RECTIFIER)

        span = deficit(-unit.get("trough_ratio", 0.0)) - deficit(1.0)
        return ((deficit(signals["level"]) - deficit(0.0)) / span,)
