"""The slope drive: how fast the level rises or falls moves motivation."""

from __future__ import annotations

from typing import ClassVar

from dopafit.drive.drive import Drive

__all__ = ["Slope"]


class Slope(Drive):
    r"""Derivative of the level over its steepness just after one unit event; sign free.

    With a positive gain rising moves pursuit, with a negative one falling. Where the response
    begins with a jump, the jump itself has no slope: just after it the motivation is -1. With a
    kernel of any shape a slope cannot be told from a level.
    """

    name = "slope"
    reference = "a change of the level as the signal, e.g. Schultz (1997) (recalled)"
    needs = ("slope",)
    scaled_by = ("initial_slope",)
    gains: ClassVar = {
        "gain_slope": "change of the predictor while the level rises as steeply as just after "
        "one unit event"
    }
    directed = False
    words = "the rise or the fall of the level drives pursuit, not where it stands"
    notation: ClassVar = {"gain_slope": "b"}
    colour = "#d55e00"
    latex = r"M(t) = s'(t) / |h'(0)|"

    def motivation(self, xp, signals, unit):
        """Return the slope over the size of the unit event's first slope."""
        return (signals["slope"] / xp.abs(unit["initial_slope"]),)
