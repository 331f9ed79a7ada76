"""What the controls of a run found, as conditions of its claim."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dopafit.check.control import Control, events_control, trough_control
from dopafit.check.curve_width import curve_width
from dopafit.check.earned import same_ratio
from dopafit.check.lobes import SEEN, lobes_seen
from dopafit.check.predict import PredictiveCheck
from dopafit.compare.claim import Condition
from dopafit.compare.difference import SMALL
from dopafit.compare.superposition import Superposition, superposition
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.model.analysis_file import Controls
from dopafit.model.rivals import TROUGH
from dopafit.report.written import write_json, write_table

__all__ = ["added_up", "any_curve", "controlled", "looked"]

LEFT_OVER = 0.05
"""p-value below which something that changes over the session is left over."""


def controlled(
    fits: Mapping[str, Fit],
    checks: Mapping[str, PredictiveCheck],
    folder: Path,
    controls: Controls,
    seed: int,
    progress: Progress,
) -> list[Condition]:
    """Run the controls of a comparison.

    Parameters
    ----------
    fits : mapping of str to Fit
        As ranked, best first.
    checks : mapping of str to PredictiveCheck
        Of these fits.
    folder : Path
        Where the statistics of surrogates are kept, so that a later call goes on from there.
    controls : Controls
        How many surrogates, and what the experimenter randomised.
    seed : int
        Source of the surrogates.
    progress : Progress
        Where progress is shown.

    Returns
    -------
    list of Condition
        `events_control`, `trough_control`, `events_any_curve` and `trough_any_curve`, only where
        surrogates are asked for; `time_on_task` and `lobe_seen`, where a fit has what they are
        about.
    """
    found = []
    if controls.surrogates:
        study = next(iter(fits.values())).study
        shared = {"seed": seed, "count": controls.surrogates, "progress": progress}
        kept = folder / "events_control.json"
        randomised, earned = controls.randomised, None
        if controls.earned_by:
            kinds = next((fit.model.events for fit in fits.values() if fit.model.moved), None)
            randomised, earned = "nothing", same_ratio(study, controls.earned_by, kinds)
        found.append(
            events_control(
                fits, study, randomised=randomised, contingency=earned, keep=kept, **shared
            )
        )
        found.append(trough_control(fits, study, keep=folder / "trough_control.json", **shared))
        write_table(folder / "tables" / "evidence.csv", found[0].evidence)
        widths = curve_width(fits, study, keep=folder / "curve_width.json", progress=progress)
        write_table(folder / "tables" / "curve_width.csv", widths)
        return [*map(_condition, found), *any_curve(widths), *looked(fits, checks)]
    return looked(fits, checks)


def added_up(
    fits: Mapping[str, Fit], folder: Path, controls: Controls, seed: int, progress: Progress
) -> Superposition | None:
    """Ask whether responses add up over events, and write what was found.

    The parameters are those of `controlled`.

    Returns
    -------
    Superposition or None
        None where an analysis asks for no controls.
    """
    if not controls.surrogates:
        return None
    found = superposition(fits, seed=seed, progress=progress)
    write_json(folder / "superposition.json", {"reading": found.told})
    if len(found.table):
        write_table(folder / "tables" / "superposition.csv", found.table)
    return found


def looked(fits: Mapping[str, Fit], checks: Mapping[str, PredictiveCheck]) -> list[Condition]:
    """Return the conditions that need no surrogates: `lobe_seen` and `time_on_task`.

    Parameters
    ----------
    fits, checks
        As in `controlled`.
    """
    return [*_seen(fits), *_left_over(fits, checks)]


def any_curve(widths: pd.DataFrame) -> list[Condition]:
    """Return `events_any_curve` and `trough_any_curve`.

    Parameters
    ----------
    widths : DataFrame
        From `curve_width`. A lead that could not be computed is no condition; where no hypothesis
        has a curve, its width cannot matter.
    """
    found = []
    for name in ("events", "trough"):
        condition = f"{name}_any_curve"
        if widths.empty:
            found.append(Condition(condition, True, None, SMALL, "no hypothesis has such a curve"))
        elif widths[name].notna().all():
            lead = float(widths[name].min())
            each = ", ".join(f"{r.sd_times:g} times its sd {getattr(r, name):.1f}"
                             for r in widths.itertuples())  # fmt: skip
            told = f"lead in log marginal likelihood with the curve at {each}"
            found.append(Condition(condition, lead >= SMALL, lead, SMALL, told))
    return found


def _condition(control: Control) -> Condition:
    value = None if control.p != control.p else control.p
    return Condition(control.name, control.met, value, control.limit, control.told)


def _seen(fits: Mapping[str, Fit]) -> list[Condition]:
    """Return whether the best fit with a trough sees it, in the channel that sees it most."""
    for name, fit in fits.items():
        if fit.model.family == TROUGH:
            table = lobes_seen(fit)
            below = float(table["below"].max())
            parts = ", ".join(
                f"{r.channel} {r.below:.0f} of {r.outcomes}" for r in table.itertuples()
            )
            told = f"outcomes below baseline under {name}: {parts}"
            return [Condition("lobe_seen", below >= SEEN, below, SEEN, told)]
    return []


def _left_over(fits: Mapping[str, Fit], checks: Mapping[str, PredictiveCheck]) -> list[Condition]:
    """Return the smallest p-value over the session of the fits that a claim rests on."""
    moved = [name for name, fit in fits.items() if fit.model.moved]
    trough = [name for name in moved if fits[name].model.family == TROUGH]
    p = {
        name: checks[name].time_on_task
        for name in dict.fromkeys((*moved[:1], *trough[:1]))
        if name in checks
    }
    if not p:
        return []
    worst = min(p, key=lambda name: p[name])
    told = f"p of what was observed over the session under {worst}"
    return [Condition("time_on_task", p[worst] >= LEFT_OVER, p[worst], LEFT_OVER, told)]
