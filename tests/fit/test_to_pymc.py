"""A claim as a PyMC model has our density, changed priors, and PyMC's own samplers."""

from __future__ import annotations

import logging
from typing import get_args

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from pytensor.compile.mode import Mode

import dopafit as dp
from dopafit.backend.bridges.pymc import standard_coordinates
from dopafit.backend.sampler.compiled import Density, RowDensity
from dopafit.backend.sampler.settings import SAMPLERS, SamplerSettings
from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError
from dopafit.fit.derived import name_draws
from dopafit.fit.progress import Progress
from dopafit.model.analysis import Sampling
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from tests.backend.claims import points, study

PYTHON = {"mode": Mode(linker="py", optimizer="fast_compile")}
"""PyTensor without its compiler: seconds sooner, and slower only where it hardly matters."""


def claim(**changes) -> Model:
    """Every family of prior, effects, groups; effects of one parameter by two formulas."""
    return Model(
        "peak",
        [Choice()],
        effects={"trough_ratio": "drug", "choice_rest": "drug + (1 | subject)"},
        priors={"choice_lapse": {"logit_normal": {"median": 0.05, "sigma": 1.0}}},
        typical_spacing=20.0,
        **changes,
    )


def values_at(model: pm.Model, layout: Layout, q: np.ndarray) -> dict[str, np.ndarray]:
    """The point of the PyMC model that is ours: each value on the scale on which it is free."""
    c = layout.coordinates
    x, log_h = q[: c.normals], q[c.normals :]
    theta = c.theta(x, np.exp(log_h))
    found: dict[str, list[float]] = {}
    for i, entry in enumerate(c.entries):
        if entry.role == "group":
            found.setdefault(f"{entry.parameter}_offset", []).append(x[c.unit[i] - 1])
        elif entry.role == "effect":
            found.setdefault(f"{entry.parameter}_effect", []).append(theta[i])
        elif entry.role == "population":
            half = c.spread[i] and not c.unit[i]
            found[entry.parameter] = log_h[c.spread[i] - 1] if half else theta[i]
    for k, (name, part, _) in enumerate(c.half_names):
        if part == "sd":
            found.setdefault(f"{name}_sd", []).append(log_h[k])
    return {
        value.name: np.asarray(found[variable.name])
        for variable, value in model.rvs_to_values.items()
    }


@pytest.fixture(scope="module")
def layout() -> Layout:
    return build_layout(claim(), study())


@pytest.fixture(scope="module")
def model() -> pm.Model:
    return dp.to_pymc(claim(), study())


def test_the_density_and_its_gradient_are_ours(model, layout) -> None:
    logp, slope = model.compile_logp(**PYTHON), model.compile_dlogp(**PYTHON)
    density = Density(layout)
    at = [values_at(model, layout, q) for q in points(layout)[:4]]
    ours = np.array([density(q)[0] for q in points(layout)[:4]])
    theirs = np.array([float(logp(one)) for one in at])
    assert np.ptp(ours) > 1
    np.testing.assert_allclose(np.diff(theirs), np.diff(ours), rtol=1e-9, atol=1e-8)
    # along a line in our coordinates, whose image in theirs is a line for each fixed spread
    q = points(layout)[1]
    step = np.where(np.arange(q.size) < layout.coordinates.normals, 1e-6, 0.0)
    step *= np.random.default_rng(2).standard_normal(q.size)
    ends = [values_at(model, layout, q + s * step) for s in (-1, 1)]
    moved = np.concatenate([np.ravel(ends[1][k] - ends[0][k]) for k in at[1]])
    assert slope(at[1]) @ moved == pytest.approx(2 * density(q)[1] @ step, rel=1e-6)
    # and by finite differences, one variable at a time
    gradient, place = slope(at[1]), 0
    for name, value in at[1].items():
        for k in range(value.size):
            unit = 1e-5 * (np.arange(value.size) == k).reshape(value.shape)
            ends = [float(logp(at[1] | {name: value + s * unit})) for s in (-1, 1)]
            slope_here = (ends[1] - ends[0]) / 2e-5
            assert gradient[place] == pytest.approx(slope_here, rel=1e-5, abs=1e-5), name
            place += 1


def test_names_labels_and_what_follows(model, layout) -> None:
    c = layout.coordinates
    q = points(layout)[1]
    x, h = q[: c.normals], np.exp(q[c.normals :])
    ours = name_draws(layout, study(), x[None, None], h[None, None])
    names = set(ours.data_vars)
    assert names <= {v.name for v in model.unobserved_RVs}
    shown = [model[name] for name in names]
    inputs = model.replace_rvs_by_values(shown)
    function = model.compile_fn(inputs, inputs=model.value_vars, **PYTHON)
    found = function(values_at(model, layout, q))
    for name, value in zip(names, found, strict=True):
        np.testing.assert_allclose(value, ours[name].values[0, 0], rtol=1e-9, err_msg=name)
    for dim, labels in c.labels().items():
        assert list(model.coords[dim]) == labels
    assert model.named_vars_to_dims["choice_rest_group"] == ("choice_rest_group_member",)


def test_a_changed_prior_is_another_density_by_that_prior_alone(model, layout) -> None:
    gamma = pm.Gamma.dist(2, 8)
    changed = dp.to_pymc(claim(), study(), priors={"trough_ratio": gamma})
    with changed:
        pm.Potential("belief", pm.logp(pm.Normal.dist(0.3, 0.1), changed["onset_ratio"]))
    one, other = (m.compile_logp(**PYTHON, jacobian=False) for m in (model, changed))
    prior = claim().parameters["trough_ratio"].prior
    for q in points(layout)[:2]:
        at = values_at(model, layout, q)
        ratio, onset = (np.exp(at[f"{name}_log__"]) for name in ("trough_ratio", "onset_ratio"))
        old = pm.logp(pm.LogNormal.dist(prior.link_location, prior.scale), ratio).eval()
        new = pm.logp(gamma, ratio).eval() + pm.logp(pm.Normal.dist(0.3, 0.1), onset).eval()
        assert other(at) - one(at) == pytest.approx(float(new - old), rel=1e-8)
    with pytest.raises(SpecError, match="no free variable") as refused:
        dp.to_pymc(claim(), study(), priors={"trough_ration": gamma})
    assert "trough_ratio" in refused.value.allowed and "did you mean" in refused.value.todo


def small() -> Model:
    fixed = {"onset_ratio": 0.1, "recovery_half_life": 8.0}
    return Model(
        "trough",
        [Choice()],
        effects={"choice_rest": "1", "peak": "1"},
        fixed=fixed,
        typical_spacing=20.0,
    )


@pytest.mark.slow  # PyTensor compiles for most of a minute
def test_pymc_s_own_nuts_has_the_posterior_of_the_grid(monkeypatch) -> None:
    """Two free numbers and an effect size, against sums over a grid."""
    data = study(trials=30)
    layout = build_layout(small(), data)
    model = dp.to_pymc(small(), data)
    monkeypatch.setattr(logging.getLogger("pymc"), "disabled", True)
    tree = pm.sample(
        model=model,
        draws=700,
        tune=400,
        chains=2,
        cores=1,
        random_seed=4,
        nuts_sampler="pymc",
        progressbar=False,
        compute_convergence_checks=False,
    )
    c = layout.coordinates
    assert (c.normals, c.halves) == (2, 1)
    c_rest = [c.unit[c.place(n)] - 1 for n in ("trough_ratio", "choice_rest")]
    axes = [np.linspace(-4, 4, 33), np.linspace(-0.8, 0.8, 81), np.linspace(-4, 1.7, 25)]
    axes[:2] = [axes[c_rest.index(k)] for k in (0, 1)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    h = np.exp(grid[:, 2:])
    theta = c.theta(grid[:, :2], h)
    rows = RowDensity(layout)
    log_post = np.array([rows(one)["choice"].sum() for one in theta])
    log_post += -0.5 * (grid[:, :2] ** 2).sum(axis=1) + grid[:, 2]
    log_post += -0.5 * (h[:, 0] / c.arrays["half_scale"][0]) ** 2
    weight = np.exp(log_post - log_post.max())
    weight /= weight.sum()
    ours = {name: value for name, (_, value) in c.named(theta, h).items()}
    for name in ("trough_ratio", "choice_rest", "choice_gain_trough"):
        draws, value = tree["posterior"][name].values, ours[name]
        mean = weight @ value
        sd = np.sqrt(weight @ (value - mean) ** 2)
        assert draws.mean() == pytest.approx(mean, abs=0.2 * sd), name
        assert draws.std() == pytest.approx(sd, rel=0.2), name
    # a changed prior moves the posterior as reweighting says
    lean = np.exp(-0.5 * ((tree["posterior"]["trough_ratio"].values.ravel() - 0.6) / 0.2) ** 2)
    expected = np.average(tree["posterior"]["trough_ratio"].values.ravel(), weights=lean)
    by_grid = weight * np.exp(-0.5 * ((ours["trough_ratio"] - 0.6) / 0.2) ** 2)
    assert expected == pytest.approx(np.average(ours["trough_ratio"], weights=by_grid), abs=0.05)


@pytest.mark.slow
def test_pymc_s_other_samplers_run(monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger("pymc"), "disabled", True)
    with dp.to_pymc(small(), study()):
        quiet = {"progressbar": False, "random_seed": 1}
        nuts = pm.sample(50, tune=50, chains=1, nuts_sampler="nutpie", **quiet)
        smc = pm.sample_smc(100, chains=1, cores=1, **quiet)
        fitted = pm.fit(100, **quiet)
    for tree in (nuts, smc):
        assert np.isfinite(tree["posterior"]["time_to_trough"].values).all()
    assert np.isfinite(fitted.hist).all()


def test_draws_come_back_as_our_coordinates(model, layout) -> None:
    """From our coordinates to PyMC's values, and back."""
    c = layout.coordinates
    x, h = c.prior_draws(np.random.default_rng(5), (2, 3))
    named = {n: xr.DataArray(v) for n, (_, v) in c.named(c.theta(x, h), h).items()}
    for name in ("peak", "choice_rest"):
        group = [i for i, e in enumerate(c.entries) if (e.parameter, e.role) == (name, "group")]
        named[f"{name}_offset"] = xr.DataArray(x[..., [c.unit[i] - 1 for i in group]])
    found = standard_coordinates(layout, named)
    for ours, theirs in zip((x, h), found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_fit_by_pymc_s_sampler_is_the_fit_by_nutpie(tmp_path) -> None:
    data, seen = study(trials=30), []
    show = Progress()
    show.sampling = seen.append
    options = {"seed": 2, "draws": 600, "tune": 400, "chains": 2}
    one = dp.fit(small(), data, **options, sampler="pymc", progress=show)
    other = dp.fit(small(), data, **options, progress="silent")
    assert one.record["inference_library"] == "pymc" and one.record["settings"]["sampler"] == "pymc"
    assert one.posterior.sizes["draw"] == 600 and len(one.record["looks"]) == 1
    assert seen[-1].complete and seen[-1].finished == (1000, 1000)
    a, b = (f.summary.set_index("parameter") for f in (one, other))
    error = np.hypot(a["sd"] / np.sqrt(a["ess_bulk"]), b["sd"] / np.sqrt(b["ess_bulk"]))
    assert ((a["mean"] - b["mean"]).abs() / error).dropna().max() < 4
    again = dp.Fit.load(one.save(tmp_path / "fit.nc"))
    assert again.record == one.record and [i.name for i in one.verdict.items] == [
        i.name for i in other.verdict.items
    ]


def test_sampler_settings() -> None:
    with pytest.raises(SpecError, match="'pmc' is not known") as refused:
        SamplerSettings(sampler="pmc")
    assert "'pymc'" in refused.value.todo
    with pytest.raises(SpecError, match="with backend jax"):
        SamplerSettings(sampler="pymc", backend="jax")
    assert SamplerSettings(sampler="pymc", draws=300, max_draws=900).looks == (300,)
    assert Sampling(sampler="pymc", draws=300).max_draws == 300
    assert get_args(Sampling.model_fields["sampler"].annotation) == SAMPLERS
