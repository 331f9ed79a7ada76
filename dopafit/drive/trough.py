"""The trough drive: a deficit below baseline motivates pursuit."""

from __future__ import annotations

from typing import Any

from dopafit.drive.drive import Drive, rectify

__all__ = ["Trough"]


class Trough(Drive):
    r"""Rectified deficit, 1 at the bottom of one unit event's trough.

    .. math:: M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)
    """

    name = "trough"
    reference = "the seed claim; opponent process, Solomon & Corbit (1974), recalled"
    gains = ("gain_trough",)
    words = "the deficit below baseline drives pursuit"
    latex = r"M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)"

    def motivation(self, xp: Any, level: Any, trough_ratio: Any) -> tuple[Any, ...]:
        """Return the scaled deficit."""
        return (rectify(xp, -level) / rectify(xp, trough_ratio),)
