"""Small files of a run folder, written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.core.spreadsheet import csv_text
from dopafit.report.files import write_text

__all__ = ["file_hashes", "stamp_versions", "write_json", "write_table"]

PACKAGES = (
    "pymc",
    "pytensor",
    "nutpie",
    "arviz",
    "numba",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "matplotlib",
)
EXTRAS = ("jax", "jaxlib")


def write_json(path: Path, content: Any) -> None:
    """Write JSON; the file appears only when it is whole."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, unrounded and without formulas; it appears only when it is whole."""
    return write_text(path, csv_text(table))


def file_hashes(folder: Path | None) -> list[dict[str, Any]]:
    """Return name, SHA-256 and number of lines of the study's files."""
    if folder is None or not Path(folder).is_dir():
        return []
    found = []
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and path.suffix in (".csv", ".tsv", ".parquet", ".yaml"):
            content = path.read_bytes()
            rows = content.count(b"\n") - 1 if path.suffix in (".csv", ".tsv") else None
            found.append(
                {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "rows": rows}
            )
    return found


def stamp_versions() -> dict[str, Any]:
    """Return the versions of dopafit and of what it stands on."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    for name in EXTRAS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    from dopafit import __version__

    return {"dopafit": __version__, "packages": versions}
