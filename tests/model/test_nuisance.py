"""Nuisance terms: what they are, that their numbers are the whole study's, what is said of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit import Choice, Latency, Model, Presses, Prior, read_study, resolved
from dopafit.channel.press_checks import past_scales
from dopafit.core.curve import stretched
from dopafit.core.errors import SpecError
from dopafit.model.analysis import read_analysis
from dopafit.model.formula import design
from dopafit.model.layout.layout import build_layout
from dopafit.model.nuisance import ALL, NONE, REACH, nuisance_words, with_nuisance
from dopafit.model.record import model_record, prior_records
from dopafit.model.schedule import Schedule, timetable

CHANNELS = [Choice("pursue"), Latency("latency"), Presses()]


@pytest.fixture(scope="module")
def study(request):
    return read_study(request.config.rootpath / "data" / "cue-pursuit")


def columns(formula: str, time: np.ndarray) -> np.ndarray:
    return design(formula, pd.DataFrame({"time": time}), where="test").fixed


# ------------------------------------------------------------------------------ the curve
@pytest.mark.parametrize(
    ("end", "first", "widest", "allowed"),
    [(250, 30, 115, 0.35), (360, 30, 115, 0.2), (600, 30, 115, 0.12), (900, 30, 130, 0.12)],
)
def test_the_curves_prior_sd_is_about_one_at_every_time(end, first, widest, allowed) -> None:
    time = np.linspace(0, end, 1001)
    sd = np.linalg.norm(columns(f"smooth(time, 0, {end}, {first}, {widest})", time), axis=1)
    assert np.abs(sd - 1).max() < allowed


def test_the_curve_is_the_waves_that_its_numbers_say() -> None:
    time = np.array([0.0, 10.0, 85.3, 200.0, 360.0, 400.0, -5.0])
    found = columns("smooth(time, 0, 360, 30, 115.3)", time)
    # independently: gap 30 s + time since, up to 115.3 s; the axis counts gaps
    even = np.linspace(0, 360, 200_001)
    gaps = np.concatenate([[0], np.cumsum(np.diff(even) / np.minimum(30 + even[1:], 115.3))])
    place = np.interp(np.clip(time, 0, 360), even, gaps) / gaps[-1]
    assert found.shape == (7, 6)  # half of the third wave of period 1.75 axes: 1.08 gaps
    for k, wave, j in [(1, np.cos, 0), (1, np.sin, 1), (3, np.sin, 5)]:
        mean = wave(2 * np.pi * k / 1.75 * gaps / gaps[-1]).mean()
        expected = (wave(2 * np.pi * k / 1.75 * place) - mean) / np.sqrt(3)
        np.testing.assert_allclose(found[:, j], expected, atol=2e-4)
    np.testing.assert_array_equal(found[4], found[5])  # constant after its end
    np.testing.assert_array_equal(found[0], found[6])


def test_columns_do_not_depend_on_the_rows() -> None:
    time = np.linspace(0, 360, 50)
    whole = columns("smooth(time, 0, 360, 30, 115)", time)
    np.testing.assert_array_equal(columns("smooth(time, 0, 360, 30, 115)", time[:9]), whole[:9])
    line = columns("line(time, 0, 360)", time)[:, 0]
    np.testing.assert_allclose(line, np.linspace(-1, 1, 50))


@pytest.mark.parametrize("shape", ["line", "practice"])
def test_the_curve_follows_trends_and_not_what_events_do(shape) -> None:
    time = np.linspace(0, 900, 2001)
    known = np.column_stack([np.ones_like(time), columns("smooth(time, 0, 900, 30, 130)", time)])
    trend = time / 900 if shape == "line" else np.exp(-time / 90)
    responses = sum(np.where(time > at, np.exp(-(time - at) / 20), 0) for at in range(20, 900, 60))
    left = [
        np.var(y - known @ np.linalg.lstsq(known, y, rcond=None)[0]) / np.var(y)
        for y in (trend, responses)
    ]
    assert left[0] < 0.005 and left[1] > 0.8


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        ("smooth(time, 10, 10, 1, 2)", "end is not above start"),
        ("smooth(time, 0, 1000, 1, 2)", "give wider gaps"),
        ("smooth(time, 0, 10, 0, 2)", "first is not above 0"),
        ("smooth(time, 0, 10)", "first is missing"),
        ("line(time, 3, 2)", "end is not above start"),
        ("line(time, 'a', 2)", "start is not a number"),
    ],
)
def test_numbers_that_make_no_curve_are_refused(call, wrong) -> None:
    with pytest.raises(SpecError, match=wrong):
        columns(call, np.linspace(0, 10, 5))


# ------------------------------------------------------------------------------ the terms
def test_terms_stand_in_the_models_formulas_with_their_numbers(study) -> None:
    model = with_nuisance(Model(channels=CHANNELS), study)
    curve = "smooth(time, 2.222, 358.5, 30, 115.3)"
    assert model.effects["choice_rest"] == (
        f"1 + {curve} + (1 + line(time, 2.222, 358.5) | subject) + (1 | subject:session)"
    )
    assert model.priors[f"choice_rest_effect[{curve}]"] == Prior.normal(0, 1)
    assert model.priors[f"latency_rest_effect[{curve}]"] == Prior.normal(0, 0.5)
    prior = model.prior_of("choice_rest", "effect", f"{curve}[sin2]")
    assert prior == Prior.normal(0, 1)
    assert model.prior_of("choice_rest", "effect", "drug[x]") == Prior.normal(0, 0.5)


def test_no_wave_is_shorter_than_four_reaches_after_the_first_events(study) -> None:
    own = {"start": 0.0, "end": 360.0, "first": 30.0, "widest": 2 * REACH * 30}
    late = np.linspace(90, 360, 500)
    density = np.gradient(stretched(late, **own), late)  # gaps a second
    waves = columns("smooth(time, 0, 360, 30, 115.3)", late).shape[1] // 2
    shortest = 1.75 * stretched(360.0, **own) / waves / density  # seconds
    assert (shortest >= 4 * REACH * 30 - 1e-6).all()


def test_terms_are_those_of_the_whole_study(study) -> None:
    model = with_nuisance(Model(channels=CHANNELS), study)
    part = study.select(subjects=study.subjects["subject"].tolist()[:5])
    again = resolved(model, part)
    assert again.effects == model.effects and again.channels == model.channels
    assert Model.from_dict(again.to_dict()) == again


def test_long_sessions_have_few_columns(study) -> None:
    model = with_nuisance(Model(channels=[Choice("pursue")], typical_spacing=2.0), study)
    layout = build_layout(model, study)
    names = layout.designs["choice_rest"].columns
    assert len(names) == 10 and names[0].endswith("[cos1]")


def test_times_of_any_size_are_spelt_as_formulas_spell_them(study) -> None:
    for factor in (1e-6, 1e6):
        rows = study.observations.assign(time=study.observations["time"] * factor)
        other = study.with_tables({"observations": rows})
        model = with_nuisance(
            Model(channels=[Choice("pursue")], typical_spacing=30 * factor), other
        )
        (key,) = (name for name in model.priors if "smooth" in name)
        assert f"[{model.effects['choice_rest'].split(' + ')[1]}]" in key


def test_what_is_there_already_stays(study) -> None:
    own = "smooth(time, 0, 300, 20, 90) + (1 | subject) + (1 | subject:session)"
    plain = Model(channels=[Choice("pursue")], effects={"choice_rest": own})
    model = with_nuisance(plain, study)
    assert model.effects["choice_rest"].count("smooth") == 1 and "line" not in str(model.effects)
    stated = with_nuisance(Model(channels=[Presses(history=(2.0,))]), study)
    assert stated.channels[0].history == (2.0,)


def test_each_part_can_be_switched_off_and_this_is_said(study) -> None:
    plain = Model(channels=CHANNELS)
    assert with_nuisance(plain, study, **NONE).effects["choice_rest"] == "1 + (1 | subject)"
    said = nuisance_words(with_nuisance(plain, study, **NONE), study)
    assert [text.split(" is ")[1] for text in said] == [
        "not in choice_rest, latency_rest, presses_rest.",
        "not in presses.",
        "not in choice_rest, latency_rest, presses_rest.",
    ]
    for part in ALL:
        model = with_nuisance(plain, study, **{**ALL, part: False})
        told = nuisance_words(model, study)
        assert sum("not in" in text for text in told) == 1
    told = nuisance_words(with_nuisance(plain, study, time_on_task=2.0), study)
    assert "choice_rest (prior sd 2 log odds)" in told[0]
    with pytest.raises(SpecError, match="nuisance"):
        with_nuisance(plain, study, time_on_task=-1.0)


def test_sessions_get_intercepts_only_where_subjects_have_several() -> None:
    one = timetable(
        Schedule(subjects=3, duration=120.0, cue_interval=20, trial_interval=10), seed=1
    )
    several = one.sessions["subject"].duplicated().any()
    model = with_nuisance(Model(channels=[Choice("pursue")]), one)
    assert ("subject:session" in model.effects["choice_rest"]) == several


# ------------------------------------------------------------------------------ self-history
def test_scales_of_the_past_are_spaced_over_the_intervals() -> None:
    gaps = np.random.default_rng(1).lognormal(np.log(20), 1.5, 20_000)
    low, middle, high = past_scales(gaps)
    spread = 1.2816 * 1.5
    np.testing.assert_allclose([low, middle, high], 20 * np.exp([-spread, 0, spread]), rtol=0.06)
    assert past_scales(gaps * 100) == pytest.approx([low * 100, middle * 100, high * 100], rel=0.03)
    assert past_scales(np.full(9, 3.0)) == (1.5, 3.0, 6.0)
    assert past_scales(np.array([np.nan, 0.0])) == ()


# ------------------------------------------------------------------------------ the analysis
def test_an_analysis_has_them_unless_it_says_otherwise(tmp_path, study) -> None:
    def told(text: str):
        path = tmp_path / "analysis.yaml"
        path.write_text("channels: {choice: {column: pursue}}\n" + text)
        return read_analysis(path)

    assert told("").nuisance == ALL
    assert told("drives: [level]\n").nuisance == NONE
    assert told("drives: [level]\nnuisance: {}\n").nuisance == ALL
    for off in ("none", "null", "false"):
        assert told(f"nuisance: {off}\n").nuisance == NONE
    assert told("nuisance: {time_on_task: 0.5}\n").nuisance == {**ALL, "time_on_task": 0.5}
    claims = told("nuisance: {history: false, sessions: false}\n").claims(study)
    assert {m.effects["choice_rest"] for m in claims.values()} == {
        "1 + smooth(time, 2.222, 358.5, 30, 115.3) + (1 + line(time, 2.222, 358.5) | subject)"
    }
    with pytest.raises(SpecError, match="nuisance"):
        told("nuisance: {time: false}\n")
    with pytest.raises(SpecError, match="nuisance"):
        told("nuisance: {time_on_task: -1}\n")


def test_the_record_says_why_a_curves_prior_is_as_it_is(study) -> None:
    plain = Model(channels=[Choice("pursue")])
    for factor, changed in ((True, False), (2.0, True)):
        model = with_nuisance(plain, study, time_on_task=factor)
        (told,) = [r for r in prior_records(model) if "[smooth(" in r["parameter"]]
        assert told["changed"] == changed and told["default"] == "normal(mean=0, sd=1)"
        assert told["unit"] == "log odds" and "curve" in told["meaning"] and told["reason"]
    assert model_record(model, study)["nuisance"] == nuisance_words(model, study)
    assert model_record(model, study)["family"] == "trough"
