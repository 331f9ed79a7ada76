from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.backend.sampler.draw import SamplerSettings, run
from dopafit.backend.sampler.engine import Target
from dopafit.core.errors import FitError
from dopafit.fit.judge import ADVICE, judge, judge_draws
from dopafit.fit.verdict import Diagnostic, Verdict


def draws(seed=0, *, chains=4, count=1000):
    return np.random.default_rng(seed).standard_normal((chains, count))


def statistics(chains=4, count=1000, *, depth="maxdepth_reached", **changes):
    """A sampler's record of a run without fault; None leaves a statistic out."""
    base = {
        "diverging": np.zeros((chains, count), dtype=bool),
        "energy": draws(99, chains=chains, count=count),
        depth: np.zeros((chains, count), dtype=bool),
        "step_size_bar": np.full((chains, count), 0.4),
    }
    held = {k: (("chain", "draw"), v) for k, v in (base | changes).items() if v is not None}
    return xr.Dataset(held)


def posterior(**variables):
    return xr.Dataset({k: (("chain", "draw"), v) for k, v in variables.items()})


def verdict(values, stats=None, **options):
    stats = statistics(*values.shape) if stats is None else stats
    return judge_draws(
        posterior(trough_ratio=values, peak=draws(1)[: len(values)]), stats, **options
    )


def failed(result):
    return {item.name for item in result.failures}


def test_independent_draws_pass():
    result = verdict(draws())
    assert result.converged and result.failures == ()
    assert result.stamp.startswith("converged (R-hat <= 1.00") and "0 divergences" in result.stamp
    assert all(item.advice == "" for item in result.items)


def test_the_stamp_rounds_to_the_careful_side():
    table = verdict(draws()).table.set_index("name")
    ess = min(table.loc["bulk ESS", "value"], table.loc["tail ESS", "value"])
    r_hat = table.loc["R-hat", "value"]
    shown = verdict(draws()).stamp
    bound = float(shown.split("R-hat <= ")[1].split(",")[0])
    assert r_hat <= bound < r_hat + 0.001
    assert f"ESS >= {math.floor(ess)}" in shown


def test_a_shifted_chain_fails():
    values = draws()
    values[2] += 0.7
    result = verdict(values)
    assert not result.converged and "R-hat" in failed(result)
    item = next(i for i in result.items if i.name == "R-hat")
    assert (
        item.where == "trough_ratio" and item.value > 1.01 and "chains do not agree" in item.advice
    )
    assert result.stamp.startswith("NOT CONVERGED: R-hat 1.0") and "trough_ratio" in result.stamp


def test_a_wider_chain_fails():
    values = draws()
    values[0] *= 3
    assert "R-hat" in failed(verdict(values))


def test_a_stuck_chain_fails_even_at_the_centre():
    values = draws()
    values[1] = 0.0
    result = verdict(values)
    assert "stuck chains" in failed(result)


def test_all_chains_stuck_at_one_place_fail():
    still = np.full((4, 1000), 0.3)
    result = judge_draws(posterior(trough_ratio=still, peak=still), statistics())
    assert not result.converged and {"quantities", "R-hat"} <= failed(result)
    result = judge_draws(posterior(peak=still), statistics(logp=draws()))  # the density moved alone
    assert "quantities" in failed(result)


def test_a_fixed_quantity_beside_sampled_ones_is_no_failure():
    data = posterior(trough_ratio=draws(), softness=np.full((4, 1000), 0.1))
    assert judge_draws(data, statistics()).converged


def test_copied_chains_fail():
    values = draws()
    values[3] = values[0]
    result = verdict(values)
    assert failed(result) == {"identical chains"} and "own seed" in str(result)


def test_slow_chains_fail_on_effective_draws():
    # blocks of twenty equal draws: about 200 independent ones in all
    values = np.repeat(draws(3, count=50), 20, axis=1)
    result = verdict(values)
    assert "bulk ESS" in failed(result)
    assert all("max_draws" in i.advice for i in result.failures if "ESS" in i.name)


def test_the_limit_on_effective_draws_grows_with_chains():
    few = judge_draws(posterior(a=draws(chains=8, count=101)), statistics(8, 101))
    limits = {i.name: i.limit for i in few.items}
    assert limits["bulk ESS"] == "> 800"
    assert {i.name: i.limit for i in verdict(draws()).items}["bulk ESS"] == "> 400"


@pytest.mark.parametrize("count", [3, 20, 99])
def test_too_few_draws_fail(count):
    result = judge_draws(posterior(a=draws(count=count)), statistics(4, count))
    assert "draws" in failed(result)


def test_a_single_chain_cannot_be_judged():
    result = verdict(draws(chains=1, count=1000))
    assert {"chains", "R-hat"} <= failed(result)
    assert "cannot be judged from a single chain" in result.stamp


def test_a_lost_chain_is_missed():
    result = verdict(draws(chains=3), chains=4)
    assert failed(result) == {"chains"}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_draws_that_are_no_numbers_fail(bad):
    values = draws()
    values[1, 500] = bad
    result = verdict(values)
    assert "finite" in failed(result)
    assert next(i for i in result.items if i.name == "finite").where == "trough_ratio"


def test_r_hat_that_is_no_number_fails():
    from dopafit.backend.diagnostics import diagnose, sampler_health

    table = diagnose(posterior(a=draws(), b=draws(5)))
    table.loc[1, "r_hat"] = np.nan
    result = judge(table, sampler_health(statistics()), chains=4)
    item = next(i for i in result.items if i.name == "R-hat")
    assert not item.ok and item.where == "b" and math.isnan(item.value)
    assert "R-hat not known (b)" in result.stamp


def test_the_log_posterior_is_judged_too():
    apart = draws(4) + np.array([[0], [0], [2], [2]])
    result = verdict(draws(), statistics(logp=apart))
    assert "R-hat" in failed(result) and "log_posterior" in result.stamp


@pytest.mark.parametrize(
    "changes, name",
    [
        ({"diverging": np.arange(4000).reshape(4, 1000) == 1234}, "divergences"),
        ({"energy": np.cumsum(draws(8), axis=1)}, "E-BFMI"),
        ({"energy": np.ones((4, 1000))}, "E-BFMI"),
        ({"energy": np.where(np.arange(1000) == 3, np.nan, draws(8))}, "E-BFMI"),
        ({"step_size_bar": np.full((4, 1000), 1e-8)}, "step size"),
        ({"step_size_bar": np.full((4, 1000), np.nan)}, "step size"),
        ({"step_size_bar": np.tile([[0.5], [0.5], [0.5], [0.01]], 1000)}, "step size ratio"),
    ],
)
def test_each_fault_of_the_sampler_is_named(changes, name):
    result = verdict(draws(), statistics(**changes))
    assert name in failed(result) and not result.converged
    assert all(item.advice for item in result.failures)


def test_one_slow_chain_is_enough():
    energy = draws(8)
    energy[2] = np.cumsum(energy[2])
    result = verdict(draws(), statistics(energy=energy))
    assert failed(result) == {"E-BFMI"}
    assert result.failures[0].where == "chain 3"


@pytest.mark.parametrize("depth", ["maxdepth_reached", "reached_max_treedepth"])
def test_tree_depth_under_both_names(depth):
    cut = np.zeros((4, 1000), dtype=bool)
    cut[:, :10] = True  # one in a hundred is slow, not wrong
    assert verdict(draws(), statistics(depth=depth, **{depth: cut})).converged
    cut[:, :11] = True
    assert failed(verdict(draws(), statistics(depth=depth, **{depth: cut}))) == {"tree depth"}


@pytest.mark.parametrize("name", ["diverging", "energy", "maxdepth_reached", "step_size_bar"])
def test_what_was_not_recorded_fails(name):
    result = verdict(draws(), statistics(**{name: None}))
    assert not result.converged
    assert all(i.where == "not recorded" for i in result.failures)


def test_no_statistics_at_all_fail():
    result = judge_draws(posterior(a=draws()), None)
    assert {"chains", "draws", "divergences", "E-BFMI", "tree depth", "step size"} <= failed(result)


def test_checks_of_the_caller_count():
    fine = Diagnostic("quadrature error", 1e-7, "< 1e-4 elpd", True)
    wrong = Diagnostic("quadrature error", 0.3, "< 1e-4 elpd", False, "s07", "use more nodes")
    assert verdict(draws(), extra=[fine]).converged
    result = verdict(draws(), extra=[wrong])
    assert failed(result) == {"quadrature error"}
    assert result.stamp == "NOT CONVERGED: quadrature error 0.3 (s07)"
    assert "use more nodes" in str(result)


def test_a_verdict_cannot_contradict_its_items():
    good, bad = Diagnostic("a", 1.0, "< 2", True), Diagnostic("b", 3.0, "< 2", False)
    for converged, items in [(True, (good, bad)), (False, (good,)), (True, ())]:
        with pytest.raises(FitError, match="contradicts"):
            Verdict(converged, items)
    assert not Verdict(False, ()).converged
    assert Verdict(False, ()).stamp == "NOT CONVERGED: nothing was checked"


def test_the_stamp_counts_what_it_leaves_out():
    bad = tuple(Diagnostic(n, 3.0, "< 2", False) for n in "abcde")
    assert Verdict(False, bad).stamp == "NOT CONVERGED: a 3, b 3, c 3 and 2 more"
    twelve = Diagnostic("divergences", 12.0, "= 0", False)
    r_hat = Diagnostic("R-hat", 1.0789, "< 1.01", False, "trough_ratio")
    assert Verdict(False, (r_hat, twelve)).stamp == (
        "NOT CONVERGED: R-hat 1.08 (trough_ratio), 12 divergences"
    )
    close = Diagnostic("R-hat", 1.0132, "< 1.01", False, "peak")
    assert Verdict(False, (close,)).stamp == "NOT CONVERGED: R-hat 1.013 (peak)"


numbers = st.floats(allow_nan=True, allow_infinity=True)
diagnostics = st.builds(
    Diagnostic,
    st.text(max_size=8),
    numbers,
    st.text(max_size=8),
    st.booleans(),
    st.text(max_size=8),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(diagnostics, max_size=5))
def test_storage_loses_nothing(items):
    one = Verdict(bool(items) and all(i.ok for i in items), tuple(items))
    text = json.dumps(one.to_dict(), allow_nan=False)
    back = Verdict.from_dict(json.loads(text))
    assert back.to_dict() == one.to_dict()
    assert back.converged == one.converged and back.stamp == one.stamp and str(back) == str(one)
    for a, b in zip(one.items, back.items, strict=True):
        assert a.value == b.value or (math.isnan(a.value) and math.isnan(b.value))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("diagnostics"),
        lambda d: d.update(converged=not d["converged"]),
        lambda d: d.update(converged="yes"),
        lambda d: d["diagnostics"][0].update(ok=1),
        lambda d: d["diagnostics"][0].update(value="large"),
        lambda d: d["diagnostics"][0].pop("limit"),
    ],
)
def test_a_damaged_verdict_is_not_read(change):
    stored = verdict(draws()).to_dict()
    change(stored)
    with pytest.raises(FitError):
        Verdict.from_dict(stored)


def test_the_table_has_a_row_per_check():
    result = verdict(draws())
    assert list(result.table.columns) == ["name", "value", "limit", "ok", "where", "advice"]
    assert len(result.table) == len(result.items) and result.table["ok"].all()


def sample(log_density, size, *, count):
    target = Target(size, {"x": (size,)}, log_density, lambda u: {"x": u})
    tree = run(target, SamplerSettings(draws=count, tune=300, chains=4, seed=4))
    return judge_draws(tree["posterior"].dataset, tree["sample_stats"].dataset, chains=4)


def test_a_real_run_on_a_normal_converges():
    result = sample(lambda x: (-0.5 * float(x @ x), -x), 3, count=800)
    assert result.converged, str(result)


def test_a_real_run_on_the_centred_funnel_does_not():
    def funnel(x):
        v, z = x[0], x[1:]
        gradient = np.empty_like(x)
        gradient[0] = -v / 9 - 0.5 * len(z) + 0.5 * np.exp(-v) * (z @ z)
        gradient[1:] = -z * np.exp(-v)
        return float(-v * v / 18 - 0.5 * len(z) * v - 0.5 * np.exp(-v) * (z @ z)), gradient

    result = sample(funnel, 6, count=300)
    assert not result.converged and result.stamp.startswith("NOT CONVERGED: ")
    assert failed(result) & {"R-hat", "bulk ESS", "divergences", "E-BFMI"}


def test_modes_in_a_stamp_are_short() -> None:
    items = (Diagnostic("rival modes", 1.0, "none", False, "mode 1: Laplace 70 %; 0 crossings"),)
    stamp = Verdict(False, items).stamp
    assert stamp == "NOT CONVERGED: 2 modes that the chains do not weigh"


def test_no_advice_is_to_try_another_seed() -> None:
    """Trying seeds until one passes is choosing by luck; what to raise is the budget."""
    assert not any(
        words in text for words in ("another seed", "other seeds") for text in ADVICE.values()
    )
    for name in ("draws", "R-hat", "bulk ESS", "tail ESS"):
        assert "max_draws" in ADVICE[name]
