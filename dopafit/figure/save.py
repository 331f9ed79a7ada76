"""Write a figure as PDF and PNG with the tables behind it; the same figure, the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from dopafit.core.files import write_result
from dopafit.core.spreadsheet import csv_text
from dopafit.figure import style

__all__ = ["save"]


def save(figure: Figure, tables: Mapping[str, pd.DataFrame], stem: Path) -> list[Path]:
    """Write ``<stem>.pdf``, ``<stem>.png`` (300 dpi) and the CSV behind them.

    Parameters
    ----------
    figure : Figure
    tables : mapping of str to DataFrame
        One table goes to ``<stem>.csv``, several to ``<stem>.<table>.csv``.
    stem : Path
        Folder and name without a suffix; the folder is made if it is missing.

    Returns
    -------
    list of Path
        The files, in the order PDF, PNG, CSV.

    Raises
    ------
    FitError
        A file cannot be written; nothing is left of it.
    """
    stem = Path(stem)
    files: dict[str, bytes] = {}
    with style.context():
        for kind, metadata in (
            ("pdf", {"CreationDate": None, "Creator": "dopafit", "Producer": None}),
            ("png", {"Software": None}),
        ):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=300, metadata=metadata)
            files[kind] = buffer.getvalue()
    for name, table in tables.items():
        text = csv_text(table)
        files["csv" if len(tables) == 1 else f"{name}.csv"] = text.encode()
    paths = []
    for suffix, content in files.items():
        path = stem.with_name(f"{stem.name}.{suffix}")
        paths.append(write_result(path, content))
    return paths
