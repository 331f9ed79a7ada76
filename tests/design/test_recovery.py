"""Model recovery: intervals and inversions by hand, ties, chance, and the real engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.evidence.marginal import Marginal
from dopafit.channel.choice import Choice
from dopafit.core.errors import FitError, SpecError
from dopafit.design import recovery
from dopafit.design.confusion import confusion, exact_interval
from dopafit.design.recovery import recover_models
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 1), (0, 20), (16, 20), (20, 20), (3, 56)])
def test_intervals_are_those_of_the_exact_test(count, total) -> None:
    expected = stats.binomtest(count, total).proportion_ci(0.95, "exact")
    assert exact_interval(count, total) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_counted_says_nothing() -> None:
    assert exact_interval(0, 0) == (0.0, 1.0)
    table = confusion(["a"], ["b"], ["a", "b"])
    of_b = table[table["true"] == "b"]
    assert of_b["p"].isna().all() and (of_b["studies"] == 0).all()


def test_the_inversion_is_bayes_rule_with_equal_priors() -> None:
    rng = np.random.default_rng(2)
    names = ["a", "b", "c"]
    true = np.repeat(names, [30, 10, 20])  # how many there are of each must not matter
    chosen = rng.choice(names, true.size)
    table = confusion(true, chosen, names)
    share = np.array([[np.mean(chosen[true == t] == c) for c in names] for t in names])
    np.testing.assert_allclose(table["p"].to_numpy().reshape(3, 3), share)
    np.testing.assert_allclose(table["inverted"].to_numpy().reshape(3, 3), share / share.sum(0))
    never = confusion(["a", "b"], ["a", "a"], ["a", "b"])
    assert never.loc[never["chosen"] == "b", "inverted"].isna().all()


@pytest.fixture(scope="module")
def design():
    numbers = {"subjects": 3, "duration": 90, "cue_interval": 12, "trial_interval": 5}
    return timetable(numbers, seed=3)


@pytest.fixture
def models():
    drives = ("no_drive", "trough", "peak")
    return {name: Model(channels=[Choice()], drive=name, typical_spacing=12) for name in drives}


@pytest.fixture
def told(monkeypatch):
    """Fixed values in place of evidence, seeds in place of studies; returns those asked about."""
    value, asked = {"no_drive": 0.0, "trough": 5.0, "peak": 0.0}, []

    def evidence(models, study, same=None, *, draws=0):
        asked.append(study)
        return {name: Marginal(value[name], {}, 0.1, 0.5) for name in models}

    def simulate(model, design, *, seed, truth, limit):
        return (model.hypothesis, seed), {}

    monkeypatch.setattr(recovery, "log_evidence", evidence)
    monkeypatch.setattr(recovery, "simulate", simulate)
    return asked


def test_what_is_chosen_is_counted_and_said(told, models, design) -> None:
    found = recover_models(models, design, seed=1, studies=2)
    assert found.studies["chosen"].tolist() == ["trough"] * 6
    assert found.poor == {"no_drive": 0.0, "peak": 0.0}
    assert "no_drive in 0 of 2, peak in 0 of 2" in found.warning
    assert found.summary[0] == "the true hypothesis was chosen in 2 of 6 studies"
    assert "taken for ones with a trough in 4 of 4 (exact 95 % interval 0.398" in found.summary[1]
    assert found.studies["margin"].tolist() == [-5.0] * 2 + [5.0] * 2 + [-5.0] * 2
    assert "p(chosen | true)" in repr(found) and "warning: on this design" in repr(found)


def test_ties_are_drawn_and_nothing_else_is() -> None:
    rng = np.random.default_rng(1)
    close = {"a": -10.0, "b": -10.05, "c": -10.2, "d": -np.inf}
    drawn = [recovery._best(close, rng) for _ in range(200)]
    assert set(drawn) == {"a", "b"} and 70 < drawn.count("a") < 130
    assert {recovery._best({"a": -np.inf, "b": -np.inf}, rng) for _ in range(50)} == {"a", "b"}


def test_every_study_is_another_and_the_seed_makes_it_again(told, models, design) -> None:
    two = {name: models[name] for name in ("no_drive", "trough")}
    for seed in (1, 1, 2):
        recover_models(two, design, seed=seed, studies=2)
    hashes = told
    assert set(hashes[:4]) == set(hashes[4:8]) and len(set(hashes)) == 8


def test_what_is_finished_is_kept_and_more_may_be_asked_for(told, models, design) -> None:
    kept: list = []
    first = recover_models(models, design, seed=1, studies=1, keep=lambda r: kept.__setitem__(
        slice(None), r))  # fmt: skip
    assert len(kept) == 3 and len(told) == 3
    more = recover_models(models, design, seed=1, studies=2, kept=kept)
    assert len(told) == 6 and len(more.studies) == 6
    assert more.studies[more.studies["number"] == 1]["margin"].tolist() == list(
        first.studies["margin"]
    )


def test_values_given_hold_where_a_hypothesis_knows_them(told, models, design, monkeypatch) -> None:
    truth = {"choice_rest": 6.0, "choice_gain_trough": 0.0, "trough_ratio": 0.5}
    monkeypatch.setattr(recovery, "simulate", simulate)
    recover_models(models, design, seed=1, studies=1, truth=truth)
    pursued = [study.observations["pursue"].mean() for study in told]
    assert sum(p > 0.95 for p in pursued) >= 2  # the peak's gain is drawn
    with pytest.raises(SpecError, match="did you mean 'choice_rest'") as wrong:
        recover_models(models, design, seed=1, truth={"choice_rst": 1.0})
    assert wrong.value.allowed and wrong.value.todo


def test_one_hypothesis_leaves_nothing_to_choose(models, design) -> None:
    with pytest.raises(SpecError, match="1 hypothesis to choose from: peak"):
        recover_models({"peak": models["peak"]}, design, seed=1)


def test_absurd_draws_are_replaced_and_counted(told, models, design, monkeypatch) -> None:
    known, calls = recovery.simulate, []

    def sometimes(*given, **options):
        calls.append(options["seed"])
        if len(calls) % 2:
            raise FitError("too many", allowed="fewer", todo="narrow")
        return known(*given, **options)

    monkeypatch.setattr(recovery, "simulate", sometimes)
    monkeypatch.setattr(recovery, "available_cores", lambda: 1)
    found = recover_models(models, design, seed=1, studies=1)
    assert found.studies["redrawn"].tolist() == [1, 1, 1] and len(set(calls)) == 6
    assert "3 draws of the priors implied absurd behaviour" in found.summary[-1]

    def never(*given, **options):
        raise FitError("too many", allowed="fewer", todo="narrow")

    monkeypatch.setattr(recovery, "simulate", never)
    with pytest.raises(FitError, match="50 draws of the priors of no_drive"):
        recover_models(models, design, seed=1, studies=1)


def test_control_hypotheses_that_are_the_same_are_chosen_by_chance(design) -> None:
    model = Model(channels=[Choice()], drive="no_drive", typical_spacing=12)
    same = {name: replace(model, name=name) for name in ("left", "right")}
    found = recover_models(same, design, seed=4, studies=6)
    right = int((found.studies["chosen"] == found.studies["true"]).sum())
    assert stats.binomtest(right, 12).pvalue > 0.01
    # each is chosen, and not always the first one
    assert found.studies["chosen"].value_counts().min() > 1


def test_hypotheses_that_differ_much_are_told_apart(models, design) -> None:
    two = {name: models[name] for name in ("no_drive", "trough")}
    truth = {"choice_rest": 0.0, "choice_gain_trough": 5.0, "trough_ratio": 0.8,
             "recovery_half_life": 8.0, "onset_ratio": 0.3}  # fmt: skip
    found = recover_models(two, design, seed=4, studies=2, truth=truth)
    assert not found.poor and found.warning == ""
    margin = found.studies.set_index("true")["margin"]
    assert (margin.loc["trough"] > 5).all() and (margin.loc["no_drive"] > 0).all()
