"""Sample the time that the data know best in place of the half-life.

Behaviour often fixes when the level peaks or is lowest to within a few per cent, and says little
about onset and recovery apart. Half-life and onset ratio then lie on a narrow, curved ridge, which
no linear scaling makes round. So the sampler moves the logarithm of that landmark's time in place
of the logarithm of the half-life, everything else held: a shear, of volume 1. The posterior is the
same.
"""

from __future__ import annotations

import numpy as np

from dopafit.model.layout.coordinates import Coordinates
from dopafit.trace.kernel import Kernel

__all__ = ["best_landmark", "landmark_time"]


def landmark_time(coordinates: Coordinates, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a change to a landmark's time.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    name : str
        The landmark, one of the kernel's `clocks`.

    Returns
    -------
    dict of str to array
        ``time.place``: number of the landmark, coordinate of the half-life, coordinates of what the
        time depends on; ``time.scale``: of the latter two, 0 where one is fixed; ``time.location``:
        of the last.
    """
    kernel = Kernel.named(coordinates.model.kernel)
    entries = [coordinates.place(part) for part in (kernel.clock_unit, *kernel.clock_by)]
    own = coordinates.arrays
    places = np.maximum(own["unit"][entries] - 1, 0)
    return {
        "time.place": np.array([kernel.clocks.index(name), *places]),
        "time.scale": own["scale"][entries],
        "time.location": own["loc"][entries[1:]],
    }


def best_landmark(
    coordinates: Coordinates, point: np.ndarray, known: np.ndarray, covariance: np.ndarray
) -> str:
    """Return the landmark whose time is known best; empty where that is the half-life itself.

    Parameters
    ----------
    coordinates : Coordinates
    point : array, (coordinate,)
        Where the posterior is, with its half-life.
    known : array, (part,)
        Coordinates whose covariance is known; the kernel's population values among them.
    covariance : array, (part, part)
        Of the posterior there.
    """
    kernel = Kernel.named(coordinates.model.kernel)
    if not kernel.clocks or kernel.clock_unit not in coordinates.model.parameters:
        return ""
    place = coordinates.place(kernel.clock_unit)
    own = coordinates.unit[place] - 1
    if own < 0:  # the half-life is fixed
        return ""
    deviations = [deviation(coordinates, name, point, known, covariance) for name in kernel.clocks]
    best = int(np.argmin(deviations))
    itself = known == own
    half_life = coordinates.scale[place] * np.sqrt(covariance[itself, itself].item())
    return kernel.clocks[best] if deviations[best] < half_life else ""


def deviation(
    coordinates: Coordinates,
    name: str,
    point: np.ndarray,
    known: np.ndarray,
    covariance: np.ndarray,
) -> float:
    """Return the standard deviation of a landmark's log time, to first order."""
    kernel = Kernel.named(coordinates.model.kernel)
    place, scale, location = landmark_time(coordinates, name).values()
    slopes = kernel.clock(name, location + scale[1:] * point[place[2:]])[1]
    direction = np.zeros(point.size)
    direction[place[1]] = scale[0]
    np.add.at(direction, place[2:], slopes * scale[1:])
    return float(np.sqrt(direction[known] @ covariance @ direction[known]))
