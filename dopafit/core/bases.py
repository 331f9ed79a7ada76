"""Columns made from numbers: deviations, waves, orthogonal polynomials and splines.

Each function learns from the numbers that it is given, and returns what makes columns of others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["center", "harmonic", "harmonic_labels", "polynomial", "spline", "standardize"]

Transform = Callable[..., np.ndarray]


def center(x: np.ndarray) -> Transform:
    """Return deviations from the mean."""
    mean = float(np.mean(x))
    return lambda x: x - mean


def standardize(x: np.ndarray) -> Transform:
    """Return deviations from the mean in standard deviations."""
    mean, deviation = float(np.mean(x)), float(np.std(x))
    if not deviation > 1e-12 * float(np.max(np.abs(x))):
        raise ValueError("all values are equal, so there is no standard deviation")
    return lambda x: (x - mean) / deviation


def harmonic(x: np.ndarray, *, period: float, order: int) -> Transform:
    """Return sines and cosines of a period and its fractions."""

    def columns(x: np.ndarray) -> np.ndarray:
        # the remainder is exact in floating point, so late times lose no precision
        phase = 2 * np.pi * (np.remainder(x, period) / period)
        waves = [wave(k * phase) for k in range(1, order + 1) for wave in (np.sin, np.cos)]
        return np.column_stack(waves)

    return columns


def harmonic_labels(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns of `harmonic`."""
    return tuple(f"{f}{k}" for k in range(1, options["order"] + 1) for f in ("sin", "cos"))


def polynomial(x: np.ndarray, *, degree: int) -> Transform:
    """Return orthogonal polynomials of degree 1 and up, mean square 1."""
    if np.unique(x).size <= degree:
        raise ValueError(f"degree {degree} needs more than {degree} different values")
    shifts: list[float] = []
    squares = [float(x.size)]
    for _ in range(degree):
        last = _orthogonal(x, shifts, squares)[-1]
        shifts.append(float(np.sum(x * last**2)) / squares[-1])
        squares.append(float(np.sum(_orthogonal(x, shifts, squares)[-1] ** 2)))
    # mean square 1 rather than sum of squares 1: a prior then means the same for any n
    norms = np.sqrt(np.array(squares[1:]) / squares[0])
    return lambda x: np.column_stack(_orthogonal(x, shifts, squares)[1:]) / norms


def _orthogonal(x: np.ndarray, shifts: list[float], squares: list[float]) -> list[np.ndarray]:
    """Return polynomials of degree 0, 1, ... that are orthogonal over the rows of the design.

    The recurrence of three terms needs, of each polynomial p, the mean of x weighted by p squared
    (`shifts`) and the sum of p squared (`squares`).
    """
    values = [np.ones_like(x)]
    for k, shift in enumerate(shifts):
        values.append((x - shift) * values[k])
        if k > 0:
            values[-1] -= squares[k] / squares[k - 1] * values[k - 1]
    return values


def spline(x: np.ndarray, *, df: int, degree: int) -> Transform:
    """Return B-splines whose columns average zero."""
    if df < degree:
        raise ValueError(f"df {df} is smaller than the degree {degree}")
    if np.unique(x).size <= df:
        raise ValueError(f"df {df} needs more than {df} different values")
    low, high = float(x.min()), float(x.max())
    inner = np.quantile(x, np.linspace(0, 1, df - degree + 2)[1:-1])
    knots = np.concatenate([[low] * (degree + 1), inner, [high] * (degree + 1)])
    # the directions at right angles to the column means, so that each new column averages zero
    # over the rows: all but the first column of the reflection that moves the means onto an axis
    normal = _basis(x, knots, degree).mean(axis=0)
    normal /= np.linalg.norm(normal)
    normal[0] += 1 if normal[0] >= 0 else -1
    normal /= np.linalg.norm(normal)
    centering = (np.eye(normal.size) - 2 * np.outer(normal, normal))[:, 1:]

    def columns(x: np.ndarray) -> np.ndarray:
        outside = x[(x < low) | (x > high)]
        if outside.size:
            span = f"{low:g} to {high:g}, the range of the design"
            raise ValueError(f"{outside[0]:g} lies outside {span}")
        return _basis(x, knots, degree) @ centering

    return columns


def _basis(x: np.ndarray, knots: np.ndarray, degree: int) -> np.ndarray:
    from scipy.interpolate import BSpline

    if x.size == 0:  # SciPy refuses an empty array
        return np.empty((0, len(knots) - degree - 1))
    return BSpline.design_matrix(x, knots, degree).toarray()
