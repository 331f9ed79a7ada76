"""Claims, data and points at which the ways to compute the density are held against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dopafit.backend.bridges.jax_density import JaxDensity
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout
from dopafit.model.numpy_operations import evaluate
from dopafit.study import Study

KEYS = ["subject", "session"]
VALUE, SLOPE = 1e-11, 1e-10  # relative; to a gradient's largest entry
ABSURD = 1e50


def study(seed: int = 0, trials: int = 7) -> Study:
    """Events at the very times of reads; a session without events; censored latencies."""
    rng = np.random.default_rng(seed)
    columns = [*KEYS, "start", "end", "drug"]
    rows = [["a", "1", 0.0, 150.0, "none"], ["a", "2", 0, 150, "drug"], ["b", "1", 0, 150, "none"]]
    sessions = pd.DataFrame([*rows, ["b", "2", 0, 150, "drug"]], columns=columns)
    tables = {"events": [], "observations": [], "presses": []}
    for number, session in sessions.iterrows():
        key = {k: session[k] for k in KEYS}
        shown = np.linspace(9, 140, trials)
        acts = np.sort(rng.uniform(1, 149, 6))
        times = [] if number == 2 else [*rng.uniform(0, 140, 4), shown[2], shown[2], acts[3]]
        for t in np.sort(times):
            tables["events"].append(
                key | {"time": t, "kind": "cue", "magnitude": rng.uniform(0.5, 2)}
            )
        for i, t in enumerate(shown):
            answer = {"pursue": float(i % 2), "latency": float(rng.uniform(0.5, 4))}
            answer["latency_censored"] = float(i % 3 == 2)
            tables["observations"].append(key | {"time": t} | answer)
        for t in acts:
            tables["presses"].append(key | {"time": t, "kind": "press"})
    return Study("s", sessions=sessions, **{k: pd.DataFrame(v) for k, v in tables.items()})


def plain(drive: str) -> Model:
    return Model(drive=drive, channels=[Choice(), Latency(), Presses()], typical_spacing=20.0)


def rich(drive: str) -> Model:
    """Lapses, Wald, history, pause, refractory time; kernels that differ by drug and subject."""
    presses = Presses(history=(5.0,), pause_after="cue", refractory=0.01)
    effects = {"trough_ratio": "drug + (1 | subject)", "choice_rest": "drug + (1 | subject)"}
    return Model(
        drive=drive,
        channels=[Choice(), WaldLatency(), presses],
        effects=effects | {"peak": "drug + (1 | subject)", "presses_pause_depth": "drug"},
        priors={"choice_lapse": Prior.logit_normal(0.05, 1.0)},
        typical_spacing=20.0,
    )


def points(layout: Layout) -> list[np.ndarray]:
    """Draws of the prior, drawn together and pulled apart."""
    x, h = layout.coordinates.prior_draws(np.random.default_rng(3), (2,))
    near = [flat(a, b) for a, b in zip(0.6 * x, 0.6 * h, strict=True)]
    far = np.random.default_rng(4).standard_normal((2, near[0].size))
    return [np.zeros(near[0].size), *near, 1.5 * far[0], 4.0 * far[1]]


def flat(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The standard coordinates as one vector: x, then log h."""
    return np.concatenate([x, np.log(h)])


def numpy_density(layout: Layout, q: np.ndarray, centring: np.ndarray | None = None) -> float:
    """Likelihood in numpy plus SciPy's log priors with the Jacobian of log h, less constants."""
    coordinates = layout.coordinates
    x, log_h = q[: coordinates.normals], q[coordinates.normals :]
    h = np.exp(log_h)
    w = np.zeros(x.size) if centring is None else centring
    value, standard = 0.0, x.copy()
    for unit, spread in zip(coordinates.unit, coordinates.spread, strict=True):
        if unit:
            sd = h[spread - 1] ** w[unit - 1] if spread else 1.0
            standard[unit - 1] = x[unit - 1] / sd
            value += stats.norm(0, sd).logpdf(x[unit - 1]) - stats.norm(0, 1).logpdf(0)
    if coordinates.half_scale:
        prior = stats.halfnorm(scale=np.array(coordinates.half_scale))
        value += (prior.logpdf(h) - prior.logpdf(0) + log_h).sum()
    else:  # one idle coordinate
        value += (stats.norm.logpdf(log_h) - stats.norm.logpdf(0)).sum()
    theta = coordinates.theta(standard, h)
    return value + sum(rows.sum() for rows in evaluate(layout, theta).values())


def oracle(layout: Layout, centring: np.ndarray | None = None):
    """The density worked out by numpy and SciPy, its gradient by JAX from the same formulas."""
    by_jax = JaxDensity(layout)
    if centring is not None:
        by_jax = by_jax.centred(centring)
    return lambda q: (numpy_density(layout, q, centring), by_jax(q)[1])


def check_gradient(call, q: np.ndarray, gradient: np.ndarray, step: float = 1e-5) -> None:
    """Along random directions: fourth-order central differences."""
    assert np.isfinite(gradient).all()
    for direction in np.random.default_rng(9).standard_normal((5, q.size)):
        a, b, c, d = (call(q + k * step * direction) for k in (-2, -1, 1, 2))
        slope = (a - 8 * b + 8 * c - d) / (12 * step)
        assert gradient @ direction == pytest.approx(slope, rel=1e-6, abs=1e-6)


def compare(expected, found, at: list[np.ndarray]) -> int:
    """Assert one density, where it is finite; return at how many points it is."""
    finite = 0
    for q in at:
        with np.errstate(all="ignore"):
            value, slope = expected(q)
        ours, gradient = found(q)
        assert isinstance(ours, float) and gradient.dtype == np.float64
        assert np.isfinite(ours) == np.isfinite(value)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            continue
        assert ours == pytest.approx(float(value), rel=VALUE)
        if abs(value) > ABSURD and not np.isfinite(gradient).all():
            continue  # an overflow on the way, where no chain can be
        finite += 1
        np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=SLOPE * np.abs(slope).max())
    return finite
