"""Sizes on the outcomes' own scale, against closed forms at known values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from dopafit.channel.choice import Choice
from dopafit.channel.counts import Counts
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.drive.drive import rectify
from dopafit.fit.effects import contrast_effects, lobe_effects

VALUES = {
    "trough_ratio": 0.6,
    "choice_rest": -1.0,
    "choice_gain_trough": 0.7,
    "choice_gain_peak": -0.4,
    "latency_rest": -0.8,
    "latency_gain_trough": 0.2,
    "presses_rest": -3.0,
    "presses_gain_trough": 0.3,
}


def test_at_the_trough_the_gain_is_added_once(tiny_model, tiny_world, fit_at) -> None:
    fit = fit_at(tiny_model("trough", effects={}), tiny_world, VALUES, draws=4)
    found = {effect["channel"]: effect for effect in lobe_effects(fit)}
    assert {effect["at"] for effect in found.values()} == {"trough"}  # not moved above baseline
    choice, latency, presses = (found[name] for name in ("choice", "latency", "presses"))
    assert choice["change"] == "points"
    assert choice["before"] == pytest.approx(expit(-1.0))
    assert choice["after"] == pytest.approx(expit(-0.3))
    assert choice["lower"] == choice["upper"] == pytest.approx(expit(-0.3) - expit(-1.0))
    assert latency["before"] == pytest.approx(np.exp(0.8)) and latency["unit"] == "s"
    assert latency["median"] == pytest.approx(np.expm1(-0.2))
    assert latency["bound"] == pytest.approx(-np.expm1(-0.2))  # a size, whatever its sign
    assert presses["median"] == pytest.approx(np.expm1(0.3)) and presses["unit"] == ""


def test_both_lobes_of_a_drive_that_reads_both(tiny_model, tiny_world, fit_at) -> None:
    model = tiny_model("encompassing", effects={}, channels=[Choice()])
    top, bottom = lobe_effects(fit_at(model, tiny_world, VALUES, draws=3))
    assert (top["at"], bottom["at"]) == ("peak", "trough")
    below = rectify(np, -1.0) / rectify(np, 0.6)
    above = rectify(np, -0.6) / rectify(np, 1.0)
    assert top["after"] == pytest.approx(expit(-1.0 - 0.4 + 0.7 * below))
    assert bottom["after"] == pytest.approx(expit(-1.0 + 0.7 - 0.4 * above))


def test_no_lobe_where_there_is_none(tiny_model, tiny_world, fit_at) -> None:
    level = tiny_model("level", kernel="monophasic", effects={}, channels=[Choice()])
    assert [e["at"] for e in lobe_effects(fit_at(level, tiny_world, VALUES, draws=3))] == ["peak"]
    for drive in ("no_drive", "slope"):  # slope: the level does not tell it
        assert lobe_effects(fit_at(tiny_model(drive, effects={}), tiny_world, {}, draws=3)) == []


def test_factors_alone_are_told_against_their_reference(tiny_model, tiny_world, fit_at) -> None:
    effects = {
        "peak": "drug",
        "choice_rest": "drug + time",
        "latency_sigma": "drug",
        "presses_rest": "drug * subject",
    }
    values = VALUES | {
        "peak_effect[drug[precursor]]": np.log(1.5),
        "choice_rest_effect[drug[precursor]]": 0.5,
        "choice_rest_effect[time]": 0.01,
        "latency_sigma_effect[drug[precursor]]": np.log(2.0),
    }
    fit = fit_at(tiny_model("trough", effects=effects), tiny_world, values, draws=3)
    found = {effect["parameter"]: effect for effect in contrast_effects(fit)}
    assert set(found) == {"peak", "choice_rest", "latency_sigma"}  # no factor that interacts
    assert {e["level"] for e in found.values()} == {"drug[precursor]"}
    assert {e["against"] for e in found.values()} == {"placebo"}
    assert found["peak"]["median"] == pytest.approx(0.5) and "channel" not in found["peak"]
    assert found["latency_sigma"]["median"] == pytest.approx(1.0)
    rest = -1.0 + 0.01 * fit.layout.rows["choice"].frame["time"].mean()
    assert found["choice_rest"]["before"] == pytest.approx(expit(rest))
    assert found["choice_rest"]["median"] == pytest.approx(expit(rest + 0.5) - expit(rest))


@pytest.mark.parametrize(
    ("channel", "own", "scale"),
    [
        (Choice(), {"lapse": np.array(0.2)}, 1.0),
        (WaldLatency(), {"threshold": np.array(1.3), "shift": np.array(0.2)}, 1.0),
        (Counts(), {"dispersion": np.array(0.4)}, 60.0),
    ],
)
def test_what_is_typical_is_what_simulations_make(channel, own, scale) -> None:
    rng, eta = np.random.default_rng(2), np.full(400_000, 0.3)
    drawn = next(iter(channel.simulate(rng, eta, {"log_exposure": 0.0}, **own).values()))
    error = 5 * scale * drawn.std() / np.sqrt(drawn.size)
    assert channel.typical(0.3, **own) == pytest.approx(scale * drawn.mean(), abs=error)


def test_a_rate_of_presses_is_per_minute() -> None:
    assert Presses().typical(np.log(0.5)) == pytest.approx(30.0)
