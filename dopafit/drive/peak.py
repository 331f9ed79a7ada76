"""The peak drive: an excess above baseline motivates pursuit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dopafit.drive.drive import AT_PEAK, Drive, rectify

__all__ = ["Peak"]


class Peak(Drive):
    r"""Rectified excess (phasic wanting), 1 at the top of one unit event.

    .. math:: M(t) = \mathrm{sp}_k(s(t)) / \mathrm{sp}_k(1)
    """

    name = "peak"
    reference = "transients precede and evoke seeking, Phillips et al. (2003)"
    gains: ClassVar = {"gain_peak": AT_PEAK}
    rectified = True
    reads_below = False
    words = "the excess above baseline drives pursuit"
    notation: ClassVar = {"gain_peak": "b_+"}
    colour = "#e69f00"
    dash = (0, (5, 1.5))
    latex = r"M(t) = \mathrm{sp}_k(s(t)) / \mathrm{sp}_k(1)"

    def motivation(self, xp, signals, unit):
        """Return the scaled excess."""
        return (rectify(xp, signals["level"]) / rectify(np, 1.0),)
