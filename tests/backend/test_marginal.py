"""The fast evidence against integrals by quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import expit

from dopafit.backend.evidence import marginal
from dopafit.backend.evidence.first_draws import draw_shared
from dopafit.backend.evidence.marginal import log_marginal
from dopafit.channel.choice import Choice
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import numpy_operations
from dopafit.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    rng = np.random.default_rng(1)
    keys = {"subject": "s1", "session": "1"}
    time = np.arange(1.0, 121.0) * 5.0
    return Study(
        "one",
        sessions=pd.DataFrame([{**keys, "start": 0.0, "end": 610.0}]),
        events=pd.DataFrame({"time": time[::4] - 3.0, "kind": "cue", "magnitude": 1.0}).assign(
            **keys
        ),
        observations=pd.DataFrame({"time": time}).assign(
            **keys, pursue=(rng.uniform(size=time.size) < 0.35).astype(float)
        ),
    )


PLAIN = {"choice_rest": "1", "peak": "1"}


def test_one_parameter_against_quadrature(study) -> None:
    model = Model(drive="no_drive", channels=[Choice()], effects=PLAIN)
    y = study.observations["pursue"].to_numpy()
    k, n = y.sum(), y.size

    def density(rest: float) -> float:
        log_lik = k * np.log(expit(rest)) + (n - k) * np.log(expit(-rest))
        return np.exp(log_lik + 0.5 * n) * stats.norm.pdf(rest, 0.0, 1.5)

    exact = np.log(integrate.quad(density, -4.0, 4.0)[0]) - 0.5 * n
    found = log_marginal(build_layout(model, study), {}, draws=400)
    assert found.value == pytest.approx(exact, abs=0.02)
    assert found.corrected == pytest.approx(exact, abs=5 * found.error)
    assert found.error < 0.01 and found.k < 0.7
    mode = 1.5 * found.mode["choice_rest"]
    assert expit(mode) == pytest.approx(k / n, abs=0.01)


def test_a_heavy_tail_takes_more_draws(study, monkeypatch) -> None:
    model = Model(drive="no_drive", channels=[Choice()], effects=PLAIN)
    layout, counts = build_layout(model, study), []

    def counted(located, rng, count):
        counts.append(count)
        return draw_shared(located, rng, count)

    monkeypatch.setattr(marginal, "draw_shared", counted)
    good = log_marginal(layout, {}, draws=200)
    assert counts == [200] and good.k < 0.7
    monkeypatch.setattr(marginal, "POOR", -np.inf)  # nothing is good enough
    more = log_marginal(layout, {}, draws=200)
    assert counts[1:] == [200, 200, 400, 800]
    assert more.error < 0.7 * good.error and more.value == good.value


def test_a_half_normal_gain_keeps_its_constant(study) -> None:
    """Two parameters, one of them half-normal, with the kernel fixed."""
    fixed = {"trough_ratio": 0.5, "recovery_half_life": 12.0, "onset_ratio": 0.2}
    model = Model(drive="trough", channels=[Choice()], effects=PLAIN, fixed=fixed)
    layout = build_layout(model, study)
    m = numpy_operations(layout.arrays)
    coordinates = layout.coordinates
    scale = coordinates.half_scale[0]

    def density(gain: float, rest: float) -> float:
        theta = coordinates.theta(np.array([rest / 1.5]), np.array([gain]))
        log_lik = layout.program.logp(layout.arrays, theta, m)["choice"].sum()
        prior = stats.norm.pdf(rest, 0.0, 1.5) * stats.halfnorm.pdf(gain, scale=scale)
        return np.exp(log_lik + 70.0) * prior

    rest, gain = np.linspace(-3.0, 1.5, 90), np.linspace(1e-6, 4.0, 160)
    grid = np.array([[density(g, r) for g in gain] for r in rest])
    exact = np.log(integrate.simpson(integrate.simpson(grid, x=gain), x=rest)) - 70.0
    found = log_marginal(layout, {}, draws=400)
    assert found.corrected == pytest.approx(exact, abs=5 * found.error) and found.error < 0.1
    # a statistic is the same for data and surrogates, whether it is corrected or not
    assert log_marginal(layout, {}).value == found.value
    # the gain's posterior is skew: Laplace is off by some tenths, the constant would be 0.3
    assert found.value == pytest.approx(exact, abs=0.25)


def test_it_does_not_depend_on_where_the_search_starts(tiny_model, tiny_world) -> None:
    layout = build_layout(tiny_model("trough"), tiny_world)
    first = log_marginal(layout, {})
    again = log_marginal(layout, first.mode)
    assert again.value == pytest.approx(first.value, abs=0.6)
    known = log_marginal(build_layout(tiny_model("no_drive"), tiny_world), {}).mode
    assert set(known) < set(first.mode) | {""}
    assert log_marginal(layout, known).value == pytest.approx(first.value, abs=0.6)
