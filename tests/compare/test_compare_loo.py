from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.evidence.scores import LooResult, loo
from dopafit.compare.loo import compare_loo
from dopafit.core.errors import SpecError

N = 120
LABELS = [f"s{i:03d}" for i in range(N)]
X = np.linspace(-1, 1, N)
Y = 1.5 * X + np.random.default_rng(1).normal(size=N)


def slope_model(y, x, *, seed=0, draws=300):
    """Exact posterior draws of y ~ N(b x, 1), b ~ N(0, 2); log-likelihood (chain, draw, unit)."""
    precision = 0.25 + x @ x
    b = np.random.default_rng(seed).normal(x @ y / precision, precision**-0.5, size=(4, draws))
    return stats.norm.logpdf(y, b[:, :, None] * x, 1)


LIKELIHOODS = {
    "trough": slope_model(Y, X),
    "peak": slope_model(Y, np.cos(7 * X), seed=1),  # wrong: no such wave in the data
    "level": slope_model(Y, X + 0.01 * np.cos(9 * X), seed=2),  # nearly the same claim
}
FINE = dict.fromkeys(LIKELIHOODS, True)
EACH = dict.fromkeys(LIKELIHOODS, LABELS)


def compared(likelihoods=None, **changes):
    options = {"unit": "session", "labels": EACH, "converged": FINE} | changes
    likelihoods = LIKELIHOODS if likelihoods is None else likelihoods
    return compare_loo({name: loo(values) for name, values in likelihoods.items()}, **options)


@pytest.fixture(scope="module")
def plain():
    return compared()


def test_the_wrong_model_loses_and_the_twin_is_not_told_apart(plain):
    result = plain
    assert result.table.index[-1] == "peak" and result.best in ("trough", "level")
    assert result.table.loc["peak", "weight"] < 0.1
    assert result.distinguishable.to_dict() == {result.best: False, "peak": True} | {
        n: False for n in ("trough", "level") if n != result.best
    }
    row = result.table.loc["peak"]
    expected = (
        f"is ahead of peak by {-row['elpd_diff']:.1f} +- {row['dse']:.1f} (elpd, unit: session)"
    )
    assert any(expected in line for line in result.reading)
    assert any("not distinguishable" in line for line in result.reading)
    assert result.warnings == () and result.stamp == ""


def test_the_page_says_unit_and_reading(plain):
    text = str(plain)
    assert text.startswith("leave-one-out by session (120 units)")
    assert "is ahead of peak" in text and repr(plain) == text
    table = plain.table
    assert set(table["unit"]) == {"session"} and set(table["n_units"]) == {N}
    assert table["converged"].all()


def test_pointwise_values_belong_to_their_units(plain):
    result = plain
    assert list(result.pointwise.index) == LABELS and result.pointwise.index.name == "session"
    assert list(result.pointwise.columns) == list(result.table.index)
    assert result.pointwise.sum().to_dict() == pytest.approx(result.table["elpd"].to_dict())
    assert result.pareto_k.shape == result.pointwise.shape


def test_the_order_of_units_does_not_matter(plain):
    order = np.random.default_rng(4).permutation(N)
    turned = compared(
        {n: v[:, :, order] for n, v in LIKELIHOODS.items()},
        labels={n: [LABELS[i] for i in order] for n in FINE},
    )
    assert turned.table.equals(plain.table)
    assert turned.pointwise.loc[LABELS].equals(plain.pointwise)


def test_a_fit_that_did_not_converge_marks_everything():
    result = compared(converged=FINE | {"level": False})
    assert result.stamp == "NOT CONVERGED: level"
    assert "no conclusion" in str(result) and "level did not converge" in result.warnings


def test_an_outlier_is_flagged():
    y = Y.copy()
    y[-1] = 60.0
    result = compared({n: slope_model(y, X, seed=i) for i, n in enumerate(FINE)})
    assert result.pareto_k.iloc[-1].min() > 0.7
    assert any("Pareto k above 0.68 in 1 of 120 units" in w for w in result.warnings)


def scored(*totals, n=N, spread=0.0):
    """Results whose differences are known: constant gaps plus a spread with mean zero."""
    wave = spread * np.where(np.arange(n) % 2, 1.0, -1.0)
    return {
        f"m{i}": LooResult(t, 1.0, 1.0, np.full(n, t / n) - (wave if i else 0.0), np.zeros(n), 0.7)
        for i, t in enumerate(totals)
    }


@pytest.mark.parametrize(
    "gap, spread, ahead",
    [(3.9, 0.0, False), (4.1, 0.0, True), (10.0, 0.3, True), (10.0, 0.5, False)],
)
def test_small_or_noisy_differences_are_not_claimed(gap, spread, ahead):
    # standard error of the difference: sqrt(120) * spread, 3.3 and 5.5
    result = compare_loo(
        scored(-100.0, -100.0 - gap, spread=spread),
        unit="trial",
        labels=dict.fromkeys(("m0", "m1"), LABELS),
        converged={"m0": True, "m1": True},
    )
    assert bool(result.distinguishable["m1"]) is ahead
    assert ("is ahead of" in result.reading[0]) is ahead


def test_few_units_are_said_to_be_few():
    few = compare_loo(
        scored(-10.0, -20.0, n=8),
        unit="subject",
        labels=dict.fromkeys(("m0", "m1"), "abcdefgh"),
        converged={"m0": True, "m1": True},
    )
    assert any("with 8 subjects" in w and "flips signs" in w for w in few.warnings)


def test_sessions_of_one_subject_count_once():
    # 15 sessions of one subject make all the difference; 105 others make none
    gaps = np.concatenate([np.ones(15), np.zeros(105)])
    results = scored(-100.0, -100.0)
    results["m1"] = replace(results["m1"], elpd_i=results["m0"].elpd_i - gaps)
    options = {"unit": "session", "converged": {"m0": True, "m1": True}}
    options["labels"] = dict.fromkeys(("m0", "m1"), LABELS)
    assert compare_loo(results, **options).distinguishable["m1"]
    whose = [str(i // 15) for i in range(120)]
    told = compare_loo(results, subjects=whose, **options)
    assert not told.distinguishable["m1"]
    assert told.table.loc["m1", "n_subjects"] == 8
    few = compare_loo(results, subjects=["a"] * 60 + ["b"] * 60, **options)
    assert any("2 subjects nothing can be said beyond" in w for w in few.warnings)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"labels": {n: [*LABELS[:-1], LABELS[0]] for n in FINE}}, "occur twice: s000"),
        ({"labels": EACH | {"peak": LABELS[::-1]}}, "number 1 is 's000'"),
        ({"labels": EACH | {"peak": LABELS[:9]}}, "120 against 9"),
    ],
)
def test_what_cannot_be_compared(changes, message):
    with pytest.raises(SpecError, match=message):
        compared(**changes)


def test_one_fit_is_no_comparison():
    with pytest.raises(SpecError, match="two fits"):
        compared({"trough": LIKELIHOODS["trough"]}, labels={"trough": LABELS})
