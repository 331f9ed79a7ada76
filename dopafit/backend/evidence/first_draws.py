"""A first posterior: draws around the maxima of what subjects share, weighted to be right.

The shared coordinates are drawn from normal distributions around their maxima, and weighted by
their density, in which each subject's own are integrated out (`nested`). Given each draw, subjects
are drawn from normal distributions around their modes, weighted again. The shapes k of both tails
of weights say whether that can be trusted: above 0.7 it cannot (Vehtari et al. 2024, recalled).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from dopafit.backend.evidence.conditional import Evaluate
from dopafit.backend.evidence.given import sessions_given
from dopafit.backend.evidence.maximum import Located, Maximum
from dopafit.backend.evidence.nested import Inner, Nested
from dopafit.backend.evidence.proposals import log_mean
from dopafit.backend.evidence.scores import importance_weights
from dopafit.core.machine import available_cores
from dopafit.model.layout.layout import Layout

__all__ = ["FirstDraws", "Shared", "draw_shared", "first_draws"]

RIVAL = 5.0
"""A second maximum whose log mass is this much [nats] smaller holds under 1 % of the posterior."""

EVEN = 1.0
"""Range [nats] of log weights within which their tail does not matter."""

INNER = 6
"""Draws of every subject's block given the shared coordinates, of which one is kept."""


@dataclass(frozen=True, eq=False)
class Shared:
    """Draws of the shared coordinates, with what is known at each.

    Parameters
    ----------
    inner : list of Inner
    log_weight : array, (draw,)
        Log density less that of the proposal; minus infinity off the map.
    """

    inner: list[Inner]
    log_weight: np.ndarray

    def joined(self, more: Shared) -> Shared:
        """Return these draws with more of the same proposal."""
        both = np.concatenate([self.log_weight, more.log_weight])
        return Shared([*self.inner, *more.inner], both)

    @property
    def log_mass(self) -> float:
        """Log of the integral of the density, over (2 pi)^(size / 2)."""
        return float(log_mean(self.log_weight[:, None])[0])

    @property
    def error(self) -> float:
        """Monte Carlo standard error of `log_mass`."""
        weight = np.exp(self.log_weight - self.log_weight.max())
        return float(weight.std(ddof=1) / weight.mean() / np.sqrt(weight.size))


@dataclass(frozen=True, eq=False)
class FirstDraws:
    """Posterior draws, independent but for those that share a draw of the shared coordinates.

    Parameters
    ----------
    x, h : array, (draw, ...)
        Standard coordinates.
    k : float
        Larger of the tail shapes of the weights: of the shared coordinates, of any subject's own.
    effective : float
        Effective number of draws of the shared coordinates.
    log_subject : array, (draw of the shared coordinates, subject)
        Log of p(y_i | phi) by Laplace, at draws that carry equal weight.
    """

    x: np.ndarray
    h: np.ndarray
    k: float
    effective: float
    log_subject: np.ndarray


def draw_shared(located: Located, rng: np.random.Generator, count: int) -> Shared:
    """Draw the shared coordinates around their maxima.

    Parameters
    ----------
    located : Located
        The maxima.
    rng : Generator
        Source of randomness.
    count : int
        Draws.
    """
    nested, top = located.nested, located.maxima[0].log_mass
    maxima = [one for one in located.maxima if top - one.log_mass < RIVAL]
    share = np.exp([one.log_mass - top for one in maxima])
    share /= share.sum()
    which = rng.choice(len(maxima), count, p=share)
    u = rng.standard_normal((count, nested.shared.size))

    def point(i: int) -> Inner:
        maximum = maxima[which[i]]
        shared = maximum.inner.shared + maximum.root @ u[i]
        near = nested.predicted(maximum.inner, shared, maximum.pull)
        return nested.at(shared, near, slope=False)

    with ThreadPoolExecutor(available_cores()) as pool:
        inner = list(pool.map(point, range(count)))
    points = np.array([one.shared for one in inner])
    log_q = np.array(
        [np.log(s) + _log_normal(m, points) for s, m in zip(share, maxima, strict=True)]
    )
    return Shared(inner, np.array([one.value for one in inner]) - logsumexp(log_q, axis=0))


def _log_normal(maximum: Maximum, points: np.ndarray) -> np.ndarray:
    """Return the log density of a normal around a maximum, times (2 pi)^(size / 2)."""
    away = np.linalg.solve(maximum.root, (points - maximum.inner.shared).T)
    return -0.5 * (away**2).sum(axis=0) - np.linalg.slogdet(maximum.root)[1]


def first_draws(
    layout: Layout, located: Located, rng: np.random.Generator, *, count: int, proposed: int
) -> FirstDraws | None:
    """Draw from the posterior around the maxima.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    located : Located
        The maxima.
    rng : Generator
        Source of randomness.
    count : int
        Draws kept.
    proposed : int
        Draws of the shared coordinates that they are made from.

    Returns
    -------
    FirstDraws or None
        None where no draw has a density.
    """
    nested, coordinates = located.nested, layout.coordinates
    shared = draw_shared(located, rng, proposed)
    usable = np.flatnonzero(np.isfinite(shared.log_weight))
    if usable.size < min(proposed, 100) / 2:
        return None
    log_weight, k = importance_weights(shared.log_weight[usable])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    times = _systematic(weight, count, rng)
    given = sessions_given(layout, nested.subjects)
    places = np.flatnonzero(times)
    kept = [shared.inner[usable[place]] for place in places]

    def own_draws(inner: Inner, stream: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        point = located.change.to_model(nested.full(inner.shared, inner.own))
        evaluate = given(point[: coordinates.normals], np.exp(point[coordinates.normals :]))
        return _draw_own(nested, inner, evaluate, stream)

    with ThreadPoolExecutor(available_cores()) as pool:
        drawn = list(pool.map(own_draws, kept, rng.spawn(len(kept))))
    q, log_subject, ratios = [], [], []
    for place, inner, (blocks, log_ratio) in zip(places, kept, drawn, strict=True):
        log_subject += [log_mean(log_ratio)] * times[place]
        ratios.append(log_ratio - log_mean(log_ratio))
        for _ in range(times[place]):
            own = _picked(blocks, log_ratio, rng)
            q.append(located.change.to_model(nested.full(inner.shared, own)))
    inner_k = [_tail(subject) for subject in np.concatenate(ratios).T]
    points = rng.permutation(np.array(q))
    return FirstDraws(
        points[:, : coordinates.normals],
        np.exp(points[:, coordinates.normals :]),
        float(max(k, *inner_k)),
        float(1.0 / (weight**2).sum()),
        np.array(log_subject),
    )


def _systematic(weight: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each is taken, as near to its weight as whole numbers allow."""
    edges = np.cumsum(weight) * count
    return np.diff(np.floor(np.concatenate([[0.0], edges]) + rng.uniform())).astype(int)


def _draw_own(
    nested: Nested, inner: Inner, evaluate: Evaluate, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return blocks around the modes, and log of likelihood x prior / proposal by subject."""
    root = np.linalg.inv(np.linalg.cholesky(inner.precision)).transpose(0, 2, 1)
    u = rng.standard_normal((INNER, *inner.own.shape)) * nested.there
    blocks = inner.own + np.einsum("nij,mnj->mni", root, u)
    log_lik = evaluate(blocks)
    subjects = nested.subjects
    by_subject = np.zeros((INNER, len(subjects.names)))
    np.add.at(by_subject.T, subjects.subject, log_lik.T)
    log_det = np.linalg.slogdet(root)[1]
    square = (blocks**2).sum(axis=2) - (u**2).sum(axis=2)
    return blocks, by_subject - 0.5 * square + log_det


def _picked(blocks: np.ndarray, log_ratio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one of the draws of each subject's block, by weight."""
    noise = rng.gumbel(size=log_ratio.shape)
    chosen = np.argmax(log_ratio + noise, axis=0)
    return blocks[chosen, np.arange(blocks.shape[1])]


def _tail(log_ratio: np.ndarray) -> float:
    """Return the tail's shape of one subject's weights; 0 where all of them are much the same."""
    return importance_weights(log_ratio)[1] if np.ptp(log_ratio) > EVEN else 0.0
