"""From a model to draws, with every phase shown to whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.backend.sampler.draw import Interrupted, SamplerSettings, run
from dopafit.core.errors import SpecError
from dopafit.core.machine import free_memory
from dopafit.fit.modes import named_modes
from dopafit.fit.progress import Progress
from dopafit.model.layout.layout import Layout

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_room", "draw", "prepared"]

COPIES = 5
"""Times that draws lie in memory: in the sampler, on the way from it, named, and judged."""

STATISTICS = 40  # numbers that the sampler records of each draw, about


def check_room(settings: SamplerSettings, layout: Layout) -> None:
    """Refuse draws that memory cannot hold, before anything is compiled.

    Raises
    ------
    SpecError
        With the number of draws per chain that fits.
    """
    free = free_memory()
    coordinates = layout.coordinates
    size = coordinates.normals + coordinates.halves + len(coordinates.entries) + STATISTICS
    row = 8 * size * COPIES * settings.chains
    if free is None or row * (settings.max_draws + settings.tune) <= free:
        return
    most = max(0, free // row - settings.tune)
    need = row * (settings.max_draws + settings.tune) / 1e9
    raise SpecError(
        f"{settings.chains} chains of {settings.tune:,} + {settings.max_draws:,} draws of this "
        f"model need about {need:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free",
        allowed=f"max_draws up to about {most:,} with this tune and these chains"
        if most
        else "fewer chains or tuning draws",
        todo="lower max_draws, tune or chains: a verdict rarely needs more than 4,000 draws",
    )


def draw(
    build: Callable[[], Any],
    settings: SamplerSettings,
    *,
    label: str,
    progress: Progress | None = None,
    look: Callable[[xr.DataTree], tuple[bool, str]] | None = None,
) -> xr.DataTree:
    """Compile a model and draw from it.

    Parameters
    ----------
    build : callable
        Returns what is sampled, for PyMC's sampler the layout; called once, inside the phase
        "compiling".
    settings : SamplerSettings
        Number of draws, chains and so on.
    label : str
        Name of the fit as the reader knows it, i.e. the hypothesis.
    progress : Progress, optional
        Where the phases are shown; nowhere by default.
    look : callable (tree) -> (bool, str), optional
        Whether the draws so far are enough, and what they show in words; asked at every look.

    Raises
    ------
    FitError
        The sampler could not start or broke down.
    Interrupted
        Ctrl-C while sampling; holds the draws made so far.
    """
    show = Progress() if progress is None else progress
    finished = False

    def enough(tree: xr.DataTree) -> bool:
        done, text = look(tree)
        if not done:
            show.done(f"{tree['posterior'].sizes['draw']:,} draws per chain: {text}; going on")
            show.phase("sampling", label)
        return done

    try:
        show.phase("compiling", label)
        compiled = build()
        show.phase("sampling", label)
        if settings.sampler == "pymc":
            from dopafit.backend.sampler.pymc_nuts import run_pymc

            tree = run_pymc(compiled, settings, progress=show.sampling)
        else:
            tree = run(
                compiled,
                settings,
                progress=show.sampling,
                enough=None if look is None else enough,
            )
        finished = True
    except Interrupted as stop:
        show.done(f"stopped after {stop.draws} of {settings.max_draws} draws per chain")
        raise
    finally:
        if not finished:
            show.done("stopped")
    divergences = int(tree["sample_stats"]["diverging"].values.sum())
    word = "divergence" if divergences == 1 else "divergences"
    draws = tree["posterior"].sizes["draw"]
    show.done(f"{settings.chains} x {draws} draws, {divergences} {word}")
    return tree


def prepared(
    layout: Layout,
    settings: SamplerSettings,
    seed: int,
    *,
    label: str,
    progress: Progress,
    notes: dict[str, Any],
) -> Any:
    """Compile a layout and look for its posterior.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    settings : SamplerSettings
    seed : int
        The seed of the fit.
    label : str
        As for `draw`.
    progress : Progress
        Where the phase "locating" is shown.
    notes : dict
        Gets what the search found: ``optima``, ``masses``, ``modes``, ``places``, ``centring`` and,
        where the sampler uses them, ``scaling`` and ``clock``.

    Returns
    -------
    Target or Layout
        What the sampler takes; PyMC's takes nothing of the search.
    """
    from dopafit.backend.geometry.pilot import locate
    from dopafit.backend.sampler.compiled import compile_layout, sampling_model

    density = compile_layout(layout, settings.backend)
    progress.phase("locating", label)
    pilot = locate(layout, density, seed=seed)
    change, used = pilot.change, settings.sampler != "pymc"
    target = sampling_model(density, pilot, chains=settings.chains) if used else layout
    notes["optima"], notes["masses"] = list(pilot.optima), list(pilot.masses)
    notes["places"], known = pilot.points, np.array(pilot.masses[: len(pilot.points)])
    notes["modes"] = named_modes(layout, pilot.points, known)
    if used:
        notes["scaling"] = "none" if change.shape is None else change.shape.name
        notes["clock"] = change.clock
    centring = change.centring if used else np.zeros(layout.coordinates.normals)
    notes["centring"] = layout.coordinates.centred_terms(centring)
    return target
