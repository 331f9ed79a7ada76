"""The encompassing drive: separate effects of excess and deficit; the others lie inside it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dopafit.drive.drive import AT_PEAK, AT_TROUGH, Drive, rectify

__all__ = ["Encompassing"]


class Encompassing(Drive):
    r"""Both lobes with an effect of their own, signs free.

    .. math:: b_+\,\mathrm{sp}_k(s)/\mathrm{sp}_k(1) + b_-\,\mathrm{sp}_k(-s)/\mathrm{sp}_k(\rho)
    """

    name = "encompassing"
    reference = "docs/science.md: the plane of gains"
    gains: ClassVar = {"gain_peak": AT_PEAK, "gain_trough": AT_TROUGH}
    directed = False
    scaled_by = ("trough_ratio",)
    rectified = True
    words = "excess and deficit each have an effect of their own, of either sign"
    notation: ClassVar = {"gain_peak": "b_+", "gain_trough": "b_-"}
    colour = "#cc79a7"
    dash = (0, (7, 1.2, 1, 1.2, 1, 1.2))
    latex = (
        r"M_+(t) = \mathrm{sp}_k(s(t))/\mathrm{sp}_k(1),\quad "
        r"M_-(t) = \mathrm{sp}_k(-s(t))/\mathrm{sp}_k(\rho)"
    )
    symbols: ClassVar = {
        "M_+": "excess above baseline, 1 at the top of one unit event",
        "M_-": "deficit below baseline, 1 at the bottom of one unit event",
    }

    def motivation(self, xp, signals, unit):
        """Return the scaled excess and the scaled deficit."""
        up = rectify(xp, signals["level"]) / rectify(np, 1.0)
        down = rectify(xp, -signals["level"]) / rectify(xp, unit["trough_ratio"])
        return (up, down)
