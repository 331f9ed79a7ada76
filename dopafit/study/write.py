"""Write a study to a folder of CSV files and a ``study.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dopafit.core.arguments import PATH, takes
from dopafit.core.errors import StudyError
from dopafit.core.files import write_whole
from dopafit.core.spreadsheet import csv_text, runs
from dopafit.core.yaml_text import dump_yaml
from dopafit.study.study import Study
from dopafit.study.tables import STUDY_FILE

__all__ = ["write_study"]


@takes(study=Study, folder=PATH)
def write_study(
    study: Study,
    folder: str | Path,
    *,
    extra: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a study so that reading it again gives the same hash.

    Parameters
    ----------
    study : Study
    folder : path
        Made if it does not exist. A study already there is replaced.
    extra : mapping of file name to text, optional
        Further text files for the folder, e.g. a README or the script's truth.
    overwrite : bool
        Write into a folder that holds other things than a study.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder is not empty and not a study, a name in `extra` is not a plain file name, or
        the disk refused.
    """
    folder = Path(folder)
    tables = {role: frame for role, frame in study.tables.items() if len(frame)}
    taken = {STUDY_FILE, *(f"{role}.csv" for role in tables)}
    for name in extra or {}:
        if name in taken or Path(name).name != name or name in ("", ".", ".."):
            raise StudyError(
                f"extra file {name!r} cannot be written",
                allowed="a plain file name that is not one of the study's own",
                todo="choose another name",
            )
    about = {
        "name": study.name,
        "simulated": bool(study.simulated),
        "description": study.description,
        "licence": study.licence,
        "citation": study.citation,
        "time_unit": "s",
        "tables": {role: _entry(f"{role}.csv", frame) for role, frame in tables.items()},
    }
    try:
        if folder.exists() and not overwrite:
            if not folder.is_dir() or (
                any(folder.iterdir()) and not (folder / STUDY_FILE).is_file()
            ):
                raise StudyError(
                    f"{folder} holds something that is not a study",
                    allowed="a new folder, an empty one, or a study to replace",
                    todo="choose another folder, or pass overwrite=True",
                )
        folder.mkdir(parents=True, exist_ok=True)
        for role, frame in tables.items():
            _replace(folder / f"{role}.csv", csv_text(frame))
        for name, text in (extra or {}).items():
            _replace(folder / name, text)
        # last, so that an interrupted first write leaves no study that looks whole
        _replace(folder / STUDY_FILE, dump_yaml(about))
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be written ({error.strerror or error})",
            allowed="a folder you may write to",
            todo="choose another folder or free some space",
        ) from error
    return folder


def _entry(file: str, frame: pd.DataFrame) -> str | dict[str, str | bool]:
    """Return what study.yaml says of a table; names that are formulas are written escaped."""
    texts = [c for c in frame.columns if frame[c].dtype.kind != "f"]
    names = [str(c) for c in frame.columns]
    names += [w for c in texts for w in frame[c].dropna().unique() if isinstance(w, str)]
    return {"file": file, "escaped": True} if any(map(runs, names)) else file


def _replace(path: Path, text: str) -> None:
    write_whole(path, text.encode())
