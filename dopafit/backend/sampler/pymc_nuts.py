"""Draws by PyMC's own NUTS: another sampler on another density's prior, as an independent check.

It takes PyMC's coordinates, scale and starting points, none of ours. Chains run one after another.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from dopafit.backend.bridges.pymc import pymc_model, standard_coordinates
from dopafit.backend.sampler.draw import KEEP, POLL, Interrupted, Snapshot, deferred_interrupt
from dopafit.backend.sampler.settings import SamplerSettings
from dopafit.core.errors import FitError
from dopafit.model.layout.layout import Layout

__all__ = ["run_pymc"]


def run_pymc(
    layout: Layout,
    settings: SamplerSettings,
    *,
    progress: Callable[[Snapshot], None] | None = None,
) -> xr.DataTree:
    """Draw from a claim by PyMC; as `dopafit.backend.sampler.draw.run`, without looks.

    Raises
    ------
    FitError
        The sampler could not start.
    Interrupted
        Ctrl-C; holds the draws made so far if every chain has enough of them.
    """
    model, start = pymc_model(layout), time.monotonic()
    watch = _Watch(settings, progress, start)
    with deferred_interrupt() as watch.interrupts, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the verdict judges the draws
        try:
            tree = pm.sample(
                settings.draws,
                tune=settings.tune,
                chains=settings.chains,
                cores=1,
                random_seed=settings.seed,
                nuts_sampler="pymc",
                nuts={"target_accept": settings.target_accept, "max_treedepth": settings.maxdepth},
                quiet=True,
                progressbar=False,
                compute_convergence_checks=False,
                callback=watch,
                model=model,
            )
        except (pm.exceptions.SamplingError, ValueError) as error:
            if watch.interrupts:
                raise Interrupted(None, 0, settings) from None
            raise FitError(
                f"PyMC could not sample: {' '.join(str(error).split())[:300]}",
                allowed="a log posterior that is finite at PyMC's starting points",
                todo="take sampler: nutpie, which looks for the posterior first, or tighten priors",
            ) from error
    posterior, stats = (tree[name].to_dataset() for name in ("posterior", "sample_stats"))
    x, h = standard_coordinates(layout, posterior)
    dims = ("chain", "draw")
    data = {"x": ((*dims, "x_dim_0"), x), "h": ((*dims, "h_dim_0"), h)}
    places = {dim: np.arange(posterior.sizes[dim]) for dim in dims}
    kept = [name for name, value in stats.items() if value.dims == dims and value.dtype.kind != "O"]
    stats = stats[kept].assign_coords(places)
    stats.attrs = {}
    attributes = {
        "inference_library": "pymc",
        "inference_library_version": pm.__version__,
        "sampling_time": time.monotonic() - start,
        "tuning_steps": settings.tune,
        "sampler_settings": json.dumps(settings.to_dict(), sort_keys=True),
    }
    found = xr.DataTree.from_dict(
        {"posterior": xr.Dataset(data, coords=places), "sample_stats": stats}
    )
    found.attrs = attributes
    if not watch.interrupts:
        return found
    draws, chains = posterior.sizes["draw"], posterior.sizes["chain"]
    found.attrs["interrupted"] = 1
    whole = chains == settings.chains and draws >= KEEP
    raise Interrupted(found if whole else None, draws if whole else 0, settings)


class _Watch:
    """Called at every draw: tells how far the chains are, and ends them at Ctrl-C."""

    def __init__(
        self, settings: SamplerSettings, progress: Callable[[Snapshot], None] | None, start: float
    ) -> None:
        self._settings, self._progress, self._start = settings, progress, start
        self.interrupts: list[int] = []
        self._told = start
        # finished, tuning, divergences, step size, leapfrog steps
        self._state: list[list[Any]] = [[0, True, 0, 0.0, 0] for _ in range(settings.chains)]

    def __call__(self, trace: Any, draw: Any) -> None:
        if self.interrupts:
            raise KeyboardInterrupt
        stats, state = draw.stats[0], self._state[draw.chain]
        state[0] += 1
        state[1] = bool(draw.tuning)
        state[2] += int(bool(stats["diverging"]) and not draw.tuning)
        state[3] = float(stats["step_size"])
        state[4] += int(stats["tree_size"])
        now, total = time.monotonic(), self._settings.tune + self._settings.draws
        if self._progress is not None and (now - self._told >= POLL or state[0] == total):
            self._told = now
            finished, *rest = zip(*self._state, strict=True)
            self._progress(Snapshot(finished, total, *rest, now - self._start))
