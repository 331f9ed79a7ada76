"""Functions over numpy: exact in both tails. The tensors are tested with the channels."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from dopafit.core.xp import erfcx, log_ndtr, sigmoid, softplus

FAR = np.array([-1e10, -1e5, -300.0, -38.0, -10.0, -1.0, -1e-9, 0.0, 1e-9, 1.0, 9.0, 38.0, 1e6])


def test_log_ndtr_is_scipys() -> None:
    assert log_ndtr(np, FAR) == pytest.approx(special.log_ndtr(FAR), rel=1e-14)


def test_log_ndtr_in_the_far_tails() -> None:
    mpmath.mp.dps = 50
    for x in (-1000.0, -37.5, -6.0, 0.5, 6.0, 8.2, 30.0):
        exact = mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)
        assert log_ndtr(np, np.array(x)) == pytest.approx(float(exact), rel=5e-14)


def test_softplus_and_sigmoid() -> None:
    assert softplus(np, FAR) == pytest.approx(np.logaddexp(0, FAR), rel=1e-15)
    assert sigmoid(np, FAR) == pytest.approx(special.expit(FAR), rel=1e-15)
    assert sigmoid(np, np.array([-800.0, 800.0])) == pytest.approx([0.0, 1.0])


def test_erfcx() -> None:
    x = np.array([0.0, 1.0, 30.0, 1e8])
    assert erfcx(np, x) == pytest.approx(special.erfcx(x), rel=1e-15)
    assert np.log(0.5 * erfcx(np, 1 / np.sqrt(2))) - 0.5 == pytest.approx(stats.norm.logsf(1.0))
