"""Closed loops: open ones give the same as the likelihood, and events follow acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import dopafit as dp
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.press import Presses
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import numpy_operations
from dopafit.model.stepping import Event, Offer, play

VALUES = {
    "trough_ratio": 0.4,
    "recovery_half_life": 12.0,
    "onset_ratio": 0.2,
    "choice_rest": -0.3,
    "choice_gain_peak": 0.8,
    "choice_gain_trough": 1.5,
    "latency_rest": 0.2,
    "latency_gain_peak": 0.3,
    "latency_gain_trough": 0.4,
    "latency_sigma": 0.5,
}


@dataclass
class Fixed:
    """Everything is there from the start; acts change nothing."""

    things: list
    duration: float = 300.0

    def begin(self):
        return self.things

    def after(self, offer, act):
        return ()


@dataclass
class Ratio:
    """An offer every 2 s; every third pursuit earns a reward 4 s later."""

    duration: float = 400.0
    done: list[float] = field(default_factory=list)

    def begin(self):
        return [Offer(2.0, "choice")]

    def after(self, offer, act):
        yield Offer(offer.time + 2.0, "choice")
        self.done += [offer.time] if act["pursue"] else []
        if act["pursue"] and len(self.done) % 3 == 0:
            yield Event(offer.time + 4.0, kind="reward")


def model(**changes) -> Model:
    options = {"effects": {}, "unit_magnitude": 1.0, "fixed": {"peak": 1.3}}
    return Model("encompassing", [Choice(), Latency()], **(options | changes))


def test_an_open_loop_is_the_likelihoods(monkeypatch) -> None:
    """Motivation to rounding, and with one stream of random numbers the same behaviour."""
    rng = np.random.default_rng(3)
    sizes = rng.uniform(0.2, 2.0, 25)
    events = [Event(t, m) for t, m in zip(np.sort(rng.uniform(0, 290, 25)), sizes, strict=True)]
    offers = [Offer(t, "choice") for t in np.sort(rng.uniform(0, 300, 60))]
    offers += [Offer(events[3].time, "choice"), Offer(7.0, "latency", {"deadline": 3.0})]
    seen, simulated = {}, {"choice": Choice.simulate, "latency": Latency.simulate}

    def spy(self, rng, eta, data, **own):
        seen.setdefault(self.prefix, []).extend(eta)
        return simulated[self.prefix](self, rng, eta, data, **own)

    for member in (Choice, Latency):
        monkeypatch.setattr(member, "simulate", spy)
    # `peak` is a convention of the claim
    study = play(Fixed([*offers, *events]), model(), VALUES, np.random.default_rng(8))
    assert study.simulated and len(study.events) == 25 and len(study.observations) == 62
    layout = build_layout(model(), study)
    theta = layout.coordinates.theta_from_truth(VALUES, np.array(layout.coordinates.loc))
    program, m = layout.program, numpy_operations(layout.arrays)
    moved = program.motivation(layout.arrays, theta, m)
    for prefix, stepped in seen.items():
        eta = program.predictor(prefix, moved, layout.arrays, theta, m)
        np.testing.assert_allclose(stepped, eta, rtol=1e-12, atol=1e-13)
        assert prefix == "latency" or np.ptp(stepped) > 0.5
    alone = Fixed([*offers[:-1], *events])
    pursued = play(alone, model(), VALUES, np.random.default_rng(8)).observations["pursue"]
    eta = np.asarray(program.predictor("choice", moved, layout.arrays, theta, m))
    chance = 1 / (1 + np.exp(-eta))
    assert pursued.tolist() == (np.random.default_rng(8).random(61) < chance).astype(float).tolist()


def test_events_follow_acts() -> None:
    task = Ratio()
    study = dp.play(task, model(), VALUES, np.random.default_rng(1))
    acts = study.observations
    pursued = acts.loc[acts["pursue"] == 1, "time"].to_numpy()
    expected = pursued[2::3] + 4.0
    assert study.events["time"].tolist() == expected[expected <= 400].tolist()
    assert len(acts) == 200 and len(study.events) > 10
    assert set(study.events["kind"]) == {"reward"}
    again = play(Ratio(), model(), VALUES, np.random.default_rng(1))
    assert again.observations.equals(acts)
    # control: rewards that move nothing give the base rate, not what the loop gives
    still = VALUES | {"choice_gain_peak": 0.0, "choice_gain_trough": 0.0}
    flat = play(Ratio(duration=4_000.0), model(), still, np.random.default_rng(1)).observations
    assert flat["pursue"].mean() == pytest.approx(1 / (1 + np.exp(0.3)), abs=0.05)
    loop = play(Ratio(duration=4_000.0), model(), VALUES, np.random.default_rng(1)).observations
    assert loop["pursue"].mean() > flat["pursue"].mean() + 0.05


@pytest.mark.parametrize(
    ("things", "values", "message"),
    [
        ([Offer(1.0, "chioce")], VALUES, "'chioce'"),
        ([Offer(1.0, "presses")], VALUES, "'presses'"),
        ([Offer(np.nan, "choice")], VALUES, "nan"),
        ([Event(-1.0)], VALUES, "-1"),
        ([], VALUES | {"choice_rst": 1.0}, "'choice_rst'"),
        ([], {"choice_rest": 1.0}, "trough_ratio"),
        ([], VALUES | {"trough_ratio": -1.0}, "trough_ratio = -1"),
    ],
)
def test_refusals(things, values, message) -> None:
    gains = {"presses_rest": 0.0, "presses_gain_peak": 1.0, "presses_gain_trough": 1.0}
    with_presses = Model("encompassing", [Choice(), Latency(), Presses()], effects={})
    values = values | gains if len(values) > 3 else values
    with pytest.raises(SpecError) as caught:
        play(Fixed(things), with_presses, values, np.random.default_rng(0))
    assert message in caught.value.wrong and caught.value.allowed and caught.value.todo


def test_the_guides_example_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "extending.md").read_text("utf-8")
    source = page.partition("### Close the loop")[2].partition("```python\n")[2].partition("```")[0]
    found: dict = {}
    exec(compile(source, "extending.md", "exec"), found)
    assert len(found["study"].observations) == 300 and len(found["study"].events) > 10
