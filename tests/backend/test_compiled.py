"""One density, whichever way it is built, whatever the coordinates, whatever the data."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.backend.codegen.kept import structure
from dopafit.backend.geometry.curvature import Dense
from dopafit.backend.geometry.landmark_time import Clock
from dopafit.backend.geometry.pilot import Pilot
from dopafit.backend.sampler.compiled import Density, compile_layout, sampling_model
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.model.play import simulate
from tests.backend.claims import check_gradient, flat, numpy_density, study


@pytest.fixture(scope="module")
def layout(tiny_model, tiny_world) -> Layout:
    return build_layout(tiny_model("trough"), tiny_world)


def points(layout: Layout, count: int = 3) -> list[np.ndarray]:
    x, h = layout.coordinates.prior_draws(np.random.default_rng(2), (count,))
    return [flat(0.5 * a, 0.5 * b) for a, b in zip(x, h, strict=True)]


def likelihood(layout: Layout, q: np.ndarray) -> float:
    normals = layout.coordinates.normals
    theta = layout.coordinates.theta(q[:normals], np.exp(q[normals:]))
    return sum(rows.sum() for rows in evaluate(layout, theta).values())


def test_the_density_is_the_likelihood_of_numpy_plus_the_priors(layout) -> None:
    density = compile_layout(layout)
    for q in points(layout):
        assert density(q)[0] == pytest.approx(numpy_density(layout, q), rel=1e-10)


def test_centring_changes_coordinates_only(layout) -> None:
    """density'(x h^w) = density(x) - sum w ln h: the log Jacobian of the map, and nothing else."""
    plain, c = compile_layout(layout), layout.coordinates
    owner = c.arrays()["x_spread"]
    assert (owner > 0).any() and (owner == 0).any()
    for seed, q in enumerate(points(layout)):
        w = np.random.default_rng(seed).uniform(0, 1, c.normals)
        log_h = np.concatenate([[0.0], q[c.normals :]])[owner]
        moved = q.copy()
        moved[: c.normals] *= np.exp(w * log_h)
        centred = plain.centred(w)
        assert not centred.fresh
        value, gradient = centred(moved)
        expected, slope = plain(q)
        assert value == pytest.approx(expected - (w * log_h).sum(), rel=1e-11)
        # chain rule for the normals: d x' = h^w d x
        np.testing.assert_allclose(
            gradient[: c.normals] * np.exp(w * log_h), slope[: c.normals], rtol=1e-7, atol=1e-8
        )


def test_other_data_share_the_code_and_have_their_own_density(
    layout, tiny_model, tiny_design
) -> None:
    first = compile_layout(layout)
    data, _ = simulate(tiny_model("trough"), tiny_design, seed=99, truth={"presses_rest": -3.0})
    other = build_layout(tiny_model("trough"), data)
    second = Density(other)
    assert not second.fresh
    for q in points(layout):
        # same subjects and priors, so the priors cancel and the likelihoods stay
        gap = likelihood(other, q) - likelihood(layout, q)
        assert abs(gap) > 1
        assert second(q)[0] - first(q)[0] == pytest.approx(gap, rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("clock", ["", "time_to_peak"])
def test_what_the_sampler_sees_is_the_density(layout, dense, clock, monkeypatch) -> None:
    """Stretched by L and centred, the sampler's density is the plain one up to a constant."""
    import nutpie.compiled_pyfunc

    taken = {}

    def capture(size, logp, expand, dtypes, shapes, names, *, make_initial_point_fn):
        taken.update(size=size, logp=logp(), expand=expand(0, 0, 0), start=make_initial_point_fn)
        taken.update(shapes=shapes, names=names)

    monkeypatch.setattr(nutpie.compiled_pyfunc, "from_pyfunc", capture)
    plain, c = compile_layout(layout), layout.coordinates
    size = plain.size
    rng = np.random.default_rng(4)
    shape = Dense(0.05 * rng.standard_normal((size, size)) + 0.3 * np.eye(size)) if dense else None
    w = np.where(c.arrays()["x_spread"] > 0, 0.6, 0.0)
    centre = np.concatenate([np.zeros(c.normals), np.log(0.3 * c.arrays()["half_scale"])])
    told = Clock(c, clock) if clock else None
    sampling_model(layout, plain, Pilot(centre, shape, w, (0.0,), (0.0,), told))
    assert taken["shapes"] == [(c.normals,), (c.halves,)] and taken["names"] == ["x", "h"]
    ours, theirs = [], []
    for _ in range(3):
        u = 0.5 * rng.standard_normal(size)
        value, gradient = taken["logp"](u)
        named = taken["expand"](u)
        log_h = np.log(named["h"])
        jacobian = (w * np.concatenate([[0.0], log_h])[c.arrays()["x_spread"]]).sum()
        ours.append(value + jacobian)
        theirs.append(plain(flat(named["x"], named["h"]))[0])
        step = 1e-6 * rng.standard_normal(size)
        slope = taken["logp"](u + step)[0] - taken["logp"](u - step)[0]
        assert 2 * gradient @ step == pytest.approx(slope, rel=1e-3, abs=1e-6)
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-9, atol=1e-7)
    one, again, other = (taken["start"](seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert np.isfinite(taken["logp"](one)[0])


def test_one_code_serves_data_of_any_size_and_other_priors() -> None:
    model = Model(
        drive="encompassing",
        channels=[Choice(), Latency(), Presses(history=(5.0,))],
        effects={"trough_ratio": "drug + (1 | subject)"},
        typical_spacing=20.0,
    )
    first = build_layout(model, study())
    density, q = Density(first), points(first)[0]
    value, gradient = density(q)
    assert value == pytest.approx(numpy_density(first, q), rel=1e-10)
    check_gradient(lambda p: density(p)[0], q, gradient)
    wider = Model.from_dict(
        model.to_dict() | {"priors": {"trough_ratio": {"lognormal": {"median": 0.5, "sigma": 1}}}}
    )
    for claim, data in ((model, study(7, trials=12)), (wider, study())):
        second = build_layout(claim, data)
        again = Density(second)
        assert not again.fresh
        at = points(second)[1]
        assert again(at)[0] == pytest.approx(numpy_density(second, at), rel=1e-10)
    # and the first is as it was
    assert density(q)[0] == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "change",
    [
        {"drive": "trough"},
        {"channels": [Choice("pursue")]},
        {"channels": [Choice(), WaldLatency()]},
        {"fixed": {"onset_ratio": 0.1}},
        {"effects": {"trough_ratio": "drug"}},
    ],
)
def test_another_claim_is_another_code(change) -> None:
    base = {"drive": "peak", "channels": [Choice(), Latency()], "typical_spacing": 20.0}
    one, two = (build_layout(Model(**(base | c)), study()) for c in ({}, change))
    assert structure(one) != structure(two)
    other = structure(build_layout(Model(**(base | {"fixed": {"onset_ratio": 0.2}})), study()))
    assert other != structure(two)


def test_an_option_that_is_a_number_in_the_formula_is_another_code() -> None:
    one, two = (
        build_layout(Model("no_drive", [WaldLatency(longest_shift=s)]), study()) for s in (0.5, 2.0)
    )
    assert structure(one) != structure(two)
