"""A model in words, in LaTeX and as a table of parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dopafit.drive import RECTIFIER
from dopafit.model.formula.language import Previous
from dopafit.model.layout.events import moving_events
from dopafit.model.layout.magnitude import unit_event
from dopafit.model.notation import (
    RECTIFIED,
    at_one,
    bar,
    drives,
    motivation,
    place,
    plain,
)
from dopafit.study.lasting import input_of
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel

__all__ = [
    "against",
    "conventions",
    "describe",
    "drive_words",
    "event_in_words",
    "latex",
    "parameter_table",
]


def parameter_table(model: object) -> pd.DataFrame:
    """Return one row per parameter: name, meaning, unit, link, prior or fixed value, formula."""
    rows = []
    for name, parameter in model.parameters.items():
        rows.append(
            {
                "parameter": name,
                "meaning": parameter.meaning,
                "unit": parameter.unit,
                "link": parameter.link,
                "prior": str(parameter.prior)
                if parameter.prior
                else f"fixed at {parameter.fixed:g}",
                "formula": model.effects.get(name, "1"),
                "convention": parameter.convention,
                "reason": parameter.reason,
            }
        )
    return pd.DataFrame(rows)


def event_in_words(model: object, study: Study | None = None) -> str:
    """Say what one unit event of a model is; with the study also whether that is its median."""
    events = None if study is None else moving_events(model, study)
    return unit_event(model.unit_magnitude, events)


def conventions(model: object, study: Study | None = None) -> list[str]:
    """Return the constraints without which the model is not identified, as sentences.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study, optional
        Its study, to say what one unit event is in it.
    """
    lines = ["The baseline level is not identified; the resting predictor is (baseline := 0)."]
    if model.moved:
        lines += [*_unit(model)]
        if any(RECTIFIED in drive.latex for drive in drives(model)):
            lines.append(f"The rectifier's softness is fixed at {RECTIFIER:g} peak units.")
        lines += [
            f"One unit event is {event_in_words(model, study)}.",
            *_lasting(model, study),
            *_common(model),
            "Baseline and response in absolute units, and the gain apart from the peak, cannot be "
            "learned from behaviour.",
        ]
    lines += [
        f"{name} is fixed at {p.fixed:g}: {p.convention}."
        for name, p in model.parameters.items()
        if p.prior is None and name not in Kernel.elsewhere
    ]
    lines += [
        f"Effects of {column} are differences from {column} = {level}."
        for column, level in model.reference.items()
    ]
    return lines + _row_before(model)


def _row_before(model: object) -> list[str]:
    """Say what is taken of the row before, and what leaving a trial out means then."""
    columns = [c for parsed in model.formulas.values() for c in parsed.columns]
    terms = {c.name: c.of for c in columns if isinstance(c, Previous)}
    lines = [
        f"{term} is {column} in the session's row before, less 1/2 if its values are 0 and 1, else "
        "less its mean (of levels, less each one's share); it is 0 where no row is before, or no "
        "value in it."
        for term, column in terms.items()
    ]
    given = [channel.prefix for channel in model.channels if channel.sequential]
    if given:
        lines.append(
            f"A row of {', '.join(given)} is given the session's row before; rows without an "
            "outcome are passed over."
        )
    if lines:
        lines.append("A trial that is left out still counts as the row before the next one.")
    return lines


def _unit(model: object) -> list[str]:
    """Say what the unit of the trace is, where the model fixes it."""
    peak = model.parameters.get("peak")
    if peak is None or peak.prior is not None:
        return []
    if peak.fixed == 1.0:
        whose = "The population's peak" if "peak" in model.formulas else "The peak"
        return [f"{whose} after one unit event is the unit of the trace (peak := 1)."]
    return [f"The population's peak after one unit event is fixed at {peak.fixed:g}."]


def _lasting(model: object, study: Study | None) -> list[str]:
    """Say how many events last, and what their magnitude then is."""
    if study is None:
        return []
    duration, ramp = input_of(moving_events(model, study))
    lasts = duration > 0
    if not lasts.any():
        return []
    return [
        f"{lasts.sum()} of {lasts.size} events last (median {np.median(duration[lasts]):g} s): "
        f"the magnitude is the integral of their input, which is constant meanwhile "
        f"({(lasts & ~ramp).sum()}) or rises linearly from 0 ({(lasts & ramp).sum()})."
    ]


def _common(model: object) -> list[str]:
    """Say which of gain and peak differ between whom."""
    found, lines = model.formulas, []
    common = [name for name in model.gains if name not in found]
    if len(common) == len(model.gains):
        lines.append("A channel's gain is common to all subjects and sessions.")
    elif common:
        lines.append(f"Common to all subjects and sessions: {', '.join(common)}.")
    if "peak" in found:
        factors = list(dict.fromkeys(part.label for part in found["peak"].groups))
        who = [f"{factor}s" if factor.isalpha() else f"levels of {factor}" for factor in factors]
        if who:
            lines.append(f"{' and '.join(who).capitalize()} differ in their peak.")
    return lines


def against(label: str, reference: Mapping[str, str]) -> str:
    """Say what the effect of a term is a difference from, e.g. "against drug = placebo".

    Parameters
    ----------
    label : str
        Label of the effect, e.g. ``drug[precursor]:context[novel]``.
    reference : mapping of str to str
        Reference level by column.
    """
    parts = [
        f"{column} = {level}"
        for column, level in reference.items()
        if any(
            part.startswith((f"{column}[", f"C({column},", f"C({column})"))
            for part in label.split(":")
        )
    ]
    return f"against {', '.join(parts)}" if parts else ""


def drive_words(model: object) -> str:
    """Say what moves pursuit under a model."""
    moving = drives(model)
    told = [(", ".join(names), drive.words) for drive, names in moving.items()]
    return told[0][1] if len(told) == 1 else "; ".join(f"{who}: {words}" for who, words in told)


def latex(model: object) -> list[str]:
    """Return the model's equations, from the events to the differences between group members."""
    moving, lines = drives(model), []
    if model.moved:
        kernel = Kernel.named(model.kernel)
        lines += [line for line in (kernel.train, kernel.latex) if line]
    for drive, channels in moving.items():
        if drive.latex:
            lines.append(drive.latex if len(moving) == 1 else _label(channels) + drive.latex)
    if any(RECTIFIED in drive.latex for drive in moving):
        lines.append(rf"{RECTIFIED}(u) = k \ln(1 + e^{{u/k}}) - k \ln 2")
    predictors: dict[str, list[str]] = {}
    for channel in model.channels:
        if channel.latex:
            lines.append(rf"\text{{{channel.prefix}}}:\ {channel.latex}")
        own = " ".join(channel.predictor_terms())
        moved = [f"{gain} {what}" for gain, what in motivation(model.drives[channel.prefix])]
        changed = place(model, f"{channel.prefix}_{channel.moves}").symbol
        terms = " + ".join([changed, *moved])
        if channel.moves == "rest":
            text = rf"\eta = {terms} {own}".strip()
        else:
            text = rf"\eta = {place(model, f'{channel.prefix}_rest').symbol} {own}".strip()
            text += rf",\quad {changed}(t) = {terms}"
        predictors.setdefault(text, []).append(channel.prefix)
    lines += [f"{_label(names)}{text}" for text, names in predictors.items()]
    return lines + _effects(model)


def _label(channels: list[str]) -> str:
    return rf"\text{{{', '.join(plain(name) for name in channels)}}}:\ "


def _effects(model: object) -> list[str]:
    """Return how parameters vary: fixed effects and the deviations of group members."""
    shared: dict[str, list[str]] = {}
    factors: dict[str, None] = {}
    for name, parsed in model.formulas.items():
        where, link = place(model, name), model.parameters[name].link
        scale = {"identity": "{}", "log": r"\ln {}", "logit": r"\mathrm{{logit}}({})"}[link]
        terms = [] if at_one(model, name) else [scale.format(bar(where.symbol))]
        terms += [r"z \cdot \beta"] if parsed.terms else []
        for part in parsed.groups:
            deviation = rf"\gamma_{{\text{{{plain(part.label)}}}}}"
            terms += [deviation] if part.intercept else []
            terms += [rf"z \cdot {deviation}"] if part.terms else []
            factors[plain(part.label)] = None
        line = f"{scale.format(where.symbol)} = {' + '.join(terms)}"
        shared.setdefault(line, []).append(where.channel)
    lines = [
        (_label(channels) if all(channels) else "") + line for line, channels in shared.items()
    ]
    return lines + [
        rf"\gamma_{{\text{{{f}}}}} \sim N(0,\, \omega_{{\text{{{f}}}}}^2)" for f in factors
    ]


def describe(model: object) -> str:
    """Return the readable form of a model: claim, channels, parameters with priors, conventions."""
    told = f"{model.drive} drive" if isinstance(model.drive, str) else model.hypothesis
    named = "" if model.hypothesis in (model.drive, told) else f"{model.hypothesis}, "
    head = [
        f"Model: {named}{told} ({drive_words(model)})",
        f"  kernel   {model.kernel}, events {', '.join(model.events or ['of every kind'])}, "
        f"typical spacing {model.typical_spacing:g} s",
    ]
    head += [f"  channel  {c.prefix}: {c.outcome}" for c in model.channels]
    table = parameter_table(model)
    width = int(table["parameter"].str.len().max())
    prior = int(table["prior"].str.len().max())
    body = [
        f"  {row.parameter:<{width}}  {row.prior:<{prior}}  ~ {row.formula}  [{row.unit}]"
        for row in table.itertuples()
    ]
    return "\n".join(
        [*head, "parameters", *body, "conventions", *(f"  {c}" for c in conventions(model))]
    )
