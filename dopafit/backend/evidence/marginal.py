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

from dopafit.backend.evidence.first_draws import draw_shared
from dopafit.backend.evidence.maximum import Located, locate_maxima
from dopafit.backend.evidence.scores import importance_weights
from dopafit.backend.geometry.search import starting_points
from dopafit.backend.sampler.compiled import Density
from dopafit.core.seed import generator
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = ["STARTS", "Marginal", "coordinate_names", "located_marginal", "log_marginal"]

STARTS = 5
"""Points from which searches start: the prior's median, and kernels all over their prior."""

POOR, MOST = 0.7, 8
"""Where the tail of the weights is heavier than this there are more draws, up to so many times."""


@dataclass(frozen=True)
class Marginal:
    """One claim and one study.

    Parameters
    ----------
    value : float
        Log marginal likelihood by Laplace; minus infinity where the search found nothing finite.
    mode : mapping of str to float
        Coordinates (x, log h) of the best mode, by name.
    corrected : float
        The same by importance sampling around the mode; NaN where no draws were asked for.
    error : float
        Its Monte Carlo standard error.
    k : float
        Tail shape of its weights, above 0.7 where they miss part of the posterior.
    """

    value: float
    mode: Mapping[str, float]
    corrected: float = float("nan")
    error: float = float("nan")
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
        Draws of the shared coordinates by which the approximation is corrected and judged; none
        unless given. Doubled, up to three times, while k is above 0.7.
    """
    return located_marginal(layout, known, draws=draws)[0]


def located_marginal(
    layout: Layout, known: Mapping[str, float], *, draws: int = 0
) -> tuple[Marginal, Located]:
    """Return the same with the maxima, for whoever draws from around them.

    The parameters are those of `log_marginal`.
    """
    coordinates, density = layout.coordinates, Density(layout)
    names = coordinate_names(coordinates)
    points = starting_points(coordinates, 0, STARTS)
    for point in points:
        point[:] = [known.get(name, value) for name, value in zip(names, point, strict=True)]
    located = locate_maxima(layout, points, density)
    nested, best = located.nested, located.maxima[0]
    # the sum of the half-normals' constants: 2 / (scale sqrt(2 pi)), and sqrt(2 pi) of Laplace
    constant = float(np.log(2.0 / np.array(coordinates.half_scale)).sum())
    value = best.log_mass + constant if np.isfinite(best.log_mass) else -np.inf
    found = Marginal(value, {})
    if draws:
        rng = generator(0, f"marginal/{layout.program.model.hypothesis}")
        shared = draw_shared(located, rng, draws)
        tail = importance_weights(shared.log_weight)[1]
        while tail > POOR and len(shared.inner) < MOST * draws:
            shared = shared.joined(draw_shared(located, rng, len(shared.inner)))
            tail = importance_weights(shared.log_weight)[1]
        found = Marginal(value, {}, shared.log_mass + constant, shared.error, tail)
    point = located.change.to_model(nested.full(best.inner.shared, best.inner.own))
    return replace(found, mode=dict(zip(names, point, strict=True))), located


def coordinate_names(coordinates: Coordinates) -> list[str]:
    """Return a name for every coordinate (x, log h), the same in every claim that has it."""
    found = [""] * (coordinates.normals + coordinates.halves)
    for entry, unit in zip(coordinates.entries, coordinates.unit, strict=True):
        if unit:
            found[unit - 1] = coordinates.key(entry)
    for k, (name, part, label) in enumerate(coordinates.half_names):
        found[coordinates.normals + k] = f"{name}_{part}[{label}]"
    return found
