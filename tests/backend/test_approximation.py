"""Imitations of a posterior, against normals known in closed form and against a heavy tail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from dopafit.backend.evidence.approximation import Normal, Proposal, pathfinder, resample, standard

SIZE = 6


def gaussian(seed: int = 0):
    """Return mean, covariance and log density with gradient of a correlated normal."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((SIZE, SIZE))
    covariance = root @ root.T + 0.2 * np.eye(SIZE)
    mean, precision = rng.normal(0, 3, SIZE), np.linalg.inv(covariance)

    def density(q):
        gap = q - mean
        return -0.5 * gap @ precision @ gap, -precision @ gap

    return mean, covariance, density


def test_the_covariance_is_that_of_bfgs_and_the_draws_have_its_density() -> None:
    """The compact form against the textbook update, one pair after the other."""
    rng = np.random.default_rng(1)
    _, covariance, _ = gaussian(1)
    precision = np.linalg.inv(covariance)
    steps = rng.standard_normal((SIZE, 3))
    changes = precision @ steps
    diagonal = rng.uniform(0.5, 2.0, SIZE)
    dense = np.diag(diagonal)
    for s, y in zip(steps.T, changes.T, strict=True):
        rho = 1.0 / (s @ y)
        side = np.eye(SIZE) - rho * np.outer(s, y)
        dense = side @ dense @ side.T + rho * np.outer(s, s)
    point, slope = rng.standard_normal((2, SIZE))
    normal = Normal(point, slope, diagonal, steps, changes)
    np.testing.assert_allclose(normal.mean, point + dense @ slope, rtol=1e-9)
    drawn, log_q = normal.draw(rng, 20_000)
    exact = multivariate_normal(normal.mean, dense).logpdf(drawn)
    np.testing.assert_allclose(log_q - log_q[0], exact - exact[0], atol=1e-7)
    np.testing.assert_allclose(np.cov(drawn.T), dense, atol=0.05 * np.abs(dense).max())
    plain = Normal(point, slope, diagonal, np.zeros((SIZE, 0)), np.zeros((SIZE, 0)))
    np.testing.assert_allclose(plain.mean, point + diagonal * slope)


def test_pathfinder_finds_a_normal() -> None:
    mean, covariance, density = gaussian()
    rng = np.random.default_rng(2)
    starts = [rng.normal(0, 5, SIZE) for _ in range(4)]
    points, k, effective = resample(pathfinder(density, starts, rng, 8000), rng, 4000)
    assert k < 0.7 and effective > 400
    error = 5 * np.sqrt(np.diag(covariance) / effective)
    assert (np.abs(points.mean(axis=0) - mean) < error).all()
    np.testing.assert_allclose(points.std(axis=0), np.sqrt(np.diag(covariance)), rtol=0.15)


def test_weights_mend_a_small_error_and_refuse_a_heavy_tail() -> None:
    rng = np.random.default_rng(3)

    def wider(u):
        return -0.5 * (u / 1.1) @ (u / 1.1), -u / 1.21

    points, k, _ = resample(standard(wider, 3, rng, 20_000), rng, 20_000)
    assert k < 0.7
    np.testing.assert_allclose(points.std(axis=0), 1.1, rtol=0.03)

    def heavy(u):  # Student's t with 2 degrees of freedom, three times as wide
        return -1.5 * np.log1p(u**2 / 18).sum(), -3 * u / (18 + u**2)

    assert resample(standard(heavy, 3, rng, 20_000), rng, 1000)[1] > 0.7


def test_nothing_usable_is_said() -> None:
    empty = Proposal(np.zeros((200, 2)), np.full(200, np.nan))
    points, k, effective = resample(empty, np.random.default_rng(0), 50)
    assert len(points) == 0 and k == np.inf and effective == 0.0


@pytest.mark.parametrize("seed", [4, 5])
def test_a_path_that_goes_nowhere_gives_no_draws(seed) -> None:
    def void(q):
        return -np.inf, np.zeros(q.size)

    rng = np.random.default_rng(seed)
    assert len(pathfinder(void, [np.zeros(2)], rng, 100).points) == 0
