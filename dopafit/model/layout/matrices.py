"""The tables of parameters that vary, as matrices: their rows are products with theta."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse

from dopafit.model.formula import Design
from dopafit.model.layout.coordinates import Coordinates

__all__ = ["DENSE", "table_arrays", "table_matrix"]

DENSE = 0.5
"""Share of filled rows above which a column of a parameter's table is kept dense."""


def table_arrays(
    coordinates: Coordinates, designs: Mapping[str, Design], kernel: list[str], sessions: int
) -> dict[str, np.ndarray]:
    """Return the parts of every parameter's table, named as in `dopafit.model.program.MATRIX`.

    Parameters
    ----------
    coordinates : Coordinates
        Theta's book-keeping.
    designs : mapping of str to Design
        Encodings by parameter.
    kernel : list of str
        Parameters of the kernel's shape among them; their tables have a row per distinct kernel.
    sessions : int
        Number of sessions.
    """
    matrices = {name: table_matrix(coordinates, name, found) for name, found in designs.items()}
    arrays = _kernel_rows(matrices, kernel, sessions)
    for name, matrix in matrices.items():
        arrays |= {f"{name}.{part}": value for part, value in _parts(matrix).items()}
    return arrays


def table_matrix(coordinates: Coordinates, name: str, found: Design) -> sparse.csr_matrix:
    """Return the rows of a parameter's table as a sparse map from theta."""
    n, start = len(found.fixed), coordinates.start(name)
    row, column, value = [np.arange(n)], [np.full(n, coordinates.place(name))], [np.ones(n)]
    for j in range(len(found.columns)):
        used = np.flatnonzero(found.fixed[:, j])
        row.append(used)
        column.append(np.full(used.size, start + j))
        value.append(found.fixed[used, j])
    start += len(found.columns)
    for term in found.groups:
        used = np.flatnonzero((term.values != 0) & (term.codes >= 0))
        row.append(used)
        column.append(start + term.codes[used])
        value.append(term.values[used])
        start += len(term.levels)
    parts = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
    return sparse.csr_matrix(parts, shape=(n, len(coordinates.entries)))


def _parts(matrix: sparse.csr_matrix) -> dict[str, np.ndarray]:
    """Return the parts of a sparse matrix; columns that are mostly filled are taken out of it."""
    count = np.bincount(matrix.indices, minlength=matrix.shape[1])
    full = np.flatnonzero(count > DENSE * max(matrix.shape[0], 1))
    rest = matrix.copy()
    rest.data[np.isin(rest.indices, full)] = 0.0
    rest.eliminate_zeros()
    return {
        "dense": np.ascontiguousarray(matrix[:, full].toarray(), dtype=float),
        "columns": full.astype(np.int64),
        "indptr": rest.indptr.astype(np.int64),
        "indices": rest.indices.astype(np.int64),
        "data": rest.data.astype(float),
    }


def _kernel_rows(
    matrices: dict[str, sparse.csr_matrix], names: list[str], sessions: int
) -> dict[str, np.ndarray]:
    """Keep one kernel per distinct set of parameters, and say which session uses which."""
    if not names:
        return {"kernel_row": np.zeros(sessions, dtype=np.int64), "kernel_ones": np.ones(1)}
    dense = np.concatenate([matrices[name].toarray() for name in names], axis=1)
    _, first, inverse = np.unique(dense, axis=0, return_index=True, return_inverse=True)
    for name in names:
        matrices[name] = matrices[name][first]
    return {"kernel_row": inverse.ravel().astype(np.int64), "kernel_ones": np.ones(first.size)}
