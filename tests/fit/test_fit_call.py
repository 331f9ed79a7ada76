"""`fit` from the outside: one seed, one verdict, and an honest end when it is stopped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import dopafit
from dopafit.backend.sampler.draw import Interrupted, SamplerSettings
from dopafit.core.errors import FitError, SpecError
from dopafit.fit import sampling
from dopafit.fit.fit import fit
from dopafit.model.rivals import RIVALS

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))

OPTIONS = {"seed": 3, "draws": 60, "max_draws": 60, "tune": 100, "chains": 2, "progress": "silent"}


def test_the_seed_decides(tiny_fits, tiny_model, tiny_world) -> None:
    made = tiny_fits["no_drive"]
    again = dopafit.fit(tiny_model("no_drive"), tiny_world, **OPTIONS, cores=1)
    assert again.posterior.identical(made.posterior)
    other = fit(tiny_model("no_drive"), tiny_world, **(OPTIONS | {"seed": 4}))
    assert not np.array_equal(other.coordinates["x"], made.coordinates["x"])


def test_a_second_fit_on_other_data_compiles_nothing(
    tiny_fits, tiny_model, tiny_world, monkeypatch
) -> None:
    """Fewer people and rows: from the layout to the verdict all code is there."""
    from numba.core import event
    from pytensor.compile.maker import FunctionMaker

    def refuse(*_, **__) -> None:
        raise AssertionError("a PyTensor function was compiled")

    other = tiny_world.select(subjects=tiny_world.subjects["subject"][1:])
    monkeypatch.setattr(FunctionMaker, "__init__", refuse)
    with event.install_recorder("numba:compile") as recorder:
        made = fit(tiny_model("trough"), other, **OPTIONS)
    assert 0 < made.record["rows"]["choice"] < tiny_fits["trough"].record["rows"]["choice"]
    assert [e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer if e.is_start] == []


def test_what_the_layout_doubts_stands_on_the_fit(tiny_model, tiny_world) -> None:
    options = OPTIONS | {"draws": 10, "max_draws": 10, "tune": 20, "chains": 1}
    made = fit(tiny_model("trough", typical_spacing=3000.0), tiny_world, **options)
    assert made.layout.warnings and made.record["warnings"] == list(made.layout.warnings)
    assert any("typical_spacing is 3000 s" in text for text in made.record["warnings"])
    assert repr(made).count("warning: ") == len(made.layout.warnings)


def test_what_a_fit_knows(tiny_fits) -> None:
    for drive, made in tiny_fits.items():
        assert made.posterior.sizes["chain"] == 2 and made.posterior.sizes["draw"] == 60
        names = [item.name for item in made.verdict.items]
        assert {"R-hat", "divergences", "rival modes", "quadrature"} <= set(names)
        # sixty draws are too few, and the verdict says so
        assert not made.verdict.converged and "NOT CONVERGED" in made.verdict.stamp
        assert made.record["rows"]["choice"] == len(made.study.observations)
        assert made.record["settings"]["draws"] == 60 and not made.record["interrupted"]
        text = repr(made)
        assert f"Fit: {drive} on" in text and "SIMULATED" in text
        assert "\nchoice_rest_group" not in text and "\nchoice_rest_sd" in text
        assert "NOT CONVERGED" in text and "90%" in text and "median" in text
        assert "looks at draws per chain: 60 (" in text and "at most 60" in text
        (look,) = made.record["looks"]
        assert look["draws"] == 60 and not look["ok"] and look["ess"] > 0 and look["r_hat"] > 0.9
        table = made.summary.set_index("parameter")
        low, high = np.quantile(made.posterior["choice_rest"], [0.05, 0.95])
        assert table.loc["choice_rest", ["lower", "upper"]].tolist() == pytest.approx([low, high])
    assert "choice_gain_trough" in tiny_fits["trough"].posterior
    assert "choice_gain_trough" not in tiny_fits["no_drive"].posterior


def test_the_posterior_is_theta_on_its_natural_scale(tiny_fit) -> None:
    c, theta = tiny_fit.layout.coordinates, tiny_fit.theta
    assert theta.shape == (2, 60, len(c.entries))
    np.testing.assert_array_equal(
        tiny_fit.posterior["trough_ratio"], np.exp(theta[..., c.place("trough_ratio")])
    )
    np.testing.assert_array_equal(
        tiny_fit.posterior["choice_rest"], theta[..., c.place("choice_rest")]
    )
    assert (tiny_fit.posterior["choice_gain_trough"] > 0).all()


def test_thinning_is_even_and_covers_all_chains(tiny_fit) -> None:
    flat = tiny_fit.theta.reshape(120, -1)
    assert np.array_equal(tiny_fit.thinned(10)[[0, -1]], flat[[0, -1]])
    assert np.array_equal(tiny_fit.thinned(10_000), flat)
    # a sampler may stay where it is, so draws of a chain need not differ: number them instead
    numbered = dataclasses.replace(tiny_fit)
    numbered.__dict__["theta"] = np.arange(120.0).reshape(2, 60, 1)
    place = numbered.thinned(10)[:, 0]
    assert len(place) == 10 and place[0] == 0 and place[-1] == 119
    assert np.ptp(np.diff(place)) <= 1


def test_prior_draws(tiny_fit) -> None:
    prior = tiny_fit.prior
    assert set(prior.data_vars) == set(tiny_fit.posterior.data_vars)
    ratio = np.log(prior["trough_ratio"].values)
    assert prior["trough_ratio"].shape == (1, 4000)
    assert ratio.mean() == pytest.approx(np.log(0.3), abs=0.05)
    assert ratio.std() == pytest.approx(0.7, abs=0.03)
    gain = prior["choice_gain_trough"].values
    assert (gain > 0).all() and (gain**2).mean() == pytest.approx(1.5**2, rel=0.08)


def test_stopped_by_hand(tiny_model, tiny_world, monkeypatch) -> None:
    """All draws are there, so only the stop itself can fail the verdict's last item."""
    whole = sampling.run

    def stopped(compiled, settings, **options):
        raise Interrupted(whole(compiled, settings, **options), 60, settings)

    monkeypatch.setattr(sampling, "run", stopped)
    made = fit(tiny_model("no_drive"), tiny_world, **OPTIONS)
    assert made.record["interrupted"] and not made.verdict.converged
    last = made.verdict.failures[-1]
    assert last.name == "finished" and "stopped by hand" in last.advice

    def too_early(compiled, settings, **options):
        raise Interrupted(None, 3, SamplerSettings(draws=60))

    monkeypatch.setattr(sampling, "run", too_early)
    with pytest.raises(FitError, match="stopped after 3"):
        fit(tiny_model("no_drive"), tiny_world, **OPTIONS)


def test_an_error_comes_before_the_sampler(tiny_model, tiny_world, monkeypatch) -> None:
    monkeypatch.setattr(sampling, "run", None)
    for wrong in (
        {"draws": 0},
        {"max_draws": 59},
        {"draws": 10**9},
        {"seed": -1},
        {"target_accept": 1.0},
        {"progress": "loud"},
    ):
        with pytest.raises(SpecError):
            fit(tiny_model("no_drive"), tiny_world, **(OPTIONS | wrong))
    model = tiny_model("no_drive", effects={"choice_rest": "dose"})
    with pytest.raises(SpecError, match="dose"):
        fit(model, tiny_world, **OPTIONS)


def test_every_drive_lays_out(tiny_model, tiny_world, fit_at) -> None:
    for drive in DRIVES:
        made = fit_at(tiny_model(drive), tiny_world, {}, draws=3, wiggle=0.1)
        assert np.isfinite(made.log_likelihood("trial")[0]).all()
