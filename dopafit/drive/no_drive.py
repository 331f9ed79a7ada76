"""No drive: events do not move motivation."""

from __future__ import annotations

from dopafit.drive.drive import Drive

__all__ = ["NoDrive"]


class NoDrive(Drive):
    """No dynamics: the channels' resting predictors and covariates are all there is."""

    name = "no_drive"
    formerly = ("null",)  # read by pandas as a missing value, in YAML as nothing
    reference = "the hypothesis that nothing moves"
    needs = ()
    rectified = True
    words = "motivation does not follow the events"
    colour = "#7f7f7f"
    dash = (0, (1, 1.2))
    latex = r"M(t) = 0"

    def motivation(self, xp, signals, unit):
        """Return no arrays: nothing moves."""
        return ()
