"""Smooth outlines of draws, for the eye; no number in a table comes from here."""

from __future__ import annotations

import numpy as np

__all__ = ["contours", "outline", "thin"]


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` rows, evenly spaced; the same rows every time."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(int)]


def outline(values: np.ndarray, at: np.ndarray, *, floor: float | None = None) -> np.ndarray:
    """Return a smoothed histogram of the draws, scaled to a maximum of 1.

    Parameters
    ----------
    values : array, shape (draws,)
        Finite draws.
    at : array, shape (points,)
        Where to evaluate, in increasing order.
    floor : float or None
        A bound the quantity cannot cross; what smoothing puts below it is reflected.

    Returns
    -------
    array, shape (points,)
        All zero where the draws do not vary.
    """
    from scipy.ndimage import gaussian_filter1d

    values = np.asarray(values, dtype=float)
    if len(values) < 3 or np.ptp(values) <= 1e-9 * max(1e-300, float(np.abs(values).max())):
        return np.zeros(len(at))
    # Silverman's width: the quartiles, so that a long tail does not smear out the bulk
    spread = float(np.subtract(*np.quantile(values, [0.75, 0.25]))) / 1.349
    spread = min(spread, float(values.std())) or float(values.std())
    width = 1.06 * spread * len(values) ** -0.2
    low, high = min(at[0], np.quantile(values, 0.001)), max(at[-1], np.quantile(values, 0.999))
    low = low - 4 * width if floor is None else floor
    # cells of a tenth of the width, so that the grid does not show
    cells = int(np.clip((high + 4 * width - low) / (0.1 * width), 100, 20000))
    edges = np.linspace(low, high + 4 * width, cells + 1)
    count = np.histogram(values, edges)[0].astype(float)
    mode = "constant" if floor is None else "reflect"
    smooth = gaussian_filter1d(count, width / (edges[1] - edges[0]), mode=mode)
    height = np.interp(at, (edges[1:] + edges[:-1]) / 2, smooth, right=0.0)
    height = height if floor is None else np.where(at < floor, 0.0, height)
    top = float(height.max())
    return height / top if top > 0 else height


def contours(
    points: np.ndarray, masses: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]] | None:
    """Return the smoothed density of points in a plane and the levels that enclose these masses.

    The points are turned and scaled to unit variance first, so that a narrow oblique ridge is
    not smeared out, then counted on a grid and smoothed with a Gaussian.

    Parameters
    ----------
    points : array, shape (draws, 2)
        Finite draws.
    masses : tuple of float
        Probability inside each contour.

    Returns
    -------
    tuple or None
        ``x``, ``y`` and ``density``, each of shape (bins, bins), and ``levels`` in the order of
        `masses`; None where the draws span no area.
    """
    from scipy.ndimage import gaussian_filter

    if len(points) < 10:
        return None
    centre = points.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov(points.T))
    if not variance[0] > 1e-8 * variance[1]:
        return None
    turn = axes * np.sqrt(variance)
    round_ = np.linalg.solve(turn, (points - centre).T)
    reach = min(8.0, float(np.abs(round_).max()) + 1.0)
    bins = 160  # per direction
    edges = np.linspace(-reach, reach, bins + 1)
    count = np.histogram2d(*round_, bins=(edges, edges))[0].T
    width = 1.2 * len(points) ** (-1 / 6)  # Scott's rule, a little smoother
    density = gaussian_filter(count, width / (edges[1] - edges[0]), mode="constant")
    # the level of a mass is a quantile of the density over the draws; outside the grid it is 0
    cell = np.floor((round_ + reach) / (edges[1] - edges[0])).astype(int)
    inside = ((cell >= 0) & (cell < bins)).all(axis=0)
    at = np.zeros(len(points))
    at[inside] = density[cell[1, inside], cell[0, inside]]
    levels = [float(v) for v in np.quantile(at, [1 - m for m in masses])]
    middle = (edges[1:] + edges[:-1]) / 2
    grid = np.stack([a.ravel() for a in np.meshgrid(middle, middle)])
    x, y = (turn @ grid + centre[:, None]).reshape(2, bins, bins)
    return x, y, density, levels
