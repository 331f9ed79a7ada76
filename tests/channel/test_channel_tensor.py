"""Every likelihood runs on tensors: the same values, and gradients that are finite and right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.xp import log_ndtr, sigmoid, softplus

ROWS = 12
ETA = np.linspace(-2.5, 2.0, ROWS)
FLAG = np.arange(ROWS) % 2.0
LATENCY = np.geomspace(0.05, 20.0, ROWS)
SINCE = np.log(np.append(np.geomspace(0.1, 100.0, ROWS - 1), np.inf))
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


def compiled(logp: Callable, size: int, mode: str):
    eta, p = pt.dvector(), pt.dvector()
    rows = logp(pt, eta, [p[i] for i in range(size)])
    return pytensor.function([eta, p], [rows, *pytensor.grad(rows.sum(), [eta, p])], mode=mode)


def slopes(f: Callable, at: np.ndarray, h: float = 1e-6) -> np.ndarray:
    steps = np.eye(at.size) * h
    return np.array([(f(at + s) - f(at - s)) / (2 * h) for s in steps])


@pytest.mark.parametrize(("logp", "p"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_tensors_agree_with_numpy_and_gradients_with_finite_differences(logp, p) -> None:
    function = compiled(logp, len(p), "FAST_COMPILE")
    p = np.array(p)
    rows, d_eta, d_p = function(ETA, p)
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
    function = compiled(logp, len(p), "FAST_COMPILE")
    rows, d_eta, d_p = function(scale * np.sign(ETA) * np.abs(ETA) / 2.5, np.array(p))
    assert np.isfinite(rows).all()
    assert np.isfinite(d_eta).all() and np.isfinite(d_p).all()


def test_numba_compiles_every_function_without_object_mode_and_agrees() -> None:
    # object mode is a UserWarning, and warnings are errors here
    z = pt.dvector()
    parts = [log_ndtr(pt, z), softplus(pt, z), sigmoid(pt, z)]
    threshold = pt.dscalar()
    eta = pt.dvector()
    wald_rows = WaldLatency(longest_shift=0.1).logp(pt, eta, LATENCY, FLAG, threshold, 0.35)
    total = sum(part.sum() for part in parts) + wald_rows.sum()
    function = pytensor.function(
        [z, eta, threshold],
        [*parts, wald_rows, *pytensor.grad(total, [z, eta, threshold])],
        mode="NUMBA",
    )
    at = np.array([-40.0, -9.0, -1.0, -1e-3, 0.5, 3.0, 9.0, 40.0])
    tails, plus, chance, rows, d_z, d_eta, d_threshold = function(at, ETA, 1.4)
    assert tails == pytest.approx(log_ndtr(np, at), rel=1e-13)
    assert plus == pytest.approx(softplus(np, at), rel=1e-13)
    assert chance == pytest.approx(sigmoid(np, at), rel=1e-13)
    assert rows == pytest.approx(wald(np, ETA, [1.4, 0.35]), rel=1e-12)

    def value(x: np.ndarray) -> float:
        return float((log_ndtr(np, x) + softplus(np, x) + sigmoid(np, x)).sum())

    assert d_z == pytest.approx(slopes(value, at), rel=1e-5, abs=1e-7)
    assert np.isfinite(d_eta).all() and np.isfinite(d_threshold)
