"""Read a study from a folder."""

from __future__ import annotations

from pathlib import Path

from dopafit.core.arguments import PATH, takes
from dopafit.study.load import load_folder
from dopafit.study.study import Study
from dopafit.study.validate import check_loaded

__all__ = ["read_study"]


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
    folder = Path(path)
    if folder.name == "study.yaml":
        folder = folder.parent
    loaded = load_folder(folder)
    check_loaded(loaded, what=str(folder)).raise_errors()
    about = loaded.description
    tables = {role: table.frame for role, table in loaded.tables.items()}
    return Study(
        about.name,
        **tables,
        simulated=about.simulated,
        description=about.description,
        licence=about.licence,
        citation=about.citation,
        time_unit=about.time_unit,
        source=folder,
    )
