"""The nested Laplace engine: closed forms, and its gradient against differences of its value."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.evidence.maximum import locate_maxima
from dopafit.backend.evidence.nested import Nested
from dopafit.backend.geometry.search import starting_points
from dopafit.backend.sampler.compiled import Density
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.model.layout.layout import Layout
from tests.backend.test_integrated import BY_SESSION, BY_SUBJECT, lay_out, normal_oracle, study

EFFECTS = [BY_SUBJECT, BY_SESSION, f"{BY_SESSION} + (1 | item)"]


def a_point(layout: Layout, seed: int = 1) -> np.ndarray:
    """A point of all coordinates, away from any maximum."""
    rng, coordinates = np.random.default_rng(seed), layout.coordinates
    h = np.log(rng.uniform(0.3, 1.0, coordinates.halves))
    return np.concatenate([0.5 * rng.standard_normal(coordinates.normals), h])


@pytest.mark.parametrize("effect", EFFECTS[:2])
def test_normal_outcomes_are_integrated_exactly(effect) -> None:
    layout = lay_out(Latency(), effect, study())
    nested, coordinates, values = Nested(layout, Density(layout)), layout.coordinates, []
    for seed in (1, 2):
        q = a_point(layout, seed)
        found = nested.start(q)
        x, log_h = q[: coordinates.normals], q[coordinates.normals :]
        exact = sum(normal_oracle(layout, x, np.exp(log_h)).values())
        shared = nested.shared[nested.shared < coordinates.normals]
        spread = np.exp(log_h) / coordinates.arrays["half_scale"]
        prior = -0.5 * (x[shared] ** 2).sum() + (log_h - 0.5 * spread**2).sum()
        values.append(found.value - exact - prior)
    # up to the priors' constants, which are the same everywhere
    assert values[0] == pytest.approx(values[1], abs=1e-4)


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_slope_is_that_of_the_value(effect) -> None:
    layout = lay_out(Choice(), effect, study())
    nested = Nested(layout, Density(layout))
    here = nested.start(a_point(layout))
    owners = {len(block[block >= 0]) for block in nested.subjects.own}
    assert (len(owners) > 1) == (effect != BY_SUBJECT)  # blocks of several sizes
    for j, step in enumerate(5e-3 * np.eye(here.shared.size)):
        up, down = (nested.at(here.shared + s, here, slope=False).value for s in (step, -step))
        assert here.slope[j] == pytest.approx((up - down) / 1e-2, abs=1e-3)


def test_predictions_of_blocks_save_the_climb() -> None:
    layout = lay_out(Choice(), BY_SESSION, study())
    density, coordinates = Density(layout), layout.coordinates
    located = locate_maxima(layout, starting_points(coordinates, 0, 2), density)
    nested, best = located.nested, located.maxima[0]
    assert np.abs(best.root.T @ best.inner.slope).max() < 0.1
    rng = np.random.default_rng(1)
    shared = best.inner.shared + 0.3 * best.root @ rng.standard_normal(len(best.root))
    exact = nested.at(shared, best.inner, slope=False)
    near = nested.predicted(best.inner, shared, best.pull)
    unmoved = np.abs(exact.own - best.inner.own).max()
    assert np.abs(near.own - exact.own).max() < 0.5 * unmoved
    changed = np.abs(exact.precision - best.inner.precision).max()
    assert np.abs(near.precision - exact.precision).max() < 0.6 * changed
    assert nested.at(shared, near, slope=False).value == pytest.approx(exact.value, abs=1e-4)


def test_off_the_map_there_is_no_density() -> None:
    layout = lay_out(Latency(), BY_SUBJECT, study())
    nested = Nested(layout, Density(layout))
    here = nested.start(a_point(layout))
    far = nested.at(here.shared - 1e6, here)
    assert far.value == -np.inf and not far.slope.any()
