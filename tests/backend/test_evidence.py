from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from dopafit.backend.evidence.scores import LooResult, compare_elpd, loo
from dopafit.backend.evidence.weights import bootstrap_weights, stacking_weights
from dopafit.core.errors import FitError, SpecError


def normal_mean(y, *, prior_sd=2.0, draws=2000, seed=0):
    """Log-likelihood of y ~ N(mu, 1), mu ~ N(0, prior_sd) under exact posterior draws."""
    precision = 1 / prior_sd**2 + len(y)
    rng = np.random.default_rng(seed)
    mu = rng.normal(y.sum() / precision, precision**-0.5, size=(4, draws))
    return stats.norm.logpdf(y, mu[:, :, None], 1)


def exact_elpd(y, *, prior_sd=2.0):
    """Predictive density of each value from all others, in closed form."""
    precision = 1 / prior_sd**2 + len(y) - 1
    mean = (y.sum() - y) / precision
    return stats.norm.logpdf(y, mean, np.sqrt(1 + 1 / precision))


def result(elpd_i, *, k=0.1):
    elpd_i = np.asarray(elpd_i, dtype=float)
    return LooResult(elpd_i.sum(), 1.0, 1.0, elpd_i, np.full(len(elpd_i), k), 0.7)


Y = np.random.default_rng(2).normal(0.4, 1, size=40)


def test_leave_one_out_of_a_conjugate_normal_is_exact():
    got, exact = loo(normal_mean(Y)), exact_elpd(Y)
    assert np.abs(got.elpd_i - exact).max() < 0.01
    assert got.elpd == pytest.approx(exact.sum(), abs=0.02)
    assert got.se == pytest.approx(np.sqrt(40 * exact.var(ddof=1)), rel=0.01)
    assert got.p == pytest.approx(1.0, abs=0.25)  # one free parameter
    assert got.good_k == 0.7 and not got.bad.any() and got.n_units == 40


def test_control_the_density_of_seen_data_is_not_what_is_returned():
    values = normal_mean(Y)
    seen = np.log(np.exp(values).mean(axis=(0, 1)))
    assert np.abs(seen - exact_elpd(Y)).max() > 0.05


def test_it_is_arviz_s_number():
    import arviz as az

    values = normal_mean(Y, draws=500)
    tree = az.from_dict({"posterior": {"m": values[:, :, 0]}, "log_likelihood": {"y": values}})
    theirs, mine = az.loo(tree, pointwise=True, reff=1.0), loo(values, 1.0)
    assert mine.elpd == pytest.approx(theirs.elpd, rel=1e-12)
    assert mine.se == pytest.approx(theirs.se, rel=1e-12)
    assert mine.p == pytest.approx(theirs.p, rel=1e-9)
    assert np.allclose(mine.elpd_i, theirs.elpd_i.values, rtol=1e-12)
    assert np.allclose(mine.pareto_k, theirs.pareto_k.values, rtol=1e-12)
    assert mine.good_k == pytest.approx(theirs.good_k)


def generalized_pareto(tail):
    """Shape and scale of sorted excesses: the estimator of Zhang & Stephens (2009), written out."""
    n, grid = len(tail), 30 + int(np.sqrt(len(tail)))
    quartile = tail[int(n / 4 + 0.5) - 1]
    theta = 1 / tail[-1] + (1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))) / (3 * quartile)
    shape = np.array([np.log1p(-t * tail).mean() for t in theta])
    profile = n * (np.log(-theta / shape) - shape - 1)
    weight = np.array([1 / np.exp(profile - each).sum() for each in profile])
    t = (theta * weight).sum() / weight.sum()
    k = np.log1p(-t * tail).mean()
    return (n * k + 10 * 0.5) / (n + 10), -k / t


def smoothed_loo(values):
    """Leave-one-out of one unit from its log-likelihoods (draw,): elpd and k, in plain loops."""
    ratio = -values + values.min()
    order = np.argsort(ratio)
    count = int(np.ceil(min(0.2 * ratio.size, 3 * np.sqrt(ratio.size))))
    cut = ratio[order[-count - 1]]
    tail = order[-count:]
    k, sigma = generalized_pareto(np.exp(ratio[tail]) - np.exp(cut))
    places = (np.arange(count) + 0.5) / count
    weight = np.exp(ratio)
    weight[tail] = np.exp(cut) + stats.genpareto.ppf(places, k, scale=sigma)
    weight = np.minimum(weight, 1.0)  # no larger than the largest ratio
    return np.log((weight * np.exp(values)).sum() / weight.sum()), k


def test_it_is_what_an_independent_implementation_says():
    # 3 sqrt(2500) is whole: how the tail's length is rounded is no part of the method
    values = normal_mean(np.append(Y, [4.0, 6.0]), draws=625)
    mine = loo(values, 1.0)
    theirs = [smoothed_loo(values[:, :, unit].ravel()) for unit in range(mine.n_units)]
    elpd_i, k = np.array(theirs).T
    np.testing.assert_allclose(mine.elpd_i, elpd_i, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mine.pareto_k, k, rtol=0, atol=1e-6)
    assert mine.elpd == pytest.approx(elpd_i.sum(), abs=1e-6)
    assert mine.se == pytest.approx(np.sqrt(len(k) * np.var(elpd_i, ddof=1)), abs=1e-6)
    # control: without smoothing it is another number
    plain = -np.log(np.exp(-values[:, :, -1]).mean())
    assert abs(plain - mine.elpd_i[-1]) > 1e-4


def test_few_draws_lower_the_threshold():
    assert loo(normal_mean(Y, draws=50)).good_k == pytest.approx(1 - 1 / np.log10(200))


def test_an_outlier_has_a_bad_k():
    y = np.append(Y, 25.0)
    got = loo(normal_mean(y, draws=500))
    assert got.bad[-1] and not got.bad[:-1].any()
    assert got.pareto_k[-1] > 0.7


def test_a_likelihood_that_does_not_vary_is_exact():
    values = normal_mean(Y)
    values[:, :, 3] = -0.7
    values[:, :, 4] = np.where(
        values[:, :, 4] > np.median(values[:, :, 4]), -1.0, -1.5
    )  # two steps
    got = loo(values)
    assert got.elpd_i[3] == pytest.approx(-0.7, abs=1e-12) and got.pareto_k[3] == 0
    assert got.elpd_i[4] == pytest.approx(-np.log(np.mean(np.exp([1.0, 1.5]))), rel=1e-9)
    assert not got.bad.any()


def test_one_unit_has_no_standard_error():
    assert np.isnan(loo(normal_mean(Y[:1])).se)


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((4, 100)), "shape"),
        (np.zeros((4, 100, 0)), "shape"),
        (np.zeros((4, 10, 3)), "40 draws"),
        (
            np.where(np.arange(5) == 2, -np.inf, np.zeros((4, 100, 5))),
            "1 of 5 units .first: unit 3",
        ),
        (np.full((4, 100, 2), np.nan), "2 of 2 units"),
    ],
)
def test_what_cannot_be_scored(values, message):
    with pytest.raises(FitError, match=message):
        loo(values)


def test_r_eff_must_be_positive():
    with pytest.raises(FitError, match="r_eff"):
        loo(normal_mean(Y), 0.0)
    with pytest.raises(FitError, match="r_eff"):
        loo(normal_mean(Y), np.full(40, np.nan))
    slow = loo(normal_mean(Y), np.full(40, 0.5))
    assert slow.elpd == pytest.approx(exact_elpd(Y).sum(), abs=0.02)


def problem(n=300, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(-1, 0.8, size=(n, k)) + np.linspace(0, 0.2, k)


def score(elpd_i, weights):
    return np.log(np.exp(elpd_i) @ weights).sum()


@pytest.mark.parametrize("n, k, seed", [(300, 4, 0), (50, 2, 1), (1000, 8, 2), (12, 6, 3)])
def test_stacking_weights_are_at_the_maximum(n, k, seed):
    elpd_i = problem(n, k, seed)
    best = stacking_weights(elpd_i)
    assert best.min() >= 0 and best.sum() == pytest.approx(1, abs=1e-12)
    # at the maximum no fit's mean ratio to the mixture exceeds 1 (and used ones have exactly 1)
    ratio = (np.exp(elpd_i) / (np.exp(elpd_i) @ best)[:, None]).mean(axis=0)
    assert ratio.max() < 1 + 1e-6
    assert np.allclose(ratio[best > 1e-4], 1, atol=1e-5)
    rng = np.random.default_rng(seed)
    for other in rng.dirichlet(np.ones(k), size=200):
        assert score(elpd_i, other) <= score(elpd_i, best) + 1e-9


def test_stacking_agrees_with_arviz():
    import arviz as az

    y = np.random.default_rng(3).normal(0.3, 1.3, size=80)
    likelihoods = {
        "narrow": normal_mean(y, draws=250),
        "zero": np.broadcast_to(stats.norm.logpdf(y, 0, 1.3), (4, 250, 80))
        + 1e-3 * np.random.default_rng(0).standard_normal((4, 250, 80)),
        "wide": normal_mean(y / 2, draws=250, seed=1) - np.log(2),
    }
    trees = {
        name: az.from_dict({"posterior": {"m": v[:, :, 0]}, "log_likelihood": {"y": v}})
        for name, v in likelihoods.items()
    }
    results = {n: az.loo(t, pointwise=True, reff=1.0) for n, t in trees.items()}
    theirs = az.compare(results, method="stacking", round_to="none")
    mine = compare_elpd({n: loo(v, 1.0) for n, v in likelihoods.items()}, n_boot=20)
    assert list(mine.index) == list(theirs.index)
    assert np.allclose(mine["weight"], theirs["weight"].astype(float), atol=2e-3)
    assert np.allclose(mine["elpd"], theirs["elpd"].astype(float), rtol=1e-10)
    assert np.allclose(mine["se"], theirs["se"].astype(float), rtol=1e-10)
    # arviz divides the variance of a difference by n, that of an elpd by n - 1; here always n - 1
    factor = np.sqrt(80 / 79)
    assert np.allclose(mine["dse"], factor * theirs["dse"].astype(float), rtol=1e-9)
    assert np.allclose(-mine["elpd_diff"], np.abs(theirs["elpd_diff"].astype(float)), atol=1e-8)
    # the better of the two is ours
    points = np.column_stack([loo(likelihoods[n], 1.0).elpd_i for n in mine.index])
    ours, other = mine["weight"].to_numpy(), theirs["weight"].to_numpy(dtype=float)
    assert score(points, ours) >= score(points, other / other.sum()) - 1e-9


def test_equal_and_hopeless_fits():
    points = problem(100, 1)
    assert stacking_weights(np.hstack([points] * 3)) == pytest.approx([1 / 3] * 3, abs=1e-3)
    far = points + np.array([0.0, -800.0, -2000.0])
    assert stacking_weights(far) == pytest.approx([1, 0, 0], abs=1e-6)
    each = np.full((40, 2), -900.0)  # every fit is the only one for half of the units
    each[:20, 0] = each[20:, 1] = -1
    assert stacking_weights(each) == pytest.approx([0.5, 0.5], abs=1e-6)


def test_the_bootstrap_covers_the_weight_and_is_quick():
    points = problem(300, 4)
    best = stacking_weights(points)
    start = time.process_time()
    replicates = bootstrap_weights(points, n_boot=200, seed=1, start=best)
    assert time.process_time() - start < 2
    assert replicates.shape == (200, 4) and np.allclose(replicates.sum(axis=1), 1)
    lower, upper = np.quantile(replicates, [0.025, 0.975], axis=0)
    assert (lower <= best).all() and (best <= upper).all() and (upper - lower).max() > 0.05
    again = bootstrap_weights(points, n_boot=3, seed=1)
    assert np.allclose(again, replicates[:3], atol=1e-4)  # the start does not matter


def test_the_table_ranks_and_warns():
    good = problem(60, 1)[:, 0]
    noise = np.random.default_rng(5).normal(0.3, 0.2, 60)
    table = compare_elpd({"b": result(good - noise, k=0.9), "a": result(good)}, n_boot=50)
    assert list(table.index) == ["a", "b"] and list(table["rank"]) == [1, 2]
    assert table.loc["a", "elpd_diff"] == 0 and table.loc["a", "dse"] == 0
    assert table.loc["b", "elpd_diff"] == pytest.approx(-noise.sum())
    assert table.loc["b", "dse"] == pytest.approx(np.sqrt(60 * noise.var(ddof=1)))
    assert table["weight"].sum() == pytest.approx(1)
    assert (table["weight_lower"] <= table["weight"]).all()
    assert (table["weight"] <= table["weight_upper"]).all()
    assert table.loc["b", "n_bad_k"] == 60 and "60 of 60 units" in table.loc["b", "warning"]
    assert table.loc["a", "n_bad_k"] == 0 and table.loc["a", "warning"] == ""


def test_the_order_of_units_and_fits_does_not_matter():
    points = problem(80, 3)
    names = ["peak", "trough", "level"]
    order = np.random.default_rng(1).permutation(80)
    one = compare_elpd({n: result(points[:, i]) for i, n in enumerate(names)}, n_boot=50)
    turned = {n: result(points[order, i]) for i, n in reversed(list(enumerate(names)))}
    two = compare_elpd(turned, n_boot=50)
    assert one.equals(two)


def test_a_k_that_is_no_number_is_bad():
    assert result(Y, k=np.nan).bad.all()


def test_fits_of_different_units_are_refused():
    with pytest.raises(SpecError, match="different units"):
        compare_elpd({"a": result(Y), "b": result(Y[:-1])})
    with pytest.raises(SpecError, match="two fits"):
        compare_elpd({"a": result(Y)})
    with pytest.raises(SpecError, match="not finite"):
        compare_elpd({"a": result(Y), "b": result(np.full(40, -np.inf))})
