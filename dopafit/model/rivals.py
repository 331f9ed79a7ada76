"""What a comparison holds against each other, and in which family each hypothesis is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dopafit.drive import Drive
from dopafit.trace.kernel import Kernel

__all__ = ["NEITHER", "NO_TROUGH", "RIVALS", "TROUGH", "Rival", "absent", "family_of"]

TROUGH, NO_TROUGH, NEITHER = "trough", "no trough", "neither"
"""Families: only a deficit below baseline moves pursuit; no deficit does; both lobes may."""


class Rival(NamedTuple):
    """A drive and a kernel; None where the trace moves nothing, so that any kernel will do."""

    drive: str
    kernel: str | None


RIVALS: dict[str, Rival] = {
    "no_drive": Rival("no_drive", None),
    "level": Rival("level", "monophasic"),
    "level_two_scales": Rival("level", "two_scales"),
    "suppression": Rival("suppression", "monophasic"),
    "peak": Rival("peak", "opponent"),
    "trough": Rival("trough", "opponent"),
    "trough_sharp": Rival("trough", "jump"),
    "level_trough": Rival("level", "opponent"),
    "encompassing": Rival("encompassing", "opponent3"),
}
"""The hypotheses of a comparison unless an analysis names others.

Each shape that a trough would win by alone is there without one: a sharp rise with a slow decay
and two scales above baseline as levels, a sharp rise before a trough as well as a slow one.
"""


def family_of(drives: Iterable[type[Drive]], kernel: str) -> str:
    """Return the family of a hypothesis, as its drives and its kernel declare it.

    Parameters
    ----------
    drives : iterable of Drive classes
        Those of its channels.
    kernel : str
        Name of its kernel.

    Returns
    -------
    str
        `NO_TROUGH` where no level below baseline moves anything: no drive reads there, or one
        event's response never goes there; `TROUGH` where nothing else does; else `NEITHER`.

    Examples
    --------
    >>> family_of([Drive.named("level")], "monophasic"), family_of([Drive.named("level")], "jump")
    ('no trough', 'neither')
    """
    moving = [drive for drive in drives if drive.gains]
    below = any(drive.reads_below for drive in moving) and Kernel.named(kernel).goes_below
    if not below:
        return NO_TROUGH
    return NEITHER if any(drive.reads_above for drive in moving) else TROUGH


def absent(fitted: Iterable[tuple[Iterable[type[Drive]], str]]) -> list[str]:
    """Return which of `RIVALS` are not among what was fitted, each with its kernel.

    A hypothesis of the same name may have been fitted with another kernel.

    Parameters
    ----------
    fitted : iterable of (drives, kernel)
        Of each hypothesis, whatever it is called: the drives of its channels and its kernel's name.

    Examples
    --------
    >>> absent([([Drive.named(r.drive)], r.kernel or "jump") for r in RIVALS.values()])
    []
    """
    known = set()
    for drives, kernel in fitted:
        each = set(drives)
        if len(each) == 1:  # a rival has one drive for all channels
            drive = each.pop()
            known.add(Rival(drive.name, kernel if drive.gains else None))
    return [
        f"{name} with kernel {rival.kernel}" if rival.kernel else name
        for name, rival in RIVALS.items()
        if rival not in known
    ]
