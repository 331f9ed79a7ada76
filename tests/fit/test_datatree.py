"""ArviZ's functions take a fit as it comes, and say what dopafit says."""

from __future__ import annotations

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from dopafit.backend.evidence.scores import loo
from dopafit.check.sensitivity import sensitivity
from dopafit.core.errors import SpecError

GROUPS = {
    *("posterior", "prior", "posterior_predictive", "log_likelihood", "log_prior"),
    *("observed_data", "sample_stats"),
}
NAMES = ["trough_ratio", "choice_rest", "time_to_trough"]


@pytest.fixture(scope="module")
def trees(tiny_fits) -> dict[str, xr.DataTree]:
    return {name: fit.to_datatree(predictive=20) for name, fit in tiny_fits.items()}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_groups(trees, tiny_fit) -> None:
    tree, study = trees["trough"], tiny_fit.study
    assert set(tree.children) == GROUPS
    assert tree.attrs["verdict"] == tiny_fit.verdict.stamp and tree.attrs["simulated"] == 1
    seen, drawn = tree["observed_data"], tree["posterior_predictive"]
    for name in ("choice", "latency", "presses"):
        dim = f"{name}_session" if name == "presses" else f"{name}_trial"
        assert seen[name].dims == (dim,) and drawn[name].dims == ("chain", "draw", dim)
        assert drawn[name].sizes["draw"] == 10
        told = "acts counted by session" if name == "presses" else "one outcome a trial"
        assert seen[name].attrs["row"] == drawn[name].attrs["row"] == told
    # presses are counted by session, trials keep their values
    assert seen["presses"].values.sum() == len(study.presses)
    assert np.isin(drawn["choice"].values, [0, 1]).all()
    assert np.nanmean(seen["choice"].values) == pytest.approx(study.observations["pursue"].mean())
    label = seen["choice"]["choice_trial"].values[3]
    subject, session, _ = label.split("/")
    row = study.observations[
        (study.observations["subject"] == subject)
        & (study.observations["session"] == session)
        & (study.observations["time"] == float(seen["choice"]["choice_time"].values[3]))
    ]
    assert float(row["pursue"].iloc[0]) == seen["choice"].values[3]


def test_the_log_likelihood_is_cut_by_channel_and_unit(trees, tiny_fit) -> None:
    for unit in ("trial", "session"):
        tree = trees["trough"] if unit == "trial" else tiny_fit.to_datatree(unit=unit, predictive=2)
        total, labels = tiny_fit.log_likelihood(unit)
        group = tree["log_likelihood"]
        joined = np.zeros_like(total)
        for name in ("choice", "latency", "presses"):
            assert group[name].attrs["unit"].endswith(f"one {unit}")
            at = [labels.index(one) for one in group[name][f"{name}_{unit}"].values]
            joined[..., at] += group[name].values
        np.testing.assert_allclose(joined, total, rtol=1e-12)
    with pytest.raises(SpecError, match="did you mean 'trial'"):
        tiny_fit.to_datatree(unit="trail")


def test_summary_says_what_the_fit_says(trees, tiny_fit) -> None:
    found = az.summary(
        trees["trough"], var_names=NAMES, ci_kind="eti", ci_prob=0.9, round_to="none"
    )
    ours = tiny_fit.summary.set_index("parameter").loc[NAMES]
    for theirs, mine in (
        ("mean", "mean"),
        ("sd", "sd"),
        ("ess_bulk", "ess_bulk"),
        ("r_hat", "r_hat"),
    ):
        np.testing.assert_allclose(found[theirs], ours[mine], rtol=1e-9)
    np.testing.assert_allclose(found["eti90_lb"], ours["lower"], rtol=1e-9)


def test_loo_and_compare(trees) -> None:
    with pytest.warns(UserWarning, match="shape parameter of Pareto"):  # of so few draws
        pointwise = {
            name: az.loo(tree, var_name="choice", reff=1.0, pointwise=True)
            for name, tree in trees.items()
        }
    for name, tree in trees.items():
        ours = loo(tree["log_likelihood"]["choice"].values, r_eff=1.0)
        np.testing.assert_allclose(pointwise[name].elpd_i.values, ours.elpd_i, rtol=1e-9)
        np.testing.assert_allclose(pointwise[name].pareto_k.values, ours.pareto_k, rtol=1e-6)
    table = az.compare(pointwise, round_to="none")
    assert set(table.index) == set(trees)
    assert table["elpd"].to_dict() == pytest.approx({n: one.elpd for n, one in pointwise.items()})


def test_sensitivity_to_prior_and_likelihood(tiny_fit, fit_at, tiny_model, tiny_world) -> None:
    """The same distances as ours; a fit with enough draws for them, as far as they are from one."""
    values = {"trough_ratio": 0.3, "recovery_half_life": 8.0}
    fit = fit_at(tiny_model("trough"), tiny_world, values, draws=200, wiggle=0.02)
    found = az.psense_summary(fit.to_datatree(predictive=2), var_names=NAMES, round_to=12)
    ours = sensitivity(fit).loc[NAMES]
    np.testing.assert_allclose(found["prior"], ours["prior_sensitivity"], atol=1e-11)
    np.testing.assert_allclose(found["likelihood"], ours["data_sensitivity"], atol=1e-11)


@pytest.mark.parametrize(
    ("plot", "options"),
    [
        (az.plot_trace, {"var_names": NAMES}),
        (az.plot_trace_dist, {"var_names": NAMES[:1]}),
        (az.plot_pair, {"var_names": NAMES[:2]}),
        (az.plot_forest, {"var_names": ["trough_ratio", "choice_rest_sd"]}),
        (az.plot_rank, {"var_names": NAMES[:2]}),
        (az.plot_ppc_dist, {"var_names": ["latency"], "num_samples": 10}),
        (az.plot_prior_posterior, {"var_names": NAMES[:2]}),
        (az.plot_energy, {}),
    ],
)
def test_figures_are_drawn(trees, plot, options) -> None:
    drawn = plot(trees["trough"], backend="matplotlib", **options)
    figure = drawn.viz["figure"].item()
    assert sum(len(axes.lines) + len(axes.collections) for axes in figure.axes) > 0


def test_there_and_back(trees, tmp_path) -> None:
    tree = trees["no_drive"]
    tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    back = az.from_netcdf(tmp_path / "fit.nc").load()
    assert set(back.children) == GROUPS and back.attrs["verdict"] == tree.attrs["verdict"]
    for name in GROUPS:
        xr.testing.assert_equal(back[name].to_dataset(), tree[name].to_dataset())
