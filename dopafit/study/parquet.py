"""Read a Parquet table, knowing before what it unpacks to.

A column of one value repeated takes a few bytes on disk whatever its length, so the size of the
file says nothing: rows, columns and the characters of text are counted first.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dopafit.core.limits import (
    CELL_CHARACTERS,
    CELLS,
    COLUMNS,
    TABLE_BYTES,
    UNPACKED_BYTES,
)
from dopafit.core.reading import ReadingError, read_file
from dopafit.study.canonical import one_form
from dopafit.study.report import Finding
from dopafit.study.tabular import RawTable, unreadable

__all__ = ["parquet_frame", "read_parquet"]


def read_parquet(path: Path, file: str) -> tuple[RawTable | None, list[Finding]]:
    """Read one Parquet table of a study; what keeps it from being read is a finding."""
    try:
        frame = parquet_frame(read_file(path, TABLE_BYTES))
    except ReadingError as error:
        return None, [unreadable(file, error)]
    if any(frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=lambda c: one_form(str(c).strip())).reset_index(drop=True)
    names = list(frame.columns)
    findings = [
        Finding(
            file,
            None,
            name,
            None,
            f"column {name!r} occurs {names.count(name)} times",
            "each column name once",
            "rename or delete the columns that are too many",
            "error",
            "header",
            "row",
        )
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    rows = np.arange(1, len(frame) + 1)
    return (None if findings else RawTable(file, frame, rows, "row")), findings


def parquet_frame(content: bytes) -> pd.DataFrame:
    """Return the table that the bytes of a Parquet file hold.

    Raises
    ------
    ReadingError
        Not Parquet, cells that are lists or groups, or beyond the limits of
        `dopafit.core.limits`; that is found before the table is unpacked.
    """
    if not content:
        raise ReadingError(
            "is empty",
            allowed="a Parquet table",
            todo="write the table, or take the file out of study.yaml",
            kind="empty-file",
        )
    try:
        return _frame(content)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ReadingError(
            f"cannot be read as Parquet ({first})",
            allowed="a Parquet file inside the study folder",
            todo="write the table again, or save it as CSV",
            kind="no-file",
        ) from None


def _frame(content: bytes) -> pd.DataFrame:
    plain = pq.ParquetFile(io.BytesIO(content))
    about, schema = plain.metadata, plain.schema_arrow
    if about.num_columns > COLUMNS:
        raise _beyond(f"has {about.num_columns} columns", f"at most {COLUMNS} columns")
    for field in schema:
        if pa.types.is_nested(field.type):
            raise ReadingError(
                f"holds lists or groups in column {field.name!r} ({field.type})",
                allowed="one number, word or time in each cell",
                todo="give each value a row or a column of its own",
                kind="no-file",
            )
    if about.num_rows * max(about.num_columns, 1) > CELLS:
        raise _beyond(
            f"has {about.num_rows} rows of {about.num_columns} columns", f"at most {CELLS} cells"
        )
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    columns = [g.column(i) for g in groups for i in range(g.num_columns)]
    unpacked = sum(c.total_uncompressed_size for c in columns)
    if unpacked > UNPACKED_BYTES:
        raise _beyond(f"unpacks to {unpacked / 2**30:.3g} GiB", _most())
    texts = [f.name for f in schema if _is_text(f.type)]
    # text stays in its dictionary, each distinct word once, until its whole length is known
    packed = pq.ParquetFile(io.BytesIO(content), read_dictionary=texts)
    length = 0
    for name in texts:
        for group in range(about.num_row_groups):
            for chunk in packed.read_row_group(group, columns=[name]).column(0).chunks:
                length += _characters(chunk, name)
        if length > UNPACKED_BYTES:
            raise _beyond("unpacks to more text than that", _most())
    return plain.read().to_pandas()


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.string(), pa.large_string(), pa.string_view())
    return kind in (*texts, pa.binary(), pa.large_binary(), pa.binary_view())


def _characters(chunk: pa.Array, name: str) -> int:
    """Return the bytes of a chunk's text, repeats counted each time."""
    if not pa.types.is_dictionary(chunk.type):
        lengths = pc.binary_length(chunk)
        total, longest = pc.sum(lengths).as_py() or 0, pc.max(lengths).as_py() or 0
    else:
        words = pc.binary_length(chunk.dictionary)
        longest = pc.max(words).as_py() or 0
        total = pc.sum(words.take(chunk.indices)).as_py() or 0
    if longest > CELL_CHARACTERS:
        raise _beyond(
            f"holds a cell of {longest} bytes in column {name!r}", f"at most {CELL_CHARACTERS}"
        )
    return total


def _most() -> str:
    return f"at most {UNPACKED_BYTES / 2**30:g} GiB unpacked"


def _beyond(wrong: str, allowed: str) -> ReadingError:
    return ReadingError(
        wrong,
        allowed=allowed,
        todo="take out what is not needed, or split the study",
        kind="limit",
    )
