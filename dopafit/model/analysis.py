"""An analysis file: which study, which claims, how to sample, what to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dopafit.channel import Channel, channel_from_dict
from dopafit.core.arguments import PATH, takes
from dopafit.core.errors import SpecError
from dopafit.core.limits import RECORD_BYTES
from dopafit.core.reading import ReadingError, read_text
from dopafit.core.yaml_text import parse_yaml
from dopafit.drive import Drive
from dopafit.model.analysis_file import (
    AnalysisFile,
    Controls,
    Hypothesis,
    Multiverse,
    Nuisance,
    Sampling,
    Simulation,
    Trace,
    readable,
)
from dopafit.model.claim import Model
from dopafit.model.given import plain_names, stems
from dopafit.model.nuisance import NONE, with_nuisance
from dopafit.model.rivals import RIVALS
from dopafit.model.schedule import Schedule
from dopafit.study.exclusion import Exclusion, exclusions_from
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel

__all__ = ["Analysis", "Sampling", "read_analysis"]


@dataclass(frozen=True)
class Analysis:
    """An analysis file, read and checked.

    Parameters
    ----------
    path : Path
        The file.
    title, question : str
        For the report.
    study : str or None
        Folder (relative to the file) or name of a data set.
    models : mapping of str to Model
        One model per hypothesis, as the file has it; see `claims`.
    sampling : Sampling
        Draws, chains and so on.
    unit : str
        What leave-one-out leaves out.
    after : float or None
        Where the future begins, if that is left out: a share of each session, or seconds if 1 or
        more; half a session where None.
    refits : int
        Units of a hypothesis that are fitted without at most, where scores cannot be trusted.
    smallest_effect : mapping of str to float
        By channel: an effect of the trough below it would not matter. In points of a probability
        over 100, in shares of a typical latency or rate, else in the outcome's unit.
    check_draws : int
        Replicates of each predictive check.
    pair_within : float or None
        Lag [s] under which two events are a pair.
    controls : Controls
        Surrogates the data are held against, and what was randomised.
    seed : int
        The seed of the whole run.
    schedule : Schedule or None
        Timetable of a simulation.
    truth_hypothesis : str
        Hypothesis, or drive, that simulations come from.
    truth : mapping of str to float
        Values simulations are made with.
    exclude : tuple of Exclusion
        What is left out of the study.
    named : mapping of str to str
        Columns of observations that the file names in so many words, by channel.
    rivals : {"default", "hypotheses", "drives"}
        What the file names; drives share the trace's kernel.
    nuisance : mapping of str to bool or float
        Terms for time on task, the acts' past and sessions; arguments of `with_nuisance`.
    multiverse : Multiverse or None
        Which other analyses are as defensible; None where the file does not say.
    warnings : tuple of str
        What the file gives that none of its hypotheses uses.
    """

    path: Path
    title: str
    question: str
    study: str | None
    models: Mapping[str, Model]
    sampling: Sampling
    unit: str
    after: float | None
    refits: int
    smallest_effect: Mapping[str, float]
    check_draws: int
    pair_within: float | None
    controls: Controls
    seed: int
    schedule: Schedule | None
    truth_hypothesis: str
    truth: Mapping[str, float]
    exclude: tuple[Exclusion, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    rivals: str = "drives"
    nuisance: Mapping[str, bool | float] = NONE
    multiverse: Multiverse | None = None
    warnings: tuple[str, ...] = ()

    def claims(self, study: Study) -> dict[str, Model]:
        """Return the models that are fitted: with the nuisance terms that follow from the study.

        Parameters
        ----------
        study : Study
            The whole study, without what the analysis leaves out.
        """
        return {
            name: with_nuisance(model, study, **self.nuisance)
            for name, model in self.models.items()
        }

    @property
    def truth_model(self) -> Model:
        """The claim that simulations come from."""
        first = next(iter(self.models.values()))
        own = self.models.get(self.truth_hypothesis)
        return first.with_drive(self.truth_hypothesis) if own is None else own

    @property
    def study_folder(self) -> Path | None:
        """The study as a folder, if it is one; else it is the name of a data set."""
        if self.study is None:
            return None
        folder = (self.path.parent / self.study).resolve()
        if folder.name == "study.yaml" and folder.is_file():
            return folder.parent
        return folder if folder.is_dir() else None


@takes(path=PATH)
def read_analysis(
    path: str | Path, *, hypotheses: Mapping[str, tuple[str, str]] | None = None
) -> Analysis:
    """Read an analysis file.

    Parameters
    ----------
    path : path
        A YAML file.
    hypotheses : mapping of str to (drive, kernel), optional
        Models are made of these, in place of those that the file names.

    Returns
    -------
    Analysis

    Raises
    ------
    SpecError
        Not found, not YAML (with line and column), an unknown key (with a suggestion) or a value
        that is not allowed.
    """
    path = Path(path)
    if path.is_dir():
        inside = sorted(each.name for each in path.glob("*.y*ml") if each.name != "study.yaml")
        raise SpecError(
            f"{path} is a folder, not an analysis file",
            allowed="an analysis file (.yaml)",
            todo=f"name the file: {path / inside[0]}" if inside else "name the file itself",
        )
    content = _load(path)
    if "tables" in content and "channels" not in content:
        raise SpecError(
            f"{path} describes a study, not an analysis",
            allowed="an analysis file: " + ", ".join(AnalysisFile.model_fields),
            todo=f"run dopafit validate {path.parent}, and name the folder in an analysis file, "
            f"as study: {path.resolve().parent.name}",
        )
    try:
        file = AnalysisFile(**content)
    except ValidationError as error:
        raise readable(path, error) from error
    simulate = file.simulate or Simulation()
    try:
        trace_name, trace = _one_trace(file)
        own = _hypotheses(file, trace)
        others = {n: Hypothesis(drive=d, kernel=k) for n, (d, k) in (hypotheses or {}).items()}
        truth_hypothesis = simulate.hypothesis or simulate.drive
        if truth_hypothesis not in own:
            truth_hypothesis = Drive.named(truth_hypothesis).name
        exclude = exclusions_from(file.exclude)
        channels = [channel_from_dict(name, options) for name, options in file.channels.items()]
        prefixes = [channel.prefix for channel in channels]
        given = {
            key: plain_names(key, getattr(file, key), trace_name, prefixes)
            for key in ("effects", "priors", "fixed")
        }
        smallest = _smallest(file.compare.smallest_effect, channels)
        every = [*own.values(), *others.values()]
        kernels = {told.kernel or trace.kernel for told in every}
        models = {
            name: Model(
                name=name,
                family=told.family,
                trace=trace_name,
                drive=told.drive,
                channels=channels,
                **_own(given, told.kernel or trace.kernel, kernels),
                typical_spacing=trace.typical_spacing,
                kernel=told.kernel or trace.kernel,
                events=trace.events,
                unit_magnitude=trace.unit_magnitude,
                reference=file.reference,
            )
            for name, told in (others or own).items()
        }
    except SpecError as error:
        raise SpecError(f"{path}: {error.wrong}", allowed=error.allowed, todo=error.todo) from error
    return Analysis(
        path=path,
        title=file.title or path.resolve().parent.name,
        question=file.question,
        study=file.study,
        models=models,
        sampling=file.sampling,
        unit=file.compare.unit,
        after=file.compare.after,
        refits=file.compare.refits,
        smallest_effect=smallest,
        check_draws=file.check.draws,
        pair_within=file.check.pair_within,
        controls=file.controls,
        seed=file.seed,
        schedule=simulate.design,
        truth_hypothesis=truth_hypothesis,
        truth=simulate.truth,
        exclude=exclude,
        named={
            name: options["censored"]
            for name, options in file.channels.items()
            if options and isinstance(options.get("censored"), str)
        },
        rivals=next((k for k in ("hypotheses", "drives") if getattr(file, k)), "default"),
        nuisance=_nuisance(file),
        multiverse=file.multiverse,
        warnings=_unused(given, models),
    )


def _nuisance(file: AnalysisFile) -> Mapping[str, bool | float]:
    """Return the nuisance terms: all by default, none for drives with one kernel."""
    if file.nuisance is None and file.drives is not None:
        return NONE
    return (file.nuisance or Nuisance()).model_dump()


def _smallest(given: float | dict[str, float], channels: list[Channel]) -> dict[str, float]:
    """Return the smallest effect of interest by channel; none where a channel has no usual one."""
    words = {channel.prefix: channel.typical_words for channel in channels}
    if isinstance(given, float):
        given = {p: given for p, told in words.items() if told and told.change != "difference"}
    for prefix in given:
        if prefix not in words:
            what = f"compare: smallest_effect: there is no channel {prefix!r}"
            raise SpecError(what, given=prefix, known=words)
    return {prefix: float(size) for prefix, size in given.items()}


def _one_trace(file: AnalysisFile) -> tuple[str, Trace]:
    """Return the trace with its name, empty where the file's own keys describe it."""
    if file.traces is None:
        return "", file
    double = sorted(Trace.model_fields.keys() & file.model_fields_set)
    if double:
        raise SpecError(
            f"{double[0]} stands both beside traces and under it, or for no trace",
            allowed=f"traces: {{dopamine: {{{double[0]}: ...}}}}",
            todo=f"write {double[0]} under the trace it belongs to",
        )
    if len(file.traces) != 1:
        raise SpecError(
            f"traces: {len(file.traces)} are named: {', '.join(file.traces) or 'none'}",
            allowed="one: this version fits one trace",
            todo="name one trace, or leave traces out",
        )
    return next(iter(file.traces.items()))


def _hypotheses(file: AnalysisFile, trace: Trace) -> dict[str, Hypothesis]:
    """Return what is compared, by name: hypotheses, drives with the trace's kernel, or `RIVALS`."""
    if file.hypotheses is not None and file.drives is not None:
        raise SpecError(
            "hypotheses and drives are both given",
            allowed="one of them",
            todo="write each drive as a hypothesis: {trough: {drive: trough}}",
        )
    key = "drives" if file.hypotheses is None else "hypotheses"
    if file.hypotheses is not None:
        found = dict(file.hypotheses)
    elif file.drives is not None:
        names = dict.fromkeys(str(Drive.named(drive).name) for drive in file.drives)
        found = {name: Hypothesis(drive=name) for name in names}
    elif "kernel" in trace.model_fields_set:
        raise SpecError(
            f"kernel: {Kernel.named(trace.kernel).name} is given, but neither drives nor "
            "hypotheses: by default hypotheses differ in their kernels",
            allowed="drives: [...], which all have this kernel, or hypotheses: {NAME: {drive: ..., "
            "kernel: ...}}",
            todo="name the drives, e.g. drives: [no_drive, level, peak], or leave kernel out",
        )
    else:
        found = {name: Hypothesis(**told._asdict()) for name, told in RIVALS.items()}
    if not found:
        raise SpecError(
            f"{key} is empty",
            allowed=", ".join(RIVALS if key == "hypotheses" else Drive.members()),
            todo=f"name one or more, or leave {key} out to compare {', '.join(RIVALS)}",
        )
    files = [name.casefold() for name in found]
    double = [name for name in found if files.count(name.casefold()) > 1]
    if double:
        raise SpecError(
            f"hypotheses: {' and '.join(double)} differ in capitals only, and so would their files",
            allowed="names that differ otherwise too",
            todo="rename one of them",
        )
    return found


def _own(
    given: Mapping[str, Mapping[str, Any]], kernel: str, kernels: set[str]
) -> dict[str, dict[str, Any]]:
    """Return what the file gives for parameters, without those of other hypotheses' kernels."""
    others = set().union(*(Kernel.named(name).parameters for name in kernels))
    others -= set(Kernel.named(kernel).parameters)
    return {
        key: {name: value for name, value in plain.items() if not others & stems(name)}
        for key, plain in given.items()
    }


def _unused(given: Mapping[str, Mapping[str, Any]], models: Mapping[str, Model]) -> tuple[str, ...]:
    """Name what is given for parameters that none of the hypotheses has."""
    known = set().union(*(model.parameters for model in models.values()))
    return tuple(
        f"{key}: {name} belongs to no hypothesis ({', '.join(models)}), and does nothing"
        for key, plain in given.items()
        for name in plain
        if not known & stems(name)
    )


def _load(path: Path) -> dict[str, Any]:
    keys = ", ".join(AnalysisFile.model_fields)
    try:
        content = parse_yaml(read_text(path, RECORD_BYTES))
    except ReadingError as error:
        raise SpecError(
            f"{path}{error.place} {error.wrong}", allowed=error.allowed, todo=error.todo
        ) from error
    if content is None:
        raise SpecError(
            f"{path} is empty",
            allowed=keys,
            todo="write an analysis into it; analyses/cue-pursuit/analysis.yaml is an example",
        )
    if not isinstance(content, dict) or not all(isinstance(k, str) for k in content):
        raise SpecError(
            f"{path} holds no keys",
            allowed=keys,
            todo="write lines 'key: value', e.g. study: FOLDER",
        )
    return content
