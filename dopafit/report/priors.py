"""What each prior says before the data, and why it is there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from dopafit.core.errors import DopafitError
from dopafit.core.prior import FAMILIES, Prior
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import between

__all__ = ["PriorRow", "read_prior", "rows"]

REASONS = {
    "trough_ratio": "a ratio of sizes is positive; a trough deeper than the peak stays possible",
    "recovery_half_life": "times are positive; centred on the typical spacing of events, wide",
    "onset_ratio": "the rise is usually faster than the recovery; wide",
    "gain_peak": "weak; one scale for every drive, because each is scaled to 1 at its own lobe",
    "gain_trough": "weak; one scale for every drive, because each is scaled to 1 at its own lobe",
    "rest": "weak: most plausible levels at rest are possible",
    "effect": "modest effects of conditions are likely, large ones possible",
    "sd": "positive; small differences between group members are likely, large ones possible",
}
OTHER = "weak: keeps the sampler within plausible values"
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
    defaults = {fit: _defaults(folder.model(fit), fit) for fit in folder.fits}
    for fit in folder.fits:
        for entry in folder.model(fit).get("parameters") or []:
            if isinstance(entry, dict) and entry.get("parameter"):
                names = ("parameter", "meaning", "unit", "link", "formula", "prior", "convention")
                key = tuple(str(entry.get(n) or "") for n in names)
                merged.setdefault(key, []).append(fit)
    found = []
    for (name, meaning, unit, link, formula, text, convention), fits in merged.items():
        prior = read_prior(text)
        default = defaults[fits[0]].get(name)
        changed = prior is not None and default is not None and str(prior) != default
        reason = convention or _reason(name)
        if changed:
            reason = f"set by this analysis (default: {default})"
        limits = "" if prior is None else between(prior.quantile(0.05), prior.quantile(0.95))
        found.append(
            PriorRow(name, meaning, unit, link, formula, text, limits, reason, changed, tuple(fits))
        )
    return found


def _reason(name: str) -> str:
    stem, bracket, _ = name.partition("[")
    if bracket and stem.endswith(("_effect", "_sd")):
        return REASONS[stem.rpartition("_")[2]]
    return next(
        (why for key, why in REASONS.items() if stem == key or stem.endswith(f"_{key}")), OTHER
    )


def _defaults(spec: dict[str, Any], fit: str) -> dict[str, str]:
    """Return the default priors of the same model; none where it cannot be built again."""
    from dopafit.model.spec import Model

    try:
        names = ("kernel", "typical_spacing")
        given = {name: spec[name] for name in names if spec.get(name) is not None}
        model = Model.from_dict({"drive": fit, "channels": spec.get("channels"), **given})
        found = model.parameters
    except (DopafitError, AttributeError, TypeError, ValueError):
        return {}
    return {name: str(p.prior) for name, p in found.items() if p.prior is not None}
