"""The level drive: motivation follows the level itself, up and down."""

from __future__ import annotations

from typing import ClassVar

from dopafit.drive.drive import AT_PEAK, Drive

__all__ = ["Level"]


class Level(Drive):
    """The level (tonic vigour), 1 at the top of one unit event and -trough_ratio at its bottom."""

    name = "level"
    reference = "tonic vigour, Niv et al. (2007)"
    gains: ClassVar = {"gain_peak": AT_PEAK}
    words = "the level drives pursuit: more above baseline, less below"
    notation: ClassVar = {"gain_peak": "b_+"}
    colour = "#009e73"
    dash = (0, (4, 1.2, 1, 1.2))
    latex = r"M(t) = s(t)"

    def motivation(self, xp, signals, unit):
        """Return the level in peak units."""
        return (signals["level"],)

    def implied_gains(self, gains, unit):
        """Return the peak effect and, at the bottom, minus trough_ratio times it."""
        if "trough_ratio" not in unit:
            return None
        gain = gains["gain_peak"]
        return {"gain_peak": gain, "gain_trough": -unit["trough_ratio"] * gain}
