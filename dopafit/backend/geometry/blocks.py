"""Which coordinates belong to one subject alone.

Given everything that subjects share, the likelihood is a product over subjects. So the curvature
of the posterior is an arrow: a border of shared coordinates and one small block per subject. The
blocks of all subjects are measured at once, whatever their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dopafit.model.layout.layout import Layout
from dopafit.study.sessions import session_numbers

__all__ = ["Blocks", "find_blocks", "find_owners"]


@dataclass(frozen=True)
class Blocks:
    """Coordinates by owner.

    Parameters
    ----------
    shared : array, (shared,)
        Coordinates that no single subject owns.
    own : tuple of arrays, (subject, size)
        Coordinates of subjects that own `size` of them, one array per size.
    """

    shared: np.ndarray
    own: tuple[np.ndarray, ...]

    @property
    def colours(self) -> list[np.ndarray]:
        """Sets of coordinates no two of which meet in any subject's data."""
        largest = max((block.shape[1] for block in self.own), default=0)
        return [
            np.concatenate([block[:, j] for block in self.own if block.shape[1] > j])
            for j in range(largest)
        ]


def find_blocks(layout: Layout) -> Blocks:
    """Return the owners of a layout's coordinates q = (x, log h).

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    """
    owner = find_owners(layout, pd.factorize(layout.sessions["subject"])[0])
    local = np.flatnonzero(owner >= 0)
    local = local[np.argsort(owner[local], kind="stable")]
    _, first, count = np.unique(owner[local], return_index=True, return_counts=True)
    own = tuple(
        np.stack([local[f : f + size] for f in first[count == size]]) for size in np.unique(count)
    )
    return Blocks(np.flatnonzero(owner < 0), own)


def find_owners(layout: Layout, group: np.ndarray) -> np.ndarray:
    """Return the one group of sessions that owns each coordinate, (coordinate,).

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    group : array of int, (session,)
        Group of each session, its subject for instance.

    Returns
    -------
    array of int, (coordinate,)
        Group in whose rows alone a group deviation occurs; -1 for what several groups share, for
        population values and for spreads.
    """
    coordinates = layout.coordinates
    owner = np.full(coordinates.normals + coordinates.halves, -1)
    unit = np.array(coordinates.unit)
    for name, found in layout.designs.items():
        rows = group[_sessions(layout, name)]
        start = coordinates.start(name) + len(found.columns)
        for term in found.groups:
            used = (term.values != 0) & (term.codes >= 0)
            owner[unit[start : start + len(term.levels)] - 1] = _owners(
                term.codes[used], rows[used], len(term.levels)
            )
            start += len(term.levels)
    return owner


def _sessions(layout: Layout, name: str) -> np.ndarray:
    """Return the session of each row of a parameter's table, as its number in the layout."""
    for channel in layout.program.model.channels:
        if name.startswith(f"{channel.prefix}_"):
            return session_numbers(layout.sessions, layout.rows[channel.prefix].frame)
    number = np.arange(len(layout.sessions))
    if layout.program.model.parameters[name].varies == "event":
        return np.repeat(number, np.diff(layout.arrays["event_offset"]))
    return number


def _owners(level: np.ndarray, group: np.ndarray, levels: int) -> np.ndarray:
    """Return the one group in whose rows a level occurs; -1 for several, or none."""
    low, high = np.full(levels, np.iinfo(np.int64).max), np.full(levels, -1)
    np.minimum.at(low, level, group)
    np.maximum.at(high, level, group)
    return np.where(low == high, high, -1)
