"""What a study makes doubtful about a claim is said, and only that."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.layout.doubts import FAR, gaps
from dopafit.model.layout.layout import build_layout, resolved


# ---------------------------------------------------------------------- spacing
def median_gap(events) -> float:
    return float(np.median(gaps(events)))


@pytest.mark.parametrize("factor", [1 / 60, 8 * FAR])
def test_a_spacing_far_from_the_data_is_doubted(tiny, three_channels, factor) -> None:
    gap = median_gap(tiny.events)
    layout = build_layout(three_channels(typical_spacing=factor * gap), tiny)
    (text,) = [t for t in layout.warnings if t.startswith("typical_spacing")]
    assert f"{factor * gap:g} s" in text and f"{gap:.3g} s" in text


def test_a_spacing_near_the_data_is_not(tiny, three_channels) -> None:
    gap = median_gap(tiny.events)
    for factor in (1.01 / FAR, 1.0, FAR / 1.01):
        layout = build_layout(three_channels(typical_spacing=factor * gap), tiny)
        assert not any("typical_spacing" in t for t in layout.warnings)
    far = build_layout(three_channels("null", typical_spacing=1e6), tiny)  # has no kernel
    assert not any("typical_spacing" in t for t in far.warnings)


def test_bouts_have_two_typical_gaps(tiny, three_channels) -> None:
    """Meals: gaps of 2 s within and of 60 s between; each may be meant."""
    events = tiny.events.groupby(["subject", "session"]).head(6).copy()
    events["time"] = np.tile([1.0, 3.0, 5.0, 65.0, 125.0, 185.0], 3)
    study = tiny.with_tables({"events": events})
    for spacing, doubted in ((2.0, False), (60.0, False), (0.1, True), (900.0, True)):
        layout = build_layout(three_channels(typical_spacing=spacing), study)
        assert any("typical_spacing" in t for t in layout.warnings) == doubted, spacing


def test_the_gap_is_that_of_the_kinds_in_use(tiny, three_channels) -> None:
    events = tiny.events.assign(kind="cue")
    doubled = tiny.with_tables({"events": pd.concat([events, events.assign(kind="echo")])})
    assert median_gap(doubled.events) == median_gap(events)  # events at one time are one
    clicks = [events.assign(kind="click", time=events["time"] + 0.01 * k) for k in range(1, 21)]
    study = tiny.with_tables({"events": pd.concat([events, *clicks])})
    models = [
        three_channels(events=kinds, effects={}, typical_spacing=median_gap(events))
        for kinds in (["cue"], ["cue", "click"])
    ]
    told = [any("typical_spacing" in t for t in build_layout(m, study).warnings) for m in models]
    assert told == [False, True]


# ---------------------------------------------------------------------- reference levels
def test_a_reference_level_that_nobody_stated_is_said(tiny, three_channels) -> None:
    told = [t for t in build_layout(three_channels(), tiny).warnings if "reference level" in t]
    assert len(told) == 2  # of drug and of kind
    assert "'drug', the first in order" in told[0] and "reference: {drug: drug}" in told[0]
    stated = three_channels(reference={"drug": "none", "kind": "cue"})
    layout = build_layout(stated, tiny)
    assert not any("reference level" in t for t in layout.warnings)
    labels = {e.parameter: e.label for e in layout.coordinates.entries if e.role == "effect"}
    assert labels["trough_ratio"] == "drug[drug]" and labels["peak"] == "kind[pellet]"
    by_formula = three_channels(effects={"trough_ratio": "C(drug, 'none')", "peak": "kind"})
    (text,) = [t for t in build_layout(by_formula, tiny).warnings if "reference level" in t]
    assert "of kind" in text


def test_a_reference_is_frozen_and_survives(tiny, three_channels) -> None:
    model = three_channels(reference={"drug": "none"})
    assert Model.from_dict(model.to_dict()) == model != three_channels()
    assert not model.with_drive("no_drive").reference  # no formula of it has the column
    assert model.with_drive("no_drive").with_drive("trough") == model
    assert dict(resolved(model, tiny).reference) == {"drug": "none", "kind": "cue"}
    part = tiny.select(subjects=["a"])
    whole = resolved(three_channels(), tiny)
    assert whole.reference["drug"] == "drug" and resolved(whole, part) == whole


@pytest.mark.parametrize(
    ("reference", "wrong", "todo"),
    [
        ({"drg": "none"}, "no formula uses a column 'drg'", "did you mean 'drug'?"),
        ({"drug": "nine"}, "no level 'nine'", "did you mean 'none'?"),
        ({"drug": False}, "False is not the name of a level", "quotes"),
        ({"cost": 0}, "no formula reads cost as levels", "write C(cost)"),
        ("none", "reference: 'none'", "reference"),
    ],
)
def test_impossible_references(tiny, three_channels, reference, wrong, todo) -> None:
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(reference=reference), tiny)
    assert wrong in caught.value.wrong and todo in caught.value.todo and caught.value.allowed


# ---------------------------------------------------------------------- formulas
def with_columns(study, **columns):
    return study.with_tables({"observations": study.observations.assign(**columns)})


@pytest.mark.parametrize(
    ("effects", "wrong"),
    [
        ({"choice_rest": "cost + twice"}, "twice follows exactly from cost"),
        ({"choice_rest": "cost + other + both"}, "both follows exactly from cost, other"),
        ({"latency_rest": "cost + same"}, "same is the same in every row"),
        ({"peak": "flat"}, "flat is the same in every row"),
        ({"choice_rest": "one"}, "one has one level only, 'a'"),
        ({"choice_rest": "pursue"}, "pursue is the outcome of this channel"),
        ({"latency_rest": "log(latency)"}, "latency is the outcome of this channel"),
        ({"latency_rest": "latency_censored"}, "latency_censored is the outcome"),
        ({"peak": "cost"}, "'cost' is a column of the observations, but peak has one value per e"),
        ({"trough_ratio": "kind"}, "'kind' is a column of the events, but trough_ratio has one va"),
        ({"choice_rest": "kind"}, "'kind' is a column of the events, but choice_rest has one valu"),
    ],
)
def test_formulas_that_no_data_could_answer(tiny, three_channels, effects, wrong) -> None:
    cost = tiny.observations["cost"]
    other = np.random.default_rng(1).normal(size=len(cost))
    study = with_columns(
        tiny, twice=2 * cost + 1, other=other, both=cost - other, same=4.0, one="a"
    ).with_tables({"events": tiny.events.assign(flat=3.0)})
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(effects=effects), study)
    assert wrong in caught.value.wrong and caught.value.allowed and caught.value.todo
    assert next(iter(effects)) in caught.value.wrong


@pytest.mark.parametrize(
    "formula",
    ["cost + nearly", "bs(time, df=5) + cost", "poly(time, 3) * drug", "harmonic(hours, 24, 2)"],
)
def test_terms_that_are_only_alike_are_left_alone(tiny, three_channels, formula) -> None:
    cost = tiny.observations["cost"]
    nearly = cost + 1e-3 * np.random.default_rng(1).normal(size=len(cost))
    study = with_columns(tiny, nearly=nearly)
    layout = build_layout(three_channels(effects={"choice_rest": formula}), study)
    assert not any("choice_rest" in text for text in layout.warnings)


def test_outcomes_and_copies_of_them_as_predictors_are_doubted(tiny, three_channels) -> None:
    pursue = tiny.observations["pursue"]
    study = with_columns(tiny, copied=1 - pursue, responded=1.0 * (pursue > 0))
    effects = {"choice_rest": "latency + copied", "latency_rest": "responded"}
    told = "\n".join(build_layout(three_channels(effects=effects), study).warnings)
    assert "choice_rest: latency is the outcome of channel latency itself" in told
    assert "choice_rest: copied is the outcome pursue itself in other numbers" in told
    assert "latency_rest: responded is an outcome itself" in told
    fine = build_layout(three_channels(effects={"choice_rest": "cost"}), study).warnings
    assert not any("outcome" in text for text in fine)


@pytest.mark.parametrize(
    ("column", "values", "formula", "told"),
    [
        ("drug_code", [0, 1, 2], "drug_code", "drug_code holds the numbers 0, 1, 2"),
        ("drug_code", [0, 1, 2], "C(drug_code)", ""),
        ("drug_code", [0, 1, 1], "drug_code", ""),  # a yes/no column means the same either way
        ("drugged", [0, 1, 2], "drugged", ""),
        ("group", [0.5, 1.5, 2], "group", ""),
        ("dose", [0, 1, 2], "dose", ""),
        ("dose", ["0", "1", "high"], "dose", "dose is read as 3 levels"),
        ("dose", ["0,5", "1,5", "2,5"], "dose", "dose is read as 3 levels"),
        ("dose", ["0,5", "1,5", "2,5"], "C(dose)", ""),
        ("dose", ["low", "mid", "5"], "dose", ""),
    ],
)
def test_labels_and_numbers(tiny, three_channels, column, values, formula, told) -> None:
    n = len(tiny.observations)
    study = with_columns(tiny, **{column: [values[i % 3] for i in range(n)]})
    layout = build_layout(three_channels(effects={"choice_rest": formula}), study)
    found = [t for t in layout.warnings if column in t and "reference level" not in t]
    assert [told in text for text in found] == ([True] if told else [])


def test_random_effects_that_are_one_are_named(tiny, three_channels) -> None:
    effects = {"choice_rest": "(1 | subject) + (1 | subject:session)"}
    both = build_layout(three_channels(effects=effects), tiny)
    assert not any("random effects" in t for t in both.warnings)
    single = tiny.select(sessions=["1"])
    (text,) = [
        t
        for t in build_layout(three_channels(effects=effects), single).warnings
        if "random effects" in t
    ]
    assert "1|subject and 1|subject:session" in text


# ---------------------------------------------------------------------- priors
@pytest.mark.parametrize(
    ("name", "prior"),
    [
        ("choice_rest_sd", Prior.half_normal(1)),
        ("choice_gain_trough_effect", Prior.normal(0, 1)),
        ("peak_effect[kind[pelet]]", Prior.normal(0, 1)),
    ],
)
def test_a_prior_of_an_effect_that_no_formula_makes(tiny, three_channels, name, prior) -> None:
    effects = {"choice_rest": "cost", "peak": "kind"}
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(effects=effects, priors={name: prior}), tiny)
    assert name in caught.value.wrong and caught.value.allowed and caught.value.todo
    made = {"choice_rest_effect": Prior.normal(0, 1), "peak_effect": Prior.normal(0, 1)}
    build_layout(three_channels(effects=effects, priors=made), tiny)
