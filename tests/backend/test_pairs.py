"""Sums over pairs of reads and events: the generated passes, JAX and numpy against a loop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.codegen.tables import prepare
from dopafit.model.numpy_operations import numpy_operations
from dopafit.trace.dynamics import Pairs
from tests.backend.test_scan import Claim, data, hold

HORIZON = 12.0


@dataclass(frozen=True)
class Power(Pairs):
    """A response that no exponentials make: (1 + decay t)^-1 - share / (1 + t)."""

    horizon: str = "horizon"

    def response(self, xp, log_gap, parameters):
        gap = xp.exp(log_gap)
        level = 1.0 / (1.0 + parameters["decay"] * gap) - parameters["share"] / (1.0 + gap)
        return {"level": level}


class Windows(Claim):
    """Rows that see weighted moments, where the arrays have any; squares, lest all be linear."""

    def logp(self, arrays, theta, operations):
        xp, ones = operations.xp, arrays["kernel_ones"]
        own = {"decay": xp.exp(theta[0]) * ones, "share": theta[3] * ones}
        size = arrays["event_magnitude"] * theta[5]
        level = operations.trace(self.dynamics, size, own, arrays)["level"]
        rows = operations.take(level * level + theta[2] * level, arrays["here.read"])
        if "here.moment_weight" in arrays:
            weighted = rows * arrays["here.moment_weight"]
            rows = operations.segment_sum(weighted, arrays["here.moment_offset"])
        return {"here": theta[4] * rows + arrays["here.zero"]}


def slowly(a, theta) -> float:
    """The sum of the rows, read after read and event after event."""
    moved = np.zeros(a["read_time"].size)
    for session, row in enumerate(a["kernel_row"]):
        scale = a["kernel_ones"][row]
        for read in range(*a["read_offset"][session : session + 2]):
            level = 0.0
            for e in range(*a["event_offset"][session : session + 2]):
                gap = a["read_time"][read] - a["event_time"][e]
                if 0 < gap < HORIZON:
                    h = 1 / (1 + math.exp(theta[0]) * scale * gap) - theta[3] * scale / (1 + gap)
                    level += a["event_magnitude"][e] * theta[5] * h
            moved[read] = level * level + theta[2] * level
    return theta[4] * float(moved[a["here.read"]] @ a.get("here.moment_weight", 1 + 0 * moved))


@pytest.mark.parametrize("windows", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_sums_and_their_reverse(windows) -> None:
    arrays = data(not windows) | {"pair_horizon": np.array([HORIZON])}
    if windows:
        rng, count = np.random.default_rng(6), np.array([0, CHUNK + 20, 3, 40, 1])
        arrays["here.moment_offset"] = np.append(0, np.cumsum(count))
        arrays["here.moment_weight"] = rng.normal(0, 0.1, count.sum())
        arrays["here.read"] = rng.integers(0, arrays["read_time"].size, count.sum())
        arrays["here.zero"] = np.zeros(count.size)
    claim, theta = Windows(Power(), common=not windows), np.array([-1.2, 0, 0.4, 0.3, 0.8, 0.9])
    expected, step = slowly(arrays, theta), 1e-5 * np.eye(6)
    ends = [[slowly(arrays, theta + s * e) for s in (-1, 1)] for e in step]
    slopes = np.diff(ends, axis=1).ravel() / 2e-5

    assert prepare(arrays)["pair_event"].size > CHUNK
    hold(claim, arrays, theta, expected, slopes)
    # control: a read that sees further is another number
    further = arrays | {"pair_horizon": np.array([HORIZON + 5])}
    other = claim.logp(further, theta, numpy_operations(further))["here"].sum()
    assert abs(other - expected) > 1e-3
