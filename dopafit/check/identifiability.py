"""What the data said about each parameter, and what a convention said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dopafit.backend.diagnostics import scalars
from dopafit.check.sensitivity import sensitivity
from dopafit.core.arguments import takes
from dopafit.core.shown import Shown
from dopafit.fit.fit import Fit
from dopafit.model.equations import against, conventions
from dopafit.model.layout.coordinates import on_link
from dopafit.study.lasting import input_of
from dopafit.trace.kernel import Kernel

__all__ = ["Identifiability", "identifiability"]

NOT_INFORMED, WEAKLY = 0.2, 0.5
"""Contractions below the first say nothing was learned, below the second little."""

BASELINE = "0: the baseline level is not identified; the resting predictor is"


@dataclass(frozen=True, eq=False)
class Identifiability(Shown):
    """The identifiability card of one fit.

    Parameters
    ----------
    table : DataFrame
        One row a parameter: `status`, `contraction` (1 - posterior over prior variance, on the
        scale on which effects add up), `prior_sd`, `posterior_sd`, `shift` (of the median, in prior
        standard deviations), `convention`, and how far it moves when prior or likelihood are made
        stronger (`prior_sensitivity`, `data_sensitivity`, `sensitivity` in words; see
        `dopafit.check.sensitivity`).
    notes : tuple of str
        Sentences that go with every fit.
    stamps : tuple of str
        What must be said of the fit: not converged, simulated.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]
    stamps: tuple[str, ...] = ()

    def _table_shown(self) -> pd.DataFrame:
        return self.table.set_index("parameter")

    def __repr__(self) -> str:
        lines = [
            f"  {r.parameter}: {r.status}"
            + (f" (contraction {r.contraction:.2f})" if np.isfinite(r.contraction) else "")
            for r in self.table.itertuples()
        ]
        return "\n".join(
            ["Identifiability card", *self.stamps, *lines, *(f"  {n}" for n in self.notes)]
        )


@takes(fit=Fit)
def identifiability(fit: Fit, *, scaling: bool = True) -> Identifiability:
    """Compare posterior with prior for every population quantity and list the conventions.

    Parameters
    ----------
    fit : Fit
        A fit.
    scaling : bool
        Compute the sensitivities too; they need the likelihood of a thousand draws.
    """
    parameters, rows = fit.model.parameters, []
    prior, posterior = fit.prior, fit.posterior
    for name in posterior.data_vars:
        name = str(name)
        if name.endswith("_group"):
            continue
        link = (
            parameters[name].link
            if name in parameters
            else ("log" if name.endswith("_sd") else "identity")
        )
        derived = name not in parameters and not name.endswith(("_effect", "_sd"))
        labels, drawn, _ = scalars(posterior[[name]])
        for label, before, after in zip(labels, scalars(prior[[name]])[1], drawn, strict=True):
            # a derived quantity's prior may have no variance to speak of, its quantiles do
            with np.errstate(divide="ignore"):  # nor does a draw at the end of its range matter
                before, after = on_link(link, before), on_link(link, after)
            wide, narrow = _spread(before), _spread(after)
            moved = float(np.median(after) - np.median(before))
            contraction = 1.0 - (narrow / wide) ** 2 if wide > 0 else np.nan
            rows.append(
                {
                    "parameter": label,
                    "unit": posterior[name].attrs.get("unit", ""),
                    "status": "derived" if derived else _status(contraction),
                    "contraction": contraction,
                    "prior_sd": wide,
                    "posterior_sd": narrow,
                    "shift": moved / wide if wide > 0 else np.nan,
                    "convention": against(label.partition("[")[2], fit.model.reference)
                    if name.endswith("_effect")
                    else "",
                }
            )
    fixed = [
        (name, parameter.unit, f"{parameter.fixed:g}: {parameter.convention}")
        for name, parameter in parameters.items()
        if parameter.prior is None
    ]
    fixed.append(("baseline", "trace", BASELINE))
    known = {"status": "fixed by convention", "prior_sd": 0.0, "posterior_sd": 0.0}
    rows += [
        {"parameter": name, "unit": unit, "convention": words, **known}
        for name, unit, words in fixed
    ]
    table = pd.DataFrame(rows)
    if scaling:
        table = table.join(sensitivity(fit), on="parameter").fillna({"sensitivity": ""})
    stamps = () if fit.verdict.converged else (fit.verdict.stamp,)
    stamps += ("SIMULATED DATA",) if fit.study.simulated else ()
    notes = (*conventions(fit.model, fit.study), *_correlations(fit))
    return Identifiability(table, notes, stamps)


def _spread(values: np.ndarray) -> float:
    """Robust standard deviation: the central 68 % of the draws, halved."""
    low, high = np.quantile(np.asarray(values).ravel(), [0.15865525393, 0.84134474607])
    return float(high - low) / 2


def _status(contraction: float) -> str:
    if not np.isfinite(contraction) or contraction < NOT_INFORMED:
        return "not informed by your data"
    return "weakly informed" if contraction < WEAKLY else "informed"


def _correlations(fit: Fit) -> list[str]:
    """Say what gains trade with, and how many events can tell the drives apart."""
    kernel, found = Kernel.named(fit.model.kernel), []
    partner = kernel.trades_with_gains
    if partner in fit.posterior:
        against = np.log(fit.posterior[partner].values.ravel())
        for name in fit.model.gains:
            if name in fit.posterior:
                gain = fit.posterior[name].values.ravel()
                if not np.ptp(gain) or not np.ptp(against):  # one draw has all the weight
                    continue
                correlation = np.corrcoef(gain, against)[0, 1]
                found.append(
                    f"Posterior correlation of {name} with ln {partner}: {correlation:.2f}."
                )
    share = close_pairs(fit)
    if share is not None:
        label = kernel.landmark_words[kernel.overlap].label
        found.append(
            f"{share:.0%} of successive events are closer than the median time to {label}; "
            "only overlapping events tell a rectified drive from a linear one."
        )
    return found


def close_pairs(fit: Fit) -> float | None:
    """Return the share of successive events of a session closer than the kernel's `overlap`.

    The landmark's posterior median counts; None where the response or the study has no such pair.
    """
    landmark = Kernel.named(fit.model.kernel).overlap
    if landmark not in fit.posterior:
        return None
    events = fit.study.events
    if fit.model.events is not None:
        events = events[events["kind"].isin(fit.model.events)]
    ends = events["time"] + input_of(events)[0]  # of an event's input
    before = ends.groupby([events["subject"], events["session"]], sort=False).shift()
    gaps = (events["time"] - before).dropna()
    if gaps.empty:
        return None
    return float((gaps < float(fit.posterior[landmark].median())).mean())
