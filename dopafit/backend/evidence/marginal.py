"""How well a claim accounts for a study, in a second: the log marginal likelihood by Laplace.

For statistics that are computed alike for the data and for many surrogates of them: a permutation
test is right whatever the accuracy, which buys power alone. Searches start from the same points
for every study; a mode of the data themselves would favour these.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dopafit.backend.evidence.approximation import standard
from dopafit.backend.evidence.scores import importance_weights
from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.mode import measured_mode
from dopafit.backend.geometry.pilot import LARGEST
from dopafit.backend.geometry.search import find_optima, find_spreads, starting_points
from dopafit.backend.sampler.compiled import Density, Sampled
from dopafit.core.seed import generator
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = ["Marginal", "log_marginal"]

STARTS = 5
"""Points from which searches start: the prior's median, and kernels all over their prior."""

FOLLOWED = 2
"""Optima whose mass is measured."""


@dataclass(frozen=True)
class Marginal:
    """One claim and one study.

    Parameters
    ----------
    value : float
        Log marginal likelihood; minus infinity where the search found nothing finite.
    mode : mapping of str to float
        Coordinates (x, log h) of the best mode, by name.
    k : float
        Tail shape of the posterior over its approximation, above 0.7 where the approximation
        misses part of it; NaN where it was not asked for.
    """

    value: float
    mode: Mapping[str, float]
    k: float = float("nan")


def log_marginal(layout: Layout, known: Mapping[str, float], *, draws: int = 0) -> Marginal:
    """Return the log marginal likelihood of a layout, by Laplace at the largest mode.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    known : mapping of str to float
        Where the search starts for coordinates of these names: the mode of a claim nested in
        this one.
    draws : int
        Draws by which the approximation is judged; none unless given.
    """
    coordinates, density = layout.coordinates, Density(layout)
    names, plain = _names(coordinates), density.scaled(np.zeros(coordinates.normals))
    points = starting_points(coordinates, 0, STARTS)
    for point in points:
        point[:] = [known.get(name, value) for name, value in zip(names, point, strict=True)]
    # where it is not concave, blocks let variances run away; a dense shape has a floor
    dense = density.size <= LARGEST
    owners = Blocks(np.arange(density.size), ()) if dense else find_blocks(layout)
    measure = functools.partial(Arrowhead.measure, blocks=owners)
    modes = []
    for optimum, _ in find_optima(coordinates, plain, points)[:FOLLOWED]:
        found = find_spreads(coordinates, plain, optimum, measure)
        modes.append(measured_mode(coordinates, density.scaled, *found, measure))
    best = max(modes, key=lambda mode: mode.mass)
    # the sum of the half-normals' constants: 2 / (scale sqrt(2 pi)), and sqrt(2 pi) of Laplace
    constant = float(np.log(2.0 / np.array(coordinates.half_scale)).sum())
    value = best.mass + constant if np.isfinite(best.mass) else -np.inf
    tail = np.nan
    if draws:
        rng = generator(0, f"marginal/{layout.program.model.hypothesis}")
        target = Sampled(density, best.change)
        tail = importance_weights(standard(target, density.size, rng, draws).log_ratio)[1]
    return Marginal(value, dict(zip(names, best.point, strict=True)), float(tail))


def _names(coordinates: Coordinates) -> list[str]:
    """Return a name for every coordinate (x, log h), the same in every claim that has it."""
    found = [""] * (coordinates.normals + coordinates.halves)
    for entry, unit in zip(coordinates.entries, coordinates.unit, strict=True):
        if unit:
            found[unit - 1] = coordinates.key(entry)
    for k, (name, part, label) in enumerate(coordinates.half_names):
        found[coordinates.normals + k] = f"{name}_{part}[{label}]"
    return found
