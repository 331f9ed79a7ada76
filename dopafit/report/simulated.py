"""Write a simulated study with the truth beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from dopafit.core.errors import SpecError
from dopafit.model.analysis import Analysis, read_analysis
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable
from dopafit.report.opening import open_study
from dopafit.study.study import Study
from dopafit.study.write import write_study

__all__ = ["simulate_folder"]


def simulate_folder(
    analysis: str | Path | Analysis, out: str | Path, *, seed: int
) -> tuple[Study, Path]:
    """Simulate an analysis and write study and truth.

    The timetable is ``simulate: design`` of the analysis or, without one, that of its study.

    Parameters
    ----------
    analysis : path or Analysis
        With ``simulate: {hypothesis, design, truth}``; what `truth` leaves out is drawn from the
        prior.
    out : path
        Folder of the new study.
    seed : int
        Source of randomness.

    Returns
    -------
    study : Study
    path : Path
        ``truth.json``.

    Raises
    ------
    SpecError, StudyError
        Nothing to simulate over, or a truth that the model does not know.
    """
    found = analysis if isinstance(analysis, Analysis) else read_analysis(analysis)
    name = Path(out).name
    if found.schedule is not None:
        design = timetable(found.schedule, seed=seed, name=name)
    elif found.study is not None:
        design = replace(open_study(found, behaviour=False).study, name=name)
    else:
        raise SpecError(
            f"{found.path} says neither a study nor a timetable to simulate over",
            allowed="study: FOLDER, or simulate: {design: {subjects: 24, ...}}",
            todo="add one of these to the analysis file",
        )
    model = found.truth_model
    study, values = simulate(model, design, seed=seed, truth=found.truth)
    study = replace(
        study,
        description=f"SIMULATED under the hypothesis {model.hypothesis}, seed {seed}. "
        "Nobody behaved: the timetable and the behaviour were made by a program.",
        licence="CC0-1.0",
        citation="",
    )
    truth = {
        "simulated": True,
        "hypothesis": model.hypothesis,
        "seed": seed,
        "model_hash": model.hash,
        "study_hash": study.hash,
        "values": values,
    }
    text = json.dumps(truth, indent=1) + "\n"
    write_study(study, Path(out), extra={"truth.json": text})
    return study, Path(out) / "truth.json"
