"""A study as bytes: a zip of Parquet tables and JSON, nothing executable."""

from __future__ import annotations

import io
import json
import zipfile

import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.study.study import Study
from dopafit.study.tables import TABLES

__all__ = ["study_from_bytes", "study_to_bytes"]

_ABOUT = "study.json"
_FORMAT = 1
_STAMP = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; equal studies give equal bytes
_TEXTS = ("name", "description", "licence", "citation", "time_unit")


def study_to_bytes(study: Study) -> bytes:
    """Return a study as one block of bytes, to embed in a saved fit.

    The folder it was read from is left out.
    """
    about = {
        "format": _FORMAT,
        "hash": study.hash,
        "simulated": bool(study.simulated),
        **{name: getattr(study, name) for name in _TEXTS},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)

        put(_ABOUT, json.dumps(about, ensure_ascii=False, indent=1).encode())
        for role, frame in study.tables.items():
            if len(frame):
                table = io.BytesIO()
                frame.to_parquet(table, index=False)
                put(f"{role}.parquet", table.getvalue())
    return buffer.getvalue()


def study_from_bytes(content: bytes) -> Study:
    """Return the study that `study_to_bytes` stored.

    Raises
    ------
    StudyError
        The bytes are damaged, of a newer format, or do not have the hash they state.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
            names = set(archive.namelist())
            about = json.loads(archive.read(_ABOUT))
            if about["format"] != _FORMAT:
                raise StudyError(
                    f"the stored study has format {about['format']}",
                    allowed=f"format {_FORMAT}",
                    todo="read it with a newer dopafit",
                )
            tables = {
                role: pd.read_parquet(io.BytesIO(archive.read(f"{role}.parquet")))
                for role in TABLES
                if f"{role}.parquet" in names
            }
            study = Study(
                **{name: str(about[name]) for name in _TEXTS},
                simulated=about["simulated"] is True,
                **tables,
            )
            stated = about["hash"]
    except StudyError:
        raise
    except Exception as error:  # damaged bytes fail anywhere inside zip, JSON or Parquet
        raise _damaged(f"{type(error).__name__}") from error
    if study.hash != stated:
        raise _damaged("its hash differs from the one it states")
    return study


def _damaged(how: str) -> StudyError:
    return StudyError(
        f"the stored study is damaged ({how})",
        allowed="bytes written by study_to_bytes",
        todo="load the study from its folder again, or restore the file from a copy",
    )
