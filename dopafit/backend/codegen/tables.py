"""A parameter's table as the generated functions take it: by runs of rows that look alike.

Group effects and intercepts stay the same over many rows in a row (a session's, a subject's), so
their share is computed once a run. What changes from row to row is kept column by column.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dopafit.backend.codegen.runtime import CHUNK
from dopafit.model.program import MATRIX
from dopafit.trace.gaps import trace_gaps, trace_pairs

__all__ = ["PARTS", "prepare", "run_table"]

TIMES = frozenset({"event_time", "read_time", "read_offset", "pair_horizon"})

PARTS = ("dense", "columns", "start", "run", "first_run", "indptr", "indices", "data")
"""Arrays of a table: columns (k of each chunk, row of the chunk) and their entries of theta; first
row of each piece (its end last), its run, first piece of each chunk; and the runs' own rows as CSR.
A piece is what a chunk holds of a run."""

SLOW = 64
"""Rows per change from which on a column (a covariate of sessions) is cheaper as a part of runs."""


def prepare(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a layout's arrays with every table by runs, and times since the last event.

    Of moments it is each one's row that is kept. Where reads see pairs, these stand in for times.
    """
    found: dict[str, np.ndarray] = {}
    for name, value in arrays.items():
        table, _, part = name.rpartition(".")
        if part == "dense" and f"{table}.indptr" in arrays:
            made = run_table(*(arrays[f"{table}.{one}"] for one in MATRIX))
            found |= {f"{table}.{key}": one for key, one in made.items()}
        elif part == "moment_offset":
            row = np.repeat(np.arange(value.size - 1, dtype=np.uint64), np.diff(value))
            found[f"{table}.moment_row"] = row
        elif name in TIMES or part == "read" or (part in MATRIX and f"{table}.dense" in arrays):
            continue
        else:
            found[name] = value
    if "read_time" in arrays:
        found |= _reads(arrays)
    return dict(sorted(found.items()))


def _reads(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return each event's gap; gap, state and kernel row of each row of a channel.

    Where reads see pairs of a read and an event: these, and the read of each row.
    """
    gaps = trace_gaps(arrays)
    # unsigned: an index that cannot be negative needs no check for it
    state, row = gaps.state.astype(np.uint64), gaps.row.astype(np.uint64)
    found, paired = {"event_gap": gaps.event}, "pair_horizon" in arrays
    if paired:
        for name, value in trace_pairs(arrays)._asdict().items():
            found[f"pair_{name}"] = value if name == "log_gap" else value.astype(np.uint64)
        found["read_time"] = arrays["read_time"]
    for name, at in arrays.items():
        prefix, _, part = name.rpartition(".")
        if part == "read" and paired:
            found[name] = at.astype(np.uint64)
        elif part == "read":
            own = {"gap": gaps.read[at], "state": state[at], "row": row[at]}
            found |= {f"{prefix}.{key}": value for key, value in own.items()}
    return found


def run_table(
    dense: np.ndarray,
    columns: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the parts named in `PARTS` of a table given as in `dopafit.model.program.MATRIX`."""
    rows = len(dense)
    changes = dense[1:] != dense[:-1]
    slow = changes.sum(axis=0) * SLOW <= rows
    change = np.ones(rows, bool)
    change[1:] = _changes(indptr, indices, data) | changes[:, slow].any(axis=1)
    begin = np.flatnonzero(change)  # of each run
    run_of = np.cumsum(change) - 1
    cut = change.copy()
    cut[::CHUNK] = True
    start = np.flatnonzero(cut)
    count = np.diff(indptr)[begin]
    own = np.repeat(indptr[begin] - np.cumsum(count) + count, count) + np.arange(count.sum())
    same = columns[slow]
    ends = np.cumsum(count)
    edges = np.arange(0, rows + CHUNK, CHUNK)
    quick = np.zeros((edges[-1], columns.size - same.size))
    quick[:rows] = dense[:, ~slow]
    chunks = quick.reshape(edges.size - 1, CHUNK, quick.shape[1]).swapaxes(1, 2)
    return {
        "dense": np.ascontiguousarray(chunks).reshape(-1, CHUNK),
        "columns": columns[~slow],
        "start": np.append(start, rows),
        "run": run_of[start],
        "first_run": np.searchsorted(start, edges),
        "indptr": np.append(0, np.cumsum(count + same.size)),
        "indices": np.insert(indices[own], np.repeat(ends, same.size), np.tile(same, begin.size)),
        "data": np.insert(data[own], np.repeat(ends, same.size), dense[begin][:, slow].ravel()),
    }


def _changes(indptr: np.ndarray, indices: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return for each row but the first whether it differs from the one before."""
    count = np.diff(indptr)
    row = np.repeat(np.arange(count.size), count)
    place = np.arange(indices.size)
    before = place - np.append(0, count[:-1])[row] if count.size else place
    comparable = (row > 0) & (np.append(-1, count[:-1])[row] == count[row])
    mine, theirs = place[comparable], before[comparable]
    differs = (indices[mine] != indices[theirs]) | (data[mine] != data[theirs])
    changed = count[1:] != count[:-1]
    np.logical_or.at(changed, row[mine][differs] - 1, True)
    return changed
