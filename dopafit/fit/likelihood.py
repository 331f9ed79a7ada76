"""Log likelihood of every unit of leave-one-out, draw by draw, in chunks that fit memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.backend.sampler.compiled import RowDensity
from dopafit.core.errors import SpecError
from dopafit.model.layout.layout import Layout
from dopafit.study.sessions import session_names

if TYPE_CHECKING:
    from dopafit.fit.fit import Fit

__all__ = ["UNITS", "channel_log_likelihood", "unit_labels", "unit_log_likelihood", "unit_subjects"]

UNITS = ("trial", "session")


def unit_labels(layout: Layout, unit: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the unit of every row, by channel, and the units' labels.

    Raises
    ------
    SpecError
        An unknown unit.
    """
    if unit not in UNITS:
        raise SpecError(f"unit {unit!r} cannot be left out", given=unit, known=UNITS)
    labels = _unit_names(layout.units, unit)
    group = np.arange(len(labels))
    if unit == "session":
        group, names = labels.factorize()
        labels = names.to_series()
    index = {name: group[rows] for name, rows in layout.unit_of.items()}
    return index, [str(label) for label in labels]


def _unit_names(table: pd.DataFrame, unit: str) -> pd.Series:
    """Return the name of the unit of every row of `Layout.units`."""
    names = session_names(table)
    return names if unit == "session" else names + "/" + table["trial"].astype(str)


def unit_subjects(layout: Layout, unit: str) -> list[str]:
    """Return whose each unit is, in the order of `unit_labels`."""
    _, labels = unit_labels(layout, unit)
    owner = dict(zip(_unit_names(layout.units, unit), layout.units["subject"], strict=True))
    return [str(owner[label]) for label in labels]


def unit_log_likelihood(
    fit: Fit, unit: str, *, draws: int | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return log likelihoods (chain, draw, unit), all channels summed, and the units' labels.

    Raises
    ------
    SpecError
        An unknown unit.
    """
    theta = fit.theta
    if draws is not None and draws < theta.shape[1]:
        theta = theta[:, np.linspace(0, theta.shape[1] - 1, draws).astype(int)]
    index, labels = unit_labels(fit.layout, unit)
    return _summed(fit.layout, theta, index, len(labels)), labels


def channel_log_likelihood(fit: Fit, unit: str) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Return the same for each channel by itself, over the units in which it has rows.

    Raises
    ------
    SpecError
        An unknown unit.
    """
    index, labels = unit_labels(fit.layout, unit)
    own, first, places = {}, 0, {}
    for name, rows in index.items():
        present, inverse = np.unique(rows, return_inverse=True)
        places[name] = slice(first, first + present.size), [labels[i] for i in present]
        own[name] = first + inverse
        first += present.size
    values = _summed(fit.layout, fit.theta, own, first)
    return {name: (values[..., place], labels) for name, (place, labels) in places.items()}


def _summed(
    layout: Layout, theta: np.ndarray, index: Mapping[str, np.ndarray], count: int
) -> np.ndarray:
    """Return the rows' log densities summed by index, (chain, draw, count)."""
    rows_at = RowDensity(layout)

    def sums(one: np.ndarray) -> np.ndarray:
        total = np.zeros(count)
        for name, rows in rows_at(one).items():
            total += np.bincount(index[name], weights=rows, minlength=count)
        return total

    flat = theta.reshape(-1, theta.shape[-1])
    result = np.empty((len(flat), count))
    # the compiled code holds no lock, so the draws are shared between threads
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for i, row in enumerate(pool.map(sums, flat)):
            result[i] = row
    return result.reshape(*theta.shape[:2], count)
