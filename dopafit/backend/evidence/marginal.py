"""How well a claim accounts for a study, in a second: the log marginal likelihood by Laplace.

Subjects are integrated out given what they share (`nested`), and that in turn at its maximum. For
statistics that are computed alike for the data and for many surrogates of them: a permutation
test is right whatever the accuracy, which buys power alone. Searches start from the same points
for every study; a mode of the data themselves would favour these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dopafit.backend.evidence.maximum import Maximum, find_maximum
from dopafit.backend.evidence.nested import Nested
from dopafit.backend.evidence.scores import importance_weights
from dopafit.backend.geometry.reparametrisation import Reparametrisation
from dopafit.backend.geometry.scaled_gains import scaled_gains
from dopafit.backend.geometry.search import find_optima, starting_points
from dopafit.backend.sampler.compiled import Density
from dopafit.core.seed import generator
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = ["Located", "Marginal", "locate_maximum", "log_marginal"]

STARTS = 5
"""Points from which searches start: the prior's median, and kernels all over their prior."""

SCOUT = 25
"""Steps that every start is followed for."""

FOLLOWED = 1
"""Optima that are followed to the end."""


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
    error : float
        Monte Carlo standard error of `value`; NaN where no draws were asked for.
    """

    value: float
    mode: Mapping[str, float]
    k: float = float("nan")
    error: float = float("nan")


@dataclass(frozen=True, eq=False)
class Located:
    """The maximum of one claim for one study, and the function it is the maximum of."""

    nested: Nested
    change: Reparametrisation
    maximum: Maximum


def locate_maximum(layout: Layout, points: list[np.ndarray], density: Density) -> Located:
    """Find the maximum of the shared coordinates' density from several starting points.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    points : list of array, (coordinate,)
        As from `starting_points`.
    density : Density
        Its compiled log density.
    """
    coordinates = layout.coordinates
    change = Reparametrisation(coordinates, gains=_shared_gains(layout))
    nested = Nested(layout, density.changed(change))
    found = find_optima(coordinates, nested.joint, points, scout=SCOUT, most=FOLLOWED)
    maxima = [find_maximum(nested, coordinates, optimum) for optimum, _ in found]
    return Located(nested, change, max(maxima, key=lambda one: one.log_mass))


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
        Draws of the shared coordinates by which the approximation is corrected and judged; none
        unless given.
    """
    coordinates, density = layout.coordinates, Density(layout)
    names = _names(coordinates)
    points = starting_points(coordinates, 0, STARTS)
    for point in points:
        point[:] = [known.get(name, value) for name, value in zip(names, point, strict=True)]
    located = locate_maximum(layout, points, density)
    nested, best = located.nested, located.maximum
    # the sum of the half-normals' constants: 2 / (scale sqrt(2 pi)), and sqrt(2 pi) of Laplace
    constant = float(np.log(2.0 / np.array(coordinates.half_scale)).sum())
    value = best.log_mass + constant if np.isfinite(best.log_mass) else -np.inf
    found = Marginal(value, {})
    if draws:
        rng = generator(0, f"marginal/{layout.program.model.hypothesis}")
        u = rng.standard_normal((draws, len(best.root)))
        inner = [shared_at(located, one) for one in u]
        log_ratio = np.array([one.value for one in inner]) + 0.5 * (u**2).sum(axis=1)
        log_ratio -= best.inner.value
        smooth, tail = importance_weights(log_ratio)
        top = log_ratio.max()
        weight = np.exp(log_ratio - top)
        error = float(weight.std(ddof=1) / weight.mean() / np.sqrt(draws))
        found = replace(found, value=value + top + np.log(weight.mean()), k=tail, error=error)
    point = located.change.to_model(nested.full(best.inner.shared, best.inner.own))
    return replace(found, mode=dict(zip(names, point, strict=True)))


def shared_at(located: Located, u: np.ndarray):
    """Return what is known at a point of the round coordinates, (shared,)."""
    best = located.maximum
    shared = best.inner.shared + best.root @ u
    near = located.nested.predicted(best.inner, shared, best.pull)
    return located.nested.at(shared, near, slope=False)


def _shared_gains(layout: Layout) -> dict[str, np.ndarray]:
    """Return gains at the mean peak, as far as subjects share it."""
    found = scaled_gains(layout, np.zeros(layout.coordinates.normals))
    if not found:
        return found
    shared = layout.coordinates.arrays["x_spread"][found["gains.x"]] == 0
    return found | {
        f"gains.{k}": found[f"gains.{k}"][shared] for k in ("weight", "power", "x", "spread")
    }


def _names(coordinates: Coordinates) -> list[str]:
    """Return a name for every coordinate (x, log h), the same in every claim that has it."""
    found = [""] * (coordinates.normals + coordinates.halves)
    for entry, unit in zip(coordinates.entries, coordinates.unit, strict=True):
        if unit:
            found[unit - 1] = coordinates.key(entry)
    for k, (name, part, label) in enumerate(coordinates.half_names):
        found[coordinates.normals + k] = f"{name}_{part}[{label}]"
    return found
