"""Find and read the study an analysis names."""

from __future__ import annotations

from dopafit.core.errors import SpecError, StudyError
from dopafit.model.analysis import Analysis
from dopafit.study.datasets import list_datasets, load_dataset
from dopafit.study.read import read_study
from dopafit.study.study import Study
from dopafit.study.validate import validate

__all__ = ["open_study"]


def open_study(analysis: Analysis) -> tuple[Study, list[str]]:
    """Return the study and the warnings of its validation.

    Raises
    ------
    SpecError
        The analysis names no study, or one that is neither a folder nor a data set.
    StudyError
        The study has errors.
    """
    if analysis.study is None:
        raise SpecError(
            f"{analysis.path} names no study",
            allowed="study: FOLDER or the name of a data set",
            todo="add the line study: FOLDER",
        )
    folder = analysis.study_folder
    if folder is not None:
        return read_study(folder), validate(folder).warning_lines
    if analysis.study in list_datasets():
        study = load_dataset(analysis.study)
        return study, validate(study).warning_lines
    raise StudyError(
        f"study {analysis.study!r} is neither a folder beside {analysis.path.name} nor a data set",
        allowed=f"a folder relative to {analysis.path.parent}, or one of: "
        + ", ".join(list_datasets()),
        todo="correct the name after study:",
    )
