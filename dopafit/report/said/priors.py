"""What each prior says before the data, and why it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dopafit.core.errors import DopafitError
from dopafit.core.prior import FAMILIES, Prior
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import between

if TYPE_CHECKING:
    from dopafit.model.claim import Model

__all__ = ["PriorRow", "read_prior", "rows"]

REASONS = {
    "trough_ratio": "a ratio of sizes is positive; a trough deeper than the peak stays possible",
    "recovery_half_life": "times are positive; centred on the typical spacing of events, wide",
    "onset_ratio": "the rise is usually faster than the recovery; wide",
    "gain_peak": "weak; one scale for every drive, because each is scaled to 1 at its own lobe",
    "gain_trough": "weak; one scale for every drive, because each is scaled to 1 at its own lobe",
    "rest": "weak: most plausible levels at rest are possible",
    "effect": "modest effects are likely, large ones possible",
    "sd": "positive; small differences between group members are likely, large ones possible",
}
OTHER = "weak: keeps the sampler within plausible values"
NAMES = ("parameter", "meaning", "unit", "link", "formula", "prior", "convention")
_GROUP = re.compile(r"\([^()]*\|[^()]*\)")
_PRINTED = re.compile(r"^(\w+)\((.*)\)$")


@dataclass(frozen=True)
class PriorRow:
    """One prior or one convention, as a reader needs it.

    Parameters
    ----------
    parameter, meaning, unit, link, formula : str
    prior : str
        The prior as printed, or ``"fixed at ..."``.
    range : str
        The central 90 % of the prior, on the natural scale; empty where it is not known.
    reason : str
        Why this prior, or the convention.
    changed : bool
        The analysis set it in place of the default.
    fits : tuple of str
        The fits that have it.
    """

    parameter: str
    meaning: str
    unit: str
    link: str
    formula: str
    prior: str
    range: str
    reason: str
    changed: bool
    fits: tuple[str, ...]


def read_prior(text: str) -> Prior | None:
    """Return the prior that was printed like this; None if it is none.

    Examples
    --------
    >>> read_prior("lognormal(median=0.3, sigma=0.7)").location
    0.3
    """
    found = _PRINTED.match(text.strip())
    if not found or found[1] not in FAMILIES:
        return None
    try:
        pairs = [part.partition("=") for part in found[2].split(",")]
        numbers = {name.strip(): float(value) for name, _, value in pairs}
        return Prior.from_dict({found[1]: numbers})
    except (ValueError, DopafitError):
        return None


def rows(folder: RunFolder) -> list[PriorRow]:
    """Return the priors of all fits, each once, with the fits that have it."""
    merged: dict[tuple[str, ...], list[str]] = {}
    models = {fit: _rebuilt(folder.model(fit), fit) for fit in folder.fits}
    for fit in folder.fits:
        for entry in _entries(folder.model(fit), models[fit]):
            key = tuple(str(entry.get(n) or "") for n in NAMES)
            merged.setdefault(key, []).append(fit)
    found = []
    for (name, meaning, unit, link, formula, text, convention), fits in merged.items():
        prior = read_prior(text)
        default = _default(models[fits[0]], name)
        own = (folder.model(fits[0]).get("priors") or {}).get(name) is not None
        changed = prior is not None and (own or (bool(default) and str(prior) != default))
        reason = convention or _reason(name)
        if changed:
            reason = "set by this analysis" + (f" (default: {default})" if default else "")
        limits = "" if prior is None else between(prior.quantile(0.05), prior.quantile(0.95))
        found.append(
            PriorRow(name, meaning, unit, link, formula, text, limits, reason, changed, tuple(fits))
        )
    return found


def _reason(name: str) -> str:
    stem = name.partition("[")[0]
    for key, why in REASONS.items():
        if stem == key or stem.endswith(f"_{key}"):
            return why
    return OTHER


def _entries(spec: dict[str, Any], model: Model | None) -> list[dict[str, Any]]:
    """Return the parameters of the specification, and after each the priors of its effects."""
    found: list[dict[str, Any]] = []
    for entry in spec.get("parameters") or []:
        if not isinstance(entry, dict) or not entry.get("parameter"):
            continue
        found.append(entry)
        name, formula = str(entry["parameter"]), str(entry.get("formula") or "1")
        if model is None or name not in model.parameters:
            continue
        parts = []
        if set(_GROUP.sub(" ", formula).replace("+", " ").split()) - {"0", "1"}:
            parts.append(("effect", f"each effect on {name}"))
        if "|" in formula:
            parts.append(("sd", f"standard deviation of {name} over group members"))
        for part, meaning in parts:
            prior = model.prior_of(name, part, "")
            found.append(_extra(f"{name}_{part}", meaning, entry, prior))
        for term, prior in _terms(model, name).items():
            found.append(
                _extra(f"{name}_effect[{term}]", f"effect of {term} on {name}", entry, prior)
            )
    listed = {str(entry["parameter"]) for entry in found}
    for name, prior in (model.priors if model is not None else {}).items():
        if name not in listed:  # the prior of one effect
            found.append({"parameter": name, "prior": str(prior), "formula": "1"})
    return found


def _extra(name: str, meaning: str, entry: dict[str, Any], prior: Prior) -> dict[str, Any]:
    link = str(entry.get("link") or "")
    unit = str(entry.get("unit") or "") if link == "identity" else link
    return {
        "parameter": name,
        "meaning": meaning,
        "unit": unit,
        "link": link,
        "prior": str(prior),
        "formula": "1",
    }


def _terms(model: Model, name: str) -> dict[str, Prior]:
    """Return the terms that a channel always adds to its resting predictor."""
    for channel in model.channels:
        if name == f"{channel.prefix}_rest":
            return {t: model.prior_of(name, "effect", t) for t in channel.extra_terms()}
    return {}


def _default(model: Model | None, name: str) -> str:
    """Return the prior a parameter, its effects or its spread have unless an analysis sets it."""
    if model is None:
        return ""
    plain = replace(model, priors={}, fixed={}).parameters
    if name in plain:
        prior = plain[name].prior
        return "" if prior is None else str(prior)
    stem, _, part = name.partition("[")[0].rpartition("_")
    if stem not in plain or "[" in name:
        return ""
    return str({"effect": plain[stem].effect, "sd": plain[stem].spread}.get(part, ""))


def _rebuilt(spec: dict[str, Any], fit: str) -> Model | None:
    """Return the model of a specification; None where it cannot be built again."""
    from dopafit.model.claim import Model

    try:
        return Model.from_dict({"drive": fit, **spec})
    except (DopafitError, AttributeError, TypeError, ValueError):
        return None
