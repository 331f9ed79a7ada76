"""The peak drive: an excess above baseline motivates pursuit."""

from __future__ import annotations

from typing import Any

import numpy as np

from dopafit.drive.drive import Drive, rectify

__all__ = ["Peak"]


class Peak(Drive):
    r"""Rectified excess (phasic wanting), 1 at the top of one unit event.

    .. math:: M(t) = \mathrm{sp}_k(s(t)) / \mathrm{sp}_k(1)
    """

    name = "peak"
    reference = "transients precede and evoke seeking, Phillips et al. (2003)"
    gains = ("gain_peak",)
    words = "the excess above baseline drives pursuit"
    latex = r"M(t) = \mathrm{sp}_k(s(t)) / \mathrm{sp}_k(1)"

    def motivation(self, xp: Any, level: Any, trough_ratio: Any) -> tuple[Any, ...]:
        """Return the scaled excess."""
        return (rectify(xp, level) / rectify(np, 1.0),)
