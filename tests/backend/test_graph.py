"""The tensor graph is the likelihood of plain numpy plus the priors, and its gradient is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor
import pytest
from scipy import stats

from dopafit.backend.graph import density_graph, flat, pymc_model, used_arrays
from dopafit.backend.sampler.compiled import Density
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.study import Study

KEYS = ["subject", "session"]


def study(seed: int = 0, trials: int = 7) -> Study:
    rng = np.random.default_rng(seed)
    sessions = pd.DataFrame(
        [["a", "1", 0.0, 150.0, "none"], ["a", "2", 0, 150, "drug"], ["b", "1", 0, 150, "none"]],
        columns=[*KEYS, "start", "end", "drug"],
    )
    rows = {"events": [], "observations": [], "presses": []}
    for _, session in sessions.iterrows():
        key = {k: session[k] for k in KEYS}
        for t in np.sort(rng.uniform(0, 140, 5)):
            rows["events"].append(key | {"time": t, "kind": "cue", "magnitude": 1.0})
        for i, t in enumerate(np.linspace(9, 140, trials)):
            answer = {"pursue": float(i % 2), "latency": float(rng.uniform(0.5, 4))}
            answer["latency_censored"] = float(i % 3 == 2)
            rows["observations"].append(key | {"time": t} | answer)
        for t in np.sort(rng.uniform(0, 150, 6)):
            rows["presses"].append(key | {"time": t, "kind": "press"})
    return Study("s", sessions=sessions, **{k: pd.DataFrame(v) for k, v in rows.items()})


def full(drive: str) -> Model:
    """Three channels; group effects, a pause, history, a lapse, kernels that differ."""
    return Model(
        drive=drive,
        channels=[Choice(), WaldLatency(), Presses(history=(5.0,), pause_after="cue")],
        effects={"trough_ratio": "drug + (1 | subject)", "choice_rest": "drug + (1 | subject)"},
        priors={"choice_lapse": Prior.logit_normal(0.05, 1.0)},
        typical_spacing=20.0,
    )


def point(layout: Layout, seed: int = 1) -> np.ndarray:
    x, h = layout.coordinates.prior_draws(np.random.default_rng(seed), ())
    return flat(0.6 * x, 0.6 * h)


def expected(layout: Layout, q: np.ndarray, centring: np.ndarray | None = None) -> float:
    """Likelihood in numpy plus log priors with the Jacobian of log h, less constants."""
    coordinates = layout.coordinates
    x, log_h = q[: coordinates.normals], q[coordinates.normals :]
    h = np.exp(log_h)
    w = np.zeros(x.size) if centring is None else centring
    value, standard = 0.0, x.copy()
    for i, (unit, spread) in enumerate(zip(coordinates.unit, coordinates.spread, strict=True)):
        if unit:
            sd = h[spread - 1] ** w[unit - 1] if spread else 1.0
            standard[unit - 1] = x[unit - 1] / sd
            value += stats.norm(0, sd).logpdf(x[unit - 1]) - stats.norm(0, 1).logpdf(0)
            assert coordinates.entries[i].role != "constant"
    if coordinates.half_scale:
        prior = stats.halfnorm(scale=np.array(coordinates.half_scale))
        value += (prior.logpdf(h) - prior.logpdf(0) + log_h).sum()
    else:  # one idle coordinate
        value += (stats.norm.logpdf(log_h) - stats.norm.logpdf(0)).sum()
    theta = coordinates.theta(standard, h)
    return value + sum(rows.sum() for rows in evaluate(layout, theta).values())


def compiled(layout: Layout, mode: str):
    inputs, outputs = density_graph(layout)
    function = pytensor.function(inputs, outputs, mode=mode, on_unused_input="ignore")

    def call(q: np.ndarray, centring: np.ndarray | None = None) -> tuple[float, np.ndarray]:
        arrays = used_arrays(layout)
        if centring is not None:
            arrays |= layout.coordinates.arrays(centring)
        value, gradient = function(q, layout.coordinates.normals, *arrays.values())
        return float(value), gradient

    return call


def check_gradient(f, q: np.ndarray, gradient: np.ndarray, h: float = 1e-5) -> None:
    """Along random directions: fourth-order central differences."""
    assert np.isfinite(gradient).all()
    for direction in np.random.default_rng(9).standard_normal((5, q.size)):
        a, b, c, d = (f(q + k * h * direction)[0] for k in (-2, -1, 1, 2))
        slope = (a - 8 * b + 8 * c - d) / (12 * h)
        assert gradient @ direction == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("drive", ["encompassing", "level", "no_drive"])
def test_the_graph_is_evaluate_plus_the_priors(drive: str) -> None:
    layout = build_layout(full(drive), study())
    call = compiled(layout, "FAST_COMPILE")
    for seed in (1, 2):
        q = point(layout, seed)
        value, gradient = call(q)
        assert value == pytest.approx(expected(layout, q), rel=1e-10, abs=1e-8)
        check_gradient(call, q, gradient)
    # any centring is the same posterior in other coordinates
    rng = np.random.default_rng(3)
    centring = rng.uniform(0, 1, layout.coordinates.normals)
    value, gradient = call(q, centring)
    assert value == pytest.approx(expected(layout, q, centring), rel=1e-10, abs=1e-8)
    check_gradient(lambda p: call(p, centring), q, gradient)


def test_the_compiled_density_agrees_and_serves_other_data() -> None:
    model = Model(
        drive="encompassing",
        channels=[Choice(), Latency(), Presses(history=(5.0,))],
        effects={"trough_ratio": "drug + (1 | subject)"},
        typical_spacing=20.0,
    )
    first = build_layout(model, study())
    density = Density(first)
    q = point(first)
    value, gradient = density(q)
    assert value == pytest.approx(expected(first, q), rel=1e-10)
    check_gradient(density, q, gradient)
    # another study, of another size, with other priors: the same code, other numbers
    wider = Model.from_dict(
        model.to_dict() | {"priors": {"trough_ratio": {"lognormal": {"median": 0.5, "sigma": 1}}}}
    )
    for claim, data in ((model, study(7, trials=12)), (wider, study())):
        second = build_layout(claim, data)
        again = Density(second)
        assert not again.fresh
        q = point(second, 5)
        assert again(q)[0] == pytest.approx(expected(second, q), rel=1e-10)
    # and the first is as it was
    q = point(first)
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
def test_another_claim_is_another_graph(change) -> None:
    from dopafit.backend.sampler.compiled import structure

    base = {"drive": "peak", "channels": [Choice(), Latency()], "typical_spacing": 20.0}
    one, two = (build_layout(Model(**(base | c)), study()) for c in ({}, change))
    assert structure(one) != structure(two)
    other = structure(build_layout(Model(**(base | {"fixed": {"onset_ratio": 0.2}})), study()))
    assert other != structure(two)


def test_an_option_that_is_a_number_in_the_formula_is_another_code() -> None:
    from dopafit.backend.sampler.compiled import structure

    one, two = (
        build_layout(Model("no_drive", [WaldLatency(longest_shift=s)]), study()) for s in (0.5, 2.0)
    )
    assert structure(one) != structure(two)


def test_pymc_has_the_same_density() -> None:
    layout = build_layout(full("trough"), study())
    model = pymc_model(layout)
    q = point(layout)
    x, log_h = q[: layout.coordinates.normals], q[layout.coordinates.normals :]
    function = pytensor.function(model.value_vars, model.logp(), mode="FAST_COMPILE")
    names = [v.name for v in model.value_vars]
    found = float(function(**dict(zip(names, (x, log_h), strict=True))))
    scale = np.array(layout.coordinates.half_scale)
    constant = x.size * stats.norm.logpdf(0) + stats.halfnorm(scale=scale).logpdf(0).sum()
    assert found == pytest.approx(expected(layout, q) + constant, rel=1e-9)


def test_a_model_with_next_to_nothing_free() -> None:
    model = Model(drive="no_drive", channels=[Choice()], effects={"choice_rest": "1"})
    layout = build_layout(model, study())
    call = compiled(layout, "FAST_COMPILE")
    q = np.array([0.3, -0.2])
    value, gradient = call(q)
    assert value == pytest.approx(expected(layout, q), rel=1e-12)
    check_gradient(call, q, gradient)


def test_flat_is_the_inverse_of_what_the_graph_reads() -> None:
    assert flat(np.array([1.0, 2.0]), np.array([1.0, np.e])).tolist() == [1, 2, 0, 1]
