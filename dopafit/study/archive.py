"""A study as bytes: a zip of Parquet tables and JSON, nothing executable."""

from __future__ import annotations

import io
import json
import zipfile

from dopafit.core.errors import StudyError
from dopafit.core.limits import UNPACKED_BYTES
from dopafit.core.reading import ReadingError
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
    from dopafit.study.parquet import parquet_frame  # pyarrow is slow to import

    try:
        with zipfile.ZipFile(io.BytesIO(bytes(content))) as archive:
            known = {_ABOUT: _ABOUT, **{f"{role}.parquet": role for role in TABLES}}
            members = [m for m in archive.infolist() if m.filename in known]
            # a member never gives more than the size it states
            if sum(m.file_size for m in members) > UNPACKED_BYTES:
                raise StudyError(
                    f"the stored study unpacks to more than {UNPACKED_BYTES / 2**30:g} GiB",
                    allowed="bytes written by study_to_bytes",
                    todo="do not use this file; load the study from its folder",
                )
            content = {known[m.filename]: archive.read(m) for m in members}
        about = json.loads(content.pop(_ABOUT))
        if about["format"] != _FORMAT:
            raise StudyError(
                f"the stored study has format {about['format']}",
                allowed=f"format {_FORMAT}",
                todo="read it with a newer dopafit",
            )
        tables = {role: parquet_frame(table) for role, table in content.items()}
        study = Study(
            **{name: str(about[name]) for name in _TEXTS},
            simulated=about["simulated"] is True,
            **tables,
        )
        stated = about["hash"]
    except ReadingError as error:
        raise StudyError(
            f"a table of the stored study {error.wrong}", allowed=error.allowed, todo=error.todo
        ) from error
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
