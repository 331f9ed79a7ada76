"""Whether responses to successive events add up, or are cut off at baseline.

Any drive that is linear in the level adds up over events, whatever the kernel (model.md 2.4). So a
response of any shape that adds up is held against hypotheses that cut it off at baseline, and
against the same response with terms for pairs of events. All are scored alike: approximate
posteriors, leaving out subjects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dopafit.backend.evidence.scores import loo
from dopafit.compare.any_shape import AFTER, ANY_SHAPE, PAIRS, any_shape, basis, pair_terms
from dopafit.compare.difference import difference
from dopafit.core.arguments import takes
from dopafit.core.errors import DopafitError
from dopafit.core.machine import single_threaded
from dopafit.core.shown import Shown
from dopafit.drive.drive import Drive
from dopafit.fit.effects import Middle
from dopafit.fit.explore import explored
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.model.claim import Model
from dopafit.study.study import Study

__all__ = ["Superposition", "response", "superposition"]

DRAWS = 2000

POOR = 0.7
"""Pareto k above which an approximate posterior misses part of the posterior."""

POINTS = 120
"""Times at which a response is drawn."""


@dataclass(frozen=True, eq=False)
class Superposition(Shown):
    """What was found.

    Parameters
    ----------
    table : DataFrame
        One row a hypothesis: `hypothesis`, `elpd` (by subject), `ahead_by` and `se` (of its
        difference from the response of any shape that adds up), `ahead` and `behind` (by the rule
        of every comparison), `pareto_k` (of the approximate
        posterior). Empty where nothing was computed.
    added : Fit or None
        The approximate posterior of the response of any shape.
    reason : str
        Why nothing was computed, or what was left out.
    """

    table: pd.DataFrame
    added: Fit | None = None
    reason: str = ""

    @property
    def told(self) -> list[str]:
        """What was found, in sentences."""
        if self.added is None:
            return [f"Whether responses to events add up was not tested: {self.reason}."]
        about = "a response of any shape that adds up over events"
        lines = []
        for row in self.table.itertuples():
            size = f"{row.ahead_by:.1f} \u00b1 {row.se:.1f}"
            if row.hypothesis == PAIRS and row.ahead:
                lines.append(f"Terms for pairs of events improve {about} by {size}: it does not.")
            elif row.hypothesis == PAIRS:
                lines.append(f"Terms for pairs of events do not improve {about} ({size}).")
            elif row.ahead:
                lines.append(
                    f"{row.hypothesis} is ahead of {about} by {size}: that the response is cut "
                    "off at baseline is supported beyond its shape."
                )
            elif row.behind:
                size = size.replace("-", "", 1)
                lines.append(f"{row.hypothesis} is behind {about} by {size}.")
            elif row.hypothesis != ANY_SHAPE:
                lines.append(
                    f"{row.hypothesis} and {about} cannot be told apart ({size}): that the "
                    "response is cut off at baseline does not follow from these data."
                )
        poor = [row.hypothesis for row in self.table.itertuples() if not row.pareto_k < POOR]
        end = "These differences are of left-out subjects, by approximate posteriors"
        end += f", rough for {', '.join(poor)} (Pareto k above {POOR})." if poor else "."
        return [*lines, end, *([f"Left out: {self.reason}."] if self.reason else [])]

    def _table_shown(self) -> pd.DataFrame:
        return self.table

    def __repr__(self) -> str:
        return "\n".join(self.told)


@single_threaded()
@takes(fits=Mapping)
def superposition(
    fits: Mapping[str, Fit], *, seed: int, progress: Progress | None = None
) -> Superposition:
    """Hold hypotheses that cut the response off at baseline against one that only adds up.

    Parameters
    ----------
    fits : mapping of str to Fit
        As ranked, best first. Of those that cut off, the first that reads above baseline alone and
        the first that reads below it alone are taken.
    seed : int
        Source of the draws.
    progress : Progress, optional
        Where progress is shown.

    Returns
    -------
    Superposition
        With a reason, and no table, where it cannot be computed.
    """
    show = Progress() if progress is None else progress
    cut = {name: fits[name].model for name in _cut_off(fits)}
    if not cut:
        return _nothing("no hypothesis cuts the response off at baseline")
    first = next(iter(cut))
    model, study = fits[first].model, fits[first].study
    elpd, k, reasons = {}, {}, []
    show.phase("adding up", f"{ANY_SHAPE}, beside {', '.join(cut)}")
    try:
        linear, wide = any_shape(model, study)
        added, elpd[ANY_SHAPE], k[ANY_SHAPE] = _scored(linear, wide, seed)
    except DopafitError as error:
        show.done("not possible")
        return _nothing(error.wrong)
    try:
        _, elpd[PAIRS], k[PAIRS] = _scored(*pair_terms(linear, wide, model), seed)
    except DopafitError as error:
        reasons.append(f"terms for pairs of events: {error.wrong}")
    for name, claim in cut.items():
        try:
            _, elpd[name], k[name] = _scored(claim, study, seed)
        except DopafitError as error:
            reasons.append(f"{name}: {error.wrong}")
    subjects = [str(i) for i in range(len(elpd[ANY_SHAPE]))]
    rows = []
    for name, values in elpd.items():
        gap = difference(values, elpd[ANY_SHAPE], subjects)
        rows.append(
            {
                "hypothesis": name,
                "elpd": float(values.sum()),
                "ahead_by": gap.total,
                "se": gap.se,
                "ahead": gap.ahead,
                "behind": difference(elpd[ANY_SHAPE], values, subjects).ahead,
                "pareto_k": k[name],
            }
        )
    found = Superposition(pd.DataFrame(rows), added, "; ".join(reasons))
    show.done(", ".join(f"{row['hypothesis']} {row['ahead_by']:+.1f}" for row in rows[1:]))
    return found


def response(found: Superposition, fit: Fit, *, draws: int = 500) -> pd.DataFrame:
    """Return the response of any shape beside that of a fit, on the outcomes' own scale.

    Parameters
    ----------
    found : Superposition
        With a response of any shape.
    fit : Fit
        A fit whose trace moves something.
    draws : int
        Draws of each that bands are made from.

    Returns
    -------
    DataFrame
        `channel`, `words`, `unit`, `source` (``any_shape`` or the hypothesis), `time` [s] since
        one unit event, `median`, `lower_90`, `upper_90`: the typical outcome of a subject in the
        middle of the population, columns that the trace follows at 0 or their reference. No row
        for a channel that has no typical outcome.
    """
    time, bumps = basis(fit.model, POINTS)
    free, own = Middle(found.added, found.added.thinned(draws)), Middle(fit, fit.thinned(draws))
    new = found.added.study.observations.columns.difference(fit.study.observations.columns)
    rows = []
    for channel in fit.model.channels:
        how, name = channel.typical_words, f"{channel.prefix}_{channel.moves}"
        design = found.added.layout.designs.get(name)
        if how is None or design is None:
            continue
        effects, means = free.effects(name), design.fixed.mean(axis=0)
        weights = np.array([effects[f"{AFTER}{k + 1}"] for k in range(bumps.shape[1])])
        # at rest no event has come; a typical outcome has columns at their means
        usual = sum(m * effects[c] for c, m in zip(design.columns, means, strict=True) if c in new)
        moved = {
            ANY_SHAPE: (free, bumps @ weights - usual),
            fit.hypothesis: (own, own.after(channel, time)),
        }
        for source, (middle, change) in moved.items():
            middling = np.broadcast_to(middle.typical(channel, change), change.shape)
            low, median, high = np.quantile(middling, [0.05, 0.5, 0.95], axis=1)
            rows.append(
                pd.DataFrame(
                    {"channel": channel.prefix, "words": how.words, "unit": how.unit,
                     "source": source, "time": time, "median": median, "lower_90": low,
                     "upper_90": high}
                )
            )  # fmt: skip
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _nothing(reason: str) -> Superposition:
    return Superposition(pd.DataFrame(), reason=reason)


def _scored(model: Model, study: Study, seed: int) -> tuple[Fit, np.ndarray, float]:
    """Return an approximate posterior, elpd by subject and the approximation's Pareto k."""
    fit, log_subject = explored(model, study, seed=seed, draws=DRAWS)
    k = next(item.value for item in fit.verdict.items if item.name == "Pareto k")
    return fit, loo(log_subject).elpd_i, k


def _cut_off(fits: Mapping[str, Fit]) -> Iterator[str]:
    """Yield the first that reads above alone, and the first that reads below alone."""
    for above in (True, False):
        for name, fit in fits.items():
            if _one_lobe(fit.model, above):
                yield name
                break


def _one_lobe(model: Model, above: bool) -> bool:
    drives: list[type[Drive]] = [drive for drive in model.drives.values() if drive.gains]
    return bool(drives) and all(
        drive.rectified and drive.reads_above == above and drive.reads_below != above
        for drive in drives
    )
