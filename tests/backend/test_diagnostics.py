from __future__ import annotations

import time

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from dopafit.backend.diagnostics import diagnose, sampler_health, scalars, summary
from dopafit.core.errors import FitError

RNG = np.random.default_rng(11)


def posterior(**variables):
    """A posterior of scalars, each of shape (chain, draw)."""
    return xr.Dataset({name: (("chain", "draw"), v) for name, v in variables.items()})


def statistics(**variables):
    return posterior(**variables)


def row(table, quantity):
    return table.set_index("quantity").loc[quantity]


def rank_r_hat(draws):
    """Rank-normalised split R-hat written out from Vehtari et al. 2021, eqs. 1-4 and 14."""
    half = draws.shape[1] // 2
    split = np.vstack([draws[:, :half], draws[:, -half:]])

    def plain(values):
        ranks = stats.rankdata(values).reshape(values.shape)
        z = stats.norm.ppf((ranks - 0.375) / (values.size + 0.25))
        n = z.shape[1]
        within = z.var(axis=1, ddof=1).mean()
        between = n * z.mean(axis=1).var(ddof=1)
        return np.sqrt(((n - 1) / n * within + between / n) / within)

    return max(plain(split), plain(np.abs(split - np.median(split))))


@pytest.fixture(scope="module")
def walk():
    """Autoregressive draws whose effective sample size is known."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((4, 5000))
    draws = np.empty_like(noise)
    draws[:, 0] = noise[:, 0]
    for t in range(1, noise.shape[1]):
        draws[:, t] = 0.6 * draws[:, t - 1] + 0.8 * noise[:, t]
    return draws


def test_r_hat_is_the_published_formula(walk):
    shifted = walk + np.array([[0], [0], [0], [0.4]])
    table = diagnose(posterior(a=walk, b=shifted))
    assert row(table, "a")["r_hat"] == pytest.approx(rank_r_hat(walk), rel=1e-12)
    assert row(table, "b")["r_hat"] == pytest.approx(rank_r_hat(shifted), rel=1e-12)
    assert row(table, "b")["r_hat"] > 1.01


def test_effective_sample_size_of_an_autoregression(walk):
    expected = walk.size * (1 - 0.6) / (1 + 0.6)
    a = row(diagnose(posterior(a=walk)), "a")
    assert a["ess_bulk"] == pytest.approx(expected, rel=0.12)
    assert a["mcse_mean"] == pytest.approx(walk.std() / np.sqrt(expected), rel=0.08)
    assert 400 < a["ess_tail"] < walk.size


def test_labels_of_scalars_vectors_and_matrices():
    data = xr.Dataset(
        {
            "trough_ratio": (("chain", "draw"), np.zeros((2, 3))),
            "peak_effect": (("chain", "draw", "peak_effect_term"), np.zeros((2, 3, 2))),
            "x": (("a", "chain", "draw", "b"), np.arange(24).reshape(2, 2, 3, 2)),
            "constant": (("a",), np.zeros(2)),
        },
        coords={"peak_effect_term": ["drug[placebo]", "drug[precursor]"], "b": ["p", "q"]},
    )
    labels, draws, continuous = scalars(data)
    assert labels == [
        "trough_ratio",
        "peak_effect[drug[placebo]]",
        "peak_effect[drug[precursor]]",
        "x[0, p]",
        "x[0, q]",
        "x[1, p]",
        "x[1, q]",
    ]
    for i, (a, b) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        assert np.array_equal(draws[3 + i], data["x"].values[a, :, :, b])
    assert continuous.tolist() == [True] * 3 + [False] * 4


def test_fixed_failed_and_sampled():
    good = RNG.standard_normal((4, 200))
    hole = good.copy()
    hole[2, 7] = np.nan
    endless = good.copy()
    endless[0, :3] = np.inf
    jitter = 0.1 + 1e-17 * RNG.standard_normal((4, 200))
    data = posterior(good=good, hole=hole, endless=endless, one=np.full((4, 200), 0.1), near=jitter)
    table = diagnose(data).set_index("quantity")
    assert table["kind"].to_dict() == {
        "good": "sampled",
        "hole": "failed",
        "endless": "failed",
        "one": "fixed",
        "near": "fixed",
    }
    assert table["bad_draws"].tolist() == [0, 1, 3, 0, 0]
    assert table.loc[["hole", "endless", "one", "near"], "r_hat"].isna().all()
    assert np.isfinite(
        table.loc["good", ["r_hat", "ess_bulk", "ess_tail", "mcse_mean"]].tolist()
    ).all()


def test_stuck_and_identical_chains_are_counted():
    good = RNG.standard_normal((4, 200))
    stuck = good.copy()
    stuck[1] = stuck[1, 0]
    copied = good.copy()
    copied[3] = copied[0]
    nearly = good.copy()
    nearly[2] = nearly[1] * (1 + 1e-12)
    rare = np.zeros((4, 200), dtype=int)
    rare[0, 5] = 1  # whole numbers may well rest in a chain
    table = diagnose(posterior(good=good, stuck=stuck, copied=copied, nearly=nearly, rare=rare))
    table = table.set_index("quantity")
    assert table["stuck_chains"].tolist() == [0, 1, 0, 0, 0]
    assert table["identical_chains"].tolist() == [0, 0, 1, 1, 0]


def test_the_log_posterior_is_judged_under_both_names():
    good = RNG.standard_normal((4, 400))
    apart = good + np.array([[0], [0], [5], [5]])
    for name in ("logp", "lp"):
        table = diagnose(posterior(good=good), statistics(**{name: apart}))
        assert row(table, "log_posterior")["r_hat"] > 1.5
    assert "log_posterior" not in set(diagnose(posterior(good=good))["quantity"])


@pytest.mark.parametrize("shape", [(1, 200), (4, 5), (2, 1)])
def test_what_cannot_be_judged_has_no_r_hat(shape):
    table = diagnose(posterior(a=RNG.standard_normal(shape)))
    assert table["r_hat"].isna().all()


def test_an_empty_posterior_is_an_error():
    with pytest.raises(FitError, match="no draws"):
        diagnose(xr.Dataset({"a": ("b", [1.0])}))


def test_a_hundred_scalars_take_no_time():
    draws = RNG.standard_normal((4, 1000, 100))
    data = xr.Dataset({"x": (("chain", "draw", "i"), draws)})
    diagnose(data.isel(i=slice(2)))  # imports
    start = time.process_time()
    table = diagnose(data)
    assert len(table) == 100 and table["r_hat"].max() < 1.02
    assert time.process_time() - start < 5  # 0.5 s on a quiet core


def health_of(**extra):
    rng = np.random.default_rng(3)
    base = {
        "diverging": np.zeros((2, 500), dtype=bool),
        "energy": rng.standard_normal((2, 500)),
        "step_size_bar": np.tile([[0.3], [0.5]], (1, 500)),
    }
    return sampler_health(statistics(**(base | extra)))


@pytest.mark.parametrize("name", ["maxdepth_reached", "reached_max_treedepth"])
def test_tree_depth_under_both_names(name):
    cut = np.zeros((2, 500), dtype=bool)
    cut[0, :20] = True
    assert health_of(**{name: cut})["max_depth_share"] == pytest.approx(0.02)
    assert health_of()["max_depth_share"] is None


def test_health_counts():
    diverging = np.zeros((2, 500), dtype=bool)
    diverging[1, 3:10] = True
    health = health_of(diverging=diverging)
    assert health["divergences"] == 7
    assert health["step_size"] == [0.3, 0.5]
    assert (health["chains"], health["draws"]) == (2, 500)


def test_energy_diagnostic():
    # independent energies change by twice their variance; a slow walk hardly changes
    rng = np.random.default_rng(3)
    slow = np.cumsum(rng.standard_normal((2, 4000)), axis=1)
    fast = rng.standard_normal((2, 4000))
    assert health_of()["e_bfmi"] == pytest.approx([2, 2], rel=0.15)
    assert max(sampler_health(statistics(energy=slow))["e_bfmi"]) < 0.1
    from arviz_stats.base import array_stats

    assert sampler_health(statistics(energy=fast))["e_bfmi"] == pytest.approx(
        list(array_stats.bfmi(fast)), rel=1e-12
    )
    flat = sampler_health(statistics(energy=np.ones((2, 50))))["e_bfmi"]
    assert np.isnan(flat).all()


@pytest.mark.parametrize("nothing", [None, xr.Dataset(), statistics(energy=np.empty((2, 0)))])
def test_no_statistics_are_no_health(nothing):
    health = sampler_health(nothing)
    assert health["draws"] == 0
    assert all(v is None for k, v in health.items() if k not in ("chains", "draws"))


def test_summary_of_known_quantiles():
    exact = stats.norm(2, 3).ppf((np.arange(4000) + 0.5) / 4000)
    draws = np.random.default_rng(0).permutation(exact).reshape(4, 1000)
    table = summary(posterior(a=draws), 0.9).set_index("parameter")
    a = table.loc["a"]
    assert a["mean"] == pytest.approx(2, abs=1e-9)
    assert a["sd"] == pytest.approx(3, rel=2e-3)
    assert [a["lower"], a["median"], a["upper"]] == pytest.approx(
        stats.norm(2, 3).ppf([0.05, 0.5, 0.95]), abs=0.01
    )
    assert (a["interval_kind"], a["interval_prob"]) == ("eti", 0.9)
    assert a["r_hat"] == row(diagnose(posterior(a=draws)), "a")["r_hat"]  # unrounded


def test_summary_of_fixed_and_failed():
    hole = RNG.standard_normal((4, 100))
    hole[0, 0] = np.inf
    table = summary(posterior(one=np.full((4, 100), 0.1), hole=hole), 0.9)
    one, bad = table.iloc[0], table.iloc[1]
    assert [one["mean"], one["lower"], one["upper"]] == pytest.approx([0.1] * 3, rel=1e-12)
    assert one["sd"] == 0 and np.isnan(one["r_hat"])
    assert bad[["mean", "sd", "median", "lower", "upper"]].isna().all()


def test_summary_rejects_what_it_cannot_do():
    data = posterior(a=RNG.standard_normal((4, 100)))
    for prob in (0, 1.0, 89):
        with pytest.raises(FitError, match="interval"):
            summary(data, prob)
