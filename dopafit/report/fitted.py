"""The fits of a run folder: made, found again, and kept from whoever else runs there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dopafit.backend.sampler.draw import Interrupted
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import DopafitError, StoppedError
from dopafit.core.files import remove_parts
from dopafit.core.hold import hold
from dopafit.fit.fit import Fit, fit
from dopafit.fit.progress import Progress
from dopafit.model.analysis import Analysis
from dopafit.model.claim import Model
from dopafit.study.study import Study

__all__ = ["alone", "fit_file", "fitted", "kept_fit"]

AGAIN = "run the same command again: finished fits are kept, an unfinished one starts anew"


def fit_file(folder: Path, name: str) -> Path:
    """Return where the fit of a hypothesis lies."""
    return folder / "fits" / f"{name}.nc"


@contextlib.contextmanager
def alone(folder: Path, show: Progress, what: str) -> Iterator[None]:
    """Hold a run folder; stopped by Ctrl-C, say where it was and what is kept."""
    with hold(folder, what):
        remove_parts(*(folder / name for name in ("", "fits", "figures", "tables")))
        try:
            yield
        except KeyboardInterrupt:
            raise _stopped(f"stopped while {show.latest or 'starting'}", folder) from None


def _stopped(what: str, folder: Path) -> StoppedError:
    """Return what is told of a run that was stopped."""
    fits = [p.name for p in sorted((folder / "fits").glob("*.nc")) if p.suffixes == [".nc"]]
    kept = f"kept in {folder / 'fits'}: {', '.join(fits)}" if fits else "no fit was finished yet"
    return StoppedError(f"{what}; {kept}", allowed="a run that goes on to its end", todo=AGAIN)


def kept_fit(
    path: Path, analysis: Analysis, model: Model, study: Study, show: Progress
) -> Fit | None:
    """Return the fit in the folder if it is the very one that would be made."""
    name = path.stem
    if not path.exists():
        return None
    try:
        found = Fit.load(path)
    except DopafitError as error:  # damaged, or of another version
        show.phase("setting aside", f"{name}: {error.wrong}")
        aside = path.with_name(f"{name}.set-aside.nc")
        with contextlib.suppress(OSError):
            path.replace(aside)
        show.done(f"it lies in {aside.name}; the fit is made anew")
        return None
    settings = {"backend": "numba", "sampler": "nutpie"} | found.record.get("settings", {})
    same = all(settings.get(k) == v for k, v in analysis.sampling.model_dump().items())
    same &= found.record.get("components", {}) == OUTSIDE
    same &= found.model == model and found.study.hash == study.hash
    return found if same and found.seed == analysis.seed else None


def fitted(analysis: Analysis, model: Model, study: Study, folder: Path, show: Progress) -> Fit:
    """Fit one hypothesis and store it."""
    name = model.hypothesis
    path = fit_file(folder, name)
    partial = path.with_name(f"{name}.interrupted.nc")
    try:
        one = fit(
            model,
            study,
            seed=analysis.seed,
            progress=show,
            **analysis.sampling.model_dump(),
        )
    except Interrupted as stop:
        raise _stopped(f"stopped while sampling {name}", folder) from stop
    if one.record["interrupted"]:
        one.save(partial)
        raise _stopped(f"stopped while sampling {name}; the draws so far are in {partial}", folder)
    one.save(path)
    partial.unlink(missing_ok=True)
    return one
