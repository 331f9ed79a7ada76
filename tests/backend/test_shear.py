"""Gains at the mean peak: the same density, in coordinates without the ridge."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.model.layout.layout import Layout, build_layout
from tests.backend.changes import assert_same_density, point

PEAKS = {"peak": "drug + (1 | subject)"}


@pytest.fixture(scope="module", params=["trough", "encompassing"])
def layout(request, tiny_model, tiny_world) -> Layout:
    return build_layout(tiny_model(request.param, effects=PEAKS), tiny_world)


def gains(layout: Layout, centring: np.ndarray) -> Reparametrisation:
    return Reparametrisation(layout.coordinates, gains=scaled_gains(layout, centring))


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_the_density_is_that_of_the_moved_point_times_the_volume(layout, share) -> None:
    plain, c = compile_layout(layout), layout.coordinates
    centring = np.where(c.arrays["x_spread"] > 0, share, 0.0)
    change, inner = gains(layout, centring), plain.centred(centring)
    assert change.gains
    changed = plain.scaled(centring), change.wrap(inner)
    assert_same_density(layout, change, inner, changed, atol=1e-12)


def test_gains_keep_their_size_at_the_mean_peak(layout) -> None:
    """Moved peaks leave gain x peak alone: the mean over events of ln peak is what is taken off."""
    c = layout.coordinates
    change = gains(layout, np.zeros(c.normals))
    places = [c.place(f"{p}_gain_trough") for p in ("choice", "latency", "presses")]
    q = point(layout, 5)
    found = []
    for scale in (1.0, 3.0):  # the same coordinates, other peaks
        moved = q.copy()
        labels = [e.parameter == "peak" and e.role != "population" for e in c.entries]
        moved[c.arrays["unit"][labels] - 1] *= scale
        own = change.to_model(moved)
        theta = c.theta(own[: c.normals], np.exp(own[c.normals :]))
        rows = layout.designs["peak"]
        log_peak = rows.fixed @ theta[c.start("peak") :][: rows.fixed.shape[1]]
        first = c.start("peak") + rows.fixed.shape[1]
        for term in rows.groups:
            log_peak = log_peak + theta[first + term.codes] * term.values
            first += len(term.levels)
        found.append(theta[places] * np.exp(log_peak.mean()))
    np.testing.assert_allclose(*found, rtol=1e-10)


def test_without_peaks_or_gains_nothing_moves(tiny_model, tiny_world) -> None:
    for drive, effects in (("no_drive", PEAKS), ("trough", {"peak": "1"})):
        layout = build_layout(tiny_model(drive, effects=effects), tiny_world)
        density = compile_layout(layout)
        none = np.zeros(layout.coordinates.normals)
        q = point(layout, 1)
        assert not scaled_gains(layout, none)
        assert np.array_equal(gains(layout, none).to_model(q), q)
        assert density.scaled(none)(q)[0] == density(q)[0]


def test_a_point_far_off_the_map_is_turned_back_from_in_silence(layout) -> None:
    scaled = compile_layout(layout).scaled(np.zeros(layout.coordinates.normals))
    for sign in (-1.0, 1.0):
        value, _ = scaled(
            sign * 400.0 * np.ones(layout.coordinates.normals + layout.coordinates.halves)
        )
        assert not value > -1e6
