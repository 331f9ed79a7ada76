"""Pursue or not: the likelihood against SciPy, the rows, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from dopafit.channel import channel_from_dict
from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError

ETA = np.array([-30.0, -3.0, -0.1, 0.0, 2.0, 8.0])


@pytest.mark.parametrize("pursued", [0.0, 1.0])
@pytest.mark.parametrize("lapse", [0.0, 0.02, 0.5])
def test_logp_is_scipys_bernoulli(pursued: float, lapse: float) -> None:
    chance = lapse / 2 + (1 - lapse) * expit(ETA)
    found = Choice().logp(np, ETA, np.full(ETA.shape, pursued), lapse)
    exact = stats.bernoulli(chance).logpmf(int(pursued))
    assert found == pytest.approx(exact, rel=1e-11)
    if lapse == 0:  # also where 1 - chance is lost to rounding
        assert Choice().logp(np, np.array([40.0, -900.0]), np.array([0.0, 1.0])) == pytest.approx(
            [-40.0, -900.0], rel=1e-12
        )


def test_lapse_as_an_array_and_as_a_number_agree() -> None:
    pursued = (np.arange(ETA.size) % 2).astype(float)
    a = Choice().logp(np, ETA, pursued, 0.03)
    assert a == pytest.approx(Choice().logp(np, ETA, pursued, np.full(ETA.size, 0.03)), rel=1e-15)
    tiny = Choice().logp(np, ETA, pursued, np.full(ETA.size, 1e-300))
    assert tiny == pytest.approx(Choice().logp(np, ETA, pursued), rel=1e-12)


def test_probabilities_of_both_outcomes_add_up_to_one() -> None:
    for lapse in (0.0, 0.1):
        both = [np.exp(Choice().logp(np, ETA, np.full(ETA.shape, y), lapse)) for y in (0.0, 1.0)]
        assert sum(both) == pytest.approx(np.ones(ETA.size), rel=1e-14)


def test_rows_leave_missing_outcomes_out_and_count_them(trials, rows_of) -> None:
    rows = rows_of(Choice(), trials)
    assert len(rows) == 5 and rows.excluded == 1
    assert rows.data["pursued"].tolist() == [1, 0, 1, 0, 0]
    assert rows.frame["time"].tolist() == [10, 30, 5, 7, 9]
    # the trial keeps its number when its neighbour is missing
    assert rows.unit.tolist() == [0, 1, 0, 0, 1]


def test_rows_take_any_column_of_numbers(make_study, trials, rows_of) -> None:
    table = trials.observations.assign(chose="1", odd=[1, 0, 2, 1, 0, 0], word="yes")
    study = trials.with_tables({"observations": table})
    assert rows_of(Choice("chose"), study).data["pursued"].tolist() == [1] * 6
    with pytest.raises(SpecError, match=r"odd = 2 in observation 3") as caught:
        rows_of(Choice("odd"), study)
    assert caught.value.allowed == "0 or 1"
    with pytest.raises(SpecError, match="word = 'yes'"):
        rows_of(Choice("word"), study)
    with pytest.raises(SpecError) as caught:
        rows_of(Choice("persue"), study)
    assert caught.value.todo == "did you mean 'pursue'?"
    with pytest.raises(SpecError, match="no column 'pursue'"):
        rows_of(Choice(), make_study())


def test_simulation_has_the_stated_chance() -> None:
    rng, eta = np.random.default_rng(3), np.full(40_000, 0.7)
    drawn = Choice().simulate(rng, eta, {}, lapse=0.1)["pursue"]
    chance = 0.05 + 0.9 * expit(0.7)
    assert set(drawn) == {0.0, 1.0}
    assert abs(drawn.mean() - chance) < 4 * np.sqrt(chance * (1 - chance) / eta.size)
    assert abs(drawn.mean() - expit(0.7)) > 4 * np.sqrt(chance * (1 - chance) / eta.size)


def test_options_round_trip() -> None:
    for options in ({}, {"column": "chose"}):
        channel = channel_from_dict("choice", options)
        assert channel == Choice(**options)
        assert channel_from_dict("choice", channel.to_dict()) == channel
    assert channel_from_dict("choice", None) == Choice()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("choise", {}, "channel 'choise' is not known"),
        ("choice", {"colum": "x"}, "option 'colum' is not known"),
        ("choice", {"column": 3}, "column = 3"),
        ("choice", {"column": None}, "column = None"),
        ("choice", "pursue", "not a list of options"),
        ("choice", {"likelihood": "probit"}, "'choice_probit' is not known"),
        ("latency", {"likelihood": ["wald"]}, "not known"),
        ("latency", {"censored": 1}, "censored = 1"),
        ("presses", {"history": 5}, "history = 5"),
        ("presses", {"history": "5"}, "history = '5'"),
        ("presses", {"history": [0]}, "history"),
        ("presses", {"history": [5, 5.0]}, "history"),
        ("presses", {"history": ["5"]}, "history"),
        ("presses", {"refractory": -1}, "refractory"),
        ("presses", {"refractory": "1"}, "refractory"),
        ("presses", {"refractory": float("nan")}, "refractory"),
        ("presses", {"pause_after": 3}, "pause_after"),
    ],
)
def test_impossible_options(name: str, options, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        channel_from_dict(name, options)
