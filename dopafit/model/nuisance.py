"""What moves behaviour besides events, in every hypothesis alike: time, the acts' past, sessions.

Without a term for time on task a slow kernel imitates practice, satiety or any trend; without the
acts' own past, events that acts cause take the credit for bouts of acts. The terms are computed
once, on the whole study, and stand with their numbers in the model's formulas and channels: refits
of a part of the study and simulations use the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from dopafit.channel import Channel
from dopafit.core.arguments import takes
from dopafit.core.component import Parameter
from dopafit.core.curve import waves
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.model.claim import Model
from dopafit.model.formula.language import Call, Parsed, number_text
from dopafit.model.formula.parse import parse
from dopafit.model.given import is_finite
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["ALL", "NONE", "curves", "nuisance_words", "usual_prior", "with_curve_sd",
           "with_nuisance"]  # fmt: skip

ALL: Mapping[str, bool | float] = MappingProxyType(
    {"time_on_task": True, "history": True, "sessions": True}
)
"""The nuisance terms of an analysis unless it says otherwise."""

NONE: Mapping[str, bool | float] = MappingProxyType(dict.fromkeys(ALL, False))

REACH = 4 * np.log(2) ** 2
"""Reach of a response over the typical spacing: four half-lives at the centre of their prior."""

MOST_WAVES = 5
"""Pairs of columns of a curve: what behaviour in long sessions can bear, and tells well enough."""

LATE = 0.95
"""Share of the sessions that last until a curve's end; it is held constant after."""


@takes(model=Model, study=Study)
def with_nuisance(
    model: Model,
    study: Study,
    *,
    time_on_task: bool | float = True,
    history: bool = True,
    sessions: bool = True,
) -> Model:
    """Return a model with nuisance terms in the predictors that its drives compete for.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The whole study, on which knots and scales are computed.
    time_on_task : bool or float
        A curve over session time, dense early where practice is, and a straight line for each
        subject. The curve's prior standard deviation is that of differences between subjects, on
        the predictor's own scale; a number multiplies it. No wave of the curve is shorter than
        four times the reach of one response, once the first few events are over. A formula that
        has a curve of its own keeps it.
    history : bool
        Three scales of the acts' own past, for channels of acts that state none.
    sessions : bool
        An intercept for each session, where a subject has several.

    Returns
    -------
    Model
        An ordinary model: the terms stand in its formulas, channels and priors.

    Raises
    ------
    SpecError
        A term that is neither on nor off; a formula that does not fit.

    Examples
    --------
    >>> from dopafit import Choice, load_dataset
    >>> model = with_nuisance(Model(channels=[Choice("pursue")]), load_dataset("cue-pursuit"))
    >>> model.effects["choice_rest"].partition(" + (")[0]
    '1 + smooth(time, 15, 345, 30, 115.3)'
    """
    factor = 1.0 if isinstance(time_on_task, bool) else time_on_task
    if not is_finite(factor) or factor <= 0 or not {type(history), type(sessions)} <= {bool}:
        raise SpecError(
            f"nuisance: time_on_task={time_on_task!r}, history={history!r}, sessions={sessions!r}",
            allowed="True or False; time_on_task also a number above 0, which multiplies the sd",
            todo="correct the term, or leave it out",
        )
    channels = [channel.with_own_past(study) if history else channel for channel in model.channels]
    several = sessions and bool(study.sessions["subject"].duplicated().any())
    effects: dict[str, str] = {}
    priors: dict[str, Prior] = {}
    for channel in channels:
        numbers = _curve(channel, study, model.typical_spacing) if time_on_task else []
        for name in _predictors(channel):
            parsed = parse(model.effects.get(name, "1"), f"effects: {name}")
            terms = [parsed.canonical]
            if numbers and not curves(parsed):
                curve = f"smooth(time, {', '.join(numbers)})"
                terms += [curve, f"(0 + line(time, {', '.join(numbers[:2])}) | subject)"]
                usual = usual_prior(model.parameters[name])
                priors[f"{name}_effect[{curve}]"] = Prior.normal(0, factor * usual.scale)
            if several and not _by_session(parsed, study):
                terms.append("(1 | subject:session)")
            effects[name] = parse(" + ".join(terms), f"effects: {name}").canonical
    return model.with_terms(channels, effects, priors)


@takes(model=Model)
def with_curve_sd(model: Model, factor: float) -> Model:
    """Return a model whose curves over session time have another prior standard deviation.

    Parameters
    ----------
    model : Model
        A claim, with nuisance terms or with curves of its own.
    factor : float
        Multiplies the prior standard deviation of every curve's columns.

    Returns
    -------
    Model
        The same model where it has no curve.

    Examples
    --------
    >>> model = Model(effects={"choice_rest": "smooth(time, 15, 345, 30, 115.3)"})
    >>> wider = with_curve_sd(model, 2.0)
    >>> wider.prior_of("choice_rest", "effect", "smooth(time, 15, 345, 30, 115.3)[cos1]").scale
    1.0
    """
    priors = {}
    for name, formula in model.effects.items():
        for curve in curves(parse(formula, f"effects: {name}")):
            for label in curve.labels:
                column = f"{curve.text}[{label}]"
                prior = model.prior_of(name, "effect", column)
                priors[f"{name}_effect[{column}]"] = replace(prior, scale=factor * prior.scale)
    return replace(model, priors={**model.priors, **priors}) if priors else model


def nuisance_words(model: Model, study: Study) -> list[str]:
    """Say which nuisance terms a model has, and which it does without.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        Its study.

    Returns
    -------
    list of str
        Sentences; those on the acts' past and on sessions only where there can be such terms.
    """
    curve, own_past, sessions = [], [], []
    several = bool(study.sessions["subject"].duplicated().any())
    for channel in model.channels:
        for name in _predictors(channel):
            parsed = parse(model.effects.get(name, "1"), f"effects: {name}")
            told = [_sized(model, name, call) for call in curves(parsed)]
            curve.append((name, f"{name} ({told[0]})" if told else ""))
            if several:
                sessions.append((name, name if _by_session(parsed, study) else ""))
        past = channel.own_past()
        if past is not None:
            times = f"{channel.prefix} ({', '.join(f'{tau:g}' for tau in past)} s)"
            own_past.append((channel.prefix, times if past else ""))
    return [
        *_said("A curve over session time", curve),
        *_said("The acts' own past, over some time constants,", own_past),
        *_said("An intercept for each session", sessions),
    ]


def usual_prior(parameter: Parameter) -> Prior:
    """Return the prior of a curve's columns: as wide as that of differences between subjects."""
    return Prior.normal(0, parameter.spread.scale)


def _said(what: str, told: list[tuple[str, str]]) -> list[str]:
    """Say where a term is, and where it is not."""
    present = [words for _, words in told if words]
    absent = [name for name, words in told if not words]
    found = [f"{what} is in {', '.join(present)}."] if present else []
    return found + ([f"{what} is not in {', '.join(absent)}."] if absent else [])


def _sized(model: Model, name: str, curve: Call) -> str:
    """Return the prior sd of a curve's columns with the scale it is on."""
    prior = model.prior_of(name, "effect", f"{curve.text}[{curve.labels[0]}]")
    unit = model.parameters[name].unit
    return f"prior sd {prior.scale:g}{'' if unit == '1' else f' {unit}'}"


def _predictors(channel: Channel) -> list[str]:
    """Return the resting predictor and, where it is another, the one that motivation adds to."""
    return list(dict.fromkeys(f"{channel.prefix}_{own}" for own in ("rest", channel.moves)))


def curves(parsed: Parsed) -> list[Call]:
    """Return the curves over session time among a formula's terms."""
    single = [term[0] for term in parsed.terms if len(term) == 1]
    return [f for f in single if f.text.startswith("smooth(time,")]


def _by_session(parsed: Parsed, study: Study) -> bool:
    """Whether a formula has an intercept for each session."""
    keys = {"session"} if not study.sessions["session"].duplicated().any() else set(KEYS)
    groups = [{c.name for c in part.columns} for part in parsed.groups if part.intercept]
    return any(keys <= group <= set(KEYS) for group in groups)


def _curve(channel: Channel, study: Study, spacing: float) -> list[str]:
    """Return the numbers of `smooth` over session time; none where times hardly differ."""
    table = study.tables[channel.table]
    if channel.table == "observations" and len(table):
        times = table["time"].to_numpy(float)
        start, last = times.min(), table.groupby(KEYS)["time"].max()
        waves_known = np.unique(times).size // 4
    else:
        start, last = study.windows["start"].min(), study.windows.groupby(KEYS)["end"].max()
        waves_known = MOST_WAVES
    if not len(last):
        return []
    end = float(np.quantile(last.to_numpy(float), LATE, method="higher"))
    if waves_known < 1 or not end > start:
        return []
    options = {"start": float(start), "end": end, "first": spacing, "widest": 2 * REACH * spacing}
    while waves(options) > min(waves_known, MOST_WAVES):
        wide = "widest" if options["widest"] < end - start else "first"
        options[wide] *= 1.1
    return [number_text(float(f"{value:.4g}")) for value in options.values()]
