"""The contrast drive: ratios of the level, not differences, move motivation."""

from __future__ import annotations

from typing import ClassVar

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.drive.drive import AT_PEAK, Drive

__all__ = ["Contrast"]

FLOOR = 0.05


class Contrast(Drive):
    r"""Logarithm of the level over baseline, 1 at the top of one unit event.

    The logarithm needs a level above 0, that is w less than 1 over the depth of the trough. Below
    a twentieth of baseline it goes on as its tangent there, so that it is defined for every level.
    For small w the drive is the level drive; w is learned from its curvature alone, so hardly.
    """

    name = "contrast"
    reference = "Weber's law; log level, as in Niv et al. (2007)"
    gains: ClassVar = {"gain_peak": AT_PEAK}
    words = "the level in proportion to baseline drives pursuit"
    latex = r"M(t) = \ln(1 + w\, s(t)) / \ln(1 + w)"
    notation: ClassVar = {"gain_peak": "b_+", "contrast_weight": "w"}
    colour = "#56b4e9"

    contrast_weight = Parameter(
        meaning="peak of one unit event over the baseline level",
        unit="1",
        prior=Prior.lognormal(0.5, 0.7),
        link="log",
        phrase="the peak is {} of the baseline level",
        reason="baseline and peak of one order of size; wide, for behaviour says little about it",
        varies="population",
    )

    def motivation(self, xp, signals, unit, contrast_weight):
        """Return the logarithm of the level over baseline."""
        w = xp.maximum(contrast_weight, 1e-9)
        over = w * signals["level"]  # the level over baseline, less 1
        below = xp.minimum(over - (FLOOR - 1), 0.0)
        log_level = xp.log1p(xp.maximum(over, FLOOR - 1)) + below / FLOOR
        return (log_level / xp.log1p(w),)
