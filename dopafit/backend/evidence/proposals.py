"""Draws of every subject's block from multivariate t around its mode, and their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from dopafit.backend.evidence.conditional import Peak

__all__ = ["Proposal", "effective_size", "log_mean"]

FREEDOM = 7.0
"""Degrees of freedom."""

WIDTH = (FREEDOM - 2) / FREEDOM / 0.6
"""Scale matrix over the inverse curvature: the covariance is 1 / 0.6 of that."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture of multivariate t for every block.

    Parameters
    ----------
    peaks : tuple of Peak
        Modes and curvature, in equal parts.
    """

    peaks: tuple[Peak, ...]

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return blocks, (draw, subject, place)."""
        shape = self.peaks[0].mode.shape
        which = rng.integers(len(self.peaks), size=(count, shape[0]))
        normal = rng.standard_normal((count, *shape))
        far = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, (count, shape[0])))[:, :, None]
        blocks = np.empty((count, *shape))
        for k, peak in enumerate(self.peaks):
            root = np.linalg.cholesky(WIDTH * peak.covariance)
            here = peak.mode + far * np.einsum("nij,mnj->mni", root, normal)
            blocks = np.where((which == k)[:, :, None], here, blocks)
        return blocks

    def log_weight(self, blocks: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Return log prior less log proposal, of the places that are kept, (draw, subject).

        Parameters
        ----------
        blocks : array, (draw, subject, place)
        kept : array of bool, (subject, place)
            The other places are integrated out of both.
        """
        with np.errstate(over="ignore"):  # off the map
            prior = -0.5 * (np.where(kept, blocks, 0.0) ** 2).sum(axis=-1)
        log_q = [_log_t(peak, blocks, kept) for peak in self.peaks]
        return prior - log_mean(np.array(log_q))


def _log_t(peak: Peak, blocks: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the log density of some places under one t, times (2 pi)^(size / 2)."""
    scale, size = WIDTH * peak.covariance, kept.sum(axis=1)
    both = kept[:, :, None] & kept[:, None, :]
    root = np.linalg.cholesky(np.where(both, scale, np.eye(scale.shape[1])))
    away = np.where(kept, blocks - peak.mode, 0.0).transpose(1, 2, 0)
    square = (np.linalg.solve(root, away) ** 2).sum(axis=1).T
    log_q = gammaln((FREEDOM + size) / 2) - gammaln(FREEDOM / 2) - size / 2 * np.log(FREEDOM / 2)
    log_q = log_q - np.log(np.einsum("nii->ni", root)).sum(axis=1)
    return log_q - (FREEDOM + size) / 2 * np.log1p(square / FREEDOM)


def log_mean(log_values: np.ndarray) -> np.ndarray:
    """Return the log of the mean of exponentials over the first axis."""
    top = log_values.max(axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(log_values - top).mean(axis=0))


def effective_size(log_weights: np.ndarray) -> np.ndarray:
    """Return how many equally weighted draws these are worth, over the first axis; 0 for none."""
    top = log_weights.max(axis=0)
    weights = np.exp(log_weights - np.where(np.isfinite(top), top, 0.0))
    total = weights.sum(axis=0)
    return total**2 / np.maximum((weights**2).sum(axis=0), np.finfo(float).tiny)
