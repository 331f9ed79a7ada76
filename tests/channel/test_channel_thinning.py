"""Simulated presses have the intensity they were simulated with: time rescaling, counts, limits."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy import integrate, stats

from dopafit.channel.press import since_last
from dopafit.channel.thinning import LIMIT, simulate_presses
from dopafit.core.errors import FitError

STEP = 2.0
END = 4000.0
EDGES = np.arange(0.0, END + STEP / 2, STEP)
PIECES = np.column_stack([EDGES[:-1], EDGES[1:]])


def base(t: np.ndarray) -> np.ndarray:
    return -1.5 + np.sin(t / 60.0)


LOG_RATE = base(PIECES)
TAU, WEIGHT, REFRACTORY = np.array([4.0, 30.0]), np.array([1.2, -0.8]), 0.5


def simulate(
    seed: int, *, weight=WEIGHT, refractory=REFRACTORY, log_rate=LOG_RATE, sessions=1, limit=LIMIT
):
    return simulate_presses(
        np.random.default_rng(seed),
        np.arange(sessions + 1) * len(PIECES),
        np.tile(PIECES, (sessions, 1)),
        np.tile(log_rate, (sessions, 1)),
        tau=TAU,
        weight=np.asarray(weight, float),
        refractory=refractory,
        limit=limit,
    )


def rescaled(presses: np.ndarray, weight, refractory: float) -> np.ndarray:
    """Compensator between successive presses: Exp(1) if the intensity is the right one."""
    node, share = np.polynomial.legendre.leggauss(6)
    found = []
    for low, high in itertools.pairwise(presses):
        inner = np.arange(low, high, 0.5)
        edges = np.unique([low, *inner, min(low + refractory, high), high])
        total = 0.0
        for a, b in itertools.pairwise(edges):
            if 0.5 * (a + b) < low + refractory:
                continue
            t = 0.5 * (a + b) + 0.5 * (b - a) * node
            history = sum(w * np.exp(-(t - low) / tau) for w, tau in zip(weight, TAU, strict=True))
            total += 0.5 * (b - a) * (share * np.exp(base(t) + history)).sum()
        found.append(total)
    return np.array(found)


def test_time_rescaling_with_history_and_refractory_time() -> None:
    _, presses = simulate(1)
    assert presses.size > 500
    assert np.diff(presses).min() >= REFRACTORY
    gaps = rescaled(presses, WEIGHT, REFRACTORY)
    assert stats.kstest(gaps, "expon").pvalue > 0.01
    # uncorrelated as well: nothing of the past is left
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / np.sqrt(gaps.size)


def test_time_rescaling_rejects_wrong_histories() -> None:
    _, presses = simulate(1)
    for weight, refractory in (([0.6, -0.8], REFRACTORY), ([1.2, 0.0], REFRACTORY), (WEIGHT, 0.0)):
        assert stats.kstest(rescaled(presses, weight, refractory), "expon").pvalue < 0.01


def test_a_constant_rate_gives_poisson_counts() -> None:
    rate, sessions = 0.05, 200
    flat = np.full_like(LOG_RATE, np.log(rate))
    session, presses = simulate(2, weight=[0, 0], refractory=0.0, log_rate=flat, sessions=sessions)
    counts = np.bincount(session, minlength=sessions)
    mean = rate * END
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / sessions)
    dispersion = ((counts - mean) ** 2).sum() / mean
    assert stats.chi2(sessions).sf(dispersion) > 0.001
    assert stats.chi2(sessions).cdf(dispersion) > 0.001
    assert stats.kstest(presses / END, "uniform").pvalue > 0.001


def test_a_refractory_time_lowers_the_rate_as_renewal_theory_says() -> None:
    rate, dead = 0.5, 1.5
    flat = np.full_like(LOG_RATE, np.log(rate))
    session, _ = simulate(3, weight=[0, 0], refractory=dead, log_rate=flat, sessions=50)
    expected = END / (1 / rate + dead)
    sd = np.sqrt(END * (1 / rate**2) / (1 / rate + dead) ** 3 / 50)
    assert abs(np.bincount(session).mean() - expected) < 4 * sd + 0.5


def test_the_mean_follows_a_moving_rate() -> None:
    _, presses = simulate(4, weight=[0, 0], refractory=0.0, sessions=60)
    for low, high in ((0.0, 200.0), (1000.0, 1100.0)):
        mean = 60 * integrate.quad(lambda t: np.exp(base(t)), low, high)[0]
        count = ((presses >= low) & (presses < high)).sum()
        assert abs(count - mean) < 4 * np.sqrt(mean)


def test_times_are_ordered_inside_the_segments_and_sessions_start_afresh() -> None:
    gaps = PIECES.copy()
    keep = (gaps[:, 0] < 1000) | (gaps[:, 0] >= 1500)
    pieces, log_rate = gaps[keep], LOG_RATE[keep]
    session, presses = simulate_presses(
        np.random.default_rng(5),
        np.array([0, len(pieces), 2 * len(pieces)]),
        np.tile(pieces, (2, 1)),
        np.tile(log_rate, (2, 1)),
        tau=TAU,
        weight=WEIGHT,
        refractory=REFRACTORY,
    )
    assert not ((presses >= 1000) & (presses < 1500)).any()
    for s in (0, 1):
        own = presses[session == s]
        assert (np.diff(own) >= REFRACTORY).all() and own[0] < 50
    assert (np.diff(session) >= 0).all()
    assert np.isinf(since_last(presses[session == 1][:1], presses[:0])).all()


def test_one_seed_one_result() -> None:
    a, b, c = simulate(6), simulate(6), simulate(7)
    assert np.array_equal(a[1], b[1])
    assert not np.array_equal(a[1][:50], c[1][:50])


def test_no_segments_and_no_rate() -> None:
    none = simulate_presses(
        np.random.default_rng(0),
        np.array([0, 0]),
        np.empty((0, 2)),
        np.empty((0, 2)),
        tau=TAU,
        weight=WEIGHT,
        refractory=0.0,
    )
    assert none[1].size == 0
    assert simulate(0, log_rate=np.full_like(LOG_RATE, -800.0))[1].size == 0


@pytest.mark.parametrize("log_rate", [12.0, 60.0, 800.0])
@pytest.mark.parametrize("refractory", [0.0, 1e-6, 0.5])
def test_absurd_rates_end_in_an_error_and_soon(log_rate, refractory) -> None:
    started = time.monotonic()
    flat = np.full_like(LOG_RATE, log_rate)
    if refractory == 0.5:  # the refractory time itself bounds the count: no error is needed
        _, presses = simulate(0, weight=[0, 0], refractory=refractory, log_rate=flat, limit=50_000)
        assert presses.size == pytest.approx(END / 0.5, rel=0.01)
    else:
        with pytest.raises(FitError, match="presses"):
            simulate(0, weight=[0, 0], refractory=refractory, log_rate=flat, limit=50_000)
    assert time.monotonic() - started < 20


def test_a_press_that_all_but_forbids_the_next_ends_in_an_error() -> None:
    flat = np.full_like(LOG_RATE, 25.0)
    with pytest.raises(FitError, match="narrow the priors"):
        simulate(0, weight=[-50.0, -50.0], refractory=0.0, log_rate=flat, limit=50_000)
