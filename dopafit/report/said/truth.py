"""The values a simulated study was made with, and what a fit found of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dopafit.core.errors import FitError, SpecError, StudyError
from dopafit.fit.fit import PROBABILITY, Fit
from dopafit.model.layout.coordinates import natural, on_link, to_link
from dopafit.report.files import read_json
from dopafit.report.said.quantities import member_of
from dopafit.study.study import Study

__all__ = ["POPULATION", "read_truth", "truth_rows"]

PARTS = ("truth", "lower", "upper", "covered")
COLUMNS = ["hypothesis", "parameter", "member_of", *PARTS, *(f"total_{part}" for part in PARTS)]

POPULATION = "population"
"""What the column `member_of` says of a quantity that belongs to no member of a group."""


def read_truth(study: Study) -> dict[str, Any] | None:
    """Return the values a simulated study was made with, if they lie beside it.

    Raises
    ------
    StudyError
        ``truth.json`` is there and damaged.
    """
    if not study.simulated or study.source is None:
        return None
    path = Path(study.source) / "truth.json"
    if not path.is_file():
        return None
    try:
        found = read_json(path)
        return {
            "hypothesis": str(found.get("hypothesis", found.get("drive"))),  # 0.1: drive
            "values": {str(k): float(v) for k, v in found["values"].items()},
        }
    except (FitError, SpecError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(
            f"{path} is damaged: {error!r}",
            allowed="hypothesis and values, as dopafit simulate writes them",
            todo="simulate the study again, or remove the file",
        ) from error


def truth_rows(name: str, fit: Fit, values: Mapping[str, float]) -> pd.DataFrame:
    """Hold a fit against the values its data were made with.

    A member's deviation and the population's value are known less well apart than together: a
    population estimated too high makes every deviation too low. So a member's row also has the
    total of both, on the parameter's natural scale.

    Parameters
    ----------
    name : str
        Name of the fit.
    fit : Fit
        A fit of the simulated study.
    values : mapping of str to float
        The truth by the summary's row names.

    Returns
    -------
    DataFrame
        `hypothesis`, `parameter`, `member_of` (``"population"``, or the grouping column, such as
        ``"subject"``), `truth`, `lower`, `upper`, `covered`, and for members `total_truth`,
        `total_lower`, `total_upper`, `total_covered`.
    """
    rows = []
    for _, row in fit.summary[fit.summary["parameter"].isin(list(values))].iterrows():
        label = str(row["parameter"])
        found = {"hypothesis": name, "parameter": label, "member_of": POPULATION}
        found |= _held("", values[label], row["lower"], row["upper"])
        if member := member_of(label):
            found["member_of"] = member[1].partition("|")[2]
            found |= _total(fit, label, values, *member)
        rows.append(found)
    return pd.DataFrame(rows, columns=COLUMNS)


def _held(prefix: str, truth: float, lower: float, upper: float) -> dict[str, Any]:
    held = (float(truth), float(lower), float(upper), bool(lower <= truth <= upper))
    return {f"{prefix}{part}": value for part, value in zip(PARTS, held, strict=True)}


def _total(
    fit: Fit, label: str, values: Mapping[str, float], stem: str, term: str, member: str
) -> dict[str, Any]:
    """Add what the population has of the same term; nothing where it has none."""
    place = {f"{stem}_group_member": f"{term}[{member}]"}
    term, parameter = term.partition("|")[0], fit.model.parameters[stem]
    deviation = fit.posterior[f"{stem}_group"].sel(place).values
    if term != "1":
        whole = f"{stem}_effect[{term}]"
        if whole not in values or f"{stem}_effect" not in fit.posterior:
            return {}
        population = fit.posterior[f"{stem}_effect"].sel({f"{stem}_effect_term": term}).values
        truth, draws = values[whole] + values[label], population + deviation
    else:
        fixed = parameter.prior is None
        if not fixed and stem not in values:
            return {}
        at_truth = to_link(parameter, parameter.fixed if fixed else values[stem])
        population = at_truth if fixed else on_link(parameter.link, fit.posterior[stem].values)
        truth = float(natural(parameter, np.array(at_truth + values[label])))
        draws = natural(parameter, population + deviation)
    tail = 0.5 * (1.0 - PROBABILITY)
    return _held("total_", truth, *np.quantile(draws, [tail, 1.0 - tail]))
