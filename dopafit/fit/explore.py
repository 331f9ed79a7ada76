"""A quick, approximate look at a posterior, and labelled as one wherever it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError
from dopafit.core.machine import single_threaded
from dopafit.core.seed import generator
from dopafit.fit.derived import name_draws
from dopafit.fit.fit import Fit
from dopafit.fit.modes import named_modes
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.claim import Model
from dopafit.model.layout.layout import Layout, build_layout
from dopafit.study.study import Study

if TYPE_CHECKING:
    from dopafit.backend.evidence.maximum import Located

__all__ = ["explore", "explored"]

NAME = "nested Laplace"

SHARED = 5
"""Draws kept for every draw of what subjects share."""

FOLLOWED = 2
"""Optima that are followed to the end."""

RIVAL = 5.0
"""A second maximum whose log mass is this much [nats] smaller holds under 1 % of the posterior."""

PARETO_K = 0.7
EFFECTIVE = 100


@single_threaded()
@takes(model=Model, study=Study)
def explore(
    model: Model,
    study: Study,
    *,
    seed: int,
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
    draws : int
        Draws kept; a fifth as many are drawn of what subjects share, five of each subject.
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
        An unknown backend, too few draws, or a model that does not fit the study.
    FitError
        No usable draws, or JAX is asked for and missing.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise SpecError(
            f"draws = {draws!r}",
            allowed="a whole number, 100 or above",
            todo="leave draws out, or give for instance 1000",
        )
    return explored(model, study, seed=seed, draws=draws, backend=backend)[0]


def explored(
    model: Model, study: Study, *, seed: int, draws: int, backend: str = "numba"
) -> tuple[Fit, np.ndarray]:
    """Return an approximate posterior, and the subjects' log densities under it.

    The arguments are those of `explore`.

    Returns
    -------
    Fit
    array, (1, draw, subject)
        Log of p(y_i | phi), subjects in the order of the study's rows, with the subject's own
        coordinates integrated out: what leave-one-subject-out is computed from.
    """
    import xarray as xr

    from dopafit.backend.evidence.first_draws import first_draws
    from dopafit.backend.evidence.maximum import locate_maxima
    from dopafit.backend.geometry.pilot import pilot_seed
    from dopafit.backend.geometry.search import starting_points
    from dopafit.backend.sampler.compiled import compile_layout

    layout = build_layout(model, study)
    points = starting_points(layout.coordinates, pilot_seed(layout, seed))
    density = compile_layout(layout, backend)
    located = locate_maxima(layout, points, density, followed=FOLLOWED)
    rng = generator(seed, f"explore/{model.hypothesis}")
    found = first_draws(layout, located, rng, count=draws, proposed=-(-draws // SHARED))
    if found is None:
        raise FitError(
            f"{NAME} found no usable draws",
            todo="fit with the sampler instead: dopafit fit",
            allowed="a posterior near enough to a normal distribution",
        )
    x, h = found.x[None], found.h[None]
    coordinates = xr.Dataset(
        {"x": (("chain", "draw", "x_dim"), x), "h": (("chain", "draw", "h_dim"), h)},
        coords={"chain": [0], "draw": np.arange(x.shape[1])},
    )
    fit = Fit(
        layout.program.model,
        study,
        name_draws(layout, study, x, h),
        coordinates,
        coordinates[[]],
        _verdict(found.k, found.effective),
        seed,
        {
            "settings": {"draws": draws, "backend": backend},
            "interrupted": False,
            "pilot": {"modes": _modes(layout, located)},
            "warnings": list(layout.warnings),
        },
    )
    return fit, found.log_subject[None]


def _modes(layout: Layout, located: Located) -> list[dict[str, Any]]:
    """Return what a reader is told of each maximum of comparable mass."""
    masses = np.array([one.log_mass for one in located.maxima])
    near = [one for one in located.maxima if masses.max() - one.log_mass < RIVAL]
    points = [located.nested.full(one.inner.shared, one.inner.own) for one in near]
    places = np.array([located.change.to_model(point) for point in points])
    return named_modes(layout, places, masses[: len(near)])


def _verdict(k: float, effective: float) -> Verdict:
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
    return Verdict(False, items, approximation=NAME)
