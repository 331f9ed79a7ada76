"""Fits without a unit: the data lack its rows and nothing else, and closed forms are met."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.codegen.tables import prepare
from dopafit.backend.evidence.integrated import integrate_subjects
from dopafit.backend.evidence.refits import Refits
from dopafit.backend.evidence.subjects import find_subjects
from dopafit.backend.sampler.compiled import Density, RowDensity
from dopafit.channel.choice import Choice
from dopafit.model.layout.layout import build_layout
from dopafit.model.layout.part import with_rows
from dopafit.model.numpy_operations import evaluate
from tests.backend.test_integrated import BY_SUBJECT, PAIR, ByGrid, lay_out, study


@pytest.fixture(scope="module")
def tiny_layout(tiny_model, tiny_world):
    return build_layout(tiny_model("trough"), tiny_world)


@pytest.mark.parametrize("unit, place", [("session", 3), ("subject", 1), ("future", 2)])
def test_what_is_left_out_is_missing_from_the_density_and_nothing_else(
    tiny_layout, unit, place
) -> None:
    c = tiny_layout.coordinates
    x, h = c.prior_draws(np.random.default_rng(2), (1, 20))
    after = 0.5 if unit == "future" else None
    refits = Refits(tiny_layout, 0.2 * x, h, after=after)
    rows = refits.rows(unit, place)
    assert sum(int(mine.sum()) for mine in rows.values()) > 10
    kept = with_rows(tiny_layout, {name: ~mine for name, mine in rows.items()})
    whole, part = Density(tiny_layout), refits.density.replaced(prepare(kept.arrays))
    for k in range(3):
        q = np.concatenate([0.2 * x[0, k], np.log(h[0, k])])
        theta = c.theta(q[: c.normals], h[0, k])
        log_lik = RowDensity(tiny_layout)(theta)
        missing = sum(float(log_lik[name][mine].sum()) for name, mine in rows.items())
        assert whole(q)[0] - part(q)[0] == pytest.approx(missing, abs=1e-8)
        for found in (RowDensity(kept)(theta), evaluate(kept, theta)):
            for name, mine in rows.items():
                np.testing.assert_allclose(found[name], log_lik[name][~mine], rtol=1e-9)


def test_a_fit_without_a_unit_predicts_it_as_quadrature_does() -> None:
    layout = lay_out(Choice(), BY_SUBJECT, study(PAIR))
    grid = ByGrid(layout)
    x, h = (v[None] for v in grid.draws(layout, np.random.default_rng(5), 300))
    refits = Refits(layout, x, h)
    subjects = find_subjects(layout)
    for unit, place in (("session", 3), ("subject", 0)):
        label = subjects.sessions[place] if unit == "session" else subjects.names[place]
        found = refits.without(unit, place, seed=1)
        exact = grid.total() - grid.total(label)
        assert found.fine and found.error < 0.1
        assert found.value == pytest.approx(exact, abs=4 * found.error)


def test_the_future_given_the_past_is_a_ratio_of_two_integrals() -> None:
    """Of the choices after half a session, at fixed population values: by quadrature."""
    layout = lay_out(Choice(), BY_SUBJECT, study(PAIR))
    parts = find_subjects(layout, 0.06)  # trials come every 5 s from second 1 of 1000
    x = np.zeros((1, 100, layout.coordinates.normals))
    h = np.full((1, 100, 1), 1.3)
    found = integrate_subjects(layout, x, h, seed=1, subjects=parts, count=400)
    frame = layout.rows["choice"].frame
    hit = layout.rows["choice"].data["pursued"]
    z = np.linspace(-7, 7, 2001)
    scale = stats.norm.pdf(z)
    eta = layout.coordinates.theta(x[0, 0], h[0, 0])[layout.program.places["choice_rest"]] + 1.3 * z
    late, label = frame["time"] >= 60, frame["subject"] + "/" + frame["session"]
    names = [name for name, end in zip(parts.sessions, parts.scored, strict=True) if end]
    assert names == ["a/1", "a/2", "b/2"]  # ten trials end before
    log_p = found.log_session[0].mean(axis=0)[parts.scored]
    for name, value in zip(names, log_p, strict=True):
        mine = frame["subject"] == name[0]

        def total(rows) -> float:
            log_lik = np.array([hit[i] * eta - np.logaddexp(0, eta) for i in np.flatnonzero(rows)])
            return np.log((np.exp(log_lik.sum(axis=0)) * scale).sum())

        exact = total(mine) - total(mine & ~(late & (label == name)))
        assert value == pytest.approx(exact, abs=0.02)
    halves = found.loo("future", half=True).elpd_i
    assert len(halves) == 3 and 0 < np.abs(halves - found.loo("future").elpd_i).max() < 0.1
