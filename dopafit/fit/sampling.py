"""From a model to draws, with every phase shown to whoever waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dopafit.backend.sampler.draw import Interrupted, SamplerSettings, run
from dopafit.fit.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["draw"]


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
