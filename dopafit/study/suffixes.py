"""Read one table of a study, text or Parquet, by the suffix of its file."""

from __future__ import annotations

from pathlib import Path

from dopafit.study.report import Finding
from dopafit.study.tabular import DELIMITERS, RawTable, read_text_table

__all__ = ["read_table"]

_SUFFIXES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), "a spreadsheet's workbook"),
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"), "a compressed file"),
}
_HOW = {
    **dict.fromkeys(
        (".xlsx", ".xls", ".xlsm", ".ods", ".numbers"),
        "save each sheet as 'CSV UTF-8' and name that file in study.yaml",
    ),
    **dict.fromkeys(
        (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z"),
        "unpack it into the study folder, or save the table as Parquet, which is compressed",
    ),
}


def read_table(path: Path, file: str) -> tuple[RawTable | None, list[Finding]]:
    """Read one table of a study by its suffix.

    Parameters
    ----------
    path : Path
        Where the file is.
    file : str
        Its name as study.yaml gives it.

    Returns
    -------
    table : RawTable or None
        None where nothing could be read.
    findings : list of Finding
    """
    suffix = path.suffix.lower()
    if suffix in DELIMITERS:
        return read_text_table(path, file, DELIMITERS[suffix])
    if suffix in (".parquet", ".pq"):
        from dopafit.study.parquet import read_parquet  # pyarrow is slow to import

        return read_parquet(path, file)
    return None, [
        Finding(
            file,
            None,
            None,
            suffix,
            f"{_SUFFIXES.get(suffix, 'a file')} ending in {suffix!r} cannot be read",
            ".csv, .tsv, .txt (tabs), .parquet",
            _HOW.get(suffix, "save the table as CSV in UTF-8"),
            "error",
            "suffix",
        )
    ]
