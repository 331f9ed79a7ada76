"""A quick look at the posterior before sampling: where it is, and what shape it has there.

Group effects are centred as far as the data inform them, and the sampler works in coordinates in
which the posterior is round: q = m + L u. This changes the speed, never the posterior. Of the
optima that `search` finds the one with the largest mass gives the scale, and every other one of
comparable mass is a place to start from.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation, scaled_gains
from dopafit.backend.geometry.search import (
    FAR,
    STARTS,
    Mode,
    find_optima,
    find_spreads,
    measured_mode,
    starting_points,
)
from dopafit.core.machine import single_threaded
from dopafit.core.seed import integer_seed
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = ["LARGEST", "RIVAL", "Pilot", "find_pilot", "locate", "pilot_seed"]

LARGEST = 600
"""Coordinates above which no dense shape is made (it costs a gradient per coordinate and round)
but one of blocks, as long as no more than this many are shared."""

APART = 4.0
"""Standard deviations by which two modes differ in some direction, or else they are one."""

RIVAL = 5.0
"""A second mode whose log mass is this much [nats] smaller holds under 1 % of the posterior."""

MEASURED = 4
"""Optima whose mass is measured."""


@dataclass(frozen=True)
class Pilot:
    """Where to start and how to scale.

    Parameters
    ----------
    change : Reparametrisation
        To coordinates in which the posterior is round; without a shape where there are too many
        coordinates, and each keeps its own scale.
    optima : tuple of float
        Log density of the optima reached from the best starting points, largest first.
    masses : tuple of float
        Log mass (Laplace) of the best distinct optima, largest first; their log density where
        there are too many coordinates to measure a shape.
    points : array, (mode, coordinate)
        Modes with more than about one per cent of the largest one's mass, that one first: x and
        log h.
    starts : tuple of array, (coordinate,)
        Where chains start in them, in the coordinates of `change`.
    """

    change: Reparametrisation
    optima: tuple[float, ...]
    masses: tuple[float, ...]
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    starts: tuple[np.ndarray, ...] = ()


def find_pilot(
    coordinates: Coordinates,
    density: Callable[[np.ndarray], Density],
    *,
    seed: int,
    starts: int = STARTS,
    blocks: Callable[[], Blocks] | None = None,
    gains: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
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
    gains : callable (centring) -> arrays, optional
        The change to gains at the mean peak that `density` holds, as `scaled_gains` returns it.
    """
    plain = density(np.zeros(coordinates.normals))
    found = find_optima(coordinates, plain, starting_points(coordinates, seed, starts))
    optima = tuple(value for _, value in found)
    near = [(point, value) for point, value in found if optima[0] - value < FAR]
    normals, size = coordinates.normals, coordinates.normals + coordinates.halves
    owners = Blocks(np.arange(size), ())
    if size > LARGEST and blocks is not None:
        owners = blocks()
    if owners.shared.size > LARGEST:  # each keeps its own scale
        modes = [
            Mode(value, point, Reparametrisation(coordinates, point, knee=point[normals:]))
            for point, value in near
        ]
    else:
        measure = functools.partial(Arrowhead.measure, blocks=owners)
        modes, measured = [], []
        for optimum, _ in near[:MEASURED]:
            point, variance = find_spreads(coordinates, plain, optimum, measure)
            measured.append(measured_mode(coordinates, density, point, variance, measure))
        for one in sorted(measured, key=lambda mode: -mode.mass):
            # another one lies further away than the posterior around those before reaches
            if all(np.abs(other.change.from_model(one.point)).max() > APART for other in modes):
                modes.append(one)
    masses = tuple(one.mass for one in modes)
    change = modes[0].change
    points = [one.point for one in modes if masses[0] - one.mass < RIVAL]
    begin = (np.zeros(size), *(change.from_model(point) for point in points[1:]))
    there = Reparametrisation(coordinates)
    if gains is not None:
        change = replace(change, gains=gains(change.centring))
        there = replace(there, gains=gains(there.centring))
    return Pilot(change, optima, masses, np.array([there.to_model(p) for p in points]), begin)


@single_threaded()
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
        gains=functools.partial(scaled_gains, layout),
    )


def pilot_seed(layout: Layout, seed: int) -> int:
    """Return the seed of the search for the posterior, from the seed of a fit."""
    return integer_seed(seed, f"pilot/{layout.program.model.hypothesis}")
