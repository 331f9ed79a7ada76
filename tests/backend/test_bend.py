"""Half-normals as logarithms below the mode and as themselves above: the density stays the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dopafit.backend.geometry.pilot import locate
from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.model.layout.layout import Layout, build_layout
from tests.backend.changes import assert_same_density

PEAKS = {"peak": "drug + (1 | subject)"}


@pytest.fixture(scope="module", params=["trough", "encompassing"])
def layout(request, tiny_model, tiny_world) -> Layout:
    return build_layout(tiny_model(request.param, effects=PEAKS), tiny_world)


@pytest.mark.parametrize("moved", [False, True])
def test_the_density_is_that_of_the_moved_point_times_the_volume(layout, moved) -> None:
    """With gains at the mean peak and without."""
    plain, c = compile_layout(layout), layout.coordinates
    knee = np.random.default_rng(4).normal(-1.0, 0.5, c.halves)
    change = Reparametrisation(c, knee=knee)
    if moved:
        change = replace(change, gains=scaled_gains(layout, change.centring))
    inner = plain.centred(change.centring)
    changed = plain.changed(change), change.wrap(inner)
    assert_same_density(layout, change, inner, changed, atol=1e-10)


def test_logarithm_far_below_itself_far_above(layout) -> None:
    c = layout.coordinates
    change = Reparametrisation(c, knee=np.full(c.halves, -1.0))

    def h(v: float) -> np.ndarray:
        return np.exp(change.to_model(np.full(c.normals + c.halves, v))[c.normals :])

    # at the knee it is the knee; a step far below multiplies, one far above adds
    np.testing.assert_allclose(h(-1.0), np.exp(-1.0))
    np.testing.assert_allclose(h(-21.0) / h(-22.0), np.e, rtol=1e-6)
    np.testing.assert_allclose(h(31.0) - h(30.0), np.exp(-1.0), rtol=1e-6)
    np.testing.assert_allclose(h(61.0) - h(60.0), np.exp(-1.0), rtol=1e-6)


def test_far_off_the_map_it_is_silent_and_finite_where_it_can_be(layout) -> None:
    c = layout.coordinates
    bent = compile_layout(layout).changed(Reparametrisation(c, knee=np.zeros(c.halves)))
    for v in (-60.0, 60.0, 1e6):
        u = np.zeros(c.normals + c.halves)
        u[c.normals :] = v
        value, gradient = bent(u)
        assert not value >= bent(np.zeros(u.size))[0]
        assert np.isfinite(gradient).all() or not np.isfinite(value)


def test_no_step_of_usual_length_runs_off_a_cliff(tiny_model, tiny_world) -> None:
    """Draws from a normal of the pilot's scale have a density near the mode's."""
    layout = build_layout(tiny_model("trough", effects=PEAKS), tiny_world)
    density = compile_layout(layout)
    change = locate(layout, density, seed=1).change
    size = layout.coordinates.normals + layout.coordinates.halves
    draws = np.random.default_rng(1).standard_normal((200, size))

    def low(which: Reparametrisation) -> float:
        at = density.changed(which)
        return float(np.quantile([at(np.zeros(size))[0] - at(u)[0] for u in draws], 0.95))

    assert low(change) < 0.1 * low(replace(change, knee=None))
