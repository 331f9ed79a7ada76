"""A change of coordinates held against the density that it is a change of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from dopafit.backend.geometry.reparametrisation import Density, Reparametrisation
from dopafit.model.layout.layout import Layout
from tests.backend.claims import flat


def point(layout: Layout, seed: int) -> np.ndarray:
    x, h = layout.coordinates.prior_draws(np.random.default_rng(seed), ())
    return flat(0.5 * x, 0.5 * h)


def assert_same_density(
    layout: Layout,
    change: Reparametrisation,
    inner: Density,
    changed: Iterable[Density],
    *,
    atol: float,
) -> None:
    """Each of `changed` is `inner` at the moved point times the volume, measured by differences."""
    changed = tuple(changed)
    for seed in range(3):
        u = point(layout, seed)
        q = change.to_model(u)
        np.testing.assert_allclose(change.from_model(q), u, atol=atol)
        columns = []
        for i in range(u.size):
            step = np.zeros(u.size)
            step[i] = 1e-5
            columns.append((change.to_model(u + step) - change.to_model(u - step)) / 2e-5)
        sign, volume = np.linalg.slogdet(np.array(columns))
        assert sign == 1
        for density in changed:
            value, gradient = density(u)
            assert value == pytest.approx(inner(q)[0] + volume, abs=1e-6)
            step = 1e-5 * np.random.default_rng(seed).standard_normal(u.size)
            rise = density(u + step)[0] - density(u - step)[0]
            assert rise == pytest.approx(2 * gradient @ step, rel=1e-4, abs=1e-7)
