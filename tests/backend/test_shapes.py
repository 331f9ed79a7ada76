"""A border and blocks say the same as every pair, and cost a handful of gradients."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.loops import backward, forward
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.model.layout.layout import build_layout

OWN = (np.array([[3, 4], [9, 6]]), np.array([[1, 5, 8]]))
BLOCKS = Blocks(np.array([0, 2, 7, 10]), OWN)
SIZE = 11
EVERY = Blocks(np.arange(SIZE), ())
STILL = (np.zeros(0), np.zeros(0), *[np.zeros(0, np.int64)] * 4)
"""Gains of no kind."""
NO_KNEE = np.zeros(0)


def place(shape: Arrowhead, centre: np.ndarray, u: np.ndarray) -> np.ndarray:
    q = np.empty(SIZE)
    assert forward(u, q, SIZE, centre, *shape.arrays.values(), NO_KNEE, *STILL) == 0.0
    return q


def back(shape: Arrowhead, slope: np.ndarray) -> np.ndarray:
    found, time = np.empty(SIZE), (np.array([-1, 0]), np.ones(1))
    parts = (*shape.arrays.values(), NO_KNEE, *time, *STILL)
    backward(np.zeros(SIZE), slope.copy(), found, 0.0, SIZE, np.zeros(0), *parts)
    return found


def arrow_density(seed: int = 0):
    """Return a normal log density whose precision is an arrow, and how often it was called."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((SIZE, 40))
    for row, own in enumerate((*OWN[0], *OWN[1])):
        part = np.zeros((SIZE, 40))
        at = np.concatenate([BLOCKS.shared, own])
        part[at] = rng.standard_normal((at.size, 40))
        mixed = part if row == 0 else np.concatenate([mixed, part], axis=1)
    precision = 2.0 * np.eye(SIZE) + mixed @ mixed.T / 40
    calls = []

    def density(q):
        calls.append(q)
        return -0.5 * q @ precision @ q, -precision @ q

    return density, precision, calls


def test_an_arrow_is_the_dense_shape_in_fewer_gradients() -> None:
    density, precision, calls = arrow_density()
    point, free = np.zeros(SIZE), np.ones(SIZE, bool)
    arrow = Arrowhead.measure(density, point, free, BLOCKS)
    assert len(calls) == 1 + BLOCKS.shared.size + 3
    dense = Arrowhead.measure(density, point, free, EVERY)
    covariance = np.linalg.inv(precision)
    for shape in (arrow, dense):
        np.testing.assert_allclose(shape.variance, np.diag(covariance), rtol=1e-6)
        assert shape.log_det == pytest.approx(0.5 * np.linalg.slogdet(covariance)[1], abs=1e-6)
        root = np.array([place(shape, np.zeros(SIZE), u) for u in np.eye(SIZE)]).T
        np.testing.assert_allclose(root @ root.T, covariance, atol=1e-7)
        u, g, centre = np.random.default_rng(1).standard_normal((3, SIZE))
        np.testing.assert_allclose(place(shape, centre, u), centre + root @ u, atol=1e-12)
        np.testing.assert_allclose(back(shape, g), root.T @ g, atol=1e-12)
        np.testing.assert_allclose(shape.solve(root @ u), u, atol=1e-10)
        at, part = shape.covariance()
        np.testing.assert_allclose(part, covariance[np.ix_(at, at)], atol=1e-7)
    assert set(arrow.covariance()[0]) == set(BLOCKS.shared)


def test_shared_coordinates_that_are_held_change_nothing_else() -> None:
    density, precision, _ = arrow_density(2)
    free = np.ones(SIZE, bool)
    free[[2, 10]] = False
    arrow = Arrowhead.measure(density, np.zeros(SIZE), free, BLOCKS)
    covariance = np.linalg.inv(precision[np.ix_(free, free)])
    np.testing.assert_allclose(arrow.variance[free], np.diag(covariance), rtol=1e-6)
    dense = Arrowhead.measure(density, np.zeros(SIZE), free, EVERY)
    np.testing.assert_allclose(dense.variance[free], np.diag(covariance), rtol=1e-6)


def test_owners_are_those_of_the_likelihood(tiny_model, tiny_world) -> None:
    """Second differences of the density vanish between subjects, and only there."""
    effects = {"peak": "(1 | subject)", "choice_rest": "(1 | subject) + (1 | session)"}
    layout = build_layout(tiny_model("trough", effects=effects), tiny_world)
    blocks, c = find_blocks(layout), layout.coordinates
    subjects = tiny_world.subjects["subject"]
    shared = [c.entries[c.unit.index(i + 1)] for i in blocks.shared if i < c.normals]
    # a session's label occurs in every subject: its deviation is nobody's own
    assert {e.parameter for e in shared if e.role == "group"} == {"choice_rest"}
    assert {e.label.partition("[")[0] for e in shared if e.role == "group"} == {"1|session"}
    (own,) = blocks.own
    assert len(own) == len(subjects)
    for row in own:
        entries = [c.entries[c.unit.index(i + 1)] for i in row]
        assert len({e.label for e in entries}) == 1 and len(entries) == own.shape[1] >= 2
    density = compile_layout(layout)
    point = 0.1 * np.random.default_rng(3).standard_normal(density.size)
    here = density(point)[1]
    step = np.zeros(point.size)
    step[own[0]] = 0.3
    moved = density(point + step)[1] - here
    np.testing.assert_allclose(moved[own[1:].ravel()], 0.0, atol=1e-10)
    assert np.abs(moved[own[0]]).min() > 1e-3 and np.abs(moved[blocks.shared]).max() > 1e-3
