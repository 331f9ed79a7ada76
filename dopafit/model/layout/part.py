"""A layout with some of its rows only: same coordinates, same code, fewer data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dopafit.model.layout.layout import Layout
from dopafit.model.program import MATRIX
from dopafit.study.sessions import session_numbers

__all__ = ["with_rows"]


def with_rows(layout: Layout, kept: Mapping[str, np.ndarray]) -> Layout:
    """Return a layout whose likelihood runs over some of its rows.

    Whatever the study as a whole decided (coordinates, designs, one unit event) stays. So do
    the tables of what is counted, `rows`, `designs` and `units`: they tell of all rows.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    kept : mapping of str to array of bool, (row,)
        Which rows stay, by channel prefix.

    Returns
    -------
    Layout
        With other `arrays`: those of the rows that stay, and of the events in their sessions.
    """
    arrays, homes = dict(layout.arrays), layout.program.model.homes
    read = np.zeros(len(layout.sessions), bool)
    for prefix, keep in kept.items():
        arrays |= _channel(layout.arrays, prefix, keep)
        read[session_numbers(layout.sessions, layout.rows[prefix].frame[keep])] = True
    selected = dict(kept)
    if "event_offset" in arrays:
        counts = np.diff(arrays["event_offset"])
        selected["by event"] = np.repeat(read, counts)
        arrays["event_offset"] = np.append(0, np.cumsum(np.where(read, counts, 0)))
        for name in ("event_time", "event_magnitude", "event_input"):
            if name in arrays:
                arrays[name] = arrays[name][selected["by event"]]
    for name in layout.designs:
        if homes[name] in selected:
            parts = [layout.arrays[f"{name}.{part}"] for part in MATRIX]
            arrays |= _table(name, selected[homes[name]], *parts)
    arrays = {name: np.ascontiguousarray(arrays[name], value.dtype)
              for name, value in layout.arrays.items()}  # fmt: skip
    return replace(layout, arrays=arrays)


def _channel(
    arrays: Mapping[str, np.ndarray], prefix: str, keep: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what a channel has by row, of the rows kept."""
    found = {f"{prefix}.zero": arrays[f"{prefix}.zero"][keep]}
    for name, value in arrays.items():
        if name.startswith(f"{prefix}.data."):
            found[name] = value[keep]
    if f"{prefix}.follows" in arrays:
        # a row whose row before is gone has none
        before = np.append(False, keep[:-1])
        found[f"{prefix}.follows"] = (arrays[f"{prefix}.follows"] * before)[keep]
    moments = keep
    if f"{prefix}.moment_offset" in arrays:
        counts = np.diff(arrays[f"{prefix}.moment_offset"])
        moments = np.repeat(keep, counts)
        found[f"{prefix}.moment_offset"] = np.append(0, np.cumsum(counts[keep]))
        found[f"{prefix}.moment_weight"] = arrays[f"{prefix}.moment_weight"][moments]
    if f"{prefix}.read" in arrays:
        found[f"{prefix}.read"] = arrays[f"{prefix}.read"][moments]
    return found


def _table(
    name: str,
    keep: np.ndarray,
    dense: np.ndarray,
    columns: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the parts of a parameter's table, of the rows kept."""
    counts = np.diff(indptr)
    entries = np.repeat(keep, counts)
    found = (dense[keep], columns, np.append(0, np.cumsum(counts[keep])), indices[entries],
             data[entries])  # fmt: skip
    return {f"{name}.{part}": value for part, value in zip(MATRIX, found, strict=True)}
