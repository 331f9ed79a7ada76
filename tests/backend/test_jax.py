"""JAX and numba compute one density; what the user sees of the choice."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from dopafit.backend.bridges.jax_density import JaxDensity
from dopafit.backend.sampler.backends import BACKENDS, require_backend
from dopafit.backend.sampler.compiled import Density, compile_layout
from dopafit.backend.sampler.draw import SamplerSettings
from dopafit.core.errors import FitError, SpecError
from dopafit.fit.explore import explore
from dopafit.fit.fit import Fit, fit
from dopafit.model.analysis import Sampling
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.model.program import Program
from dopafit.model.rivals import RIVALS
from tests.backend.claims import (
    check_gradient,
    compare,
    numpy_density,
    oracle,
    plain,
    points,
    rich,
    study,
)

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))

LONG = pytest.mark.slow


@pytest.mark.parametrize(
    ("make", "drive"),
    [
        *(pytest.param(plain, d, marks=[LONG] * (d != "trough")) for d in DRIVES),
        pytest.param(rich, "no_drive", marks=LONG),
        (rich, "encompassing"),
    ],
)
def test_every_drive_and_channel(make, drive) -> None:
    layout = build_layout(make(drive), study())
    density, at = JaxDensity(layout), points(layout)
    assert compare(oracle(layout), density, at) >= 3
    for q in at[:3]:
        check_gradient(lambda p: numpy_density(layout, p), q, density(q)[1])


@pytest.mark.slow
@pytest.mark.parametrize("make", [plain, rich])
@pytest.mark.parametrize("drive", DRIVES)
def test_every_drive_and_channel_by_numba(make, drive) -> None:
    layout = build_layout(make(drive), study())
    assert compare(Density(layout), JaxDensity(layout), points(layout)) >= 3


@pytest.fixture(scope="module")
def tiny(tiny_model, tiny_world) -> Layout:
    return build_layout(tiny_model("trough"), tiny_world)


def test_numba_jax_and_what_is_sampled(tiny) -> None:
    numba, jax = compile_layout(tiny), compile_layout(tiny, "jax")
    assert isinstance(numba, Density) and isinstance(jax, JaxDensity)
    assert jax.size == numba.size
    at = points(tiny)
    assert compare(numba, jax, at) >= 4
    w = np.random.default_rng(5).uniform(0, 1, tiny.coordinates.normals)
    assert compare(numba.centred(w), jax.centred(w), at) >= 3
    assert compare(numba.scaled(w), jax.scaled(w), at) >= 3


def test_threads_get_their_own_answers_and_may_change_them(tiny) -> None:
    density = JaxDensity(tiny)
    at = [0.1 * k * np.ones(density.size) for k in range(8)]
    expected = [density(q) for q in at]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(density, at * 4))
    for (value, slope), (ours, gradient) in zip(expected * 4, found, strict=True):
        assert ours == value and np.array_equal(gradient, slope)
        gradient += 1.0


def test_other_data_share_the_function_and_the_process_is_left_alone(monkeypatch) -> None:
    import jax

    first = JaxDensity(build_layout(plain("no_drive"), study()))
    other = build_layout(plain("no_drive"), study(7, trials=12))
    second = JaxDensity(other)
    assert first.layout.program == other.program and first.layout.program is not other.program
    before = first(np.zeros(first.size))[0]
    seen = study().observations
    flipped = study().with_tables({"observations": seen.assign(pursue=1.0 - seen["pursue"])})
    other_data = JaxDensity(build_layout(plain("no_drive"), flipped))
    with monkeypatch.context() as patch:  # of the same sizes: nothing is traced again
        patch.setattr(Program, "logp", None)
        for density in (other_data, other_data.centred(np.zeros(other.coordinates.normals))):
            assert np.isfinite(density(np.zeros(density.size))[0])
    assert compare(oracle(other), second, points(other)) >= 3
    assert first(np.zeros(first.size))[0] == before != second(np.zeros(second.size))[0]
    assert not jax.config.jax_enable_x64 and jax.numpy.ones(1).dtype == np.float32


def test_control_every_array_counts(tiny) -> None:
    """Data are read, not baked in: a change of any array that enters changes the value."""
    density = JaxDensity(tiny)
    q = points(tiny)[1]
    value, arrays = density(q)[0], dict(density._arrays)
    of_rows = ["choice.data.pursued", "latency.data.log_latency", "presses.data.weight"]
    of_steps = ["event_magnitude", "steps.event_gap", "steps.event_keep", "steps.read_gap"]
    of_theta = ["loc", "scale", "half_scale", "peak.data", "choice_rest.data", "x_centring"]
    for name in (*of_rows, *of_steps, *of_theta, "trough_ratio.dense"):
        density._arrays = arrays | {name: np.asarray(arrays[name]) * 1.001 + 0.001}
        assert abs(density(q)[0] - value) > 1e-6, name
    for name in ("steps.read_last", "choice.read", "unit", "peak.indices"):
        density._arrays = arrays | {name: np.asarray(arrays[name])[::-1]}
        assert abs(density(q)[0] - value) > 1e-6, name


# ------------------------------------------------------------------ what the user sees
def test_a_fit_by_jax_is_the_fit_by_numba(tiny_model, tiny_world, tiny_fits, tmp_path) -> None:
    options = {
        "seed": 3,
        "draws": 60,
        "max_draws": 60,
        "tune": 100,
        "chains": 2,
        "progress": "silent",
    }
    made = fit(tiny_model("no_drive"), tiny_world, **options, backend="jax")
    assert made.record["settings"]["backend"] == "jax"
    again = Fit.load(made.save(tmp_path / "fit.nc"))
    assert again.record["settings"]["backend"] == "jax"
    assert tiny_fits["no_drive"].record["settings"]["backend"] == "numba"
    settings = json.loads(made.record["sampler_settings"])
    assert settings["backend"] == "jax"

    def distances(one: Fit, other: Fit) -> pd.Series:
        a, b = (f.summary.set_index("parameter") for f in (one, other))
        error = np.hypot(a["sd"] / np.sqrt(a["ess_bulk"]), b["sd"] / np.sqrt(b["ess_bulk"]))
        return ((a["mean"] - b["mean"]).abs() / error).dropna()

    found = distances(made, tiny_fits["no_drive"])
    assert len(found) > 10 and found.max() < 4
    # control: another claim's rest is another
    assert distances(made, tiny_fits["trough"]).max() > 4


def test_exploring_by_jax(tiny_model, tiny_world) -> None:
    found = explore(tiny_model("no_drive"), tiny_world, seed=1, draws=100, backend="jax")
    assert found.record["settings"]["backend"] == "jax"


def test_a_backend_that_is_not_there(tiny_model, tiny_world, tiny, monkeypatch) -> None:
    for call in (
        lambda: SamplerSettings(backend="jaxx"),
        lambda: compile_layout(tiny, "jaxx"),
        lambda: explore(tiny_model("no_drive"), tiny_world, seed=1, backend="jaxx"),
        lambda: fit(tiny_model("no_drive"), tiny_world, seed=1, backend="jaxx", progress="silent"),
    ):
        with pytest.raises(SpecError, match="'jaxx' is not known") as refused:
            call()
        assert refused.value.allowed == "numba, jax" and "'jax'" in refused.value.todo
    import jax

    with monkeypatch.context() as patch:
        patch.delattr(jax, "enable_x64")
        with pytest.raises(FitError, match="too old"):
            require_backend("jax")
    monkeypatch.setitem(sys.modules, "jax", None)
    for call in (
        lambda: compile_layout(tiny, "jax"),
        lambda: fit(tiny_model("no_drive"), tiny_world, seed=1, backend="jax", progress="silent"),
    ):
        with pytest.raises(FitError, match="cannot be imported") as missing:
            call()
        assert 'pip install "dopafit[jax]"' in missing.value.todo
    require_backend("numba")
    # an analysis file is read without the sampler's libraries, so it has its own list
    assert get_args(Sampling.model_fields["backend"].annotation) == BACKENDS
