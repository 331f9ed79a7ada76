"""Find and read the study an analysis names, and leave out what it says."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dopafit.core.errors import SpecError, StudyError
from dopafit.model.analysis import Analysis, read_analysis
from dopafit.model.layout.layout import build_layout
from dopafit.study.datasets import list_datasets, load_dataset
from dopafit.study.excluded import Excluded, exclude
from dopafit.study.read import read_and_check
from dopafit.study.report import Report
from dopafit.study.study import Study
from dopafit.study.validate import validate

__all__ = ["Opened", "open_study", "validate_analysis"]


class Opened(NamedTuple):
    """What an analysis works on.

    Parameters
    ----------
    study : Study
        Without what the analysis leaves out.
    warnings : list of str
        Of its validation.
    excluded : Excluded
        What each rule of the analysis took.
    report : Report
        Everything that was found in the study.
    """

    study: Study
    warnings: list[str]
    excluded: Excluded
    report: Report


def open_study(analysis: Analysis, *, behaviour: bool = True) -> Opened:
    """Return the study and the warnings of its validation.

    Parameters
    ----------
    analysis : Analysis
        Names the study, and what is left out of it.
    behaviour : bool
        Whether the columns that the analysis names have to be there; a simulation makes them.

    Raises
    ------
    SpecError
        The analysis names no study, or one that is neither a folder nor a data set; a column or an
        exclusion that the study does not have.
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
        study, report = read_and_check(folder)
    elif analysis.study in list_datasets():
        study = load_dataset(analysis.study)
        report = validate(study)
    else:
        raise StudyError(
            f"study {analysis.study!r} is neither a folder beside {analysis.path.name} nor a data "
            "set",
            allowed=f"a folder relative to {analysis.path.parent}, or one of: "
            + ", ".join(list_datasets()),
            given=analysis.study,
            known=list_datasets(),
            todo="correct the name after study:",
        )
    if behaviour:
        _check_named(analysis, study)
    found = _left(analysis, study)
    if len(found.table):  # a warning about what is left out would mislead
        report = validate(found.study)
    warnings = [*analysis.warnings, *report.warning_lines]
    return Opened(found.study, warnings, found, report)


def validate_analysis(path: str | Path) -> str:
    """Check an analysis without fitting: its study, what it leaves out, and each claim over it.

    Returns
    -------
    str
        What was read and left out, and every warning.

    Raises
    ------
    SpecError, StudyError
        As `dopafit run` would.
    """
    analysis = read_analysis(path)
    opened = open_study(analysis)
    models = analysis.claims(opened.study)
    claims = (build_layout(model, opened.study).warnings for model in models.values())
    told = [f"  warning: {text}" for text in dict.fromkeys(w for some in claims for w in some)]
    told = [*(f"  warning: {text}" for text in analysis.warnings), *told]
    return "\n".join([str(opened.report), *opened.excluded.lines, *told])


def _left(analysis: Analysis, study: Study) -> Excluded:
    try:
        return exclude(study, analysis.exclude)
    except SpecError as error:
        raise SpecError(
            f"{analysis.path}: {error.wrong}", allowed=error.allowed, todo=error.todo
        ) from error


def _check_named(analysis: Analysis, study: Study) -> None:
    """Refuse a column that the file names and the study lacks, be it the default's name too."""
    columns = list(study.observations.columns)
    for channel, column in analysis.named.items():
        if column not in columns:
            where = f"{analysis.path}: channels: {channel}"
            wrong = f"{where}: the study's observations have no column {column!r}"
            otherwise = "name another, or write censored: null if every wait ended with a response"
            raise SpecError(wrong, given=column, known=columns, todo=otherwise)
