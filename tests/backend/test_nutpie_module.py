"""Draws are gathered as ArviZ would, without ArviZ."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from dopafit.backend.sampler.nutpie_module import from_dict


@pytest.mark.parametrize("save_warmup", [True, False])
def test_the_tree_is_that_of_arviz(save_warmup) -> None:
    import arviz as az

    rng = np.random.default_rng(1)
    groups = {
        "posterior": {"x": rng.normal(size=(2, 5, 3)), "h": rng.normal(size=(2, 5, 1, 2))},
        "sample_stats": {"diverging": np.zeros((2, 5), bool)},
        "warmup_posterior": {"x": rng.normal(size=(2, 4, 3))},
        "warmup_sample_stats": {},
    }
    options = {
        "dims": {"x": ["place"]},
        "coords": {"place": ["a", "b", "c"]},
        "save_warmup": save_warmup,
        "attrs": {"sample_stats": {"inference_library": "nutpie"}},
    }
    ours, theirs = from_dict(groups, **options), az.from_dict(groups, **options)
    kept = {n for n in theirs.children if theirs[n].data_vars}
    assert set(ours.children) == kept and ("warmup_posterior" in kept) == save_warmup
    for name in kept:
        xr.testing.assert_equal(ours[name].to_dataset(), theirs[name].to_dataset())
    assert ours["sample_stats"].attrs["inference_library"] == "nutpie"


def test_a_fit_needs_no_arviz_for_its_draws() -> None:
    """In a process of its own: nutpie is there, ArviZ is not, and can be had afterwards."""
    code = (
        "import sys; from dopafit.backend.sampler.nutpie_module import nutpie_module as m; m(); "
        "assert 'arviz' not in sys.modules and 'matplotlib' not in sys.modules; "
        "import arviz; assert arviz.summary; assert m().sample.__module__ == 'nutpie.sample'"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=120)
