"""Every kernel and every drive through the whole house: gradient, JAX, simulation, fit."""

from __future__ import annotations

import numpy as np
import pytest

import dopafit as dp
from dopafit.backend.sampler.compiled import compile_layout
from dopafit.channel.choice import Choice
from dopafit.drive import Drive
from dopafit.fit.quantities import kernel_table, landmark_table
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.trace.kernel import Kernel
from tests.backend.claims import check_gradient, compare, numpy_density, oracle, points, study

EARLIER = {"no_drive", "trough", "peak", "level", "encompassing"}
PAIRS = [
    *(("level", kernel) for kernel in sorted(Kernel.members()) if kernel != "opponent"),
    *((drive, "jump") for drive in sorted(set(Drive.members()) - EARLIER)),
    ("threshold", "monophasic"),
]


def claim(drive: str, kernel: str, **options) -> Model:
    """Kernels that differ by drug, drives with their own parameters."""
    shape = next(n for n in Kernel.named(kernel).parameters if n != "peak")
    effects = {"peak": "(1 | subject)", "choice_rest": "(1 | subject)", shape: "drug"}
    return Model(
        drive, [Choice()], effects=effects, kernel=kernel, typical_spacing=20.0,
        reference={"drug": "none"}, **options,
    )  # fmt: skip


def slow_but(*fast: tuple[str, str]) -> list:
    """The pairs; all but some are left to the long run, for each compiles functions of its own."""
    return [pytest.param(*p, marks=[pytest.mark.slow] * (p not in fast)) for p in PAIRS]


@pytest.mark.parametrize(("drive", "kernel"), slow_but(("threshold", "monophasic")))
def test_one_density_compiled_by_numpy_and_by_jax(drive, kernel) -> None:
    layout = build_layout(claim(drive, kernel), study(trials=30))
    density, at = compile_layout(layout), points(layout)
    assert compare(oracle(layout), density, at) >= 4
    check_gradient(lambda q: numpy_density(layout, q), at[1], density(at[1])[1])
    assert np.isfinite(density(1.5 * at[-1])[1]).all()


@pytest.mark.parametrize(("drive", "kernel"), slow_but(("threshold", "monophasic")))
def test_simulated_fitted_predicted(drive, kernel) -> None:
    model = claim(drive, kernel)
    design = study(trials=30)
    made, truth = dp.simulate(model, design, seed=3)
    own = {name for name, p in model.parameters.items() if p.prior is not None}
    assert own <= set(truth)
    fit = dp.fit(model, made, draws=60, tune=60, chains=2, seed=4, progress="silent")
    marks = set(Kernel.named(kernel).landmark_words) - {"time_to_peak"}  # absent without a rise
    assert own | marks <= set(fit.posterior.data_vars)
    assert ("load" in fit.posterior) == ("area" in marks)
    for dataset in (fit.posterior, fit.prior):
        for name in dataset.data_vars:
            assert np.isfinite(dataset[name].values).all(), name
    lines = kernel_table(fit)
    assert np.isfinite(lines.to_numpy()).all() and lines["median"].max() <= 1.001
    assert set(landmark_table(fit)["landmark"]) <= set(fit.posterior.data_vars)
    for source in ("prior", "posterior"):
        assert dp.predictive_check(fit, seed=5, draws=20, source=source) is not None
    assert "choice_rest" in dp.identifiability(fit, scaling=False).table["parameter"].tolist()
