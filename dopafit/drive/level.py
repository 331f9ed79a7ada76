"""The level drive: motivation follows the level itself, up and down."""

from __future__ import annotations

from typing import Any

from dopafit.drive.drive import Drive

__all__ = ["Level"]


class Level(Drive):
    """The level (tonic vigour), 1 at the top of one unit event and -trough_ratio at its bottom."""

    name = "level"
    reference = "tonic vigour, Niv et al. (2007)"
    gains = ("gain_peak",)
    words = "the level drives pursuit: more above baseline, less below"
    latex = r"M(t) = s(t)"

    def motivation(self, xp: Any, level: Any, trough_ratio: Any) -> tuple[Any, ...]:
        """Return the level in peak units."""
        return (level,)

    def implied_gains(self, gains: dict[str, Any], trough_ratio: Any) -> dict[str, Any]:
        """Return the peak effect and, at the bottom, minus trough_ratio times it."""
        return {"gain_peak": gains["gain_peak"], "gain_trough": -trough_ratio * gains["gain_peak"]}
