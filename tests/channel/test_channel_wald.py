"""Shifted Wald latency against SciPy and mpmath, in the middle and far out."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from dopafit.channel.latency_wald import SOFT, WaldLatency, wald_logpdf, wald_logsf
from dopafit.core.errors import SpecError


def scipys(drift: float, threshold: float):
    """SciPy's inverse Gaussian: mean a/v, shape a^2."""
    return stats.invgauss(mu=1 / (drift * threshold), scale=threshold**2)


def exact_logsf(u: float, drift: float, threshold: float) -> float:
    with mpmath.workdps(400):
        u, v, a = mpmath.mpf(u), mpmath.mpf(drift), mpmath.mpf(threshold)
        root = mpmath.sqrt(u)
        below = mpmath.ncdf((a - v * u) / root)
        return float(mpmath.log(below - mpmath.exp(2 * a * v) * mpmath.ncdf(-(a + v * u) / root)))


@pytest.mark.parametrize("drift", [0.05, 1.0, 7.0])
@pytest.mark.parametrize("threshold", [0.3, 1.5, 6.0])
def test_density_and_survival_are_scipys(drift: float, threshold: float) -> None:
    reference = scipys(drift, threshold)
    u = reference.ppf([0.001, 0.1, 0.5, 0.9, 0.999])
    assert wald_logpdf(np, u, drift, threshold) == pytest.approx(reference.logpdf(u), rel=1e-9)
    assert wald_logsf(np, u, drift, threshold) == pytest.approx(reference.logsf(u), rel=1e-7)


@pytest.mark.parametrize(
    ("u", "drift", "threshold"),
    [
        (1.0, 1.0, 1.0),
        (1e-3, 0.5, 2.0),  # long before anything happens: survival all but 1
        (1e-3, 1e-4, 0.01),
        (50.0, 1.0, 1.0),
        (400.0, 2.0, 3.0),  # survival e^-790
        (1e4, 1.0, 1.0),
        (30.0, 8.0, 20.0),  # e^{2av} alone is e^320
        (200.0, 40.0, 30.0),  # e^{2av} overflows
        (1e6, 1e-3, 1.0),
        (100.0, 1e-6, 0.5),  # next to no drift
        (3.0, 1e-3, 1e-3),
    ],
)
def test_survival_in_extreme_places(u: float, drift: float, threshold: float) -> None:
    found = float(wald_logsf(np, np.array(u), drift, threshold))
    assert found == pytest.approx(exact_logsf(u, drift, threshold), rel=1e-8, abs=1e-15)


def test_density_is_minus_the_slope_of_the_survival() -> None:
    u, h = np.array([0.2, 1.0, 4.0, 30.0]), 1e-6
    slope = (np.exp(wald_logsf(np, u + h, 0.8, 1.5)) - np.exp(wald_logsf(np, u - h, 0.8, 1.5))) / (
        2 * h
    )
    assert np.exp(wald_logpdf(np, u, 0.8, 1.5)) == pytest.approx(-slope, rel=1e-6)


def test_the_shifted_density_integrates_to_one_minus_what_is_censored() -> None:
    channel, shift, threshold = WaldLatency(longest_shift=0.4), 0.5, 1.2

    def logp(y: float, censored: float) -> float:
        row = (np.array([y]), np.array([censored]))
        return float(channel.logp(np, np.array([0.2]), *row, threshold, shift)[0])

    mass, _ = integrate.quad(lambda y: np.exp(logp(y, 0.0)), 0.1, 3.0, limit=200, points=[0.2])
    assert mass + np.exp(logp(3.0, 1.0)) == pytest.approx(1, abs=1e-7)


def test_more_motivation_is_faster_and_the_shift_delays() -> None:
    reference = WaldLatency()
    one = np.ones(1)
    slow, fast = (
        reference.logp(np, np.array([eta]), 3 * one, one, 1.5, 0.3)[0] for eta in (0.0, 1.0)
    )
    assert fast < slow
    late = reference.logp(np, np.zeros(1), 3 * one, one, 1.5, 0.9)[0]
    assert late > slow


def test_simulation_has_the_distribution() -> None:
    n = 5000
    data = {"deadline": np.full(n, np.inf)}
    rng = np.random.default_rng(8)
    channel = WaldLatency(longest_shift=0.5)
    drawn = channel.simulate(rng, np.full(n, 0.3), data, threshold=1.4, shift=0.2)
    late = drawn["latency"] - 0.1
    u = 0.5 * (late + np.sqrt(late**2 + 4 * SOFT**2))
    reference = scipys(np.exp(0.3), 1.4)
    assert stats.kstest(u, reference.cdf).pvalue > 0.01
    assert stats.kstest(u + 0.1, reference.cdf).pvalue < 0.01  # negative control: no shift
    per_row = channel.simulate(
        np.random.default_rng(8), np.full(n, 0.3), data, threshold=np.full(n, 1.4), shift=0.2
    )
    assert np.array_equal(per_row["latency"], drawn["latency"])


def test_the_blur_is_far_below_what_a_decision_takes() -> None:
    """Where responses come at all, the density is that of the shifted Wald within 0.003."""
    channel, y = WaldLatency(), np.linspace(0.55, 4.0, 50)
    found = channel.logp(np, np.zeros(50), y, np.zeros(50), 1.5, 0.3)
    assert found == pytest.approx(wald_logpdf(np, y - 0.3, 1.0, 1.5), abs=3e-3)


@pytest.mark.parametrize("shift", [0.3, 0.999])
def test_a_response_before_the_shift_has_a_density_that_says_where_to_go(shift) -> None:
    """Chains start anywhere: no minus infinity, and the slope leads to a smaller shift."""
    channel, y, flag = WaldLatency(), np.array([1e-4, 0.05, 0.29]), np.zeros(3)
    near, far = (channel.logp(np, np.zeros(3), y, flag, 1.5, s) for s in (shift - 1e-3, shift))
    assert np.isfinite(far).all() and (near > far).all() and (far < -100).any()
    survival = channel.logp(np, np.zeros(3), y, flag + 1, 1.5, shift)
    assert survival == pytest.approx(np.zeros(3), abs=1e-6)


@pytest.mark.parametrize("longest", [0.0, -1.0, 61.0, float("nan"), "1", True, None])
def test_a_longest_shift_that_is_none(longest) -> None:
    with pytest.raises(SpecError, match=r"longest_shift(.|\n)*allowed(.|\n)*to do"):
        WaldLatency(longest_shift=longest)
