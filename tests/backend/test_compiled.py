"""One density, whichever way it is built, whatever the coordinates, whatever the data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dopafit.backend.geometry.blocks import Blocks, find_blocks
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.pilot import Pilot
from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
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
    owner = c.arrays["x_spread"]
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


def shaped(layout: Layout, kind: str, rng: np.random.Generator) -> Arrowhead | None:
    """A random map near the identity: of every pair, of a border and blocks, or none."""
    if kind == "none":
        return None
    size = layout.coordinates.normals + layout.coordinates.halves
    blocks = find_blocks(layout) if kind == "arrow" else Blocks(np.arange(size), ())

    def near(*shape: int) -> np.ndarray:
        return 0.05 * rng.standard_normal(shape) + 0.3 * np.eye(shape[-1])

    local = tuple(near(*own.shape, own.shape[1]) for own in blocks.own)
    pull = tuple(0.1 * rng.standard_normal((*o.shape, blocks.shared.size)) for o in blocks.own)
    return Arrowhead(blocks, near(blocks.shared.size, blocks.shared.size), local, pull)


@pytest.mark.parametrize("kind", ["dense", "arrow", "none"])
@pytest.mark.parametrize("clock", ["", "time_to_peak"])
def test_what_the_sampler_sees_is_the_density(layout, kind, clock) -> None:
    """Stretched by L and centred, the sampler's density is the plain one up to a constant."""
    plain, c = compile_layout(layout), layout.coordinates
    size = plain.size
    rng = np.random.default_rng(4)
    shape = shaped(layout, kind, rng)
    w = np.where(c.arrays["x_spread"] > 0, 0.6, 0.0)
    centre = np.concatenate([np.zeros(c.normals), np.log(0.3 * c.arrays["half_scale"])])
    change = Reparametrisation(c, centre, shape, clock, scaled_gains(layout, w), w)
    target = sampling_model(plain, Pilot(change, (0.0,), (0.0,)))
    assert target.shapes == {"x": (c.normals,), "h": (c.halves,)} and target.size == size
    by_python = change.wrap(plain.centred(w))
    ours, theirs = [], []
    for _ in range(3):
        u = 0.5 * rng.standard_normal(size)
        value, gradient = target.density(u)
        expected, slopes = by_python(u)  # the same change, step by step
        assert value == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(change.from_model(change.to_model(u)), u, atol=1e-10)
        named = target.expand(u)
        log_h = np.log(named["h"])
        jacobian = (w * np.concatenate([[0.0], log_h])[c.arrays["x_spread"]]).sum()
        ours.append(value + jacobian)
        theirs.append(plain(flat(named["x"], named["h"]))[0])
        step = 1e-6 * rng.standard_normal(size)
        change_of_value = target.density(u + step)[0] - target.density(u - step)[0]
        assert 2 * gradient @ step == pytest.approx(change_of_value, rel=1e-3, abs=1e-6)
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=1e-9, atol=1e-7)
    one, again, other = (target.start(seed, 0) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert np.isfinite(target.density(one)[0])


def test_threads_get_their_own_answers(layout) -> None:
    """More threads than slots of memory: whoever finds none takes fresh memory."""
    density, at = compile_layout(layout), points(layout, 6)
    expected = [density(q) for q in at]
    density._arrays["busy"][1:] = 1
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(density, at * 20))
    assert density._arrays["busy"][0] == 0  # given back
    for (value, slope), (ours, gradient) in zip(expected * 20, found, strict=True):
        assert ours == value and np.array_equal(gradient, slope)


def test_a_slot_too_small_is_made_good(layout) -> None:
    density, q = compile_layout(layout), points(layout, 1)[0]
    small = density.replaced({"work": np.empty((len(density._arrays["busy"]), 3))})
    assert density._arrays["needed"][0] > 3 and small(q)[0] == density(q)[0]


def test_steps_off_the_map_are_refused_in_silence(layout, recwarn) -> None:
    density = compile_layout(layout)
    for far in (-1e4, 1e4, np.nan, np.inf):
        value, _ = density(np.full(density.size, far))
        assert not np.isfinite(value) or value < -1e6
    assert not recwarn.list


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
    other = build_layout(Model(**(base | {"fixed": {"onset_ratio": 0.2}})), study())
    one, two, other = ((each.program, *each.arrays) for each in (one, two, other))
    assert one != two and other != two


def test_an_option_that_is_a_number_in_the_formula_is_another_code() -> None:
    one, two = (
        build_layout(Model("no_drive", [WaldLatency(longest_shift=s)]), study()) for s in (0.5, 2.0)
    )
    assert (one.program, *one.arrays) != (two.program, *two.arrays)
