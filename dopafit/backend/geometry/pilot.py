"""A quick look at the posterior before sampling: where it is, and what shape it has there.

Group effects are centred as far as the data inform them, and the sampler works in coordinates in
which the posterior is round: q = m + L u. This changes the speed, never the posterior. The joint
mode of a hierarchy lies far from where its mass is, so standard deviations are found by
expectation-maximisation with the Laplace approximation (their members integrated out), the rest
by optimisation given them. A drive that is wrong may borrow a kernel far from its prior, so the
search starts from kernels all over it. Optima are told apart by height and by place; the one with
the largest mass gives the scale, and every other one of comparable mass is a place to start from.

References
----------
Partial centring: Papaspiliopoulos, Roberts & Skold (2007), recalled, not re-read; Gorinova,
Moore & Hoffman (2020), recalled, not re-read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.landmark_time import best_landmark
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation
from dopafit.core.seed import integer_seed
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = [
    "LARGEST",
    "RIVAL",
    "Pilot",
    "downhill",
    "find_pilot",
    "locate",
    "pilot_seed",
    "population_values",
    "starting_points",
]

LARGEST = 600
"""Coordinates above which no dense shape is made (it costs a gradient per coordinate and round)
but one of blocks, as long as no more than this many are shared."""

STARTS = 8
LEAD = 1.5
"""Prior standard deviations at which a gain of free sign starts where it leads."""

REACH = 6.0
"""Prior standard deviations around its median within which kernels to start from are spread."""

DISTINCT = 0.5
"""Distance [nats] at which two optima count as two."""

ELSEWHERE = 0.5
"""Prior standard deviations of a population value at which two optima count as two."""

APART = 4.0
"""Standard deviations by which two modes differ in some direction, or else they are one."""

RIVAL = 5.0
"""A second mode whose log mass is this much [nats] smaller holds under 1 % of the posterior."""

SCOUT = 40
"""Steps every start is followed for; the best are followed to the end."""

MODES = 6
"""Optima, from the best, that are followed to the end."""

MEASURED = 4
"""Optima whose mass is measured."""

FAR = 40.0
"""Distance [nats] behind the best optimum beyond which another one's mass is not measured."""

ROUNDS = 6

SURE = 0.26
"""Largest standard error of a log standard deviation at which a group is centred."""

RELIABLE = 0.7
"""Least share of the members' prior variance that the data must take away for that."""


@dataclass(frozen=True)
class Pilot:
    """Where to start and how to scale.

    Parameters
    ----------
    centre : array, (coordinate,)
        Reference point, in coordinates centred by `centring`.
    shape : Arrowhead or None
        L; None where there are too many coordinates, and each keeps its own scale.
    centring : array, (normals,)
        Share of centring of each normal coordinate.
    optima : tuple of float
        Log density of the optima reached from the best starting points, largest first.
    masses : tuple of float
        Log mass (Laplace) of the best distinct optima, largest first; their log density where
        there are too many coordinates to measure a shape.
    clock : str
        Landmark whose time stands for the half-life among the coordinates; empty where it stands
        for itself.
    points : tuple of array, (coordinate,)
        Modes with more than about one per cent of the largest one's mass, that one first, in
        coordinates that are not centred: where chains start.
    """

    centre: np.ndarray
    shape: Arrowhead | None
    centring: np.ndarray
    optima: tuple[float, ...]
    masses: tuple[float, ...]
    clock: str = ""
    points: tuple[np.ndarray, ...] = ()


def find_pilot(
    coordinates: Coordinates,
    density: Callable[[np.ndarray], Density],
    *,
    seed: int,
    starts: int = STARTS,
    blocks: Callable[[], Blocks] | None = None,
) -> Pilot:
    """Optimise from several starts, find the spreads, and measure the shape.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    density : callable (centring) -> callable (q) -> (log density, gradient)
        The log density in coordinates with the given centring.
    seed : int
        Source of the starting points.
    starts : int
        How many.
    blocks : callable () -> Blocks, optional
        Finds which coordinates belong to one subject; called only where there are many.
    """
    normals = coordinates.normals
    plain = density(np.zeros(normals))
    free = _free(coordinates)
    away = functools.partial(_elsewhere, population_values(coordinates))
    scouts = [
        _climb(plain, start, free, SCOUT) for start in starting_points(coordinates, seed, starts)
    ]
    scouts = [one for one in _distinct(scouts, away)[:MODES] if _near(one, scouts)]
    tries = _distinct([_climb(plain, point, free) for point, _ in scouts], away)
    optima = tuple(value for _, value in tries)
    distinct = [one for one in tries if tries[0][1] - one[1] < FAR]
    owners = Blocks(np.arange(free.size), ())
    if free.size > LARGEST and blocks is not None:
        owners = blocks()
    if owners.shared.size > LARGEST:  # each keeps its own scale
        masses = tuple(value for _, value in distinct)
        points = tuple(point for point, value in distinct if masses[0] - value < RIVAL)
        none = np.zeros(normals)
        return Pilot(tries[0][0], None, none, optima, masses, "", points)
    measure = functools.partial(Arrowhead.measure, blocks=owners)
    found = [
        _shaped(coordinates, density, plain, point, free, measure)
        for point, _ in distinct[:MEASURED]
    ]
    found.sort(key=lambda one: -one.mass)
    modes: list[_Mode] = []
    for one in found:
        if all(_apart(coordinates, other, one) for other in modes):
            modes.append(one)
    best = modes[0]
    masses = tuple(one.mass for one in modes)
    points = tuple(one.point for one in modes if best.mass - one.mass < RIVAL)
    return Pilot(best.centre, best.shape, best.centring, optima, masses, best.clock, points)


def locate(layout: Layout, density: Any, *, seed: int) -> Pilot:
    """Return the pilot of a fit.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    density : Density or JaxDensity
        Its compiled log density.
    seed : int
        The seed of the fit; the search gets a stream of its own.
    """
    return find_pilot(
        layout.coordinates,
        density.scaled,
        seed=pilot_seed(layout, seed),
        blocks=functools.partial(find_blocks, layout),
    )


def pilot_seed(layout: Layout, seed: int) -> int:
    """Return the seed of the search for the posterior, from the seed of a fit."""
    return integer_seed(seed, f"pilot/{layout.program.model.hypothesis}")


@dataclass(frozen=True)
class _Mode:
    """An optimum given the spreads, `point` not centred, and the Laplace approximation there."""

    mass: float
    point: np.ndarray
    centre: np.ndarray
    shape: Arrowhead
    centring: np.ndarray
    clock: str


def starting_points(coordinates: Coordinates, seed: int, starts: int = STARTS) -> list[np.ndarray]:
    """Return the points a search starts from, not centred; see `find_pilot`."""
    return _starts(coordinates, _free(coordinates), seed, starts)


def _free(coordinates: Coordinates) -> np.ndarray:
    """Return which coordinates are optimised: all but the group standard deviations."""
    sd = np.array([part == "sd" for _, part, _ in coordinates.half_names] or [False])
    return np.concatenate([np.ones(coordinates.normals, bool), ~sd])


Found = tuple[np.ndarray, float]
"""A point and its log density."""


def population_values(coordinates: Coordinates) -> np.ndarray:
    """Return which coordinates belong to the population: no spread and no member of a group."""
    spread = {k + 1 for k, (_, part, _) in enumerate(coordinates.half_names) if part == "sd"}
    member = np.isin(coordinates.arrays()["x_spread"], list(spread))
    return np.concatenate([~member, _free(coordinates)[coordinates.normals :]])


def _elsewhere(which: np.ndarray, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two points differ in a population value."""
    return bool(np.abs(one - other)[which].max(initial=0.0) > ELSEWHERE)


def _distinct(found: list[Found], away: Callable[[np.ndarray, np.ndarray], bool]) -> list[Found]:
    """Return points in the order of their log density, one of those alike in height and place."""
    result: list[Found] = []
    for one in sorted(found, key=lambda each: -each[1]):
        if all(other[1] - one[1] > DISTINCT or away(other[0], one[0]) for other in result):
            result.append(one)
    return result


def _near(one: Found, found: list[Found]) -> bool:
    """Whether a point is so high that its optimum may matter."""
    return max(value for _, value in found) - one[1] < FAR


def _apart(coordinates: Coordinates, one: _Mode, other: _Mode) -> bool:
    """Whether two modes lie further apart than the posterior around the first one reaches."""
    change = Reparametrisation(coordinates, one.centre, one.shape, one.clock)
    step = change.from_model(coordinates.centred(other.point, one.centring))
    return bool(np.abs(step).max() > APART)


def _starts(coordinates: Coordinates, free: np.ndarray, seed: int, starts: int) -> list[np.ndarray]:
    """Return the prior's median, and points whose kernels lie all over their prior."""
    rng = np.random.default_rng(seed)
    half = np.log(0.5 * coordinates.arrays()["half_scale"])
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


def _shaped(
    coordinates: Coordinates,
    density: Callable[[np.ndarray], Density],
    plain: Density,
    start: np.ndarray,
    free: np.ndarray,
    measure: Callable[[Density, np.ndarray, np.ndarray], Arrowhead],
) -> _Mode:
    """Find the spreads from an optimum on, and measure the posterior around it."""
    point, variance = _spreads(coordinates, plain, start, free, measure)
    centring = _centring(coordinates, variance)
    centre = coordinates.centred(point, centring)
    here, every = density(centring), np.ones(free.size, bool)
    shape = measure(here, centre, every)
    clock = best_landmark(coordinates, centre, *shape.covariance())
    if clock:
        change = Reparametrisation(coordinates, clock=clock)
        here, centre = change.wrap(here), change.from_model(centre)
        shape = measure(here, centre, every)
    mass = float(here(centre)[0]) + shape.log_det
    return _Mode(mass, point, centre, shape, centring, clock)


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


def _spreads(
    coordinates: Coordinates,
    density: Density,
    point: np.ndarray,
    free: np.ndarray,
    measure: Callable[[Density, np.ndarray, np.ndarray], Arrowhead],
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the group standard deviations; return the point and the normals' posterior variances."""
    normals = coordinates.normals
    owner = coordinates.arrays()["x_spread"]
    groups = [k for k, (_, part, _) in enumerate(coordinates.half_names) if part == "sd"]
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


def _centring(coordinates: Coordinates, variance: np.ndarray) -> np.ndarray:
    """Share of each group's prior variance that the data took away, one number a term.

    A centred group has a funnel where its standard deviation nears 0, so it is centred only where
    the data keep it away from there: by the error of the log standard deviation of n members known
    with reliability r, about 1 / (r sqrt(2 n)). The posterior reaches smaller deviations, of which
    the data say less: hence the reliability must be high as well.
    """
    owner = coordinates.arrays()["x_spread"]
    centring = np.zeros(coordinates.normals)
    for k in np.unique(owner[owner > 0]):
        mine = owner == k
        reliability = float(np.clip(1.0 - variance[mine].mean(), 1e-6, 1.0))
        error = 1.0 / (reliability * np.sqrt(2.0 * mine.sum()))
        if reliability >= RELIABLE and error < SURE:
            centring[mine] = reliability
    return centring
