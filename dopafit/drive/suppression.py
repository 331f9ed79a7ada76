"""The suppression drive: an event quiets pursuit, which recovers as the level falls."""

from __future__ import annotations

from typing import ClassVar

from dopafit.drive.drive import Drive

__all__ = ["Suppression"]


class Suppression(Drive):
    """Minus the level: less pursuit above baseline (satiety, a pause), more below it.

    The level drive with the other sign: what a deficit of either sign would do without a
    rectifier.
    """

    name = "suppression"
    reference = "linear deficit, a drive towards a fixed level, Hull (1943) (recalled)"
    gains: ClassVar = {"gain_loss": "fall of the predictor at the top of one unit event"}
    words = "the level suppresses pursuit: less above baseline, more below"
    notation: ClassVar = {"gain_loss": "b"}
    colour = "#1b3a57"
    latex = r"M(t) = -s(t)"

    def motivation(self, xp, signals, unit):
        """Return minus the level in peak units."""
        return (-signals["level"],)

    def implied_gains(self, gains, unit):
        """Return minus the gain at the top and trough_ratio times it at the bottom."""
        if "trough_ratio" not in unit:
            return None
        gain = gains["gain_loss"]
        return {"gain_peak": -gain, "gain_trough": unit["trough_ratio"] * gain}
