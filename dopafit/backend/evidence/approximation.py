"""Quick looks at a posterior: Laplace and Pathfinder, made honest by importance weights.

Both draw from a normal distribution that imitates the posterior. The ratios of the two densities
are smoothed (Pareto-smoothed importance sampling), the draws are drawn again by them, and the shape
k of their tail says whether even that can be trusted: above 0.7 it cannot.

References
----------
Pathfinder: Zhang, Carpenter, Gelman & Vehtari (2022), JMLR 23; smoothing: Vehtari et al. (2024),
JMLR 25; both recalled, not re-read.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from dopafit.backend.evidence.scores import importance_weights
from dopafit.backend.geometry.reparametrisation import Density
from dopafit.backend.geometry.search import downhill

__all__ = ["Normal", "Proposal", "pathfinder", "resample", "standard"]

HISTORY = 6
"""Steps of the search that make the covariance of Pathfinder."""

TRIES = 10
"""Draws by which the points of a path are compared."""

STEPS = 300


@dataclass(frozen=True)
class Proposal:
    """Draws from an imitation of the posterior.

    Parameters
    ----------
    points : array, (draw, coordinate)
    log_ratio : array, (draw,)
        Log density of the posterior (up to a constant) less that of the imitation.
    """

    points: np.ndarray
    log_ratio: np.ndarray


class Normal:
    """Normal distribution whose covariance is a diagonal and a few directions (L-BFGS).

    Parameters
    ----------
    point, slope : array, (coordinate,)
        A point of the path, and the gradient of the log density there.
    diagonal : array, (coordinate,)
        Diagonal part of the inverse Hessian.
    steps, changes : array, (coordinate, history)
        Last steps of the path, and the changes of minus the gradient over them.
    """

    def __init__(
        self,
        point: np.ndarray,
        slope: np.ndarray,
        diagonal: np.ndarray,
        steps: np.ndarray,
        changes: np.ndarray,
    ) -> None:
        self._root = np.sqrt(diagonal)
        middle, sides = np.zeros((0, 0)), np.zeros((point.size, 0))
        if steps.shape[1]:
            scaled = diagonal[:, None] * changes
            cross = steps.T @ changes
            upper = np.linalg.inv(np.triu(cross))
            top = upper.T @ (np.diag(np.diag(cross)) + changes.T @ scaled) @ upper
            zero = np.zeros_like(top)
            middle = np.block([[top, -upper.T], [-upper, zero]])
            sides = np.concatenate([steps, scaled], axis=1)
        self._q, triangle = np.linalg.qr(sides / self._root[:, None])
        inner = triangle @ middle @ triangle.T
        inner = np.eye(len(inner)) + 0.5 * (inner + inner.T)
        self._lower = np.linalg.cholesky(inner)
        self._log_det = np.log(self._root).sum() + np.log(np.diag(self._lower)).sum()
        self.mean = point + diagonal * slope + sides @ (middle @ (sides.T @ slope))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return points (count, coordinate) and their log densities (count,), up to a constant."""
        u = rng.standard_normal((count, self.mean.size))
        along = u @ self._q
        moved = u + (along @ (self._lower - np.eye(len(self._lower))).T) @ self._q.T
        return self.mean + moved * self._root, -0.5 * (u**2).sum(axis=1) - self._log_det


def standard(density: Density, size: int, rng: np.random.Generator, count: int) -> Proposal:
    """Imitate a posterior whose coordinates were made round by a standard normal (Laplace).

    Parameters
    ----------
    density : callable (u) -> (log density, gradient)
        In coordinates scaled by the Laplace approximation at the mode.
    size : int
        Number of coordinates.
    rng : Generator
        Source of randomness.
    count : int
        Number of draws.
    """
    u = rng.standard_normal((count, size))
    return Proposal(u, _values(density, u) + 0.5 * (u**2).sum(axis=1))


def pathfinder(
    density: Density, starts: list[np.ndarray], rng: np.random.Generator, count: int
) -> Proposal:
    """Imitate a posterior by the best normal found on the way of several optimisations to modes.

    Parameters
    ----------
    density : callable (q) -> (log density, gradient)
        Any coordinates.
    starts : list of array
        Where the searches start.
    rng : Generator
        Source of randomness.
    count : int
        Number of draws, over all paths.
    """
    share = -(-count // len(starts))
    points, ratios = [], []
    for start in starts:
        best = _best_on_path(density, start, rng)
        if best is not None:
            drawn, log_q = best.draw(rng, share)
            points.append(drawn)
            ratios.append(_values(density, drawn) - log_q)
    if not points:
        return Proposal(np.zeros((0, starts[0].size)), np.zeros(0))
    return Proposal(np.concatenate(points), np.concatenate(ratios))


def resample(
    proposal: Proposal, rng: np.random.Generator, count: int
) -> tuple[np.ndarray, float, float]:
    """Draw again by smoothed weights.

    Returns
    -------
    points : array, (count, coordinate)
    k : float
        Shape of the tail of the weights; above 0.7 nothing can be trusted. Infinite where no
        weight is usable.
    effective : float
        Effective number of draws.
    """
    usable = np.isfinite(proposal.log_ratio)
    if usable.sum() < 100:
        return proposal.points[:0], np.inf, 0.0
    log_weights, k = importance_weights(proposal.log_ratio[usable])
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    chosen = rng.choice(np.flatnonzero(usable), count, p=weights)
    return proposal.points[chosen], k, float(1.0 / (weights**2).sum())


def _values(density: Density, points: np.ndarray) -> np.ndarray:
    return np.array([density(point)[0] for point in points])


def _best_on_path(density: Density, start: np.ndarray, rng: np.random.Generator) -> Normal | None:
    """Return the normal nearest to the posterior (by the evidence bound) along one search."""
    best, best_bound = None, -np.inf
    diagonal = np.ones(start.size)
    steps: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    path = _path(density, start)
    for (last, last_slope), (point, slope) in itertools.pairwise(path):
        step, change = point - last, last_slope - slope
        if step @ change > 1e-12 * (change @ change):
            diagonal = _diagonal(diagonal, step, change)
            steps, changes = [*steps, step][-HISTORY:], [*changes, change][-HISTORY:]
        sides = [np.array(v).T.reshape(start.size, -1) for v in (steps, changes)]
        try:
            normal = Normal(point, slope, diagonal, *sides)
        except np.linalg.LinAlgError:  # rounding: this point of the path gives no covariance
            continue
        drawn, log_q = normal.draw(rng, TRIES)
        values = _values(density, drawn) - log_q
        bound = values.mean() if np.isfinite(values).all() else -np.inf
        if bound > best_bound:
            best, best_bound = normal, bound
    return best


def _path(density: Density, start: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the points and gradients of a search for a mode."""
    from scipy.optimize import minimize

    path = [(start.copy(), density(start)[1])]

    def keep(q: np.ndarray) -> None:
        path.append((q.copy(), density(q)[1]))

    options = {"maxiter": STEPS, "maxcor": HISTORY}
    minimize(downhill(density), start, jac=True, method="L-BFGS-B", callback=keep, options=options)
    return path


def _diagonal(old: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Update the diagonal of the inverse Hessian by one step (Gilbert & Lemarechal 1989)."""
    a, b, c = change @ (old * change), change @ step, step @ (step / old)
    return 1.0 / (a / (b * old) + change**2 / b - a * step**2 / (b * c * old**2))
