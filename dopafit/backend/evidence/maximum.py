"""Where the log density of what subjects share is largest, and how wide it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dopafit.backend.evidence.nested import Inner, Nested
from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
from dopafit.backend.geometry.search import find_optima, threads
from dopafit.core.machine import side_by_side
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout

__all__ = ["Located", "Maximum", "find_maximum", "locate_maxima"]

STEP = 1e-4

FLOOR = 0.3
"""Least precision of any direction; the prior alone gives about 1."""

FLAT = 0.1
"""Slope per standard deviation, in any direction, at which a search ends."""

SCOUT = 25
"""Steps that every start is followed for."""

TURNS = (8, 8, 40)
"""Steps after which the scale is measured anew."""


@dataclass(frozen=True, eq=False)
class Maximum:
    """The largest value found, and its surroundings to second order.

    Parameters
    ----------
    inner : Inner
        The point.
    root : array, (shared, shared)
        L with L L' the inverse of minus the Hessian there, nearly: what moves with the spreads is
        taken from the members' reliability.
    pull : array, (subject, place, shared)
        How far the modes of blocks move against a step of the shared coordinates.
    """

    inner: Inner
    root: np.ndarray
    pull: np.ndarray

    @property
    def log_mass(self) -> float:
        """Log of the integral, over (2 pi)^(size / 2)."""
        return self.inner.value + float(np.linalg.slogdet(self.root)[1])


@dataclass(frozen=True, eq=False)
class Located:
    """The maxima of one claim for one study, and what they are the maxima of.

    Parameters
    ----------
    nested : Nested
        The log density.
    change : Reparametrisation
        From its coordinates to the model's.
    maxima : list of Maximum
        That of the largest mass first.
    """

    nested: Nested
    change: Reparametrisation
    maxima: list[Maximum]


def locate_maxima(
    layout: Layout, points: list[np.ndarray], density: Any, *, followed: int = 1
) -> Located:
    """Find the maxima of the shared coordinates' density from several starting points.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    points : list of array, (coordinate,)
        As from `starting_points`.
    density : Density or JaxDensity
        Its compiled log density.
    followed : int
        Optima of the joint density, given spreads, that are followed to the end.
    """
    coordinates = layout.coordinates
    change = Reparametrisation(coordinates, gains=_shared_gains(layout))
    nested = Nested(layout, density.changed(change))
    found = find_optima(coordinates, nested.joint, points, scout=SCOUT, most=followed)
    maxima = side_by_side(
        lambda one: find_maximum(nested, coordinates, one[0]), found, threads(coordinates)
    )
    return Located(nested, change, sorted(maxima, key=lambda one: -one.log_mass))


def find_maximum(nested: Nested, coordinates: Coordinates, start: np.ndarray) -> Maximum:
    """Climb to the maximum, in coordinates that are round nearly.

    Parameters
    ----------
    nested : Nested
        The log density.
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    start : array, (coordinate,)
        Where the search starts: near the joint maximum given spreads.
    """
    inner = nested.start(start)
    root, pull = _shape(nested, coordinates, inner)
    for steps in TURNS:
        if np.isfinite(inner.value):
            inner = _climb(nested, inner, root, steps)
            root, pull = _shape(nested, coordinates, inner)
        if np.abs(root.T @ inner.slope).max() < FLAT:
            break
    return Maximum(inner, root, pull)


def _climb(nested: Nested, start: Inner, root: np.ndarray, steps: int) -> Inner:
    from scipy.optimize import minimize

    best = last = start

    def cost(u: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best, last
        here = start if not u.any() else nested.at(start.shared + root @ u, last)
        if not np.isfinite(here.value):
            return 1e100, np.zeros(u.size)
        last = here
        if here.value > best.value:
            best = here
        return -here.value, -root.T @ here.slope

    options = {"gtol": FLAT, "maxiter": steps, "maxcor": 20}
    # scipy's BFGS changes the process's filters of warnings, which threads must not
    minimize(cost, np.zeros(len(root)), jac=True, method="L-BFGS-B", options=options)
    return best


def _shape(nested: Nested, coordinates: Coordinates, inner: Inner) -> tuple[np.ndarray, np.ndarray]:
    """Return a root of the covariance of the shared coordinates, and how blocks follow them."""
    here, size = nested.joint(nested.full(inner.shared, inner.own))[1], nested.shared.size
    outer = nested.outer(inner.shared, here)
    top, side = np.empty((size, size)), np.empty((*inner.own.shape, size))
    for j, step in enumerate(STEP * np.eye(size)):
        moved = inner.shared + step
        gradient = nested.joint(nested.full(moved, inner.own))[1]
        top[:, j] = (outer - nested.outer(moved, gradient)) / STEP
        side[:, :, j] = nested.blocks(here - gradient) / STEP
    inverse = np.linalg.inv(inner.precision)
    pull = inverse @ side
    precision = 0.5 * (top + top.T) - np.einsum("nij,nik->jk", side, pull)
    _reliable(nested, coordinates, inner, np.einsum("nii->ni", inverse), precision)
    value, vector = np.linalg.eigh(np.where(np.isfinite(precision), precision, 0.0))
    return vector / np.sqrt(np.maximum(value, FLOOR)), pull


def _reliable(
    nested: Nested,
    coordinates: Coordinates,
    inner: Inner,
    variance: np.ndarray,
    precision: np.ndarray,
) -> None:
    """Put in the precision of log spreads whose members were integrated out.

    Members known with reliability r_i inform it by 2 sum r_i^2; its half-normal prior by 2 h^2/s^2.
    """
    owner, normals = coordinates.arrays["x_spread"][nested.own], coordinates.normals
    reliability = np.clip(1.0 - variance[nested.there], 0.0, 1.0)
    for j in np.flatnonzero(nested.shared >= normals):
        spread = nested.shared[j] - normals
        members = owner == spread + 1
        if members.any():
            precision[j], precision[:, j] = 0.0, 0.0
            ratio = np.exp(inner.shared[j]) / coordinates.arrays["half_scale"][spread]
            precision[j, j] = 2.0 * (reliability[members] ** 2).sum() + 2.0 * ratio**2


def _shared_gains(layout: Layout) -> dict[str, np.ndarray]:
    """Return gains at the mean peak, as far as subjects share it."""
    found = scaled_gains(layout, np.zeros(layout.coordinates.normals))
    if not found:
        return found
    shared = layout.coordinates.arrays["x_spread"][found["gains.x"]] == 0
    return found | {
        f"gains.{k}": found[f"gains.{k}"][shared] for k in ("weight", "power", "x", "spread")
    }
