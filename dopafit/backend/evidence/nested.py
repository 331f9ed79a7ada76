"""The log density of what subjects share, each subject's own coordinates integrated out.

Given the shared coordinates phi, subjects are independent, and Laplace's method at the mode z* of
every subject's block gives

    log p(y, phi) = f(phi, z*) - sum_i log |H_i| / 2,        H_i = -d2 f / dz_i dz_i at z*

f being the joint log density. One evaluation of f and its gradient serves all subjects: steps that
move every subject at once tell the blocks apart. The gradient in phi is exact: that of the log
determinants comes from second differences of f's gradient along a root of the inverse of H, and
from how z* follows phi. Steps that no row joins are taken together, so sessions cost nothing, and
what belongs to one channel alone goes with what belongs to another.

References
----------
Nested Laplace: Rue, Martino & Chopin (2009), JRSS B 71:319; gradient of Laplace's log determinant
by third derivatives: Kass & Steffey (1989), JASA 84:717; both recalled, not re-read.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from scipy.special import erf, erfc, log_ndtr, ndtr, ndtri

from dopafit.backend.evidence.subjects import Subjects, find_subjects
from dopafit.backend.geometry.reparametrisation import Density
from dopafit.model.layout.layout import Layout

__all__ = ["Inner", "Nested"]

STEP = 1e-4
"""Of differences for the curvature, in prior standard deviations."""

ROOT_STEP = 0.01
"""Of differences for its slope, in standard deviations at the mode."""

FOLLOW_STEP = 1e-3
"""Of the difference along which modes follow, in prior standard deviations."""

CLOSE = 1e-9
"""Rise still to come, of any subject's log density, at which a climb to its mode ends."""

LEAST = 0.2
"""Least precision of any direction; the prior alone gives 1."""

CHANGED = 0.3
"""Share of the last step's rise that is left, above which the curvature is measured anew."""

FEW = -5.0
"""Normal score below which a half-normal is in proportion to the share below it."""

ROUNDS = 25

SHORTEST = 1e-4


@dataclass(frozen=True, eq=False)
class Inner:
    """What is known at one point of the shared coordinates.

    Parameters
    ----------
    shared : array, (shared,)
        The point.
    own : array, (subject, place)
        Modes of the subjects' blocks.
    precision : array, (subject, place, place)
        Minus the Hessian there; the identity in places that stand for nothing.
    value : float
        Log density; minus infinity where there is none.
    slope : array, (shared,)
        Its gradient; empty where it was not asked for.
    """

    shared: np.ndarray
    own: np.ndarray
    precision: np.ndarray
    value: float
    slope: np.ndarray


class Nested:
    """The log density of the shared coordinates of one layout, and its gradient.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    density : callable (coordinate,) -> (float, (coordinate,))
        Joint log density in coordinates q = (x, log h) that are not centred; gains may be scaled
        by what subjects share.
    """

    def __init__(self, layout: Layout, density: Density) -> None:
        self.joint, self.subjects = density, find_subjects(layout)
        self.size = layout.coordinates.normals + layout.coordinates.halves
        self.there = self.subjects.own >= 0
        self.own = self.subjects.own[self.there]
        self.shared = np.setdiff1d(np.arange(self.size), self.own)
        # half-normals that are nobody's spread: standard normal a priori in what is shared here
        single = np.arange(len(layout.coordinates.half_scale)) + 1
        single = single[~np.isin(single, layout.coordinates.arrays["x_spread"])] - 1
        self._single = np.searchsorted(self.shared, layout.coordinates.normals + single)
        self._scale = np.log(layout.coordinates.arrays["half_scale"][single])
        owner = np.where(self.there, self.subjects.own, 0)
        owner = layout.coordinates.arrays["x_spread"][owner]
        # where each place's log spread is among the shared coordinates; -1 for none
        place = np.searchsorted(self.shared, layout.coordinates.normals + owner - 1)
        self._spread = np.where(self.there & (owner > 0), place, -1)
        channel = _channels(layout)[np.where(self.there, self.subjects.own, -1)]
        self._moved, self._partner = _joined(
            self.subjects.directions(), _partners(self.subjects), channel
        )

    def full(self, shared: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return all coordinates, (coordinate,), from those shared and the blocks."""
        q = np.empty(self.size)
        q[self.shared], q[self.own] = shared, own[self.there]
        q[self.shared[self._single]] = self._scale + half_normal_score(shared[self._single])[0]
        return q

    def outer(self, shared: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient in the shared coordinates, (shared,), from that in all of q."""
        found = gradient[self.shared].copy()
        _, slope, _, bent = half_normal_score(shared[self._single])
        found[self._single] = found[self._single] * slope + bent
        return found

    def blocks(self, q: np.ndarray) -> np.ndarray:
        """Return the subjects' blocks, (subject, place), of all coordinates."""
        found = np.zeros(self.there.shape)
        found[self.there] = q[self.own]
        return found

    def at(self, shared: np.ndarray, near: Inner, *, slope: bool = True) -> Inner:
        """Return the log density at a point.

        Parameters
        ----------
        shared : array, (shared,)
            The point.
        near : Inner
            Where the climb to the modes starts, and the curvature that it starts with.
        slope : bool
            Whether the gradient is wanted as well, at twice the price.
        """
        own, value, gradient = self._climb(shared, near)
        if not np.isfinite(value):
            return Inner(shared, near.own, near.precision, -np.inf, np.zeros(shared.size))
        precision = self.curvature(shared, own, gradient)
        try:
            # what one session alone has comes first in the root: such columns share no row
            lower = np.linalg.cholesky(precision[:, ::-1, ::-1])
        except np.linalg.LinAlgError:  # off the map: one precision dwarfs another
            return Inner(shared, near.own, near.precision, -np.inf, np.zeros(shared.size))
        value -= float(np.log(np.einsum("nii->ni", lower)).sum())
        value += float(half_normal_score(shared[self._single])[2].sum())
        found = np.zeros(0)
        if slope:
            root = np.linalg.inv(lower).transpose(0, 2, 1)[:, ::-1, ::-1]
            found = self._slope(shared, own, precision, root, gradient)
        return Inner(shared, own, precision, value, found)

    def predicted(self, inner: Inner, shared: np.ndarray, pull: np.ndarray) -> Inner:
        """Return what another point is like, as far as that is known beforehand.

        Blocks follow by `pull`, (subject, place, shared). What the data add to the precision of
        coordinates that are not centred grows with the squares of their spreads.
        """
        step = shared - inner.shared
        ratio = np.where(self._spread >= 0, np.exp(step[self._spread]), 1.0)
        added = inner.precision - np.eye(ratio.shape[1])
        precision = np.eye(ratio.shape[1]) + ratio[:, :, None] * added * ratio[:, None, :]
        return Inner(shared, inner.own - pull @ step, precision, -np.inf, np.zeros(0))

    def start(self, q: np.ndarray) -> Inner:
        """Return the log density near a point of all coordinates, (coordinate,)."""
        shared, own = q[self.shared], self.blocks(q)
        shared[self._single] = normal_score(shared[self._single] - self._scale)
        precision = self.curvature(shared, own, self.joint(q)[1])
        near = Inner(shared, own, precision, -np.inf, np.zeros(0))
        return self.at(shared, near)

    def curvature(self, shared: np.ndarray, own: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return minus the Hessian of every block, (subject, place, place), made positive.

        The arguments are a point, and the gradient of the joint log density there, (coordinate,).
        """
        subjects, places = own.shape
        found = np.tile(np.eye(places), (subjects, 1, 1))
        for moved, partner in zip(self._moved, self._partner, strict=True):
            moved_gradient = self.joint(self.full(shared, own + STEP * moved))[1]
            with np.errstate(over="ignore", invalid="ignore"):  # off the map
                change = self.blocks(gradient - moved_gradient) / STEP
            subject, place = np.nonzero(partner >= 0)
            other = partner[subject, place]
            found[subject, place, other] = change[subject, place]
            found[subject, other, place] = change[subject, place]
        found[~np.isfinite(found).all(axis=(1, 2))] = np.eye(places)
        value, vector = np.linalg.eigh(0.5 * (found + found.transpose(0, 2, 1)))
        if not (value < LEAST).any():
            return found
        return (vector * np.maximum(value, LEAST)[:, None, :]) @ vector.transpose(0, 2, 1)

    def _climb(self, shared: np.ndarray, near: Inner) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the modes of all blocks, and the joint log density and gradient there."""
        own, precision, left = near.own, near.precision, np.inf
        value, gradient = self.joint(self.full(shared, own))
        for turn in range(ROUNDS):
            block = self.blocks(gradient)
            step = _solved(precision, block)
            with np.errstate(over="ignore", invalid="ignore"):  # off the map
                rise = (step * block).sum(axis=1)
            if not np.isfinite(value) or rise.max() < CLOSE:
                break
            if turn and rise.sum() > CHANGED * left:
                precision = self.curvature(shared, own, gradient)
                step = _solved(precision, block)
            left, share = rise.sum(), 1.0
            new = self.joint(self.full(shared, own + step))
            while not new[0] >= value - 1e-9 and share > SHORTEST:
                share *= 0.3
                new = self.joint(self.full(shared, own + share * step))
            if share <= SHORTEST:
                break
            own, (value, gradient) = own + share * step, new
        return own, value, gradient

    def _slope(
        self,
        shared: np.ndarray,
        own: np.ndarray,
        precision: np.ndarray,
        root: np.ndarray,
        gradient: np.ndarray,
    ) -> np.ndarray:
        """Return the gradient in the shared coordinates, those of the log determinants included.

        The columns of `root` are triangular, with root root' the inverse of `precision`.
        """
        bend = np.zeros(self.size)
        for moved in self._moved:
            step = ROOT_STEP * np.einsum("nij,nj->ni", root, moved)
            for side in (step, -step):
                bend += self.joint(self.full(shared, own + side))[1] - gradient
        bend *= 0.5 / ROOT_STEP**2
        follow = _solved(precision, self.blocks(bend))
        share = FOLLOW_STEP / max(np.abs(follow).max(initial=0.0), FOLLOW_STEP)
        down, up = (
            self.joint(self.full(shared, own + side * share * follow))[1] for side in (-1, 1)
        )
        along = (up - down) / (2 * share)
        return self.outer(shared, gradient + bend + along)


def half_normal_score(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what of a standard half-normal has the same share below it as u of a standard normal.

    Parameters
    ----------
    u : array
        Standard normal a priori.

    Returns
    -------
    log_h, slope : arrays
        Its logarithm, and how that changes with u.
    log_slope, bend : arrays
        The log of that slope, and how it changes with u.
    """
    below = u < FEW
    log_h = log_ndtr(u) + 0.5 * np.log(np.pi / 2)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # off the map
        log_h[~below] = np.log(-ndtri(0.5 * ndtr(-u[~below])))
        square = np.exp(2 * log_h)
        log_slope = 0.5 * (square - u**2) - np.log(2) - log_h
        slope = np.exp(log_slope)
        return log_h, slope, log_slope, (square - 1) * slope - u


def normal_score(log_h: np.ndarray) -> np.ndarray:
    """Return the inverse of `half_normal_score`."""
    share = np.exp(log_h) / np.sqrt(2)
    return np.where(share < 1, ndtri(erf(share)), -ndtri(erfc(share)))


def _solved(precision: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return np.linalg.solve(precision, slope[:, :, None])[:, :, 0]


def _channels(layout: Layout) -> np.ndarray:
    """Return the channel whose rows alone a coordinate moves, (coordinate + 1,); -1 for none.

    The last entry stands for no coordinate, and is -2.
    """
    coordinates = layout.coordinates
    found = np.full(coordinates.normals + coordinates.halves + 1, -1)
    found[-1] = -2
    prefixes = [f"{channel.prefix}_" for channel in layout.program.model.channels]
    for entry, unit in zip(coordinates.entries, coordinates.unit, strict=True):
        for number, prefix in enumerate(prefixes):
            if unit and entry.parameter.startswith(prefix):
                found[unit - 1] = number
    return found


def _joined(
    moved: np.ndarray, partner: np.ndarray, channel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join directions within one channel with those within others, which share no row with them.

    Parameters
    ----------
    moved : array, (direction, subject, place)
    partner : array of int, (direction, subject, place)
        Place whose step a place feels alone.
    channel : array of int, (subject, place)
        Channel of each place; -1 for none, -2 where there is no place.

    Returns
    -------
    moved, partner : arrays
        Of fewer directions. As many as before where what belongs to no channel does not come first
        in the blocks: then columns of the root are not within channels.
    """
    ranks = np.where(channel == -2, np.iinfo(int).max, np.minimum(channel, 0))
    if (np.diff(ranks, axis=1) < 0).any():
        return moved, partner
    within = [np.unique(channel[each > 0]) for each in moved]
    queues: dict[int, list[int]] = {}
    for direction, found in enumerate(within):
        queues.setdefault(int(found[0]) if found.size == 1 else -1, []).append(direction)
    steps, felt = [], []
    for direction in queues.pop(-1, []):
        steps.append(moved[direction])
        felt.append(partner[direction])
    for together in zip_longest(*queues.values()):
        step, feels = np.zeros(channel.shape), np.full(channel.shape, -1)
        for direction in together:
            if direction is not None:
                mine = channel == within[direction][0]
                step += moved[direction]
                feels[mine] = partner[direction][mine]
        steps.append(step)
        felt.append(feels)
    return np.array(steps), np.array(felt)


def _partners(subjects: Subjects) -> np.ndarray:
    """Return the place whose step a place feels alone, (direction, subject, place); -1 for none.

    Where one direction moves several sessions' own places, only the places of the same session
    feel one of them alone.
    """
    alone, owner = subjects.alone, np.arange(len(subjects.names))[:, None, None]
    session = np.where(alone >= 0, alone, subjects.of_subject[:, :1])
    partner = subjects.touched[session]
    several = (alone < 0)[:, :, None] & (alone[owner, partner] >= 0)
    partner = np.where(several | (subjects.own < 0)[:, :, None], -1, partner)
    return partner.transpose(2, 0, 1)
