"""The same question by other analyses that would have been as defensible, and what held in them.

Source: multiverse analysis, Steegen, Tuerlinckx, Gelman & Vanpaemel 2016, Perspectives on
Psychological Science 11:702; its figure, the specification curve, Simonsohn, Simmons & Nelson 2020,
Nature Human Behaviour 4:1208. Recalled, not re-read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.drive import Drive
from dopafit.fit.effects import PEAK, TROUGH, contrast_effects, lobe_effects
from dopafit.fit.fit import Fit
from dopafit.model.analysis import Analysis, read_analysis
from dopafit.model.analysis_file import Headline, Multiverse
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.nuisance import with_nuisance
from dopafit.model.rivals import RIVALS, family_of
from dopafit.model.rivals import TROUGH as TROUGH_FAMILY
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel

__all__ = ["CHOICES", "MOST", "Specification", "effect_rows", "headline", "specifications",
           "summarised"]  # fmt: skip

MOST = 24
"""Specifications of a multiverse that the analysis does not state."""

CHOICES = ("drive", "kernel", "time_on_task", "history", "sessions", "kernel_prior", "gain_prior")
"""What a specification chooses."""

NUISANCE = CHOICES[2:5]


@dataclass(frozen=True, eq=False)
class Specification:
    """One way to analyse the study.

    Parameters
    ----------
    choices : mapping of str to value
        Of `CHOICES`: names of drive and kernel, nuisance terms as in `with_nuisance`, and what the
        standard deviations of the priors of the kernel's parameters and of gains are multiplied by.
    model : Model
        The claim, with its nuisance terms.
    own : bool
        Whether it is what the analysis itself does.
    """

    choices: Mapping[str, Any]
    model: Model
    own: bool


def specifications(analysis: Analysis, study: Study) -> list[Specification]:
    """Return every specification of an analysis's multiverse, its own first.

    Drives and kernels are crossed with changes of the rest, one at a time unless the analysis says
    otherwise. What makes no difference (a prior of gains where there are none, the acts' past where
    there are no acts) makes no specification.

    Parameters
    ----------
    analysis : Analysis
        States its multiverse, or gets a small one: its own hypothesis with a trough, and the
        encompassing one and the sharp trough as far as `MOST` specifications go.
    study : Study
        The whole study, without what the analysis leaves out.

    Raises
    ------
    SpecError
        No drive and kernel go together, or none has a trace.
    """
    universe = analysis.multiverse or Multiverse()
    models = _hypotheses(analysis, universe)
    found: dict[str, Specification] = {}
    for model in models:
        more = dict(found)
        for options in _options(analysis, universe):
            wide = _widened(model, options["kernel_prior"], options["gain_prior"])
            made = with_nuisance(wide, study, **{name: options[name] for name in NUISANCE})
            choices = {"drive": _drive(model), "kernel": model.kernel} | options
            more.setdefault(made.hash, Specification(choices, made, own=not more))
        if analysis.multiverse is None and found and len(more) > MOST:
            break
        found = more
    return list(found.values())


def _hypotheses(analysis: Analysis, universe: Multiverse) -> list[Model]:
    """Return a model for each drive and kernel that go together; the analysis's own first."""
    trough = [model for model in analysis.models.values() if model.family == TROUGH_FAMILY]
    moved = [model for model in analysis.models.values() if model.moved]
    if not moved:
        raise SpecError(
            "no hypothesis of the analysis has a trace, so no size could change",
            allowed="an analysis with a drive",
            todo="name one, e.g. drives: [trough]",
        )
    base = (trough or moved)[0]
    pairs = [(_drive(base), base.kernel)]
    if universe.drives is None and universe.kernels is None:
        known = [(rival.drive, rival.kernel) for rival in RIVALS.values() if rival.kernel]
        # both lobes with effects of their own, then other shapes of a trough
        pairs += [pair for pair in known if len(Drive.named(pair[0]).gains) > 1]
        pairs += [p for p in known if family_of([Drive.named(p[0])], p[1]) == TROUGH_FAMILY]
    else:
        drives = [str(Drive.named(name).name) for name in universe.drives or [_drive(base)]]
        kernels = [str(Kernel.named(name).name) for name in universe.kernels or [base.kernel]]
        pairs = [pair for pair in product(drives, kernels) if _together(*pair)]
        pairs.sort(key=lambda pair: pair != (_drive(base), base.kernel))
    if not pairs:
        raise SpecError(
            "multiverse: no drive goes with any of the kernels",
            allowed="drives whose scale the kernel's response has",
            todo="add a kernel, e.g. kernels: [opponent]",
        )
    named = {f"{drive}_{kernel}": (drive, kernel) for drive, kernel in dict.fromkeys(pairs)}
    own = {(_drive(model), model.kernel): model for model in (*moved, *trough)}
    others = {name: pair for name, pair in named.items() if pair not in own}
    made = read_analysis(analysis.path, hypotheses=others).models if others else {}
    return [made[name] if name in made else own[pair] for name, pair in named.items()]


def _drive(model: Model) -> str:
    """Return the name of a model's drive; of the hypothesis where channels differ in theirs."""
    return model.drive if isinstance(model.drive, str) else model.hypothesis


def _together(drive: str, kernel: str) -> bool:
    return {*Drive.named(drive).scaled_by} <= {*Kernel.named(kernel).scales}


def _options(analysis: Analysis, universe: Multiverse) -> Iterator[dict[str, Any]]:
    """Yield the choices beside drive and kernel, the analysis's own first."""
    own = {name: analysis.nuisance[name] for name in NUISANCE}
    own |= {"kernel_prior": 1.0, "gain_prior": 1.0}
    values = {name: [own[name], *getattr(universe, name)] for name in own}
    if universe.combine == "all":
        # values that are stated, and no others
        stated = (list(dict.fromkeys(map(_factor, getattr(universe, name)))) for name in own)
        yield own
        yield from (dict(zip(own, each, strict=True)) for each in product(*stated))
        return
    yield own
    for name, others in values.items():
        yield from (own | {name: value} for value in others[1:])


def _factor(value: bool | float) -> bool | float:
    """Return True for a factor of 1: the same term."""
    return True if not isinstance(value, bool) and value == 1.0 else value


def _widened(model: Model, kernel: float, gain: float) -> Model:
    """Return a model with wider or narrower priors of its kernel's parameters and its gains."""
    factors = dict.fromkeys(Kernel.named(model.kernel).parameters, kernel)
    factors |= dict.fromkeys(model.gains, gain)
    priors = {}
    for name, factor in factors.items():
        prior = model.parameters[name].prior if name in model.parameters else None
        if prior is not None and factor != 1.0:
            priors[name] = replace(prior, scale=factor * prior.scale)
    return replace(model, priors={**model.priors, **priors}) if priors else model


def headline(analysis: Analysis, own: Model, study: Study) -> dict[str, str]:
    """Return which effect the multiverse is about, as the keys that name it in a table of effects.

    Parameters
    ----------
    analysis : Analysis
        States one, or gets that at the trough (else at the peak) on the file's first channel.
    own : Model
        The specification of the analysis itself.
    study : Study
        The whole study.

    Raises
    ------
    SpecError
        An effect that no model has.
    """
    asked = analysis.multiverse.effect if analysis.multiverse else Headline()
    if asked.parameter is not None or asked.level is not None:
        designs = build_layout(own, study).designs
        known = {
            f"{{parameter: {name}, level: {label}}}": (name, label)
            for name, design in designs.items()
            for label, against in design.contrasts.items()
            if against
        }
        if (asked.parameter, asked.level) not in known.values() or asked.at or asked.channel:
            told = {key: value for key, value in asked if value is not None}
            raise SpecError(
                f"multiverse: effect: {told} is no effect of a factor",
                allowed=", ".join(known) or "{channel: ..., at: ...}",
                todo="take one of those allowed",
            )
        return {"parameter": str(asked.parameter), "level": str(asked.level)}
    sized = [channel.prefix for channel in own.channels if channel.typical_words is not None]
    channel = asked.channel or next(iter(sized), "")
    if channel not in sized:
        wrong = f"multiverse: effect: no effects on {channel or 'any channel'} have a size"
        raise SpecError(wrong, given=channel, known=sized)
    below = own.drives[channel].reads_below and Kernel.named(own.kernel).goes_below
    return {"channel": channel, "at": asked.at or (TROUGH if below else PEAK)}


def effect_rows(fit: Fit) -> list[dict[str, Any]]:
    """Return the sizes of a fit's effects."""
    return [*lobe_effects(fit), *contrast_effects(fit)]


def summarised(rows: pd.DataFrame) -> list[str]:
    """Say in how many specifications sign and interval of the headline held.

    Parameters
    ----------
    rows : DataFrame
        One row a specification: `own`, `trusted`, `median`, `lower`, `upper`, `change`, `unit`.

    Returns
    -------
    list of str
        Sentences; an interval holds where it leaves out 0 on the side of the analysis's own median,
        or, where the analysis's own does not leave out 0, where it does not either.
    """
    sized = rows[np.isfinite(rows["median"].astype(float))]
    said = []
    if len(sized) < len(rows):
        missing = len(rows) - len(sized)
        said.append(f"{missing} of {len(rows)} specifications have no such effect or failed")
    poor = int((~sized["trusted"].astype(bool)).sum())
    if poor:
        said.append(f"{poor} of {len(sized)} cannot be trusted; they are counted, and marked")
    own = sized[sized["own"].astype(bool)]
    if not len(sized) or not len(own):
        return [*said, "the analysis's own specification gave no size to compare with"]
    mine = own.iloc[0]
    sign = 1.0 if mine["median"] >= 0 else -1.0
    same = int((sign * sized["median"] > 0).sum())
    clear = (sign * sized["lower"] > 0) & (sign * sized["upper"] > 0)
    doubt = "" if mine["trusted"] else ", which cannot be trusted"
    said.insert(0, f"the analysis's own: {shown(mine)}{doubt}")
    low, high = sized["median"].idxmin(), sized["median"].idxmax()
    said.insert(
        1, f"smallest and largest median: {shown(sized.loc[low])}, {shown(sized.loc[high])}"
    )
    said.insert(2, f"the sign held in {same} of {len(sized)} specifications")
    if clear[own.index[0]]:
        held = f"its 95 % interval left out 0 on that side in {int(clear.sum())} of {len(sized)}"
    else:
        apart = ((sized["lower"] > 0) | (sized["upper"] < 0)).sum()
        held = f"its 95 % interval includes 0, as in {len(sized) - int(apart)} of {len(sized)}"
    said.insert(3, held)
    return said


def shown(row: Mapping[str, Any] | pd.Series) -> str:
    """Return a size in words, e.g. ``12.0 points (8.1 to 16.0)``."""
    scale, unit = size_unit(row)
    low, middle, high = (scale * float(row[key]) for key in ("lower", "median", "upper"))
    return f"{middle:.3g}{unit} ({low:.3g} to {high:.3g})".replace("-", "\N{MINUS SIGN}")


def size_unit(row: Mapping[str, Any] | pd.Series) -> tuple[float, str]:
    """Return what a size is multiplied by to be shown, and its unit with a space before it."""
    own = f" {row['unit']}".rstrip()
    return {"points": (100.0, " points"), "ratio": (100.0, " %")}.get(row["change"], (1.0, own))
