"""Check a study: every problem at once, each at its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dopafit.core.arguments import PATH, takes
from dopafit.study.checks import check_across
from dopafit.study.codes import check_codes
from dopafit.study.contents import contents_of
from dopafit.study.load import Loaded, Table, load_folder
from dopafit.study.report import Finding, Report
from dopafit.study.schema import check_table
from dopafit.study.study import Study
from dopafit.study.tables import TABLES

__all__ = ["check_loaded", "validate"]


@takes(study=(Study, *PATH))
def validate(study: Study | str | Path) -> Report:
    """Check a study folder, or a study in memory, and report everything found.

    Parameters
    ----------
    study : Study or path
        A study, a folder with ``study.yaml``, or the ``study.yaml`` in it.

    Returns
    -------
    Report
        All findings, and what was read. Bad input makes findings, never an exception.
    """
    if not isinstance(study, Study):
        read = load_folder(Path(study))
        return check_loaded(read, what=str(read.folder))
    loaded = Loaded(None)
    for role, frame in study.tables.items():
        if len(frame) or role == "sessions":
            loaded.tables[role] = Table(role, frame, np.arange(len(frame)), "row")
    return check_loaded(loaded, what=f"study {study.name!r}")


def check_loaded(loaded: Loaded, *, what: str) -> Report:
    """Check tables that were read, after what reading found."""
    findings = list(loaded.findings)
    for role in TABLES:
        table = loaded.tables.get(role)
        if table is None:
            continue
        if not len(table.frame):
            findings.append(_no_rows(role, table))
        findings += check_table(role, table)
        findings += check_codes(table)
    findings += check_across(loaded.tables)
    frames = {role: loaded.tables[role].frame for role in TABLES if role in loaded.tables}
    return Report(what, tuple(findings), contents_of(frames) if frames else None)


def _no_rows(role: str, table: Table) -> Finding:
    return table.finding(
        None,
        None,
        "the table has no rows",
        allowed="at least one row",
        todo="write the rows, or take the table out of study.yaml",
        kind="no-rows",
        severity="error" if role == "sessions" else "warning",
    )
