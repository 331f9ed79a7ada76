"""Random-effects selection: against enumeration, quadrature and a published package."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.special import expit, gammaln, log_expit, logsumexp

from dopafit.compare.selection import exceedance, select
from dopafit.core.errors import SpecError

ORACLE = json.loads((Path(__file__).parent / "group_bmc" / "oracle.json").read_text("utf-8"))


def table(values) -> pd.DataFrame:
    values = np.asarray(values, dtype=float)
    return pd.DataFrame(values, columns=list("abcdef"[: values.shape[1]]))


def enumerated(values: np.ndarray, prior: np.ndarray, block: np.ndarray):
    """Exact log evidence and mean frequencies, by every assignment of subjects to hypotheses."""
    blocks = block.max() + 1
    logs, means = [], []
    for assigned in itertools.product(range(values.shape[1]), repeat=len(values)):
        extra = np.bincount(assigned, minlength=values.shape[1])
        after, before = (np.bincount(block, weights=w) for w in (prior + extra, prior))
        log_prior = (gammaln(prior + extra) - gammaln(prior)).sum()
        log_prior -= (gammaln(after) - gammaln(before)).sum() + len(values) * np.log(blocks)
        logs.append(log_prior + values[np.arange(len(values)), list(assigned)].sum())
        means.append((prior + extra) / after[block] / blocks)
    logs = np.array(logs)
    total = logsumexp(logs)
    return total, np.exp(logs - total) @ np.array(means)


# ---------------------------------------------------------------------- the published package
@pytest.mark.parametrize("name", ORACLE["cases"])
def test_as_the_package(name):
    case = ORACLE["cases"][name]
    values, members = table(case["evidence"]), case["families"]
    prior = 1 / len(members or values.columns)
    families = members and {
        values.columns[m - 1]: str(i) for i, group in enumerate(members) for m in group
    }
    found = select(values, families=families, prior=prior)
    found = found.families or found.hypotheses
    assert found.log_evidence == pytest.approx(case["f1"], abs=1e-9)
    np.testing.assert_allclose(found.table["frequency"], case["frequency"], atol=1e-8)
    np.testing.assert_allclose(found.table["exceedance"], case["exceedance"], atol=1e-7)
    if members is None:  # its null of families holds their members equal too
        risk = 1 / (1 + np.exp(case["f1"] - case["f0"]))
        assert found.omnibus_risk == pytest.approx(risk, abs=1e-9)
        np.testing.assert_allclose(found.table["protected"], case["protected"], atol=1e-7)


# ---------------------------------------------------------------------- exact values
@pytest.mark.parametrize(("subjects", "size", "sd"), [(8, 2, 1.0), (8, 2, 4.0), (6, 3, 2.0)])
def test_near_enumeration_and_never_above_it(subjects, size, sd):
    values = np.random.default_rng(subjects + size).normal(0, sd, (subjects, size))
    found = select(table(values)).hypotheses
    exact, mean = enumerated(values, np.ones(size), np.zeros(size, int))
    assert exact - 1.0 < found.log_evidence <= exact
    np.testing.assert_allclose(found.table["frequency"], mean, atol=0.08)


def test_a_null_of_families_leaves_their_members_free():
    values = np.random.default_rng(3).normal([2, 0, 1, 1], 1.5, (5, 4))
    families = {"a": "x", "b": "x", "c": "y", "d": "y"}
    found = select(table(values), families=families).families
    block, prior = np.array([0, 0, 1, 1]), np.full(4, 0.5)
    free, mean = enumerated(values, prior, np.zeros(4, int))
    null, _ = enumerated(values, prior, block)
    assert free - 0.6 < found.log_evidence <= free
    np.testing.assert_allclose(found.table["frequency"], np.bincount(block, mean), atol=0.05)
    risk = 1 / (1 + np.exp(free - null))
    assert found.omnibus_risk == pytest.approx(risk, abs=0.06)


def test_the_posterior_is_where_the_bound_is_largest():
    """The bound of two hypotheses by quadrature over the frequency, climbed by SciPy."""
    values = np.random.default_rng(5).normal([1, 0], 1.5, (7, 2))

    def bound(log_counts):
        q = stats.beta(*np.exp(log_counts))
        logit = np.linspace(-30, 30, 3001)
        r = expit(logit)
        weight = q.pdf(r) * r * (1 - r) * 0.02
        expected = weight @ np.transpose([np.log(r), log_expit(-logit)])
        gain = weight @ q.logpdf(r)  # the prior's density is 1
        return -(logsumexp(values + expected, axis=1).sum() - gain)

    best = optimize.minimize(
        bound, np.log([3.0, 3.0]), method="Nelder-Mead", options={"xatol": 1e-6}
    )
    found = select(table(values)).hypotheses
    assert found.log_evidence == pytest.approx(-best.fun, abs=1e-6)
    np.testing.assert_allclose(found.table["count"], np.exp(best.x), rtol=1e-3)
    null = logsumexp(values, axis=1).sum() - 7 * np.log(2)
    assert found.omnibus_risk == pytest.approx(1 / (1 + np.exp(-best.fun - null)), abs=1e-6)


def test_exceedance():
    chance = stats.beta(5.5, 3.25).sf(0.5)
    np.testing.assert_allclose(exceedance([5.5, 3.25]), [chance, 1 - chance], atol=1e-12)
    for counts in ([0.2, 0.05, 0.1], [12.0, 11.0, 3.0, 0.5], [900.0, 880.0, 870.0]):
        drawn = np.random.default_rng(1).dirichlet(counts, 200_000).argmax(axis=1)
        share = np.bincount(drawn, minlength=len(counts)) / 200_000
        np.testing.assert_allclose(exceedance(counts), share, atol=0.005)


# ---------------------------------------------------------------------- properties
def test_what_is_said_of_clear_and_of_empty_evidence():
    clear = select(table(np.tile([0.0, -8.0, -8.0], (20, 1)))).hypotheses
    assert clear.omnibus_risk < 1e-3 and clear.table["protected"]["a"] > 0.99
    empty = select(table(np.zeros((20, 3)))).hypotheses
    assert empty.omnibus_risk > 0.5
    np.testing.assert_allclose(empty.table["protected"], 1 / 3)
    values = np.random.default_rng(2).normal(0, 2, (9, 3))
    moved = values + np.arange(9.0)[:, None] * 100  # each subject's own constant
    pd.testing.assert_frame_equal(
        select(table(values)).hypotheses.table, select(table(moved)).hypotheses.table
    )


def test_groups():
    one, other = np.tile([0.0, -6.0], (12, 1)), np.tile([-6.0, 0.0], (12, 1))
    groups = ["drug"] * 12 + ["saline"] * 12
    differ = select(table(np.vstack([one, other])), groups=groups)
    assert differ.groups_differ > 0.999
    assert differ.groups["drug"].hypotheses.table["protected"]["a"] > 0.99
    assert differ.groups["saline"].attribution["b"].min() > 0.99
    same = select(table(np.vstack([one, one])), groups=groups)
    assert same.groups_differ < 0.3
    assert "drug, saline differ" in repr(same)


@pytest.mark.parametrize(
    ("values", "options", "told"),
    [
        ([[1.0]], {}, "two hypotheses"),
        ([[1.0, np.nan]], {}, "finite"),
        ([[1.0, 2.0]], {"families": {"a": "x"}}, "a family for each"),
        ([[1.0, 2.0]], {"families": {"a": "x", "b": "x"}}, "two families"),
        ([[1.0, 2.0]], {"groups": ["one"]}, "two groups"),
        ([[1.0, 2.0]], {"prior": 0.0}, "above 0"),
    ],
)
def test_what_cannot_be_used_is_said(values, options, told):
    with pytest.raises(SpecError) as error:
        select(table(values), **options)
    assert told in str(error.value)
