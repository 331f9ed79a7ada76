"""The trough drive: a deficit below baseline motivates pursuit."""

from __future__ import annotations

from typing import ClassVar

from dopafit.drive.drive import AT_TROUGH, Drive, rectify

__all__ = ["Trough"]


class Trough(Drive):
    r"""Rectified deficit, 1 at the bottom of one unit event's trough.

    .. math:: M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)
    """

    name = "trough"
    reference = "the seed claim; opponent process, Solomon & Corbit (1974), recalled"
    gains: ClassVar = {"gain_trough": AT_TROUGH}
    scaled_by = ("trough_ratio",)
    rectified = True
    reads_above = False
    words = "the deficit below baseline drives pursuit"
    notation: ClassVar = {"gain_trough": "b_-"}
    colour = "#0072b2"
    latex = r"M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)"

    def motivation(self, xp, signals, unit):
        """Return the scaled deficit."""
        return (rectify(xp, -signals["level"]) / rectify(xp, unit["trough_ratio"]),)
