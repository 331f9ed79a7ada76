"""Sample effect sizes at the typical peak, because only they are informed.

The data see a gain times a peak. When all peaks of a study move together the gains can follow: a
ridge, curved where the spread of the peaks is itself sampled, that no linear scaling removes. So
the sampler moves g' = g exp(m), m the mean log peak over the study's events, in place of g. For
gains of one sign (sampled as ln g) that is a shear, of volume 1; for the others the volume is
exp(-m). The posterior is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from dopafit.backend.codegen.runtime import linear_rows_transposed
from dopafit.model.layout.layout import Layout
from dopafit.model.program import MATRIX

if TYPE_CHECKING:
    from dopafit.backend.bridges.jax_density import JaxDensity
    from dopafit.backend.sampler.compiled import Density

__all__ = ["Shearable", "Sheared"]


class Shearable(ABC):
    """A layout's log density, which can be had with its gains at the mean peak."""

    _layout: Layout

    @abstractmethod
    def centred(self, centring: np.ndarray) -> Density | JaxDensity:
        """Return the same density in coordinates with another centring; the data are shared."""

    def sheared(self, centring: np.ndarray) -> Sheared:
        """Return the density as sampled: centred, and gains at the mean peak."""
        return Sheared(self.centred(centring), self._layout, centring)


class Sheared:
    """A log density in coordinates where gains stand for their size at the mean log peak.

    Parameters
    ----------
    density : Density or JaxDensity
        The log density in its own coordinates.
    layout : Layout
        What it was made from.
    centring : array, (normals,)
        Share of centring of each normal coordinate.
    """

    def __init__(self, density: Density | JaxDensity, layout: Layout, centring: np.ndarray) -> None:
        coordinates, model = layout.coordinates, layout.program.model
        self._density = density
        self._normals = coordinates.normals
        arrays = coordinates.arrays(centring)
        kept = np.zeros(len(coordinates.entries))
        gains = model.gains
        if gains and "peak" in layout.designs:
            parts = [layout.arrays[f"peak.{part}"] for part in MATRIX]
            share = np.full(len(parts[0]), 1.0 / max(len(parts[0]), 1))
            kept = linear_rows_transposed(*parts, share, kept.size) * arrays["scale"]
        used = np.flatnonzero(kept)
        self._weight, self._power = kept[used], arrays["power"][used]
        self._x, self._spread = arrays["unit"][used] - 1, arrays["spread"][used]
        places = [coordinates.place(name) for name in gains] if used.size else []
        half = [self._normals + arrays["spread"][p] - 1 for p in places if arrays["spread"][p]]
        free = [arrays["unit"][p] - 1 for p in places if arrays["unit"][p]]
        self._half, self._free = np.array(half, dtype=int), np.array(free, dtype=int)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to shear: every peak is 1, or no drive has a gain."""
        return not self._weight.size

    def _slope(self, q: np.ndarray) -> np.ndarray:
        """Return the derivative of the mean log peak by each normal coordinate it depends on."""
        lifted = np.concatenate([[0.0], q[self._normals :]])
        return self._weight * np.exp(self._power * lifted[self._spread])

    def _moved(self, q: np.ndarray, mean: float) -> np.ndarray:
        point = q.copy()
        point[self._half] -= mean
        point[self._free] *= np.exp(-mean)
        return point

    def plain(self, q: np.ndarray) -> np.ndarray:
        """Return the point in the density's own coordinates."""
        return q if self.idle else self._moved(q, float(self._slope(q) @ q[self._x]))

    def __call__(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density and its gradient (coordinate,)."""
        if self.idle:
            return self._density(q)
        # a step far off the map ends as infinity, which the sampler turns back from
        with np.errstate(over="ignore", invalid="ignore"):
            return self._sheared(q)

    def _sheared(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        by_x = self._slope(q)
        part = by_x * q[self._x]
        mean = float(part.sum())
        point = self._moved(q, mean)
        value, slope = self._density(point)
        gradient = slope.copy()
        gradient[self._free] *= np.exp(-mean)
        by_mean = -slope[self._half].sum() - slope[self._free] @ point[self._free] - self._free.size
        np.add.at(gradient, self._x, by_mean * by_x)
        own = self._spread > 0
        at = self._normals + self._spread[own] - 1
        np.add.at(gradient, at, by_mean * (self._power * part)[own])
        return value - self._free.size * mean, gradient
