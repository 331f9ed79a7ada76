"""Lognormal latency: density, survival, censoring, rows and simulation."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from dopafit.channel import channel_from_dict
from dopafit.channel.latencies import deadlines
from dopafit.channel.latency import Latency
from dopafit.core.errors import SpecError


def logp(eta, latency, is_censored, sigma):
    y = np.atleast_1d(np.asarray(latency, float))
    flag = np.broadcast_to(np.asarray(is_censored, float), y.shape)
    return Latency().logp(np, eta, y, np.log(y), flag, sigma)


@pytest.mark.parametrize("eta", [-3.0, 0.0, 1.2])
@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
def test_density_and_survival_are_scipys(eta: float, sigma: float) -> None:
    reference = stats.lognorm(s=sigma, scale=np.exp(-eta))
    y = np.exp(-eta) * np.exp(sigma * np.array([-8.0, -2.0, 0.0, 0.3, 5.0]))
    assert logp(eta, y, 0, sigma) == pytest.approx(reference.logpdf(y), rel=1e-11)
    assert logp(eta, y, 1, sigma) == pytest.approx(reference.logsf(y), rel=1e-11)


def test_survival_in_the_far_tails() -> None:
    mpmath.mp.dps = 60
    for z in (-50.0, -9.0, 12.0, 60.0, 500.0):
        exact = mpmath.log(mpmath.erfc(z / mpmath.sqrt(2)) / 2)
        found = logp(0.0, np.exp(0.5 * z), 1, 0.5)[0]
        assert found == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


def test_density_integrates_to_one_minus_what_is_censored() -> None:
    for deadline in (0.4, 2.0):
        mass, _ = integrate.quad(lambda y: np.exp(logp(0.3, y, 0, 0.8)[0]), 1e-12, deadline)
        assert mass + np.exp(logp(0.3, deadline, 1, 0.8)[0]) == pytest.approx(1, abs=1e-8)


def test_more_motivation_is_faster() -> None:
    eta = np.array([0.0, 1.0])
    slow = logp(eta, np.array([3.0, 3.0]), 1, 0.5)
    assert slow[1] < slow[0]


def test_rows(trials, rows_of) -> None:
    rows = rows_of(Latency(), trials)
    assert rows.excluded == 1
    assert rows.data["latency"].tolist() == [0.8, 2.0, 1.1, 3.0, 5.0]
    # an empty flag is an answer that came
    assert rows.data["is_censored"].tolist() == [0, 1, 0, 0, 1]


def test_rows_without_a_flag_column_or_with_none(trials, rows_of) -> None:
    table = trials.observations.drop(columns="latency_censored")
    study = trials.with_tables({"observations": table})
    assert rows_of(Latency(), study).data["is_censored"].tolist() == [0] * 5
    assert rows_of(Latency(censored=None), trials).data["is_censored"].tolist() == [0] * 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latency": 0.0}, "latency = 0 in observation 1"),
        ({"latency": -1.0}, "latency = -1 in observation 1"),
        ({"latency": np.inf}, "latency"),
        ({"latency_censored": 2}, "latency_censored = 2"),
    ],
)
def test_impossible_rows(trials, rows_of, values, message) -> None:
    study = trials.with_tables({"observations": trials.observations.assign(**values)})
    with pytest.raises(SpecError, match=message):
        rows_of(Latency(), study)


def test_simulation_has_the_stated_median_spread_and_censoring() -> None:
    n = 30_000
    data = {"deadline": np.full(n, np.inf)}
    drawn = Latency().simulate(np.random.default_rng(0), np.full(n, -0.7), data, sigma=0.4)
    logs = np.log(drawn["latency"])
    assert abs(logs.mean() - 0.7) < 4 * 0.4 / np.sqrt(n)
    assert abs(logs.std() - 0.4) < 4 * 0.4 / np.sqrt(2 * n)
    assert not drawn["latency_censored"].any()
    data = {"deadline": np.full(n, 2.5)}
    cut = Latency().simulate(np.random.default_rng(0), np.full(n, -0.7), data, sigma=0.4)
    late = drawn["latency"] > 2.5
    assert np.array_equal(cut["latency_censored"], late)
    assert np.array_equal(cut["latency"], np.where(late, 2.5, drawn["latency"]))
    share = stats.norm.sf((np.log(2.5) - 0.7) / 0.4)
    assert abs(late.mean() - share) < 4 * np.sqrt(share * (1 - share) / n)


def test_a_model_without_censoring_censors_nothing() -> None:
    data = {"deadline": np.full(100, 1e-3)}
    drawn = Latency(censored=None).simulate(np.random.default_rng(0), np.zeros(100), data, 1.0)
    assert set(drawn) == {"latency"} and drawn["latency"].max() > 1


def test_deadlines_from_the_column_or_from_what_was_censored() -> None:
    frame = pd.DataFrame({"subject": ["a", "a", "a", "b"], "session": ["1", "1", "2", "1"]})
    latency = np.array([1.0, 4.0, 2.0, 7.0])
    censored = np.array([0.0, 1.0, 0.0, 0.0])
    told = frame.assign(deadline=[3.0, np.nan, 5.0, 6.0])
    assert deadlines(told, latency, censored).tolist() == [3, np.inf, 5, 6]
    # without the column: the censored row's own time, then the session's, then anybody's
    assert deadlines(frame, latency, censored).tolist() == [4, 4, 4, 7]
    assert deadlines(frame, latency, 0 * censored).tolist() == [np.inf] * 4


def test_options_round_trip() -> None:
    for options in ({}, {"column": "rt", "censored": None}, {"likelihood": "wald"}):
        channel = channel_from_dict("latency", options)
        assert channel.prefix == "latency"
        assert channel_from_dict("latency", channel.to_dict()) == channel
