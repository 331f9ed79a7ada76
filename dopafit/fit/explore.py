"""A quick, approximate look at a posterior, and labelled as one wherever it goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError, unknown
from dopafit.core.seed import generator
from dopafit.fit.derived import name_draws
from dopafit.fit.fit import Fit
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.study.study import Study

__all__ = ["METHODS", "explore"]

METHODS = {"laplace": "Laplace", "pathfinder": "Pathfinder"}
PROPOSED = 4
"""Draws made for every draw kept."""

PARETO_K = 0.7
EFFECTIVE = 100


@takes(model=Model, study=Study)
def explore(
    model: Model,
    study: Study,
    *,
    seed: int,
    method: str = "laplace",
    draws: int = 1000,
    backend: str = "numba",
) -> Fit:
    """Look at a posterior without sampling it: for exploring, never for reporting.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    seed : int
        One seed; everything follows from it.
    method : {"laplace", "pathfinder"}
        A normal distribution at the mode, or the best one met on the way there.
    draws : int
        Draws kept, of four times as many.
    backend : {"numba", "jax"}
        What computes the log density; see `fit`.

    Returns
    -------
    Fit
        One chain. Its verdict is never "converged": it says which approximation this is and,
        by the Pareto k of its importance weights, whether even that is usable. R-hat, effective
        sample size and Monte Carlo error do not apply and are NaN.

    Raises
    ------
    SpecError
        An unknown method or backend, too few draws, or a model that does not fit the study.
    FitError
        No usable draws, or JAX is asked for and missing.
    """
    if method not in METHODS:
        raise unknown(SpecError, f"method: {method!r} is not known", method, METHODS)
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise SpecError(
            f"draws = {draws!r}",
            allowed="a whole number, 100 or above",
            todo="leave draws out, or give for instance 1000",
        )
    import xarray as xr

    from dopafit.backend.evidence.approximation import resample
    from dopafit.backend.sampler.backends import require_backend

    require_backend(backend)
    layout = build_layout(model, study)
    proposal, expand = _propose(layout, backend, seed, method, PROPOSED * draws)
    rng = generator(seed, f"explore/{method}/resample/{model.hypothesis}")
    points, k, effective = resample(proposal, rng, draws)
    if not len(points):
        raise FitError(
            f"{METHODS[method]} found no usable draws",
            todo="fit with the sampler instead: dopafit fit",
            allowed="a posterior near enough to a normal distribution",
        )
    found = [expand(u) for u in points]
    x, h = (np.array([[one[name] for one in found]]) for name in ("x", "h"))
    coordinates = xr.Dataset(
        {"x": (("chain", "draw", "x_dim"), x), "h": (("chain", "draw", "h_dim"), h)},
        coords={"chain": [0], "draw": np.arange(x.shape[1])},
    )
    return Fit(
        layout.program.model,
        study,
        name_draws(layout, study, x, h),
        coordinates,
        coordinates[[]],
        _verdict(METHODS[method], k, effective),
        seed,
        {
            "settings": {"method": method, "draws": draws, "backend": backend},
            "interrupted": False,
            "warnings": list(layout.warnings),
        },
    )


def _propose(layout: Any, backend: str, seed: int, method: str, count: int) -> tuple[Any, Any]:
    from dopafit.backend.evidence.approximation import pathfinder, standard
    from dopafit.backend.geometry.pilot import LARGEST, locate, pilot_seed
    from dopafit.backend.geometry.reparametrisation import Reparametrisation
    from dopafit.backend.geometry.search import starting_points
    from dopafit.backend.sampler.compiled import Sampled, compile_layout

    density = compile_layout(layout, backend)
    rng = generator(seed, f"explore/{method}/{layout.program.model.hypothesis}")
    if method == "pathfinder":
        target = Sampled(density, Reparametrisation(layout.coordinates))
        starts = starting_points(layout.coordinates, pilot_seed(layout, seed))
        return pathfinder(target, starts, rng, count), target.expand
    pilot = locate(layout, density, seed=seed)
    if pilot.change.shape is None:
        raise SpecError(
            f"Laplace over {density.size} coordinates that subjects share",
            todo="use method 'pathfinder'",
            allowed=f"at most {LARGEST} of them",
        )
    target = Sampled(density, pilot.change)
    return standard(target, density.size, rng, count), target.expand


def _verdict(name: str, k: float, effective: float) -> Verdict:
    items = (
        Diagnostic(
            "Pareto k",
            k,
            f"< {PARETO_K}",
            k < PARETO_K,
            advice="" if k < PARETO_K else "the approximation misses part of the posterior",
        ),
        Diagnostic(
            "effective draws",
            effective,
            f"> {EFFECTIVE}",
            effective > EFFECTIVE,
            advice="" if effective > EFFECTIVE else "a few draws carry all the weight",
        ),
        Diagnostic(
            "sampled",
            0.0,
            "draws from the posterior itself",
            False,
            advice="for exploring only: fit with the sampler before you report anything",
        ),
    )
    return Verdict(False, items, approximation=name)
