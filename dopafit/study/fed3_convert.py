"""From FED3 logs to a study on disk, with who was in the cage as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.study.fed3 import read_fed3
from dopafit.study.study import Study
from dopafit.study.suffixes import read_table
from dopafit.study.write import write_study

__all__ = ["convert_fed3"]

_OWN = ("file", "subject")


def convert_fed3(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    subjects: str | Path | None = None,
    session_types: Collection[str] | None = None,
    active: str | None = None,
) -> Study:
    """Read FED3 logs and write them as a study that an analysis can name.

    Parameters
    ----------
    paths : iterable of path
        Log files, or folders of them.
    out : path
        Folder of the new study, which has its name.
    subjects : path, optional
        A CSV or TSV table with columns ``file`` (a log's name, with or without its suffix) and
        ``subject``; further columns (drug, group, weight ...) become covariates of the sessions.
    session_types, active
        As for `dopafit.study.read_fed3`.

    Raises
    ------
    StudyError
        A log or the table is malformed, or the folder cannot be written.
    """
    who, extra = (None, None) if subjects is None else _who(Path(subjects))
    study = read_fed3(
        list(paths),
        subjects=who,
        session_types=session_types,
        active=active,
        name=Path(out).resolve().name,
    )
    if extra is not None:
        study = _with_covariates(study, extra, Path(subjects).name)
    write_study(study, out)
    return study


def _who(path: Path) -> tuple[dict[str, str], pd.DataFrame]:
    """Return who was in the cage by file stem, and the table's other columns."""
    raw, findings = read_table(path, path.name)
    for finding in findings:
        if finding.severity == "error":
            raise StudyError(finding.line(), allowed=finding.allowed, todo=finding.todo)
    table = raw.frame.astype(str)
    for column in _OWN:
        if column not in table:
            raise StudyError(
                f"{path.name} has no column {column!r}",
                allowed="columns file and subject, and any covariates of the sessions",
                given=column,
                known=table.columns,
                todo=f"add the column {column}",
            )
    names = table["file"].str.strip()
    logs = names.str.lower().str.endswith(".csv")
    stem = names.where(~logs, names.str[:-4])
    for column, bad, what in (
        ("subject", table["subject"].str.strip() == "", "no subject"),
        ("file", stem.duplicated(), "the file is named twice"),
    ):
        if bad.any():
            i = int(bad.to_numpy().argmax())
            raise StudyError(
                f"{path.name}, line {raw.rows[i]}, column {column!r}: {what} "
                f"(file {table['file'].iloc[i]!r})",
                allowed="one subject for every file, each file once",
                todo="correct the line",
            )
    own = table.drop(columns=list(_OWN)).assign(stem=stem)
    return dict(zip(stem, table["subject"].str.strip(), strict=True)), own


def _with_covariates(study: Study, extra: pd.DataFrame, file: str) -> Study:
    """Put the table's other columns on the sessions of each log."""
    sessions = study.sessions
    taken = [c for c in extra.columns if c in sessions]
    if taken:
        raise StudyError(
            f"{file}: the sessions have a column {taken[0]!r} already",
            allowed="other names than " + ", ".join(sessions.columns),
            todo="rename the column",
        )
    # a session of a log with several tasks is called after the log and a number
    known = set(extra["stem"])
    stem = [s if s in known else s.rpartition(" ")[0] for s in sessions["session"]]
    joined = sessions.assign(stem=stem).merge(extra, on="stem", how="left", validate="many_to_one")
    return study.with_tables({"sessions": joined.drop(columns="stem")})
