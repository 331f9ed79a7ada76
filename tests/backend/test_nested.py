"""The nested Laplace engine: closed forms, and its gradient against differences of its value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.evidence.maximum import locate_maxima
from dopafit.backend.evidence.nested import Nested, _partners, half_normal_score, normal_score
from dopafit.backend.geometry.search import starting_points
from dopafit.backend.sampler.compiled import Density
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
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


def test_scores_of_half_normals() -> None:
    scale = stats.halfnorm()
    u = np.array([-9.0, -5.1, -4.9, -1.0, 0.0, 2.0, 7.0])
    log_h, slope, log_slope, bend = half_normal_score(u)
    middle = np.abs(u) < 6
    np.testing.assert_allclose(log_h[middle], np.log(scale.ppf(stats.norm.cdf(u[middle]))))
    np.testing.assert_allclose(normal_score(log_h), u, rtol=1e-5, atol=1e-12)
    step = 1e-4
    up, down = half_normal_score(u + step), half_normal_score(u - step)
    np.testing.assert_allclose(slope, (up[0] - down[0]) / (2 * step), rtol=1e-4)
    np.testing.assert_allclose(np.exp(log_slope), slope)
    np.testing.assert_allclose(bend, (up[2] - down[2]) / (2 * step), rtol=1e-4, atol=1e-4)


def test_channels_that_share_nothing_are_measured_together() -> None:
    channels = [Choice(), Latency()]
    effects = {f"{channel.prefix}_rest": BY_SESSION for channel in channels}
    data = study({"a": [3, 5], "b": [4, 2, 6]})
    layout = build_layout(Model("no_drive", channels, effects), data)
    joined, alone = Nested(layout, Density(layout)), Nested(layout, Density(layout))
    alone._moved, alone._partner = alone.subjects.directions(), _partners(alone.subjects)
    assert 2 * len(joined._moved) == len(alone._moved) == 4
    q = a_point(layout)
    first, second = alone.start(q), joined.start(q)
    np.testing.assert_allclose(second.precision, first.precision, atol=1e-6)
    np.testing.assert_allclose(second.slope, first.slope, atol=1e-4)
