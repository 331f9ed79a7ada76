"""Log likelihood of every unit of leave-one-out, draw by draw, in chunks that fit memory."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from dopafit.backend.sampler.compiled import RowDensity
from dopafit.core.errors import SpecError, suggest

if TYPE_CHECKING:
    from dopafit.fit.fit import Fit

__all__ = ["UNITS", "unit_log_likelihood"]

UNITS = ("trial", "session")


def unit_log_likelihood(
    fit: Fit, unit: str, *, draws: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return log likelihoods (chain, draw, unit), all channels summed, and the units' labels.

    Raises
    ------
    SpecError
        An unknown unit.
    """
    if unit not in UNITS:
        raise SpecError(
            f"unit {unit!r} cannot be left out",
            allowed=" or ".join(UNITS),
            todo=suggest(unit, UNITS) or "take one of those allowed",
        )
    layout, theta = fit.layout, fit.theta
    if draws is not None and draws < theta.shape[1]:
        theta = theta[:, np.linspace(0, theta.shape[1] - 1, draws).astype(int)]
    table = layout.units
    labels = table["subject"].astype(str) + "/" + table["session"].astype(str)
    group = np.arange(len(table))
    if unit == "session":
        group, names = labels.factorize()
        labels = names.to_series()
    else:
        labels = labels + "/" + table["trial"].astype(str)
    index = {name: group[found] for name, found in layout.unit_of.items()}
    rows_at = RowDensity(layout)

    def units_at(one: np.ndarray) -> np.ndarray:
        total = np.zeros(len(labels))
        for name, rows in rows_at(one).items():
            total += np.bincount(index[name], weights=rows, minlength=len(labels))
        return total

    flat = theta.reshape(-1, theta.shape[-1])
    result = np.empty((len(flat), len(labels)))
    # the compiled code holds no lock, so the draws are shared between threads
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for i, found in enumerate(pool.map(units_at, flat)):
            result[i] = found
    return result.reshape(*theta.shape[:2], -1), [str(label) for label in labels]
