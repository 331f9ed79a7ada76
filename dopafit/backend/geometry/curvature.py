"""Linear maps that make a posterior round: q = m + L u, with L L' the covariance found.

`Dense` holds every pair of coordinates; `Arrow` a border and one block per subject, so that
thousands of subjects cost no more than their rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dopafit.backend.codegen.special import affine, transposed
from dopafit.backend.geometry.blocks import Blocks

__all__ = ["FLOOR", "Arrow", "Dense", "Density", "Shape"]

FLOOR = 0.3
"""Least precision of any direction; the prior alone gives about 1."""

STEP = 1e-4

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""A log density and its gradient (coordinate,) at a point."""


class Dense:
    """A square root of the inverse of minus the Hessian, over some or all coordinates.

    Parameters
    ----------
    root : array, (coordinate, coordinate)
        L.
    """

    def __init__(self, root: np.ndarray) -> None:
        self.root = np.ascontiguousarray(root)

    @classmethod
    def measure(cls, density: Density, point: np.ndarray, free: np.ndarray) -> Dense:
        """Measure the curvature over the free coordinates, a gradient for each of them."""
        at = np.flatnonzero(free)
        rows = np.empty((at.size, at.size))
        here = density(point)[1]
        for row, i in enumerate(at):
            step = np.zeros(point.size)
            step[i] = STEP
            rows[row] = (here - density(point + step)[1])[at] / STEP
        return cls(_root(0.5 * (rows + rows.T)))

    @property
    def variance(self) -> np.ndarray:
        """Variance of each coordinate measured."""
        return (self.root**2).sum(axis=1)

    @property
    def log_det(self) -> float:
        """Logarithm of the determinant of L."""
        return float(np.linalg.slogdet(self.root)[1])

    def covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the shared coordinates and their covariance; here all of them."""
        return np.arange(len(self.root)), self.root @ self.root.T

    def place(self, centre: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return m + L u."""
        return affine(centre, self.root, u)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """Return L' g."""
        return transposed(self.root, gradient)

    def solve(self, step: np.ndarray) -> np.ndarray:
        """Return the u of a step q - m."""
        return np.linalg.solve(self.root, step)


class Arrow:
    """The same for a border and blocks: locals given the shared, and the shared with them out.

    Parameters
    ----------
    blocks : Blocks
        Who owns which coordinate.
    border : array, (shared, shared)
        L over the shared coordinates, the others integrated out.
    local : tuple of arrays, (subject, size, size)
        L over a subject's coordinates given the shared ones.
    pull : tuple of arrays, (subject, size, shared)
        How far a subject's coordinates move against a step of the shared ones.
    """

    def __init__(
        self,
        blocks: Blocks,
        border: np.ndarray,
        local: tuple[np.ndarray, ...],
        pull: tuple[np.ndarray, ...],
    ) -> None:
        self.blocks, self.border, self.local, self.pull = blocks, border, local, pull

    @classmethod
    def measure(
        cls, density: Density, point: np.ndarray, free: np.ndarray, blocks: Blocks
    ) -> Arrow:
        """Measure the curvature: a gradient per shared coordinate and per place in a block.

        Shared coordinates that are not free get the row of the identity.
        """
        here, shared = density(point)[1], blocks.shared

        def column(which: np.ndarray) -> np.ndarray:
            step = np.zeros(point.size)
            step[which] = STEP
            return (here - density(point + step)[1]) / STEP

        top = np.eye(shared.size)
        sides = [np.zeros((*own.shape, shared.size)) for own in blocks.own]
        moving = np.flatnonzero(free[shared])
        for j in moving:
            change = column(shared[j : j + 1])
            top[moving, j] = change[shared[moving]]
            for side, own in zip(sides, blocks.own, strict=True):
                side[:, :, j] = change[own]
        squares = [np.zeros((*own.shape, own.shape[1])) for own in blocks.own]
        for j, which in enumerate(blocks.colours):
            change = column(which)
            for square, own in zip(squares, blocks.own, strict=True):
                if own.shape[1] > j:
                    square[:, :, j] = change[own]
        local = tuple(_root(0.5 * (s + s.transpose(0, 2, 1))) for s in squares)
        pull = tuple(
            root @ (root.transpose(0, 2, 1) @ side) for root, side in zip(local, sides, strict=True)
        )
        inner = 0.5 * (top + top.T)
        for side, move in zip(sides, pull, strict=True):
            inner = inner - np.einsum("skj,ski->ji", side, move)
        return cls(blocks, _root(0.5 * (inner + inner.T)), local, pull)

    @property
    def variance(self) -> np.ndarray:
        """Variance of every coordinate."""
        found = np.empty(self.blocks.shared.size + sum(own.size for own in self.blocks.own))
        found[self.blocks.shared] = (self.border**2).sum(axis=1)
        for own, root, move in zip(self.blocks.own, self.local, self.pull, strict=True):
            found[own] = (root**2).sum(axis=2) + ((move @ self.border) ** 2).sum(axis=2)
        return found

    @property
    def log_det(self) -> float:
        """Logarithm of the determinant of L."""
        parts = [np.linalg.slogdet(root)[1].sum() for root in self.local]
        return float(np.linalg.slogdet(self.border)[1] + sum(parts))

    def covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the shared coordinates and their covariance."""
        return self.blocks.shared, self.border @ self.border.T

    def place(self, centre: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return m + L u."""
        q = centre.copy()
        step = self.border @ u[self.blocks.shared]
        q[self.blocks.shared] += step
        for own, root, move in zip(self.blocks.own, self.local, self.pull, strict=True):
            q[own] += (root @ u[own][:, :, None])[:, :, 0] - move @ step
        return q

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """Return L' g."""
        found = np.empty(gradient.size)
        border = gradient[self.blocks.shared].copy()
        for own, root, move in zip(self.blocks.own, self.local, self.pull, strict=True):
            mine = gradient[own]
            found[own] = (mine[:, None, :] @ root)[:, 0, :]
            border -= mine.ravel() @ move.reshape(-1, border.size)
        found[self.blocks.shared] = self.border.T @ border
        return found

    def solve(self, step: np.ndarray) -> np.ndarray:
        """Return the u of a step q - m."""
        found, shared = np.empty(step.size), step[self.blocks.shared]
        found[self.blocks.shared] = np.linalg.solve(self.border, shared)
        for own, root, move in zip(self.blocks.own, self.local, self.pull, strict=True):
            found[own] = np.linalg.solve(root, (step[own] + move @ shared)[:, :, None])[:, :, 0]
        return found


Shape = Dense | Arrow


def _root(precision: np.ndarray) -> np.ndarray:
    """Return L with L L' the inverse of a precision (or a stack of them), floored."""
    value, vector = np.linalg.eigh(precision)
    return vector / np.sqrt(np.maximum(value, FLOOR))[..., None, :]
