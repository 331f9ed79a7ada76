"""Model recovery on disk: made once, resumed, drawn, and told on the page of the same folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from dopafit.core.component import OUTSIDE
from dopafit.core.errors import SpecError, StoppedError
from dopafit.core.files import read_regular, remove_parts
from dopafit.core.hold import hold
from dopafit.design.recovery import ENOUGH, ModelRecovery, recover_models
from dopafit.figure import confusion as drawn
from dopafit.figure.save import save
from dopafit.fit.progress import Progress
from dopafit.model.analysis import Analysis
from dopafit.model.claim import Model
from dopafit.model.layout.layout import resolved
from dopafit.model.play import simulate
from dopafit.model.schedule import timetable
from dopafit.report.opening import open_study
from dopafit.report.written import stamp_versions, write_json, write_table
from dopafit.study.study import Study

__all__ = ["run_recovery"]

STEM = "model_recovery"


def run_recovery(
    analysis: Analysis, out: Path, show: Progress, *, studies: int, command: str = ""
) -> ModelRecovery:
    """Simulate studies from every hypothesis, and write ``model_recovery.*``.

    Studies that the folder holds for the same hypotheses, design and seed are kept.

    Parameters
    ----------
    analysis : Analysis
        The analysis file. Its study is the design or, where it names none, its timetable.
    out : Path
        A folder, best the one of `dopafit run`, whose page then shows what was found.
    show : Progress
        Where progress is shown.
    studies : int
        Studies simulated from each hypothesis.
    command : str
        The command line, for the record.

    Raises
    ------
    StudyError, SpecError, FitError
        Input that cannot be used, or a folder that cannot be written.
    StoppedError
        Ctrl-C; studies that were finished are kept.
    """
    with show, hold(out, f"dopafit recover of {analysis.path.name}"):
        remove_parts(out)
        show.phase("reading", analysis.study or "timetable")
        design, models = _designed(analysis)
        told: dict[str, Any] = {
            "analysis": analysis.path.name,
            "study": design.hash,
            "hypotheses": {name: model.hash for name, model in models.items()},
            "families": {name: model.family for name, model in models.items()},
            "seed": analysis.seed,
            "truth": dict(analysis.truth),
            "components": dict(OUTSIDE),
            "dopafit": stamp_versions()["dopafit"],
        }
        path, kept = out / f"{STEM}.json", []
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
            found = json.loads(read_regular(path))
            if all(found[key] == value for key, value in told.items()):
                kept = list(found["studies"])
        show.done(f"{len(models)} hypotheses, {len(kept)} studies kept")
        records = kept

        def keep(finished: list[Any]) -> None:
            nonlocal records
            records = finished
            write_json(path, told | {"studies": finished})

        try:
            result = recover_models(
                models,
                design,
                seed=analysis.seed,
                studies=studies,
                truth=analysis.truth,
                kept=kept,
                keep=keep,
                progress=show,
            )
        except KeyboardInterrupt:
            raise StoppedError(
                f"stopped; {len(records)} of {studies * len(models)} studies are kept in {path}",
                allowed="a run that goes on to its end",
                todo="run the same command again: studies that were finished are kept",
            ) from None
        show.phase("drawing", STEM)
        said = {"summary": list(result.summary), "warning": result.warning, "command": command}
        write_json(path, told | said | stamp_versions() | {"studies": records})
        write_table(out / f"{STEM}_families.csv", result.by_family)
        each = len(result.studies) // len(models)
        stamp = f"{each} simulated studies a hypothesis · design {design.hash[:12]}"
        figure = drawn.draw(result.table, enough=ENOUGH, stamp=stamp, simulated=True)
        save(figure, {STEM: result.table}, out / STEM)
        show.done(str(out / f"{STEM}.pdf"))
    return result


def _designed(analysis: Analysis) -> tuple[Study, dict[str, Model]]:
    """Return the design, and the hypotheses as they would be fitted to it."""
    if analysis.study is not None:
        design = study = open_study(analysis).study
    elif analysis.schedule is not None:
        design = timetable(analysis.schedule, seed=analysis.seed, name=analysis.path.stem)
        # nuisance terms take their scales from behaviour
        study, _ = simulate(analysis.truth_model, design, seed=analysis.seed, truth=analysis.truth)
    else:
        raise SpecError(
            f"{analysis.path} says neither a study nor a timetable to simulate over",
            allowed="study: FOLDER, or simulate: {design: {subjects: 24, ...}}",
            todo="add one of these to the analysis file",
        )
    return design, {name: resolved(m, study) for name, m in analysis.claims(study).items()}
