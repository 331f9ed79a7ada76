"""Sample the time that the data know best in place of the half-life.

Behaviour often fixes when the level peaks or is lowest to within a few per cent, and says little
about onset and recovery apart. Half-life and onset ratio then lie on a narrow, curved ridge, which
no linear scaling makes round. So the sampler moves the logarithm of that landmark's time in place
of the logarithm of the half-life, everything else held: a shear, of volume 1. The posterior is the
same.
"""

from __future__ import annotations

import numpy as np

from dopafit.backend.geometry.curvature import Density
from dopafit.model.layout.coordinates import Coordinates
from dopafit.trace.kernel import Kernel

__all__ = ["Clock", "best_clock"]


class Clock:
    """The map from coordinates with a landmark's time to coordinates with the half-life.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    name : str
        The landmark, one of the kernel's `clocks`.
    """

    def __init__(self, coordinates: Coordinates, name: str) -> None:
        self.name = name
        self._kernel = Kernel.named(coordinates.model.kernel)
        places = [coordinates.place(n) for n in (self._kernel.clock_unit, *self._kernel.clock_by)]
        own = coordinates.arrays()
        self._own, *by = own["unit"][places] - 1
        self._scale, *scales = own["scale"][places]
        self._by, self._scales = np.array(by), np.array(scales)  # -1, and 0, where it is fixed
        self._locations = own["loc"][places[1:]]

    def _log_time(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log of the time in half-lives, and its slopes by the coordinates in `_by`."""
        value, slopes = self._kernel.clock(self.name, self._locations + self._scales * q[self._by])
        return value, slopes * self._scales

    def plain(self, q: np.ndarray) -> np.ndarray:
        """Return the point with its half-life."""
        point = q.copy()
        point[self._own] -= self._log_time(q)[0] / self._scale
        return point

    def wound(self, point: np.ndarray) -> np.ndarray:
        """Return the point with the landmark's time in place of its half-life."""
        q = point.copy()
        q[self._own] += self._log_time(point)[0] / self._scale
        return q

    def of(self, density: Density) -> Density:
        """Return the density as a function of wound points."""

        def wound_density(q: np.ndarray) -> tuple[float, np.ndarray]:
            # a step far off the map ends as infinity, which the sampler turns back from
            with np.errstate(over="ignore", invalid="ignore"):
                return moved(q)

        def moved(q: np.ndarray) -> tuple[float, np.ndarray]:
            log_time, slopes = self._log_time(q)
            point = q.copy()
            point[self._own] -= log_time / self._scale
            value, slope = density(point)
            gradient = slope.copy()
            np.add.at(gradient, self._by, -slope[self._own] / self._scale * slopes)
            return value, gradient

        return wound_density

    def deviation(self, point: np.ndarray, at: np.ndarray, covariance: np.ndarray) -> float:
        """Return the standard deviation of the landmark's log time, to first order."""
        direction = np.zeros(point.size)
        direction[self._own] = self._scale
        np.add.at(direction, self._by, self._log_time(point)[1])
        return float(np.sqrt(direction[at] @ covariance @ direction[at]))


def best_clock(
    coordinates: Coordinates, point: np.ndarray, at: np.ndarray, covariance: np.ndarray
) -> Clock | None:
    """Return the clock whose time is known best; None where that is the half-life itself.

    Parameters
    ----------
    coordinates : Coordinates
    point : array, (coordinate,)
        Where the posterior is, with its half-life.
    at : array, (part,)
        Coordinates whose covariance is known; the kernel's population values among them.
    covariance : array, (part, part)
        Of the posterior there.
    """
    kernel = Kernel.named(coordinates.model.kernel)
    if not kernel.clocks or kernel.clock_unit not in coordinates.model.parameters:
        return None
    place = coordinates.place(kernel.clock_unit)
    own = coordinates.unit[place] - 1
    if own < 0:  # the half-life is fixed
        return None
    clocks = [Clock(coordinates, name) for name in kernel.clocks]
    spread = [clock.deviation(point, at, covariance) for clock in clocks]
    best = int(np.argmin(spread))
    half_life = coordinates.scale[place] * np.sqrt(covariance[at == own, at == own].item())
    return clocks[best] if spread[best] < half_life else None
