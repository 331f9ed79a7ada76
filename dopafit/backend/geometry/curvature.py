"""A linear map that makes a posterior round: q = m + L u, with L L' the covariance found.

Given everything that subjects share, the likelihood is a product over subjects, so the curvature is
an arrowhead: a border of shared coordinates and one small block per subject. Thousands of subjects
cost no more than their rows; where all coordinates are shared, every pair of them is held.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dopafit.backend.geometry.blocks import Blocks

__all__ = ["FLOOR", "Arrowhead"]

FLOOR = 0.3
"""Least precision of any direction; the prior alone gives about 1."""

STEP = 1e-4


class Arrowhead:
    """A square root L of the inverse of minus the Hessian.

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
        local: tuple[np.ndarray, ...] = (),
        pull: tuple[np.ndarray, ...] = (),
    ) -> None:
        self.blocks, self.border, self.local, self.pull = blocks, border, local, pull

    @classmethod
    def measure(
        cls,
        density: Callable[[np.ndarray], tuple[float, np.ndarray]],
        point: np.ndarray,
        free: np.ndarray,
        blocks: Blocks,
    ) -> Arrowhead:
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

    @classmethod
    def none(cls) -> Arrowhead:
        """Return the map of no coordinates."""
        return cls(Blocks(np.zeros(0, np.int64), ()), np.zeros((0, 0)))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the loops need: the blocks one after the other; ``first``, where each begins."""
        shared, blocks = self.blocks.shared, self.blocks.own
        counts = [own.shape[1] for own in blocks for _ in range(len(own))]
        return {
            "shape.shared": shared.astype(np.int64),
            "shape.border": np.ascontiguousarray(self.border, dtype=float),
            "shape.first": np.cumsum([0, *counts]),
            "shape.own": _flat(blocks, np.int64),
            "shape.local": _flat(self.local, np.float64),
            "shape.pull": _flat(self.pull, np.float64).reshape(sum(counts), shared.size),
        }

    @property
    def name(self) -> str:
        """What it is called in a fit's record."""
        return "arrow" if self.blocks.own else "dense"

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

    def solve(self, step: np.ndarray) -> np.ndarray:
        """Return the u of a step q - m."""
        found, shared = np.empty(step.size), step[self.blocks.shared]
        found[self.blocks.shared] = np.linalg.solve(self.border, shared)
        for own, root, move in zip(self.blocks.own, self.local, self.pull, strict=True):
            found[own] = np.linalg.solve(root, (step[own] + move @ shared)[:, :, None])[:, :, 0]
        return found


def _flat(parts: tuple[np.ndarray, ...], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(part.ravel() for part in parts)]).astype(kind)


def _root(precision: np.ndarray) -> np.ndarray:
    """Return L with L L' the inverse of a precision (or a stack of them), floored."""
    value, vector = np.linalg.eigh(precision)
    return vector / np.sqrt(np.maximum(value, FLOOR))[..., None, :]
