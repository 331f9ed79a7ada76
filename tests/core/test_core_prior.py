"""Priors against SciPy, as values, and every way to write one wrongly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

from dopafit.core.errors import DopafitError, SpecError
from dopafit.core.prior import FAMILIES, Prior

PAIRS = [
    (Prior.normal(1.5, 2.0), stats.norm(1.5, 2.0)),
    (Prior.lognormal(0.3, 0.7), stats.lognorm(s=0.7, scale=0.3)),
    (Prior.half_normal(1.5), stats.halfnorm(scale=1.5)),
]


@pytest.mark.parametrize(("prior", "scipy"), PAIRS, ids=["normal", "lognormal", "half_normal"])
def test_distribution_is_scipys(prior: Prior, scipy) -> None:
    x = scipy.ppf([0.001, 0.2, 0.5, 0.9, 0.999])
    assert prior.distribution.logpdf(x) == pytest.approx(scipy.logpdf(x), rel=1e-14)
    for p in (1e-6, 0.05, 0.5, 0.95, 1 - 1e-6):
        assert prior.quantile(p) == pytest.approx(scipy.ppf(p), rel=1e-12, abs=1e-12)


def test_logit_normal_is_a_normal_after_the_logit() -> None:
    prior = Prior.logit_normal(0.3, 1.2)
    assert prior.link_location == pytest.approx(logit(0.3))
    reference = stats.norm(logit(0.3), 1.2)
    assert prior.distribution.logpdf(0.7) == pytest.approx(reference.logpdf(0.7))
    assert prior.quantile(0.5) == pytest.approx(0.3, rel=1e-14)
    assert prior.quantile(0.9) == pytest.approx(expit(reference.ppf(0.9)), rel=1e-13)


@pytest.mark.parametrize(
    "prior", [*(p for p, _ in PAIRS), Prior.logit_normal(0.05, 2.0)], ids=lambda v: str(v)
)
def test_sample_has_the_distribution(prior: Prior) -> None:
    draws = prior.sample(np.random.default_rng(4), 4000)
    on_scale = logit(draws) if prior.family == "logit_normal" else draws
    assert stats.kstest(on_scale, prior.distribution.cdf).pvalue > 0.01
    # negative control: the same draws do not pass for a distribution 10 % wider
    wide = Prior(prior.family, prior.location, 1.1 * prior.scale)
    assert stats.kstest(on_scale, wide.distribution.cdf).pvalue < 0.05
    assert np.array_equal(draws, prior.sample(np.random.default_rng(4), 4000))
    assert prior.sample(np.random.default_rng(0), (2, 3)).shape == (2, 3)


def test_link_location_is_the_mean_on_the_normal_scale() -> None:
    assert Prior.lognormal(0.3, 0.7).link_location == pytest.approx(np.log(0.3))
    assert Prior.normal(-2, 1).link_location == -2
    assert Prior.half_normal(3).link_location == 0


def test_natural_never_overflows() -> None:
    ends = Prior.logit_normal(0.5, 1e3).natural(np.array([-2.0, 0.0, 2.0]))
    assert ends == pytest.approx([0.0, 0.5, 1.0])


numbers = st.floats(1e-3, 1e3)


@given(
    st.sampled_from(
        [
            Prior.normal,
            Prior.lognormal,
            lambda a, b: Prior.logit_normal(a / 1001, b),
            lambda a, b: Prior.half_normal(b),
        ]
    ),
    numbers,
    numbers,
)
@settings(max_examples=50, deadline=None)
def test_dict_json_and_yaml_round_trips(make, location: float, scale: float) -> None:
    prior = make(location, scale)
    assert Prior.from_dict(prior.to_dict()) == prior
    assert Prior.from_dict(json.loads(json.dumps(prior.to_dict()))) == prior
    assert Prior.from_dict(yaml.safe_load(yaml.safe_dump(prior.to_dict()))) == prior
    assert Prior.from_dict(prior) is prior
    assert hash(Prior.from_dict(prior.to_dict())) == hash(prior)


def test_equal_numbers_are_equal_priors_whatever_their_type() -> None:
    a, b = Prior.normal(0, 1), Prior("normal", np.float64(0), np.int64(1))
    assert a == b
    assert str(a) == str(b) == "normal(mean=0, sd=1)"
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())


def test_words() -> None:
    assert str(Prior.lognormal(0.3, 0.7)) == "lognormal(median=0.3, sigma=0.7)"
    assert str(Prior.half_normal(1)) == "half_normal(sd=1)"


@pytest.mark.parametrize(
    ("family", "location", "scale"),
    [
        ("gamma", 1, 1),
        ("lognorml", 1, 1),
        (["normal"], 1, 1),
        ("normal", np.nan, 1),
        ("normal", 0, np.inf),
        ("normal", 0, 0),
        ("normal", 0, -1),
        ("normal", "0", 1),
        ("normal", None, 1),
        ("normal", True, 1),
        ("lognormal", 0, 1),
        ("lognormal", -0.3, 1),
        ("logit_normal", 0, 1),
        ("logit_normal", 1, 1),
        ("logit_normal", 30, 1),
        ("half_normal", 1, 1),
    ],
)
def test_impossible_priors(family, location, scale) -> None:
    with pytest.raises(SpecError):
        Prior(family, location, scale)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"normal": {"mean": 0, "sd": 1}, "lognormal": {"median": 1, "sigma": 1}},
        "normal(0, 1)",
        ["normal", 0, 1],
        3.0,
        None,
        {"norml": {"mean": 0, "sd": 1}},
        {"normal": {"mean": 0}},
        {"normal": {"mean": 0, "sd": 1, "lower": 0}},
        {"normal": {"mean": 0, "sigma": 1}},
        {"normal": [0, 1]},
        {"normal": None},
        {"normal": {"mean": "0", "sd": 1}},
        {"normal": {"mean": True, "sd": 1}},
        {"normal": {"mean": 0, "sd": -1}},
        {"half_normal": {"mean": 0, "sd": 1}},
        {"lognormal": {"median": -1, "sigma": 1}},
    ],
)
def test_impossible_specs_say_where_and_what_is_allowed(spec) -> None:
    with pytest.raises(SpecError) as caught:
        Prior.from_dict(spec, where="priors: peak_sd")
    assert caught.value.wrong.startswith("priors: peak_sd")
    assert caught.value.allowed


def test_a_misspelt_family_gets_a_suggestion() -> None:
    for make in (
        lambda: Prior("lognorml", 1, 1),
        lambda: Prior.from_dict({"lognorml": {"median": 1, "sigma": 1}}),
    ):
        with pytest.raises(DopafitError) as caught:
            make()
        assert caught.value.todo == "did you mean 'lognormal'?"
        assert all(family in caught.value.allowed for family in FAMILIES)
