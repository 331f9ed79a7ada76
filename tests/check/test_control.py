"""Controls: p-values by hand, what is refused, and the real engine on null and on true effects."""

from __future__ import annotations

import numpy as np
import pytest

from dopafit.channel.choice import Choice
from dopafit.check import control
from dopafit.check.control import Control, events_control, trough_control
from dopafit.check.sequential import p_value
from dopafit.check.surrogates import Surrogates
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable


@pytest.mark.parametrize(
    ("surrogates", "count", "expected"),
    [
        ([], 39, (1.0, None)),
        ([0.0] * 39, 39, (1 / 40, None)),
        ([0.0] * 38 + [2.0], 39, (2 / 40, None)),  # one of 39 may be as large
        ([1.0, 0.0, 1.0, 0.0], 39, (2 / 3, 3)),  # as large counts as larger
        ([0.0] * 37 + [2.0, 2.0], 39, (3 / 40, None)),
        ([np.nan, np.nan], 39, (1.0, 2)),
        ([2.0] * 4, 99, (1.0, None)),
        ([2.0] * 5, 99, (1.0, 5)),
        ([0.0, 2.0], 20, (1 / 2, 2)),  # of 20, none may
        ([0.0] * 20, 20, (1 / 21, None)),
    ],
)
def test_p_values(surrogates, count, expected) -> None:
    assert p_value(1.0, surrogates, count) == pytest.approx(expected)


def test_stopping_early_decides_as_going_on_would_and_keeps_its_level() -> None:
    rng = np.random.default_rng(1)
    stopped = []
    for _ in range(4000):
        values = rng.normal(size=40)
        p, decided = p_value(values[0], values[1:], 39)
        whole = (1 + (values[1:] >= values[0]).sum()) / 40
        assert (p <= 0.05) == (whole <= 0.05)
        assert decided is None or (values[1 : decided + 1] >= values[0]).sum() == 2
        stopped.append(p)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(stopped) <= level) < level + 3 * np.sqrt(level / 4000)


@pytest.fixture
def cheap(monkeypatch, tiny_world):
    """Evidence without a fit: the study's first event time decides."""
    calls = []

    def evidence(models, study, same=None, *, draws=0):
        calls.append(study)
        gain = 3.0 if study == tiny_world else float(study.events["time"].iloc[0] % 1.0)
        value = {name: gain if model.moved else 0.0 for name, model in models.items()}
        return {name: control.Marginal(one, {}, k=0.1) for name, one in value.items()}

    monkeypatch.setattr(control, "log_evidence", evidence)
    return calls


def test_a_control_is_kept_and_goes_on(cheap, tiny_model, tiny_world, tmp_path) -> None:
    models = {name: tiny_model(name) for name in ("no_drive", "trough", "peak")}
    options = {"seed": 1, "randomised": "events", "keep": tmp_path / "kept.json"}
    found = events_control(models, tiny_world, count=20, **options)
    assert found.distinct == 20 and len(found.surrogates) == 20 and found.met
    assert found.p == 1 / 21 and found.statistic == 3.0 and found.k == 0.1
    assert "0 of 20 at least as large as the data's 3.0" in found.told
    assert len(found.table) == 21 and "events_control: met, p = 0.048" in repr(found)
    before = len(cheap)
    again = events_control(models, tiny_world, count=20, **options)
    assert len(cheap) == before + 1  # the data's
    np.testing.assert_array_equal(again.surrogates, found.surrogates)
    other = events_control(models, tiny_world, count=20, **(options | {"seed": 2}))
    assert not np.array_equal(other.surrogates, found.surrogates)


def test_what_cannot_be_controlled_says_why(cheap, tiny_model, tiny_world) -> None:
    models = {name: tiny_model(name) for name in ("no_drive", "trough")}
    acts = events_control(models, tiny_world, seed=1, randomised="nothing")
    assert not acts.met and np.isnan(acts.p) and "cannot be separated" in acts.told
    one = tiny_world.select(subjects=[tiny_world.subjects["subject"].iloc[0]])
    few = events_control(models, one, seed=1, randomised="magnitudes")
    assert not few.met and few.distinct < 20 and few.reason
    alone = events_control({"trough": models["trough"]}, tiny_world, seed=1)
    assert not alone.met and "missing" in alone.reason
    assert not trough_control({"trough": models["trough"]}, tiny_world, seed=1).met
    with pytest.raises(SpecError, match="randomised: 'times'"):
        events_control(models, tiny_world, seed=1, randomised="times")


def test_fewer_than_twenty_are_never_met() -> None:
    fine = Control("events_control", "exchanged", 9.0, np.zeros(39), 1 / 40, 39)
    few = Control("events_control", "exchanged", 9.0, np.zeros(19), 1 / 20, 19, "few sessions")
    assert fine.met and not few.met and few.told.endswith("few sessions")


def test_the_statistic_of_a_surrogate_that_explodes_counts_as_large(
    monkeypatch, cheap, tiny_model, tiny_world
) -> None:
    from dopafit.core.errors import FitError

    def explode(number):
        raise FitError("too many presses", allowed="fewer", todo="nothing")

    found = Surrogates("simulated", 39, explode)
    monkeypatch.setattr(control, "exchanged", lambda *_: found)
    models = {name: tiny_model(name) for name in ("no_drive", "trough")}
    result = events_control(models, tiny_world, seed=1, randomised="events")
    assert result.p == 1.0 and np.isinf(result.surrogates).all()


def study_of(drive: str, seed: int):
    options = {"subjects": 8, "duration": 300.0, "trial_interval": 6.0, "trial_gap": 1.0}
    truth = {
        "trough_ratio": 0.8,
        "recovery_half_life": 12.0,
        "onset_ratio": 0.15,
        "peak_sd[1|subject]": 0.1,
        "choice_rest": -1.0,
        "choice_rest_sd[1|subject]": 0.3,
    } | ({"choice_gain_trough": 2.5} if drive == "trough" else {})
    truth = truth if drive == "trough" else {k: v for k, v in truth.items() if "choice" in k}
    model = Model(drive=drive, channels=[Choice()])
    return simulate(model, timetable(options, seed=seed), seed=seed, truth=truth)[0]


MODELS = {
    name: Model(drive=name, channels=[Choice()], name=name)
    for name in ("no_drive", "peak", "trough")
}


@pytest.mark.slow
def test_the_engine_tells_a_true_trough_from_none() -> None:
    found = events_control(MODELS, study_of("trough", 1), seed=1, randomised="events", count=20)
    assert found.met and found.statistic > 10
    trough = trough_control(MODELS, study_of("trough", 1), seed=1, count=20)
    assert trough.met


@pytest.mark.slow
def test_p_values_of_the_engine_are_uniform_under_the_null() -> None:
    p = [
        events_control(MODELS, study_of("no_drive", seed), seed=seed, randomised="events").p
        for seed in range(20)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.15 and np.mean(p) > 0.3
