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

OTHER = "weak: keeps the sampler within plausible values"
NAMES = "parameter meaning unit link formula prior convention reason default changed".split()
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
    merged: dict[tuple[Any, ...], list[str]] = {}
    for fit in folder.fits:
        for entry in folder.model(fit).get("parameters") or []:
            if isinstance(entry, dict) and entry.get("parameter"):
                key = tuple(str(entry.get(name) or "") for name in NAMES)
                merged.setdefault(key, []).append(fit)
    found = []
    for (*shown, convention, reason, default, changed), fits in merged.items():
        prior = read_prior(shown[-1])
        own = prior is not None and bool(changed)
        told = "set by this analysis" + (f" (default: {default})" if default else "")
        why = told if own else convention or reason or OTHER
        limits = "" if prior is None else between(prior.quantile(0.05), prior.quantile(0.95))
        found.append(PriorRow(*shown, limits, why, own, tuple(fits)))
    return found
