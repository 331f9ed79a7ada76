"""The deviation drive: distance from baseline, whatever its sign, motivates pursuit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dopafit.drive.drive import AT_PEAK, RECTIFIER, Drive

__all__ = ["Deviation"]

LARGE = (1 + RECTIFIER**2) ** 0.5 - RECTIFIER


class Deviation(Drive):
    """Smooth absolute deviation (arousal), 1 at the top of one unit event."""

    name = "deviation"
    reference = "arousal by change of either sign; docs/science.md"
    gains: ClassVar = {"gain_peak": AT_PEAK}
    words = "any deviation from baseline drives pursuit, whatever its sign"
    notation: ClassVar = {"gain_peak": "b_+"}
    colour = "#5d3a9b"
    latex = r"M(t) = (\sqrt{s(t)^2 + k^2} - k) / (\sqrt{1 + k^2} - k)"
    symbols: ClassVar = {"k": f"softness of the corner at 0, fixed at {RECTIFIER:g} peak units"}

    def motivation(self, xp, signals, unit):
        """Return the smooth absolute level."""
        return (_size(xp, signals["level"]),)

    def implied_gains(self, gains, unit):
        """Return the peak effect and, at the bottom, that of a deviation of trough_ratio."""
        if "trough_ratio" not in unit:
            return None
        gain = gains["gain_peak"]
        return {"gain_peak": gain, "gain_trough": _size(np, unit["trough_ratio"]) * gain}


def _size(xp, level):
    return (xp.sqrt(level**2 + RECTIFIER**2) - RECTIFIER) / LARGE
