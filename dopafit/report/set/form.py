"""What the text files of a run folder look like inside, checked before the page is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dopafit.core.errors import FitError

__all__ = ["ANSWER", "DATA", "ENVIRONMENT", "NOTES", "RECOVERY", "SPEC", "check_form"]

TEXT, NUMBER, FLAG, ANY = "text", "a number", "true or false", "text, a number or true or false"
TYPES = {TEXT: (str,), NUMBER: (int, float), FLAG: (bool,), ANY: (str, int, float, bool)}
EACH = "*"
MAPPING: dict[str, Any] = {}

DATA = {
    **dict.fromkeys("name description licence citation hash time_unit".split(), TEXT),
    "simulated": FLAG,
    "files": [{"file": TEXT, "sha256": TEXT, "rows": NUMBER}],
    **{key: {EACH: NUMBER} for key in ("counts", "events_by_kind", "rows_used")},
    "excluded": MAPPING,
    "warnings": [TEXT],
    "close_pairs": NUMBER,
}
ENVIRONMENT = {
    **dict.fromkeys("dopafit python command started finished".split(), TEXT),
    "packages": {EACH: TEXT},
    "components": {EACH: TEXT},
    "seed": NUMBER,
    "machine": {EACH: ANY},
    "seconds": {EACH: {EACH: NUMBER}},
}
ANSWER = {
    "claim": TEXT,
    "these_only": FLAG,
    "conditions": [{"name": TEXT, "met": FLAG, "value": NUMBER, "limit": NUMBER, "told": TEXT}],
    "effects": [
        {
            **dict.fromkeys(
                (
                    "hypothesis channel at words unit change parameter level against sensitivity"
                ).split(),
                TEXT,
            ),
            **dict.fromkeys(
                "before after median lower upper bound prior_sensitivity data_sensitivity".split(),
                NUMBER,
            ),
        }
    ],
}
NOTES = {"reading": [TEXT], "warnings": [TEXT], "notes": [TEXT]}
RECOVERY = {
    **dict.fromkeys("study warning".split(), TEXT),
    "hypotheses": {EACH: TEXT},
    "summary": [TEXT],
    "studies": [MAPPING],
}
SPEC = {
    **dict.fromkeys("analysis title question study".split(), ANY),
    "seed": NUMBER,
    "hypotheses": [TEXT],
    "sampling": {EACH: ANY},
    "compare": {
        "unit": TEXT,
        "after": NUMBER,
        "refits": NUMBER,
        "smallest_effect": {EACH: NUMBER},
    },
    "models": {
        EACH: {
            **dict.fromkeys("name kernel words hash level overlap unit_event".split(), TEXT),
            "priors": MAPPING,
            "equations_latex": [TEXT],
            "conventions": [TEXT],
            "parameters": [{EACH: ANY}],
            "derived": {EACH: {EACH: TEXT}},
            "cites": [TEXT],
            "said": {EACH: [TEXT]},
        }
    },
}


def check_form(path: Path, value: Any, form: Any, todo: str, place: str = "") -> None:
    """Refuse a value that does not have its form; what is missing or null is let pass.

    Parameters
    ----------
    path : Path
        The file, for the message.
    value : object
        What it holds.
    form : str, list or dict
        Kind of a value; a list of one form, for all entries; a dict of forms by key, ``"*"`` for
        keys that have none.
    todo : str
        What to do.
    place : str
        Keys on the way to the value.

    Raises
    ------
    FitError
        Something has another form.
    """
    if value is None:
        return
    if isinstance(form, dict):
        allowed, good = "a mapping", isinstance(value, dict)
    elif isinstance(form, list):
        allowed, good = "a list", isinstance(value, list)
    else:
        wanted = TYPES[form]
        allowed = form
        good = isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
    if not good:
        shown = repr(value)[:60]
        raise FitError(f"{path} is damaged: {place} is {shown}", allowed=allowed, todo=todo)
    entries = (
        ((k, v, form.get(k, form.get(EACH))) for k, v in value.items())
        if isinstance(form, dict)
        else ((i, v, form[0]) for i, v in enumerate(value, start=1))
        if isinstance(form, list)
        else ()
    )
    for key, entry, inner in entries:
        if inner is not None:
            check_form(path, entry, inner, todo, f"{place}: {key}" if place else str(key))
