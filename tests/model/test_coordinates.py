"""Theta: every entry where a hand-made example says, and priors as stated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.formula import design
from dopafit.model.layout.coordinates import Coordinates, in_range, natural, to_link
from dopafit.model.layout.layout import build_layout

ROWS = pd.DataFrame(
    {
        "subject": ["b", "a", "a", "b"],
        "drug": ["none", "low", "none", "low"],
        "dose": [0, 1, 2, 3.0],
    }
)


def by_hand() -> Coordinates:
    model = Model(
        drive="trough",
        channels=[Choice()],
        effects={"trough_ratio": "(drug | subject)", "choice_rest": "dose", "peak": "1"},
        priors={"choice_rest_effect": Prior.normal(0.25, 0.5)},
        fixed={"onset_ratio": 0.1},
    )
    names = ("trough_ratio", "choice_rest")
    return Coordinates(model, {n: design(model.effects[n], ROWS, where=n) for n in names})


def test_theta_of_a_hand_made_example() -> None:
    coordinates = by_hand()
    keys = [Coordinates.key(e) for e in coordinates.entries[1:]]
    assert keys == [
        "peak",
        "trough_ratio",
        "recovery_half_life",
        "onset_ratio",
        "choice_rest",
        "choice_lapse",
        "choice_gain_trough",
        "trough_ratio_group[1|subject[a]]",
        "trough_ratio_group[1|subject[b]]",
        "trough_ratio_group[drug[none]|subject[a]]",
        "trough_ratio_group[drug[none]|subject[b]]",
        "choice_rest_effect[dose]",
    ]
    assert coordinates.normals == 8  # three population values, four deviations, one effect
    assert coordinates.half_names == [
        ("choice_gain_trough", "population", ""),
        ("trough_ratio", "sd", "1|subject"),
        ("trough_ratio", "sd", "drug[none]|subject"),
    ]
    assert coordinates.half_scale == [1.5, 0.3, 0.3]
    x = np.array([1.0, -1.0, 2.0, 0.5, -0.5, 3.0, 0.0, -2.0])
    h = np.array([0.7, 0.2, 0.4])
    expected = [
        1.0,  # the constant
        0.0,  # peak, fixed at 1
        np.log(0.3) + 0.7,
        np.log(np.log(2) * 30) - 0.8,
        np.log(0.1),  # fixed
        2.0 * 1.5,
        0.0,  # no lapse; not used while fixed
        0.7,  # half-normal, on its natural scale
        0.2 * 0.5,
        0.2 * -0.5,
        0.4 * 3.0,
        0.4 * 0.0,
        0.25 + 0.5 * -2.0,
    ]
    assert coordinates.theta(x, h) == pytest.approx(expected, rel=1e-14)
    # any number of leading dimensions
    many = coordinates.theta(np.tile(x, (3, 2, 1)), np.tile(h, (3, 2, 1)))
    assert many.shape == (3, 2, 13) and many[2, 1] == pytest.approx(expected)
    assert coordinates.start("trough_ratio") == 8 and coordinates.start("choice_rest") == 12
    assert coordinates.place("choice_rest") == 5


def test_named_quantities_and_their_labels() -> None:
    coordinates = by_hand()
    x, h = coordinates.prior_draws(np.random.default_rng(0), (5,))
    named = coordinates.named(coordinates.theta(x, h), h)
    labels = coordinates.labels()
    assert "peak" not in named and "onset_ratio" not in named and "choice_lapse" not in named
    assert named["trough_ratio"][1] == pytest.approx(0.3 * np.exp(0.7 * x[:, 0]))
    assert named["choice_gain_trough"][1] == pytest.approx(h[:, 0])
    assert named["trough_ratio_sd"][0] == ("trough_ratio_sd_term",)
    assert labels["trough_ratio_sd_term"] == ["1|subject", "drug[none]|subject"]
    assert named["trough_ratio_sd"][1] == pytest.approx(h[:, 1:])
    assert labels["trough_ratio_group_member"][1] == "1|subject[b]"
    assert labels["choice_rest_effect_term"] == ["dose"]
    for name, (dims, value) in named.items():
        assert value.shape == (5, *(len(labels[d]) for d in dims)), name
    deviation = named["trough_ratio_group"][1]
    assert deviation[:, 2] == pytest.approx(h[:, 2] * x[:, 5])


def test_prior_draws_have_the_stated_priors(tiny, three_channels) -> None:
    model = three_channels(
        "encompassing",
        priors={
            "choice_lapse": Prior.logit_normal(0.05, 1.0),
            "trough_ratio_sd": Prior.half_normal(0.6),
            "peak_effect[kind[pellet]]": Prior.normal(0.5, 0.2),
        },
    )
    coordinates = build_layout(model, tiny).coordinates
    rng = np.random.default_rng(3)
    x, h = coordinates.prior_draws(rng, (4000,))
    named = coordinates.named(coordinates.theta(x, h), h)
    for name, parameter in model.parameters.items():
        if parameter.prior is None:
            assert name not in named
            continue
        value = named[name][1]
        if parameter.prior.family == "logit_normal":
            value = np.log(value) - np.log1p(-value)
        assert stats.kstest(value, parameter.prior.distribution.cdf).pvalue > 1e-3, name
    assert stats.kstest(named["trough_ratio_sd"][1][:, 0], stats.halfnorm(scale=0.6).cdf)[1] > 1e-3
    assert stats.kstest(named["peak_effect"][1][:, 0], stats.norm(0.5, 0.2).cdf)[1] > 1e-3
    history = named["presses_rest_effect"][1][:, 0]
    assert stats.kstest(history, stats.norm(0, 1.5).cdf)[1] > 1e-3
    # group deviations: normal given the sd, the sd half-normal
    members = coordinates.labels()["choice_rest_group_member"]
    assert members == ["1|subject[a]", "1|subject[b]"]
    ratio = named["choice_rest_group"][1] / named["choice_rest_sd"][1]
    assert stats.kstest(ratio.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(ratio.T)[0, 1]) < 0.06


def test_directed_gains_are_half_normal(tiny, three_channels) -> None:
    model = three_channels("peak")
    coordinates = build_layout(model, tiny).coordinates
    x, h = coordinates.prior_draws(np.random.default_rng(3), (3000,))
    gains = coordinates.named(coordinates.theta(x, h), h)["choice_gain_peak"][1]
    assert stats.kstest(gains, stats.halfnorm(scale=1.5).cdf).pvalue > 1e-3
    assert gains.min() >= 0


def test_a_model_without_free_half_normals_still_has_a_shape() -> None:
    model = Model(drive="no_drive", channels=[Choice()], effects={"choice_rest": "1"})
    coordinates = Coordinates(model)
    assert (coordinates.normals, coordinates.halves) == (1, 1)
    x, h = coordinates.prior_draws(np.random.default_rng(0), (2, 3))
    assert coordinates.theta(x, h).shape == (2, 3, 3)


def test_truth_goes_where_its_name_says() -> None:
    coordinates = by_hand()
    base = coordinates.theta(np.zeros(8), np.full(3, 0.5))
    truth = {
        "trough_ratio": 0.4,
        "choice_rest": -1.0,
        "choice_gain_trough": 0.9,
        "choice_rest_effect[dose]": 0.3,
        "trough_ratio_group[1|subject[b]]": -0.2,
    }
    theta = coordinates.theta_from_truth(truth, base)
    x, h = np.zeros(8), np.full(3, 0.5)
    named = coordinates.named(theta, h)
    assert named["trough_ratio"][1] == pytest.approx(0.4)
    assert named["choice_rest"][1] == -1
    assert named["choice_gain_trough"][1] == 0.9
    assert named["choice_rest_effect"][1].tolist() == [0.3]
    assert named["trough_ratio_group"][1].tolist() == [0, -0.2, 0, 0]
    assert np.array_equal(base, coordinates.theta(x, h)), "the base is not changed"


@pytest.mark.parametrize(
    ("value", "link"),
    [
        (0, "log"),
        (-1, "log"),
        (0, "logit"),
        (1, "logit"),
        (np.nan, "identity"),
        ("1", "identity"),
        (np.inf, "log"),
        (True, "identity"),
        (None, "log"),
    ],
)
def test_impossible_truths(value, link) -> None:
    with pytest.raises(SpecError, match="truth: x"):
        in_range("x", value, link)


def test_links() -> None:
    parameters = Model(drive="peak", channels=[Choice()]).parameters
    for name, value in (("trough_ratio", 0.37), ("choice_lapse", 0.04), ("choice_rest", -2.0)):
        link = to_link(parameters[name], value)
        assert natural(parameters[name], np.array(link)) == pytest.approx(value, rel=1e-14)
    assert to_link(parameters["choice_lapse"], 0.0) == -np.inf
    assert natural(parameters["choice_lapse"], np.array([-800.0, 800.0])).tolist() == [0, 1]
