"""The formulas of a claim over the tables of its study."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.formula import Design, design, used_columns
from dopafit.study.study import Study

__all__ = ["find_designs"]

ROLES = ("events", "observations", "sessions", "subjects", "covariates", "presses")
REACH = {
    "event": ("one value per event", "events, sessions, subjects or covariates"),
    "session": ("one value per session", "sessions or subjects"),
}


def find_designs(
    model: Model,
    study: Study,
    frames: Mapping[str, pd.DataFrame],
) -> dict[str, Design]:
    """Return the encodings of the parameters that vary, over the tables of their formulas.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    frames : mapping of str to DataFrame
        Tables by channel, and by what a kernel's parameter varies with.

    Raises
    ------
    SpecError
        A formula that its table cannot answer.
    """
    designs = {}
    for name, home in model.homes.items():
        frame = frames[home]
        _check_columns(model, study, name, frame.columns)
        formula = " + ".join([model.effects.get(name, "1"), *model.own_terms.get(name, ())])
        found = design(formula, frame, where=f"effects: {name}", reference=model.reference)
        if found.columns or found.groups:
            designs[name] = found
    return designs


def _check_columns(model: Model, study: Study, name: str, columns: Collection[str]) -> None:
    """Refuse columns of other tables, with the reason, and a channel's outcome as its predictor.

    Raises
    ------
    SpecError
        The formula names one of them.
    """
    channel, formula = model.owners[name], model.effects.get(name, "1")
    tables = study.tables
    for column in sorted(used_columns(formula, where=f"effects: {name}")):
        if channel is not None and column in channel.explained:
            raise SpecError(
                f"effects: {name}: {column} is the outcome of this channel, and cannot predict "
                "itself",
                allowed="columns that are known before the outcome",
                todo=f"take {column} out of the formula",
            )
        homes = [role for role in ROLES if column in tables[role].columns]
        if column in columns or not homes:
            continue
        many, reach = REACH.get(
            model.parameters[name].varies,
            ("one value per row of its channel", "its own rows, sessions, subjects or covariates"),
        )
        raise SpecError(
            f"effects: {name}: {column!r} is a column of the {homes[0]}, but {name} has {many}, "
            f"which can only depend on columns of {reach}",
            allowed=", ".join(sorted(map(str, columns))[:40]),
            todo="name one of these, or put the term on a parameter of a channel, e.g. "
            f"{model.channels[0].prefix}_rest",
        )
