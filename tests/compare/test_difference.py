"""Differences by subject, against SciPy and by counting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from dopafit.compare.difference import difference, mixture
from dopafit.core.errors import SpecError


def test_the_standard_error_and_quantile_are_those_of_a_t_test_over_subjects() -> None:
    rng = np.random.default_rng(1)
    for subjects in (6, 24, 60):
        gaps = rng.normal(0.6, 1.0, (subjects, 2))
        whose = np.repeat(np.arange(subjects), 2)
        found = difference(gaps.ravel(), np.zeros(2 * subjects), whose)
        oracle = ttest_1samp(gaps.sum(axis=1), 0.0)
        assert found.total / found.se == pytest.approx(oracle.statistic)
        assert (found.total >= found.quantile * found.se) == (
            oracle.statistic > 0 and oracle.pvalue <= 0.05
        )
        assert found.parts == found.subjects == subjects


def test_sign_flips_are_counted_exactly() -> None:
    gaps = np.array([1.0, 0.5, -0.25, 2.0, 0.75, 1.5, -0.1])
    found = difference(gaps, np.zeros(7), list("abcdefg"))
    sums = [np.dot(s, np.abs(gaps)) for s in itertools.product((-1, 1), repeat=7)]
    assert found.p_flip == np.mean(np.array(sums) >= gaps.sum() - 1e-12)
    assert np.isnan(difference(np.ones(20), np.zeros(20), range(20)).p_flip)


def test_many_sessions_of_few_subjects_are_not_many_subjects() -> None:
    """One subject's forty good sessions: far ahead by session, not by subject."""
    gaps = np.concatenate([np.full(40, 1.0), np.full(280, 0.0)])
    whose = np.repeat(np.arange(8), 40)
    by_session = difference(gaps, 0 * gaps, np.arange(320))
    by_subject = difference(gaps, 0 * gaps, whose)
    assert by_session.ahead
    assert not by_subject.ahead


def test_few_animals_are_spoken_of_by_name_only() -> None:
    gaps = np.full(30, 1.0) + 0.1 * np.random.default_rng(2).standard_normal(30)
    found = difference(gaps, 0 * gaps, np.repeat(np.arange(5), 6))
    assert found.ahead
    assert found.these_only
    assert found.parts == 30
    alone = difference([9.0], [0.0], ["a"])
    assert not alone.ahead
    assert alone.these_only


def test_nothing_is_ahead_by_less_than_four() -> None:
    assert not difference(np.full(39, 0.1), np.zeros(39), range(39)).ahead
    assert difference(np.full(41, 0.1), np.zeros(41), range(41)).ahead


def test_false_alarms_are_as_rare_as_said() -> None:
    """Equal hypotheses, heavy-tailed differences, seven subjects."""
    rng = np.random.default_rng(3)
    told = [
        difference(5 * rng.standard_t(3, 14), np.zeros(14), np.repeat(np.arange(7), 2)).ahead
        for _ in range(2000)
    ]
    assert np.mean(told) <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 2000)


def test_a_family_is_the_mixture_of_its_members() -> None:
    points = np.log([[0.2, 0.4], [1e-300, 0.5]])
    assert mixture(points) == pytest.approx(np.log([0.3, 0.25]))
    assert mixture(points - 5000.0) == pytest.approx(np.log([0.3, 0.25]) - 5000.0)


def test_units_must_agree() -> None:
    for one, whose in (([1.0, 2.0], ["a"]), ([], []), ([np.nan], ["a"])):
        with pytest.raises(SpecError, match="differences"):
            difference(one, np.zeros(len(one)), whose)
