"""What a run folder holds of a model, as plain data: the run's page is made from that alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.model.equations import (
    conventions,
    drive_words,
    event_in_words,
    latex,
    parameter_table,
)
from dopafit.model.notation import drives, symbols
from dopafit.model.nuisance import curves, nuisance_words, usual_prior
from dopafit.study.study import Study
from dopafit.trace.kernel import LOAD, Kernel

__all__ = ["model_record", "prior_records"]

REST = "weak: most plausible levels at rest are possible"
EFFECT = "modest effects are likely, large ones possible"
CURVE = "the curve may go as far as group members lie apart, so that no drive has to imitate it"
SPREAD = "positive; small differences between group members are likely, large ones possible"


def model_record(model: object, study: Study) -> dict[str, Any]:
    """Return the claim with every default filled in, and its components' words.

    Parameters
    ----------
    model : Model
        The claim, resolved over its study.
    study : Study
        For what one unit event is.

    Returns
    -------
    dict
        Plain data: `Model.to_dict`, and beside it ``hash``, ``family``, ``words`` (what the drive
        claims), ``level`` (how the trace answers events), ``overlap`` (the landmark before which
        another event has to come to tell drives apart), ``said`` (each channel's words and what its
        options add), ``unit_event``, ``equations_latex``, ``symbols``, ``conventions``,
        ``nuisance`` (sentences), ``parameters`` (see `prior_records`), ``derived`` (landmarks, by
        name: meaning, unit, phrase) and ``cites``.
    """
    kernel, moving = Kernel.named(model.kernel), drives(model)
    marks = {**kernel.landmark_words, "load": LOAD} if model.moved else {}
    components = [*([kernel] if model.moved else []), *moving, *model.channels]
    return model.to_dict() | {
        "hash": model.hash,
        "family": model.family,
        "words": drive_words(model),
        "level": kernel.words if model.moved else None,
        "overlap": marks[kernel.overlap].label if kernel.overlap in marks else None,
        "said": {channel.prefix: list(channel.said()) for channel in model.channels},
        "unit_event": event_in_words(model, study) if model.moved else None,
        "equations_latex": latex(model),
        "symbols": symbols(model),
        "conventions": conventions(model, study),
        "nuisance": nuisance_words(model, study),
        "parameters": prior_records(model),
        "derived": {
            name: {"meaning": mark.meaning, "unit": mark.unit, "phrase": mark.phrase}
            for name, mark in marks.items()
        },
        "cites": list(dict.fromkeys(text for member in components for text in member.cites)),
    }


def prior_records(model: object) -> list[dict[str, Any]]:
    """Return the parameters with their priors, and after each the priors of its effects.

    Returns
    -------
    list of dict
        Columns of `parameter_table`, and ``of`` (``"kernel"``, ``"drive"``, ``"channel"``,
        ``"gain"``; empty for effects and spreads), ``phrase``, ``default`` (the prior unless an
        analysis sets it) and ``changed`` (whether this one did).
    """
    plain = replace(model, priors={}, fixed={}).parameters
    owners = {name: "gain" for name in model.gains}
    owners |= {name: "kernel" for name in Kernel.named(model.kernel).parameters}
    owners |= {name: "drive" for drive in drives(model) for name in drive.parameters}
    rests, parsed, found = model.own_terms, model.formulas, []
    for entry in parameter_table(model).to_dict(orient="records"):
        name = entry["parameter"]
        parameter, default = model.parameters[name], str(plain[name].prior or "")
        found.append(
            entry
            | {
                "reason": parameter.reason or (REST if name in rests else ""),
                "of": owners.get(name, "channel"),
                "phrase": parameter.phrase,
                "default": default,
                "changed": name in model.priors or str(parameter.prior or default) != default,
            }
        )
        parts: dict[str, tuple[str, Prior | None, str]] = {}
        if name in parsed and parsed[name].terms:
            parts[f"{name}_effect"] = f"each effect on {name}", plain[name].effect, EFFECT
        if name in parsed and parsed[name].groups:
            words = f"standard deviation of {name} over group members"
            parts[f"{name}_sd"] = words, plain[name].spread, SPREAD
        for term, prior in rests.get(name, {}).items():
            parts[f"{name}_effect[{term}]"] = f"effect of {term} on {name}", prior, EFFECT
        found += [_part(model, key, parameter, *told) for key, told in parts.items()]
        for curve in curves(parsed[name]) if name in parsed else ():
            key = f"{name}_effect[{curve.text}]"
            if key in model.priors:
                told = f"effect of each wave of a curve over session time on {name}"
                usual = usual_prior(parameter)
                same = model.priors[key] == usual
                found.append(
                    _part(model, key, parameter, told, usual, CURVE) | {"changed": not same}
                )
    listed = {entry["parameter"] for entry in found}
    return found + [  # the prior of one effect
        {"parameter": name, "prior": str(prior), "formula": "1", "default": "", "changed": True}
        for name, prior in model.priors.items()
        if name not in listed
    ]


def _part(
    model: object, key: str, parameter: Parameter, meaning: str, default: Prior, reason: str
) -> dict[str, Any]:
    """Return the record of the prior of a parameter's effects, of one of them, or of its spread."""
    prior = model.priors.get(key, model.priors.get(key.partition("[")[0], default))
    return {
        "parameter": key,
        "meaning": meaning,
        "unit": parameter.unit if parameter.link == "identity" else parameter.link,
        "link": parameter.link,
        "prior": str(prior),
        "formula": "1",
        "reason": reason,
        "default": str(default),
        "changed": key in model.priors or prior != default,
    }
