"""Read one table of a study, text or Parquet, by the suffix of its file."""

from __future__ import annotations

from pathlib import Path

from dopafit.study.report import Finding
from dopafit.study.tabular import DELIMITERS, RawTable, read_text_table

__all__ = ["read_table"]

# what a file with such a suffix is, and what to do with it
_WORKBOOK = (
    "a spreadsheet's workbook",
    "save each sheet as 'CSV UTF-8' and name that file in study.yaml",
)
_COMPRESSED = (
    "a compressed file",
    "unpack it into the study folder, or save the table as Parquet, which is compressed",
)
_OTHER = ("a file", "save the table as CSV in UTF-8")
_SUFFIXES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _WORKBOOK),
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"), _COMPRESSED),
}


def read_table(path: Path, file: str) -> tuple[RawTable | None, list[Finding]]:
    """Read one table of a study by its suffix; without the table where it cannot be read."""
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_text_table(path, file, DELIMITERS[suffix])
    if suffix in (".parquet", ".pq"):
        from dopafit.study.parquet import read_parquet  # pyarrow is slow to import

        return read_parquet(path, file)
    what, todo = _SUFFIXES.get(suffix, _OTHER)
    wrong, allowed = (
        f"{what} ending in {suffix!r} cannot be read",
        ".csv, .tsv, .txt (tabs), .parquet",
    )
    return None, [Finding(file, None, None, suffix, wrong, allowed, todo, "error", "suffix")]
