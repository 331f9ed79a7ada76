"""Every likelihood runs on JAX's arrays: the same values, and gradients finite and right."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
import pytest

from dopafit.backend.bridges.jax_functions import namespace
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import LONG_AGO, SHARPNESS, Presses

ROWS = 12
ETA = np.linspace(-2.5, 2.0, ROWS)
FLAG = np.arange(ROWS) % 2.0
LATENCY = np.geomspace(0.05, 20.0, ROWS)
SINCE = np.append(np.geomspace(0.1, 100.0, ROWS - 1), LONG_AGO) ** SHARPNESS
WEIGHT = np.where(FLAG > 0, 0.0, 0.7)


def choice(xp, eta, p):
    return Choice().logp(xp, eta, FLAG, p[0])


def latency(xp, eta, p):
    return Latency().logp(xp, eta, LATENCY, np.log(LATENCY), FLAG, p[0])


def wald(xp, eta, p):
    return WaldLatency(longest_shift=0.1).logp(xp, eta, LATENCY, FLAG, p[0], p[1])


def presses(xp, eta, p):
    return Presses(pause_after="cue").logp(xp, eta, FLAG, WEIGHT, SINCE, p[0], p[1])


def plain(xp, eta, p):
    return Choice().logp(xp, eta, FLAG) + Presses().logp(xp, eta, FLAG, WEIGHT, SINCE) + 0 * p[0]


CASES: list[tuple[Callable, list[float]]] = [
    (choice, [0.04]),
    (latency, [0.6]),
    (wald, [1.4, 0.35]),
    (presses, [3.0, 5.0]),
    (plain, [1.0]),
]


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def by_jax(logp: Callable, eta: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Log densities of the rows, and the slopes of their sum by eta and by the parameters."""
    rows = jax.jit(lambda eta, p: logp(namespace, eta, p))
    found = rows(eta, p), *jax.grad(lambda *at: rows(*at).sum(), argnums=(0, 1))(eta, p)
    return [np.asarray(part) for part in found]


def slopes(f: Callable, at: np.ndarray, h: float = 1e-6) -> np.ndarray:
    steps = np.eye(at.size) * h
    return np.array([(f(at + s) - f(at - s)) / (2 * h) for s in steps])


@pytest.mark.parametrize(("logp", "p"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_values_agree_with_numpy_and_gradients_with_finite_differences(logp, p) -> None:
    p = np.array(p)
    rows, d_eta, d_p = by_jax(logp, ETA, p)
    assert rows == pytest.approx(logp(np, ETA, p), rel=1e-12, abs=1e-12)
    assert np.isfinite(d_eta).all() and np.isfinite(d_p).all()
    assert d_eta == pytest.approx(slopes(lambda e: logp(np, e, p).sum(), ETA), rel=1e-6, abs=1e-6)
    assert d_p == pytest.approx(slopes(lambda q: logp(np, ETA, q).sum(), p), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("scale", [5.0, 30.0])
@pytest.mark.parametrize(("logp", "p"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_gradients_stay_finite_far_out(logp, p, scale: float) -> None:
    # a sampler's first steps go far: one NaN there and it never starts
    if scale > 5 and logp in (wald, presses, plain):
        scale = 12.0  # beyond, e^eta itself is absurd
    found = by_jax(logp, scale * np.sign(ETA) * np.abs(ETA) / 2.5, np.array(p))
    assert all(np.isfinite(part).all() for part in found)
