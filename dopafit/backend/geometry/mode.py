"""A mode of the posterior, and coordinates in which the posterior is round there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dopafit.backend.geometry.landmark_time import best_landmark
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation
from dopafit.backend.geometry.search import Measure
from dopafit.model.layout.coordinates import Coordinates

__all__ = ["RELIABLE", "SURE", "Mode", "measured_mode"]

SURE = 0.26
"""Largest standard error of a log standard deviation at which a group is centred."""

RELIABLE = 0.7
"""Least share of the members' prior variance that the data must take away for that."""


@dataclass(frozen=True)
class Mode:
    """An optimum given the spreads, and the Laplace approximation there.

    Parameters
    ----------
    mass : float
        Log mass.
    point : array, (coordinate,)
        Where it is, not centred.
    change : Reparametrisation
        To coordinates in which the posterior around it is round.
    """

    mass: float
    point: np.ndarray
    change: Reparametrisation


def measured_mode(
    coordinates: Coordinates,
    density: Callable[[np.ndarray], Density],
    point: np.ndarray,
    variance: np.ndarray,
    measure: Measure,
) -> Mode:
    """Measure the posterior around an optimum.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    density : callable (centring) -> Density
        The log density in coordinates with the given centring.
    point : array, (coordinate,)
    variance : array, (normals,)
        From `dopafit.backend.geometry.search.find_spreads`.
    measure : callable (density, point, free) -> Arrowhead
        Measures the curvature.
    """
    change = Reparametrisation(coordinates, centring=_centring(coordinates, variance))
    every = np.ones(point.size, bool)
    here, centre = density(change.centring), change.from_model(point)
    shape = measure(here, centre, every)
    clock = best_landmark(coordinates, centre, *shape.covariance())
    if clock:
        change = replace(change, clock=clock)
        here, centre = change.wrap(here), change.from_model(point)
        shape = measure(here, centre, every)
    mass = float(here(centre)[0]) + shape.log_det
    return Mode(mass, point, replace(change, centre=centre, shape=shape))


def _centring(coordinates: Coordinates, variance: np.ndarray) -> np.ndarray:
    """Share of each group's prior variance that the data took away, one number a term.

    A centred group has a funnel where its standard deviation nears 0, so it is centred only where
    the data keep it away from there: by the error of the log standard deviation of n members known
    with reliability r, about 1 / (r sqrt(2 n)). The posterior reaches smaller deviations, of which
    the data say less: hence the reliability must be high as well.
    """
    owner = coordinates.arrays["x_spread"]
    centring = np.zeros(coordinates.normals)
    for k in np.unique(owner[owner > 0]):
        mine = owner == k
        reliability = float(np.clip(1.0 - variance[mine].mean(), 1e-6, 1.0))
        error = 1.0 / (reliability * np.sqrt(2.0 * mine.sum()))
        if reliability >= RELIABLE and error < SURE:
            centring[mine] = reliability
    return centring
