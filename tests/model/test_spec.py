"""Models as values: checked when made, equal when they claim the same, and readable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.equations import conventions, latex, parameter_table
from dopafit.model.rivals import RIVALS

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))

FULL = {
    "drive": "encompassing",
    "channels": [Presses(refractory=0.5, history=(5, 60)), WaldLatency(), Choice("chose")],
    "effects": {"trough_ratio": "drug", "peak": "kind + (1|subject)", "choice_gain_peak": "drug"},
    "priors": {
        "trough_ratio": Prior.lognormal(0.2, 0.5),
        "peak_effect": {"normal": {"mean": 0, "sd": 0.1}},
        "peak_effect[kind[pellet]]": {"normal": {"mean": 1, "sd": 0.1}},
        "choice_rest_sd": {"half_normal": {"sd": 2}},
        "choice_lapse": {"logit_normal": {"median": 0.05, "sigma": 1}},
    },
    "fixed": {"onset_ratio": 0.1},
    "typical_spacing": 12,
    "events": ["cue", "pellet"],
}


def test_round_trips_and_hash() -> None:
    model = Model(**FULL)
    spec = model.to_dict()
    for again in (
        Model.from_dict(spec),
        Model.from_dict(json.loads(json.dumps(spec, sort_keys=True))),
        Model.from_dict(yaml.safe_load(yaml.safe_dump(spec))),
        Model.from_dict(yaml.safe_load(yaml.safe_dump(spec, sort_keys=False))),
    ):
        assert again == model and again.hash == model.hash and hash(again) == hash(model)
        # the coordinates follow the parameters' order: a stored fit must find its own again
        assert list(again.parameters) == list(model.parameters)
        assert again.to_dict() == spec
    assert len(model.hash) == 64


def test_the_claim_does_not_depend_on_how_it_is_written() -> None:
    model = Model(**FULL)
    turned = Model(**(FULL | {"channels": FULL["channels"][::-1]}))
    assert turned == model and turned.hash == model.hash
    assert [c.prefix for c in model.channels] == ["choice", "latency", "presses"]
    assert list(turned.parameters) == list(model.parameters)
    numbers = {"channels": [Presses(refractory=1, history=[5])]}
    texts = {"channels": [Presses(refractory=1.0, history=(5.0,))]}
    assert Model(**numbers).hash == Model(**texts).hash
    assert Model(channels=[Choice()], typical_spacing=30).hash == Model(channels=[Choice()]).hash


@pytest.mark.parametrize(
    "change",
    [
        {"drive": "trough"},
        {"channels": [Choice()]},
        {"effects": {"trough_ratio": "drug"}},
        {"priors": {}},
        {"fixed": {"onset_ratio": 0.2}},
        {"fixed": {}},
        {"typical_spacing": 12.5},
        {"events": ["cue"]},
        {"events": None},
    ],
)
def test_another_claim_has_another_hash(change) -> None:
    changed = FULL | {"effects": {}, "priors": {}, "fixed": {}} if "channels" in change else FULL
    model, other = Model(**changed), Model(**(changed | change))
    assert model != other and model.hash != other.hash
    assert model != "model"


def test_from_dict_reads_what_a_person_writes() -> None:
    text = """
    drive: trough
    channels:
      choice: {column: pursue}
      latency: {likelihood: wald, censored: null}
      presses:
    effects: {trough_ratio: drug}
    priors:
      trough_ratio: {lognormal: {median: 0.3, sigma: 0.5}}
    """
    model = Model.from_dict(yaml.safe_load(text))
    assert model.channels == (Choice("pursue"), WaldLatency(censored=None), Presses())
    assert model.parameters["trough_ratio"].prior == Prior.lognormal(0.3, 0.5)
    assert model.effects["peak"] == "(1 | subject)"


def test_defaults() -> None:
    model = Model(channels=[Choice(), Latency()])
    assert model.drive == "trough"
    assert dict(model.effects) == {
        "choice_rest": "(1 | subject)",
        "latency_rest": "(1 | subject)",
        "peak": "(1 | subject)",
    }
    half_life = model.parameters["recovery_half_life"].prior
    assert half_life == Prior.lognormal(np.log(2) * 30, 0.8)
    assert model.parameters["choice_gain_trough"].prior == Prior.half_normal(1.5)
    assert model.parameters["latency_gain_trough"].prior == Prior.half_normal(0.5)
    assert model.parameters["peak"].fixed == 1
    assert model.parameters["choice_lapse"].fixed == 0


@pytest.mark.parametrize("drive", DRIVES)
def test_gains_and_kernel_follow_the_drive(drive: str) -> None:
    parameters = Model(drive=drive, channels=[Choice(), Presses()]).parameters
    gains = {n for n in parameters if "_gain_" in n}
    wanted = {
        "no_drive": set(),
        "trough": {"gain_trough"},
        "peak": {"gain_peak"},
        "level": {"gain_peak"},
        "suppression": {"gain_loss"},
        "encompassing": {"gain_peak", "gain_trough"},
    }[drive]
    assert gains == {f"{p}_{g}" for p in ("choice", "presses") for g in wanted}
    for name in gains:
        family = "normal" if drive == "encompassing" else "half_normal"
        assert parameters[name].prior.family == family
    assert ("trough_ratio" in parameters) == (drive != "no_drive")
    assert "presses_pause_depth" not in parameters


def test_the_pause_has_parameters_only_where_there_is_one() -> None:
    parameters = Model(channels=[Presses(pause_after="pellet")]).parameters
    assert {"presses_pause_depth", "presses_pause_duration"} <= set(parameters)


def test_what_a_drive_does_not_use_is_left_out_and_comes_back_with_another() -> None:
    given = {
        "effects": {"trough_ratio": "drug", "choice_gain_peak": "drug"},
        "priors": {
            "choice_gain_peak": {"half_normal": {"sd": 0.3}},
            "choice_gain_trough": {"half_normal": {"sd": 0.4}},
            "trough_ratio_effect": {"normal": {"mean": 0, "sd": 9}},
        },
        "fixed": {"onset_ratio": 0.2},
    }
    for first in DRIVES:
        model = Model(drive=first, channels=[Choice()], **given)
        for second in DRIVES:
            moved = model.with_drive(second)
            assert moved == Model(drive=second, channels=[Choice()], **given)
            assert moved.with_drive(first) == model
    null = Model(drive="no_drive", channels=[Choice()], **given)
    assert dict(null.effects) == {"choice_rest": "(1 | subject)"}
    assert not null.priors and not null.fixed
    peak = null.with_drive("peak")
    assert peak.parameters["choice_gain_peak"].prior == Prior.half_normal(0.3)
    assert peak.parameters["onset_ratio"].fixed == 0.2
    assert peak.effects["choice_gain_peak"] == "drug"


def test_given_mappings_are_copied() -> None:
    effects = {"trough_ratio": "drug"}
    model = Model(channels=[Choice()], effects=effects)
    digest = model.hash
    effects["peak"] = "kind"
    assert model.hash == digest and model.with_drive("peak").effects["peak"] == "(1 | subject)"
    with pytest.raises(TypeError):
        model.effects["peak"] = "kind"
    with pytest.raises(TypeError):
        model.parameters["peak"] = None


def test_priors_of_effects_from_the_closest_name() -> None:
    model = Model(**FULL)
    assert model.prior_of("peak", "effect", "kind[pellet]") == Prior.normal(1, 0.1)
    assert model.prior_of("peak", "effect", "kind[cue]") == Prior.normal(0, 0.1)
    assert model.prior_of("trough_ratio", "effect", "drug[x]") == Prior.normal(0, 0.3)
    assert model.prior_of("choice_rest", "sd", "1|subject") == Prior.half_normal(2)
    assert model.prior_of("peak", "sd", "1|subject") == Prior.half_normal(0.5)
    # the weights of the press channel's own history
    assert model.prior_of("presses_rest", "effect", "history_5s") == Prior.normal(0, 1.5)
    assert model.prior_of("presses_rest", "effect", "drug[x]") == Prior.normal(0, 0.5)


def test_fixed_and_prior_replace_the_default() -> None:
    model = Model(**FULL)
    assert model.parameters["onset_ratio"].prior is None
    assert model.parameters["onset_ratio"].fixed == 0.1
    assert model.parameters["choice_lapse"].fixed is None
    assert model.parameters["choice_lapse"].prior == Prior.logit_normal(0.05, 1)
    assert model.parameters["trough_ratio"].prior == Prior.lognormal(0.2, 0.5)


@pytest.mark.parametrize(
    ("change", "message", "todo"),
    [
        ({"drive": "trogh"}, "drive 'trogh'", "did you mean 'trough'?"),
        ({"drive": ["trough"]}, "drive", ""),
        ({"kernel": "oponent"}, "kernel 'oponent'", "did you mean 'opponent'?"),
        ({"channels": []}, "no channels", ""),
        ({"channels": ["choice"]}, "'choice' is not a channel", ""),
        ({"channels": [Choice(), Choice("b")]}, "given twice", ""),
        ({"channels": [Latency(), WaldLatency()]}, "given twice", ""),
        ({"effects": {"trough_rato": "drug"}}, "effects: 'trough_rato'", "did you mean"),
        ({"effects": {"latency_rest": "drug"}}, "effects: 'latency_rest'", ""),
        ({"effects": ["peak"]}, "effects", ""),
        ({"effects": {"peak": "drug +"}}, "effects: peak", ""),
        ({"effects": {"peak": "__import__('os')"}}, "effects: peak", ""),
        ({"effects": {"choice_lapse": "drug"}}, "choice_lapse is fixed at 0", "give a prior"),
        ({"priors": {"trough": {"normal": {"mean": 0, "sd": 1}}}}, "priors: 'trough'", "did you"),
        ({"priors": {"trough_ratio[a]": {"lognormal": {"median": 1, "sigma": 1}}}}, "priors", ""),
        ({"priors": {"trough_ratio": {"normal": {"mean": 0, "sd": 1}}}}, "does not fit", ""),
        ({"priors": {"choice_rest": {"lognormal": {"median": 1, "sigma": 1}}}}, "does not fit", ""),
        ({"priors": {"choice_lapse": {"normal": {"mean": 0, "sd": 1}}}}, "does not fit", ""),
        ({"priors": {"peak_sd": {"normal": {"mean": 0, "sd": 1}}}}, "does not fit", ""),
        ({"priors": {"peak_effect": {"half_normal": {"sd": 1}}}}, "does not fit", ""),
        ({"priors": {"peak_effect[x]": {"lognormal": {"median": 1, "sigma": 1}}}}, "not fit", ""),
        ({"priors": {"trough_ratio": 0.3}}, "priors: trough_ratio: 0.3 is not a prior", ""),
        ({"priors": "weak"}, "priors", ""),
        ({"fixed": {"onset": 0.1}}, "fixed: 'onset'", "did you mean 'onset_ratio'?"),
        ({"fixed": {"onset_ratio": 0.0}}, "fixed: onset_ratio", ""),
        ({"fixed": {"onset_ratio": -1}}, "fixed: onset_ratio", ""),
        ({"fixed": {"onset_ratio": "0.1"}}, "fixed: onset_ratio = '0.1'", ""),
        ({"fixed": {"onset_ratio": np.nan}}, "fixed: onset_ratio", ""),
        ({"fixed": {"onset_ratio": True}}, "fixed: onset_ratio", ""),
        ({"fixed": {"choice_gain_trough": -0.5}}, "choice_gain_trough = -0.5 is outside its", ""),
        ({"fixed": {"choice_lapse": 1.0}}, "fixed: choice_lapse", ""),
        (
            {
                "fixed": {"trough_ratio": 0.3},
                "priors": {"trough_ratio": {"lognormal": {"median": 1, "sigma": 1}}},
            },
            "both a prior and a fixed value",
            "",
        ),
        ({"typical_spacing": 0}, "typical_spacing", ""),
        ({"typical_spacing": -3}, "typical_spacing", ""),
        ({"typical_spacing": np.inf}, "typical_spacing", ""),
        ({"typical_spacing": "30"}, "typical_spacing", ""),
        ({"typical_spacing": True}, "typical_spacing", ""),
    ],
)
def test_impossible_models(change, message, todo) -> None:
    with pytest.raises(SpecError) as caught:
        Model(**({"channels": [Choice()]} | change))
    assert message in caught.value.wrong
    assert todo in caught.value.todo


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("onset_ratio", 0, "a number above 0"),
        ("choice_lapse", 1, "0, or a number between 0 and 1"),
        ("choice_gain_trough", -1, "0 or above"),
    ],
)
def test_a_fixed_value_outside_its_range_is_told_the_range(name, value, allowed) -> None:
    with pytest.raises(SpecError) as caught:
        Model(channels=[Choice()], fixed={name: value})
    assert allowed in caught.value.allowed
    assert Model("encompassing", [Choice()], fixed={"choice_gain_trough": -1})  # of either sign


def test_impossible_dicts() -> None:
    for spec in ({"channels": ["choice"]}, {"channels": {"choice": "pursue"}}, {}):
        with pytest.raises(SpecError):
            Model.from_dict(spec)


def test_one_event_kind_as_plain_text_is_one_kind() -> None:
    assert Model(channels=[Choice()], events="cue").events == ("cue",)


def test_words() -> None:
    model = Model(**FULL)
    text = repr(model)
    for part in ("encompassing", "trough_ratio", "lognormal(median=0.2, sigma=0.5)", "cue, pellet"):
        assert part in text
    table = parameter_table(model)
    assert list(table["parameter"]) == list(model.parameters)
    assert table.set_index("parameter").loc["onset_ratio", "prior"] == "fixed at 0.1"
    assert any("baseline level is not identified" in line for line in conventions(model))
    assert any("onset_ratio is fixed at 0.1" in line for line in conventions(model))
    for drive in DRIVES:
        moved = model.with_drive(drive)
        assert all(line for line in latex(moved)) and len(latex(moved)) >= 7 - 2 * (
            drive == "no_drive"
        )
        assert drive in repr(moved)


def test_a_drive_under_its_former_name_is_the_same_claim():
    former, now = Model("null", [Choice()]), Model("no_drive", [Choice()])
    assert former == now and former.hash == now.hash and former.drive == "no_drive"
    assert Model.from_dict(now.to_dict() | {"drive": "null"}) == now
