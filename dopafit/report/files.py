"""Read the files of a run folder; a damaged one is named, with what to do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.core.errors import FitError, SpecError
from dopafit.core.files import write_result
from dopafit.core.limits import IMAGE_BYTES, RECORD_BYTES, TABLE_BYTES
from dopafit.core.reading import ReadingError, read_file, to_text
from dopafit.core.spreadsheet import plain_cell
from dopafit.core.yaml_text import parse_yaml

__all__ = [
    "optional_table",
    "read_json",
    "read_png",
    "read_table",
    "read_yaml",
    "write_text",
]

AGAIN = "run the analysis again (dopafit run ANALYSIS.yaml --out DIR)"
# columns of names: a fit called "null" or a subject called "NA" is a name, not a missing value
NAMES = frozenset(
    "hypothesis parameter unit status convention sensitivity warning interval_kind "
    "signature group source member_of".split()
)
MOST_PIXELS = 20_000
PNG = b"\x89PNG\r\n\x1a\n"


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object.

    Raises
    ------
    FitError
        No such file, or not an object.
    """
    text = _text(path, RECORD_BYTES)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error), "a JSON object") from None
    if not isinstance(value, dict):
        raise _damaged(path, f"it holds a {type(value).__name__}", "a JSON object")
    return value


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML mapping, read without making objects.

    Raises
    ------
    FitError
        No such file.
    SpecError
        Not YAML, or not a mapping.
    """
    text = _text(path, RECORD_BYTES)
    try:
        value = parse_yaml(text)
    except ReadingError as error:
        raise SpecError(
            f"{path}{error.place} {error.wrong}", allowed=error.allowed, todo=AGAIN
        ) from None
    if not isinstance(value, dict):
        raise SpecError(
            f"{path}: it holds a {type(value).__name__}", allowed="a mapping", todo=AGAIN
        )
    return value


def read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table; names as text, everything else as numbers where it is numbers.

    Raises
    ------
    FitError
        No such file, not CSV, or a column is missing.
    """
    rows = _rows(path)
    if not rows:
        raise _damaged(path, "it is empty", f"columns {', '.join(columns)}")
    head, body = rows[0], rows[1:]
    missing = [c for c in columns if c not in head]
    if missing:
        raise _damaged(path, f"no column {', '.join(missing)}", f"columns {', '.join(columns)}")
    for line, row in enumerate(body, start=2):
        if len(row) != len(head):
            raise _damaged(path, f"row {line} has {len(row)} cells", f"{len(head)} cells a row")
    table = pd.DataFrame(body, columns=head, dtype=object)
    for name in head:
        table[name] = table[name].astype(object) if name in NAMES else _typed(table[name])
    return table


def optional_table(path: Path, columns: Sequence[str]) -> pd.DataFrame | None:
    """Return a table that a run need not have; None where it is missing or holds nothing.

    Raises
    ------
    FitError
        It is there and damaged.
    """
    if not path.exists() or not _rows(path)[1:]:
        return None
    return read_table(path, columns)


def read_png(path: Path) -> tuple[bytes, float, float]:
    """Return a PNG's bytes, its width and its height [mm].

    Raises
    ------
    FitError
        No such file, or not a PNG.
    """
    content = _bytes(path, IMAGE_BYTES)
    if not content.startswith(PNG) or len(content) < 33 or content[12:16] != b"IHDR":
        raise _damaged(path, "this is not a PNG image", "the PNG that the run wrote")
    width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise _damaged(
            path, f"it is {width} x {height} pixels", f"1 to {MOST_PIXELS:,} pixels a side"
        )
    place = content.find(b"pHYs", 0, 4096)
    per_metre = int.from_bytes(content[place + 4 : place + 8]) if place > 0 else 0
    scale = 1000 / (per_metre or 300 / 0.0254)
    return content, width * scale, height * scale


def write_text(path: Path, text: str) -> Path:
    """Write a file so that a kill leaves the old one or the new one.

    Raises
    ------
    FitError
        The file cannot be written.
    """
    return write_result(path, text.encode())


def _rows(path: Path) -> list[list[str]]:
    try:
        rows = csv.reader(io.StringIO(_text(path, TABLE_BYTES), newline=""))
        return [[plain_cell(cell) for cell in row] for row in rows if row]
    except csv.Error as error:
        raise _damaged(path, str(error), "comma-separated rows") from None


def _typed(column: pd.Series) -> pd.Series:
    """Return numbers as float64 with every digit, truth values as bool, anything else as text."""
    if len(column) and column.isin(["True", "False"]).all():
        return column.eq("True")
    values = []
    for text in column:
        try:
            values.append(float(text) if text.strip() else float("nan"))
        except ValueError:
            return column
    return pd.Series(values, index=column.index, dtype=float)


def _text(path: Path, limit: int) -> str:
    try:
        return to_text(_bytes(path, limit))
    except ReadingError as error:
        raise _damaged(path, error.wrong, error.allowed) from None


def _bytes(path: Path, limit: int) -> bytes:
    try:
        return read_file(path, limit)
    except ReadingError as error:
        what = "is missing" if error.wrong == "does not exist" else error.wrong
        raise FitError(
            f"{path} {what}", allowed="a run folder as dopafit run writes it", todo=AGAIN
        ) from None


def _damaged(path: Path, detail: str, allowed: str) -> FitError:
    return FitError(f"{path} is damaged: {detail}", allowed=allowed, todo=AGAIN)
