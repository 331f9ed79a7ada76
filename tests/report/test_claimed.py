"""Conditions that follow from fits, at values where the answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.compare.claim import Claim, Condition
from dopafit.compare.loo import Comparison
from dopafit.core.errors import SpecError
from dopafit.fit.effects import lobe_effects
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.rivals import RIVALS, absent
from dopafit.report.claimed import answered, conditions, kept

SMALLEST = {"choice": 0.02, "latency": 0.02, "presses": 0.02}
TIMED = {"choice_rest": "1 + time"}


@pytest.fixture
def made(tiny_model, tiny_world, fit_at):
    """Return a maker of fits of one channel at given values, with one mode found."""

    def make(drive: str, *, modes=({"share": 1.0, "values": {}},), wiggle=0.02, **values):
        options = {"kernel": "opponent3"} if drive == "encompassing" else {}
        model = tiny_model(drive, channels=[Choice()], effects=TIMED, **options)
        start = {"trough_ratio": 0.6, "choice_rest": -1.0}
        fit = fit_at(model, tiny_world, start | values, draws=50, wiggle=wiggle)
        return replace(fit, record=fit.record | {"pilot": {"modes": list(modes)}})

    return make


def found(*fits, timed=True, smallest=SMALLEST) -> dict[str, Condition]:
    effects = [effect for fit in fits for effect in lobe_effects(fit)]
    named = {fit.hypothesis: fit for fit in fits}
    return {c.name: c for c in conditions(named, effects, timed=timed, smallest=smallest)}


@pytest.mark.parametrize(("gain", "met"), [(1.5, True), (-1.5, False), (0.0, False)])
def test_the_free_drive_says_the_sign_of_the_trough_s_gain(made, gain, met) -> None:
    fit = made("encompassing", choice_gain_trough=gain, choice_gain_peak=0.5)
    condition = found(fit)["encompassing_gain"]
    assert condition.met is met and condition.limit == pytest.approx(0.95)
    assert condition.value == pytest.approx((fit.posterior["choice_gain_trough"] > 0).mean())
    assert "choice" in condition.told and "encompassing" in condition.told


def test_one_of_two_channels_has_to_be_surer(tiny_model, tiny_world, fit_at) -> None:
    model = tiny_model("encompassing", effects={})
    values = {"trough_ratio": 0.6, "choice_gain_trough": 2.0, "latency_gain_trough": -1.0}
    condition = found(fit_at(model, tiny_world, values, draws=20, wiggle=0.02))["encompassing_gain"]
    assert condition.met and condition.limit == pytest.approx(1 - 0.05 / 3)
    assert "choice 1.000" in condition.told and "latency 0.000" in condition.told


def test_without_a_drive_that_frees_both_lobes_nothing_is_said_of_its_gain(made) -> None:
    assert "encompassing_gain" not in found(made("trough"), made("level"))


def test_a_posterior_that_its_prior_ruled_out_is_seen(made) -> None:
    assert found(made("trough", choice_gain_trough=1.0))["prior_shift"].met
    far = found(made("trough", choice_gain_trough=9.0))["prior_shift"]
    assert not far.met and far.value > 3 and "choice_gain_trough in trough" in far.told
    assert "prior_shift" not in found(made("level", choice_gain_peak=9.0))  # no trough is claimed


def test_a_trough_shallower_than_the_rectifier_is_soft(made) -> None:
    condition = found(made("trough", trough_ratio=0.08))["prior_shift"]
    assert not condition.met and condition.value < 3
    assert "shallower than the rectifier is soft" in condition.told


def test_modes_that_disagree_or_are_not_weighed(made) -> None:
    same = {"share": 0.6, "values": {"trough_ratio": 0.5, "choice_gain_trough": 1.0}}
    flat = {"share": 0.4, "values": {"trough_ratio": 0.05, "choice_gain_trough": 1.0}}
    assert found(made("trough", modes=[same, same]))["modes_agree"].met
    condition = found(made("trough", modes=[same, flat]))["modes_agree"]
    assert not condition.met and "trough: mode 2, with 40 % of the mass" in condition.told
    light, heavy = (dict(flat, most=most) for most in (0.02, 0.03))
    assert found(made("trough", modes=[same, light]))["modes_agree"].met
    assert not found(made("trough", modes=[same, heavy]))["modes_agree"].met
    other = {"share": 0.3, "values": {"trough_ratio": 0.5, "choice_gain_trough": -1.0}}
    free = made("encompassing", modes=[same, other], choice_gain_trough=1.5)
    assert not found(free)["modes_agree"].met
    fit = made("trough", modes=[same, same])
    unweighed = Verdict(False, (Diagnostic("rival modes", 1.0, "none", False),))
    assert not found(replace(fit, verdict=unweighed))["modes_agree"].met
    assert "modes_agree" not in found(replace(fit, record={}))  # nobody looked


def test_a_trend_that_nothing_stands_for_cannot_be_told_apart(made, tiny_model, tiny_world, fit_at):
    condition = found(made("trough"))["separable"]
    assert condition.met and 0 < condition.value < 0.8
    model = tiny_model("trough", channels=[Choice()], effects={})
    fit = fit_at(model, tiny_world, {"trough_ratio": 0.6}, draws=5, wiggle=0.02)
    condition = found(fit, timed=False)["separable"]
    assert not condition.met and "no term for time on task in choice_rest" in condition.told


def test_a_small_effect_is_small_on_the_outcome_s_scale(made) -> None:
    small = made("trough", choice_gain_trough=0.05, wiggle=0.0)
    condition = found(small)["trough_effect_small"]
    assert condition.met and condition.limit == 0.02
    assert condition.value == pytest.approx(lobe_effects(small)[0]["bound"])
    assert not found(small, smallest={"choice": 0.005})["trough_effect_small"].met
    assert not found(made("trough", choice_gain_trough=1.0))["trough_effect_small"].met
    unknown = found(small, smallest={})["trough_effect_small"]
    assert not unknown.met and "nothing says which effect on choice" in unknown.told


def comparison(fits: dict, unit: str) -> Comparison:
    subjects = np.repeat([f"s{i}" for i in range(24)], 2)
    rng = np.random.default_rng(1)
    points = pd.DataFrame({n: rng.normal(-i, 0.01, 48) for i, n in enumerate(fits)})
    table = pd.DataFrame({"converged": True}, index=list(fits))
    return Comparison(table, unit, 48, points, points, subjects=tuple(subjects))


def test_trials_support_no_claim_and_missing_rivals_are_named(made) -> None:
    fits = {"trough": made("trough", choice_gain_trough=1.0), "no_drive": made("no_drive")}
    controls = [Condition("events_control", True, 0.025, 0.05, "exchanged")]
    claim, effects = answered(
        fits, comparison(fits, "session"), timed=True, smallest=SMALLEST, others=controls
    )
    told = {condition.name: condition for condition in claim.conditions}
    assert claim.word == "undecided" and told["ahead_of_no_drive"].met
    assert told["rivals_present"].value == len(RIVALS) - 2
    assert told["events_control"] in kept(claim)
    assert {effect["hypothesis"] for effect in effects} == {"trough"}
    assert all({"prior_sensitivity", "sensitivity"} <= effect.keys() for effect in effects)
    trials, _ = answered(fits, comparison(fits, "trial"), timed=True, smallest=SMALLEST)
    assert not {c.name: c for c in trials.conditions}["ahead_of_no_drive"].met


def test_rivals_are_known_by_drive_and_kernel_and_not_by_name(tiny_model) -> None:
    models = [
        tiny_model("level", kernel="monophasic", name="mine", effects={}),
        tiny_model("no_drive"),
    ]
    drives = [[m.drives[c.prefix] for c in m.channels] for m in models]
    missing = absent(zip(drives, [m.kernel for m in models], strict=True))
    lacking = [name for name in RIVALS if name not in ("level", "no_drive")]
    assert [told.partition(" with kernel ")[0] for told in missing] == lacking
    assert "trough_sharp with kernel jump" in missing
    mixed = tiny_model({"choice": "trough", "latency": "level", "presses": "level"})
    drives = [[mixed.drives[c.prefix] for c in mixed.channels]]
    assert len(absent([(drives[0], "opponent")])) == len(RIVALS)  # no rival has two drives


def test_a_claim_comes_back_from_plain_data_and_a_changed_one_does_not() -> None:
    claim = Claim.of([Condition("converged", True, 0.0, 0.0, "none")])
    assert Claim.from_dict(claim.to_dict()) == claim
    for change in ({"claim": "events"}, {"conditions": [{"name": "converged", "met": "yes"}]}):
        with pytest.raises(SpecError):
            Claim.from_dict(claim.to_dict() | change)
