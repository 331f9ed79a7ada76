"""Read a study from a folder."""

from __future__ import annotations

from pathlib import Path

from dopafit.core.arguments import PATH, takes
from dopafit.study.load import load_folder
from dopafit.study.report import Report
from dopafit.study.study import Study
from dopafit.study.validate import check_loaded

__all__ = ["read_and_check", "read_study"]


@takes(path=PATH)
def read_study(path: str | Path) -> Study:
    """Read a study from a folder with ``study.yaml``.

    Parameters
    ----------
    path : path
        The folder, or the ``study.yaml`` in it.

    Returns
    -------
    Study
        All times in seconds, whatever the unit in the files.

    Raises
    ------
    StudyError
        The study has errors; the message lists them with file, line and column.
    """
    return read_and_check(path)[0]


def read_and_check(path: str | Path) -> tuple[Study, Report]:
    """Read a study as `read_study` does; return it with all that was found in it.

    Raises
    ------
    StudyError
        As `read_study`.
    """
    loaded = load_folder(Path(path))
    report = check_loaded(loaded, what=str(loaded.folder))
    report.raise_errors()
    about = loaded.description
    tables = {role: table.frame for role, table in loaded.tables.items()}
    study = Study(
        about.name,
        **tables,
        simulated=about.simulated,
        description=about.description,
        licence=about.licence,
        citation=about.citation,
        time_unit=about.time_unit,
        source=loaded.folder,
    )
    return study, report
