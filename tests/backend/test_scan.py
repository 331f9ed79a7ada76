"""Dynamics that are no sum of exponentials: the generated scan, JAX and numpy against a loop."""

from __future__ import annotations

import math
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from dopafit.backend.bridges.jax_density import jax_operations, prepared
from dopafit.backend.codegen.bound import Bound, memory
from dopafit.backend.codegen.load import load
from dopafit.backend.codegen.tables import prepare
from dopafit.backend.geometry.reparametrisation import Reparametrisation
from dopafit.core.xp import root
from dopafit.model.numpy_operations import numpy_operations
from dopafit.trace.dynamics import Dynamics


class Pool(Dynamics):
    """A depletable pool (Tsodyks and Markram): an event releases a share of what is left."""

    states = 2
    rest = (0.0, 1.0)

    def advance(self, xp, state, gap, parameters):
        level, full = state
        back = 1.0 - (1.0 - full) * xp.exp(-parameters["refill"] * gap)
        return level * xp.exp(-parameters["decay"] * gap), back

    def kick(self, xp, state, size, parameters):
        level, full = state
        taken = parameters["share"] * xp.minimum(abs(size), 1.0)
        return level + parameters["share"] * full * size, full * (1.0 - taken)

    def read(self, xp, state, gap, parameters):
        level = state[0] * xp.exp(-parameters["decay"] * gap)
        return {"level": level + parameters["only_read"] * state[1]}


def half_of_cube(xp, x, size, full):
    """Residual of x^3 + x = size * full."""
    return x * x * x + x - size * full, 3.0 * x * x + 1.0


class Saturating(Pool):
    """The same, where what an event adds solves an equation in its size and the state."""

    def kick(self, xp, state, size, parameters):
        level, full = super().kick(xp, state, size, parameters)
        return level + root(xp, half_of_cube, 0.0, size, state[1]), full


SCALES = np.array([1.0, 1.7, 0.4])
NAMES = ("decay", "refill", "share", "only_read")


class Claim:
    """Rows theta[4] * level, where events have sizes theta[5] * magnitude."""

    def __init__(self, dynamics: Dynamics, *, common: bool) -> None:
        self.dynamics = dynamics
        self.varying = frozenset() if common else frozenset({"trough_ratio"})
        self.model = SimpleNamespace(
            channels=[SimpleNamespace(prefix="here")], kernel="opponent", moved=True
        )

    def logp(self, arrays, theta, operations):
        xp, ones = operations.xp, arrays["kernel_ones"]
        own = {name: xp.exp(theta[k]) * ones for k, name in enumerate(NAMES[:2])}
        own |= {"share": 0.4 * ones, "only_read": theta[3] * ones}
        size = arrays["event_magnitude"] * theta[5]
        level = operations.trace(self.dynamics, size, own, arrays)["level"]
        rows = theta[4] * operations.take(level, arrays["here.read"])
        return {"here": rows + arrays["here.zero"]}


def data(common: bool) -> dict[str, np.ndarray]:
    """Sessions without events or reads, events at one time, negative sizes."""
    rng = np.random.default_rng(4)
    events, reads = np.array([0, 5, 0, 40, 3]), np.array([4, 9, 6, 90, 0])
    times = [np.concatenate([np.sort(rng.integers(0, 30, n)) for n in c]) for c in (events, reads)]
    return {
        "event_time": times[0].astype(float),
        "event_magnitude": rng.uniform(-0.7, 2.0, 48),
        "event_offset": np.append(0, np.cumsum(events)),
        "read_time": times[1].astype(float),
        "read_offset": np.append(0, np.cumsum(reads)),
        "kernel_row": np.zeros(5, int) if common else np.array([0, 2, 1, 0, 2]),
        "kernel_ones": np.ones(1) if common else SCALES,
        "here.read": rng.permutation(reads.sum()),
        "here.zero": np.zeros(reads.sum()),
    }


def slowly(arrays, theta, *, cubic: bool) -> float:
    """The sum of the rows, read after read, by plain floats from each session's begin."""
    total, a = 0.0, arrays
    for session, row in enumerate(a["kernel_row"]):
        scale = a["kernel_ones"][row]
        decay, refill = (math.exp(theta[k]) * scale for k in (0, 1))
        for read in a["read_time"][slice(*a["read_offset"][session : session + 2])]:
            level, full, last = 0.0, 1.0, None
            for e in range(*a["event_offset"][session : session + 2]):
                now, size = a["event_time"][e], a["event_magnitude"][e] * theta[5]
                if now >= read:
                    break
                gap = 0.0 if last is None else now - last
                level *= math.exp(-decay * gap)
                full = 1 - (1 - full) * math.exp(-refill * gap)
                if cubic:
                    found = np.roots([1.0, 0.0, 1.0, -size * full])
                    level += found[np.abs(found.imag) < 1e-9].real[0]
                level += 0.4 * scale * full * size
                full *= 1 - 0.4 * scale * min(abs(size), 1)
                last = now
            gone = 0.0 if last is None else math.exp(-decay * (read - last))
            total += theta[4] * (level * gone + theta[3] * scale * full)
    return total


def coordinates(size: int) -> dict[str, np.ndarray]:
    """Coordinates that are theta itself."""
    found = {name: np.zeros(size) for name in ("loc", "power", "x_centring")}
    found |= {name: np.zeros(size, np.int64) for name in ("spread", "x_spread")}
    found |= {"scale": np.ones(size), "unit": np.arange(1, size + 1)}
    return found | {"half_free": np.zeros(1), "half_scale": np.ones(1)}


def hold(claim, arrays, theta, expected, slopes) -> None:
    """NumPy, the generated function and JAX give this value, the latter two these slopes."""
    by_numpy = claim.logp(arrays, theta, numpy_operations(arrays))["here"].sum()
    assert by_numpy == pytest.approx(expected, rel=1e-11)

    whole = prepare(arrays) | coordinates(6)
    plain = SimpleNamespace(normals=6, halves=1, centred_arrays=lambda _: {})
    whole |= Reparametrisation(plain).arrays | memory()
    call = Bound(load(claim, whole, gradient=True), whole, 7)
    value, gradient = call(np.append(theta, 0.0))
    assert value + 0.5 * theta @ theta == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(gradient[:6] + theta, slopes, rtol=1e-7, atol=1e-7)

    with jax.enable_x64(True):
        device = {name: jax.numpy.asarray(v) for name, v in prepared(arrays).items()}
        operations = jax_operations(device)
        by_jax = jax.value_and_grad(lambda at: claim.logp(device, at, operations)["here"].sum())
        value, gradient = by_jax(jax.numpy.asarray(theta))
    assert float(value) == pytest.approx(expected, rel=1e-11)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("dynamics", "common"), [(Pool(), True), (Pool(), False), (Saturating(), False)]
)
def test_the_scan_and_its_reverse(dynamics, common) -> None:
    claim, arrays = Claim(dynamics, common=common), data(common)
    theta, cubic = np.array([-1.2, -2.3, 0.0, 0.3, 0.8, 0.9]), isinstance(dynamics, Saturating)
    expected = slowly(arrays, theta, cubic=cubic)
    step = 1e-5 * np.eye(6)
    ends = [[slowly(arrays, theta + s * e, cubic=cubic) for s in (-1, 1)] for e in step]
    slopes = np.diff(ends, axis=1).ravel() / 2e-5

    hold(claim, arrays, theta, expected, slopes)
    # control: one step that forgets the gap is another number
    arrays["event_time"] = arrays["event_time"] + 0.01 * np.arange(48)
    assert abs(slowly(arrays, theta, cubic=cubic) - expected) > 1e-3
