"""The maxima of a log density, and coordinates in which the posterior around each is round.

The joint mode of a hierarchy lies far from where its mass is, so group standard deviations are held
while the rest climbs, and then found by expectation-maximisation with the Laplace approximation
(their members integrated out). A drive that is wrong may borrow a kernel far from its prior, so the
search starts from kernels all over it. Optima are told apart by height and by place.

References
----------
Partial centring: Papaspiliopoulos, Roberts & Skold (2007), recalled, not re-read; Gorinova,
Moore & Hoffman (2020), recalled, not re-read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation, best_landmark
from dopafit.core.machine import available_cores, side_by_side
from dopafit.model.layout.coordinates import Coordinates

__all__ = [
    "FAR",
    "MODES",
    "REACH",
    "RELIABLE",
    "STARTS",
    "SURE",
    "Measure",
    "Mode",
    "downhill",
    "find_optima",
    "find_spreads",
    "measured_mode",
    "population_values",
    "starting_points",
    "threads",
]

STARTS = 8
LEAD = 1.5
"""Prior standard deviations at which a gain of free sign starts where it leads."""

REACH = 6.0
"""Prior standard deviations around its median within which kernels to start from are spread."""

DISTINCT = 0.5
"""Distance [nats] at which two optima count as two."""

ELSEWHERE = 0.5
"""Prior standard deviations of a population value at which two optima count as two."""

SCOUT = 40
"""Steps every start is followed for; the best are followed to the end."""

MODES = 6
"""Optima, from the best, that are followed to the end."""

FAR = 40.0
"""Distance [nats] behind the best point beyond which another one's optimum does not matter."""

MANY = 1000
"""Coordinates from which on searches run side by side."""

ROUNDS = 6
"""Times that the standard deviations are found anew, at most."""

SURE = 0.26
"""Largest standard error of a log standard deviation at which a group is centred."""

RELIABLE = 0.7
"""Least share of the members' prior variance that the data must take away for that."""

Found = tuple[np.ndarray, float]
"""A point and its log density."""

Measure = Callable[[Density, np.ndarray, np.ndarray], Arrowhead]
"""Measures the curvature of a density at a point, in coordinates that are free."""


def _groups(coordinates: Coordinates) -> list[int]:
    """Return which half-normal coordinates are standard deviations of groups."""
    return [k for k, (_, part, _) in enumerate(coordinates.half_names) if part == "sd"]


def _free(coordinates: Coordinates) -> np.ndarray:
    """Return which coordinates are optimised: all but the group standard deviations."""
    free = np.ones(coordinates.normals + coordinates.halves, bool)
    free[[coordinates.normals + k for k in _groups(coordinates)]] = False
    return free


def population_values(coordinates: Coordinates) -> np.ndarray:
    """Return which coordinates belong to the population: no spread and no member of a group."""
    member = np.isin(coordinates.arrays["x_spread"], [k + 1 for k in _groups(coordinates)])
    return np.concatenate([~member, _free(coordinates)[coordinates.normals :]])


def find_optima(
    coordinates: Coordinates,
    density: Density,
    points: Sequence[np.ndarray],
    *,
    scout: int = SCOUT,
    most: int = MODES,
) -> list[Found]:
    """Return the best optima and their log densities, the highest first.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    density : Density
        The log density in coordinates that are not centred.
    points : sequence of array, (coordinate,)
        Where the searches start, as from `starting_points`.
    scout : int
        Steps that every start is followed for.
    most : int
        Optima, from the best, that are followed to the end.
    """
    free, population = _free(coordinates), population_values(coordinates)
    workers = threads(coordinates)
    scouts = [*side_by_side(lambda start: _climb(density, start, free, scout), points, workers)]
    top = max(value for _, value in scouts)
    best = [one for one in _distinct(scouts, population)[:most] if top - one[1] < FAR]
    followed = side_by_side(lambda one: _climb(density, one[0], free), best, workers)
    return _distinct(list(followed), population)


def threads(coordinates: Coordinates) -> int:
    """Return how many searches run side by side: one where taking turns costs too much."""
    return available_cores() if coordinates.normals >= MANY else 1


def _distinct(found: list[Found], population: np.ndarray) -> list[Found]:
    """Return points in the order of their log density, one of those alike in height and place."""
    result: list[Found] = []
    for one in sorted(found, key=lambda each: -each[1]):
        if all(
            other[1] - one[1] > DISTINCT
            or np.abs(other[0] - one[0])[population].max(initial=0.0) > ELSEWHERE
            for other in result
        ):
            result.append(one)
    return result


def starting_points(coordinates: Coordinates, seed: int, starts: int = STARTS) -> list[np.ndarray]:
    """Return the prior's median, and points whose kernels lie all over their prior; not centred."""
    rng, free = np.random.default_rng(seed), _free(coordinates)
    half = np.log(0.5 * coordinates.arrays["half_scale"])
    base = np.concatenate([np.zeros(coordinates.normals), half])
    kernel = coordinates.kernel_normals
    result: list[np.ndarray] = []
    # where signs are free, each gain leads once either way: another account of the same rise
    leads = [(k, size) for k in coordinates.gain_normals for size in (LEAD, -LEAD)]
    # every kernel parameter takes each of as many strata once (a Latin hypercube)
    strata = rng.permuted(np.tile(np.arange(starts - 1), (len(kernel), 1)), axis=1)
    for i in range(starts + len(leads)):
        start = base + rng.uniform(-0.5, 0.5, base.size) * free
        if i >= starts:
            place, size = leads[i - starts]
            start[place] = size
        if 0 < i < starts:
            share = (strata[:, i - 1] + 0.5) / (starts - 1)
            start[kernel] = REACH * (2.0 * share - 1.0)
        result.append(start)
    return result


def downhill(density: Density) -> Density:
    """Return minus the log density and its gradient, a high plateau where there is none."""

    def cost(q: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = density(q)
        known = np.isfinite(value) and np.isfinite(slope).all()
        return (-value, -slope) if known else (1e100, np.zeros(q.size))

    return cost


def _climb(
    density: Density, start: np.ndarray, free: np.ndarray, steps: int = 300
) -> tuple[np.ndarray, float]:
    """Maximise over the free coordinates."""
    from scipy.optimize import minimize

    point, descend = start.copy(), downhill(density)

    def cost(values: np.ndarray) -> tuple[float, np.ndarray]:
        point[free] = values
        value, slope = descend(point)
        return value, slope[free]

    found = minimize(
        cost, start[free], jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 30}
    )
    point[free] = found.x
    return point.copy(), float(-found.fun)


def find_spreads(
    coordinates: Coordinates, density: Density, optimum: np.ndarray, measure: Measure
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the group standard deviations from an optimum on.

    Returns
    -------
    array, (coordinate,)
        The point with these deviations.
    array, (normals,)
        Posterior variances of the normal coordinates there.
    """
    normals, groups, free = coordinates.normals, _groups(coordinates), _free(coordinates)
    owner, point = coordinates.arrays["x_spread"], optimum.copy()
    variance = np.ones(normals)
    for _ in range(ROUNDS):
        variance = measure(density, point, free).variance[:normals]
        before = point.copy()
        for k in groups:
            mine = np.flatnonzero(owner == k + 1)
            h = np.exp(point[normals + k])
            moment = h**2 * (point[mine] ** 2 + variance[mine]).sum()
            scale, n = coordinates.half_scale[k], mine.size - 1
            # mode of n ln h + moment / 2 h^2 + h^2 / 2 scale^2
            square = 0.5 * scale**2 * (-n + np.sqrt(n**2 + 4 * moment / scale**2))
            new = np.sqrt(max(square, 1e-4 * scale**2))
            point[normals + k] = np.log(new)
            point[mine] *= h / new
        point, _ = _climb(density, point, free)
        if not groups or np.abs(point[normals:] - before[normals:]).max() < 0.1:
            break
    return point, variance


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
        From `find_spreads`.
    measure : callable (density, point, free) -> Arrowhead
        Measures the curvature.
    """
    change = Reparametrisation(coordinates, centring=_centring(coordinates, variance))
    every = np.ones(point.size, bool)
    here, centre = density(change.centring), change.unscaled(point)
    shape = measure(here, centre, every)
    clock = best_landmark(coordinates, centre, *shape.covariance())
    if clock:
        change = replace(change, clock=clock)
        here, centre = change.wrap(here), change.unscaled(point)
        shape = measure(here, centre, every)
    mass = float(here(centre)[0]) + shape.log_det
    knee = centre[coordinates.normals :]
    return Mode(mass, point, replace(change, centre=centre, shape=shape, knee=knee))


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
