"""The sampler is nutpie's compiled part: what is used of it is not public, and is held here."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dopafit.backend.geometry.pilot import locate
from dopafit.backend.sampler import engine
from dopafit.backend.sampler.compiled import compile_layout, sampling_model
from dopafit.backend.sampler.draw import SamplerSettings, run
from dopafit.backend.sampler.engine import Target, library
from dopafit.core.errors import FitError
from dopafit.model.layout.layout import build_layout

PRIVATE = {
    "LogpFunc": "(ptr, user_data_ptr, keep_alive)",
    "ExpandFunc": "(dim, expanded_dim, ptr, user_data_ptr, keep_alive)",
    "PyMcModel": "(density, expand, variables, dim, dim_sizes, coords, init_func, "
    "transform_adapter)",
    "PyModel": "(make_logp_func, make_expand_func, variables, ndim, dim_sizes, coords, *, "
    "init_point_func=None, transform_adapter=None)",
}
METHODS = {
    "PySampler": {"from_pymc", "from_pyfunc", "wait", "inspect", "take_results", "abort"},
    "PyNutsSettings": {"Diag", "LowRank", "update", "as_dict"},
    "PyVariable": {"new_variables"},
    "PyStorage": {"arrow"},
    "ProgressType": {"none"},
    "PyTrace": {"get_arrow_trace"},
}


def test_nutpie_s_compiled_part_is_the_one_we_know() -> None:
    nutpie = library()
    for name, expected in PRIVATE.items():
        found = getattr(getattr(nutpie, name, None), "__text_signature__", "nothing")
        assert found == expected, (
            f"nutpie {nutpie.__version__} moved: {name} takes {found}, and our engine.py gives "
            f"it {expected}; compare nutpie/compile_pymc.py and adapt engine.py"
        )
    for name, expected in METHODS.items():
        gone = expected - set(dir(getattr(nutpie, name, None)))
        assert not gone, f"nutpie {nutpie.__version__} moved: {name} lacks {sorted(gone)}"


def test_the_process_is_left_alone() -> None:
    """In a process of its own: neither nutpie's Python layer nor ArviZ; both can be had later."""
    code = (
        "import sys; from dopafit.backend.sampler.engine import library; part = library(); "
        "assert not {'arviz', 'nutpie', 'nutpie._lib', 'matplotlib'} & set(sys.modules); "
        "import nutpie; assert nutpie._lib.PySampler is part.PySampler and nutpie.sample"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=240)


def test_a_missing_nutpie_is_explained(monkeypatch) -> None:
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FitError, match="compiled part was not found") as caught:
        library.__wrapped__()
    assert caught.value.allowed and caught.value.todo


@pytest.fixture(scope="module")
def target(tiny_model, tiny_world) -> Target:
    density = compile_layout(build_layout(tiny_model("no_drive"), tiny_world))
    return sampling_model(density, locate(density.layout, density, seed=1), chains=2)


SETTINGS = SamplerSettings(draws=60, tune=60, chains=2, seed=4)


def test_machine_code_and_python_make_the_same_draws(target) -> None:
    """The same density, once by its address and once as a Python function."""
    by_python = Target(
        target.size, target.shapes, lambda u: target.density(u), target.expand, target.start
    )
    one, two = run(target, SETTINGS), run(by_python, SETTINGS)
    for name in ("x", "h"):
        assert np.array_equal(one["posterior"][name], two["posterior"][name])
    assert np.array_equal(one["sample_stats"]["n_steps"], two["sample_stats"]["n_steps"])


def test_the_draws_are_those_of_nutpie_s_own_front() -> None:
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    def density(u: np.ndarray) -> tuple[float, np.ndarray]:
        """A narrow funnel, so that chains diverge."""
        slope = -u * np.exp(-u[0])
        slope[0] = -u[0] - 1.0 + 0.5 * np.exp(-u[0]) * (u[1:] @ u[1:])
        return float(-0.5 * u[0] ** 2 - u[0] - 0.5 * np.exp(-u[0]) * (u[1:] @ u[1:])), slope

    ours = run(Target(3, {"x": (3,)}, density, lambda u: {"x": u}), SETTINGS, keep_warmup=True)
    expand = lambda seed, other, chain: lambda u: {"x": np.array(u)}  # noqa: E731
    theirs = nutpie.sample(
        from_pyfunc(3, lambda: density, expand, [np.dtype(float)], [(3,)], ["x"]),
        draws=60,
        tune=60,
        chains=2,
        seed=4,
        target_accept=SETTINGS.target_accept,
        progress_bar=False,
    )
    assert set(ours.children) == set(theirs.children)
    for group in ours.children:
        one, two = ours[group].to_dataset(), theirs[group].to_dataset()
        assert dict(one.sizes) == dict(two.sizes)
        assert set(one.data_vars) == set(two.data_vars)
        for name, values in one.data_vars.items():
            if values.dtype.kind == "U":
                expected = ["" if v is None else v for v in two[name].values.ravel()]
                assert values.values.ravel().tolist() == expected
            else:
                assert np.array_equal(values, two[name], equal_nan=values.dtype.kind == "f")
