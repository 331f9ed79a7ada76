"""Times of landmarks in half-lives, against the kernel's own landmarks and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.trace.kernel import Kernel
from dopafit.trace.opponent import Opponent


def clock(name: str, log_shape: np.ndarray) -> tuple[float, np.ndarray]:
    """Return ln(time / half-life) and its slopes."""
    slopes = np.empty(len(Opponent.clock_by))
    return Opponent.clock_code()(Opponent.clocks.index(name), log_shape, slopes), slopes


@pytest.mark.parametrize("name", Opponent.clocks)
def test_clock(name) -> None:
    rng, step = np.random.default_rng(3), 1e-5
    low, high = np.log([0.005, 0.001]), np.log([5.0, 10.0])
    for shape in rng.uniform(low, high, (400, 2)):
        value, slopes = clock(name, shape)
        ratio, onset = np.exp(shape)
        marks = Opponent().landmarks(trough_ratio=ratio, recovery_half_life=7.0, onset_ratio=onset)
        assert value == pytest.approx(np.log(marks[name] / 7.0), abs=1e-12)
        for i in range(2):
            move = step * np.eye(2)[i]
            change = clock(name, shape + move)[0] - clock(name, shape - move)[0]
            assert slopes[i] == pytest.approx(change / (2 * step), abs=1e-8)


def test_a_kernel_without_clocks() -> None:
    assert Kernel.clocks == () and Kernel.clock_code() is None
