"""An analysis file: which study, which claims, how to sample, what to leave out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from dopafit.channel import channel_from_dict
from dopafit.core.arguments import PATH, takes
from dopafit.core.errors import SpecError, suggest
from dopafit.core.limits import RECORD_BYTES
from dopafit.core.reading import ReadingError, read_text
from dopafit.core.yaml_text import parse_yaml
from dopafit.drive import Drive
from dopafit.model.claim import DRIVES, Model
from dopafit.model.schedule import Schedule
from dopafit.study.exclusion import Exclusion, exclusions_from

__all__ = ["Analysis", "Sampling", "read_analysis"]

_FROZEN = ConfigDict(extra="forbid", frozen=True)
# how pydantic's findings begin, and its limits, in words of ours
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "string": "text",
    "dict": "lines 'key: value'",
    "tuple": "a list, e.g. [a, b]",
    "list": "a list, e.g. [a, b]",
    "bool": "true or false",
}
_LIMITS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


MOST_DRAWS, MOST_CHAINS, BUDGET = 1_000_000, 128, 4000


class Sampling(BaseModel):
    """How to sample; without `max_draws` 4,000 draws per chain at most, or `draws` if more."""

    model_config = _FROZEN

    draws: int = Field(500, ge=1, le=MOST_DRAWS)
    max_draws: int | None = Field(None, ge=1, le=MOST_DRAWS, validate_default=True)
    tune: int = Field(300, ge=1, le=MOST_DRAWS)
    chains: int = Field(4, ge=1, le=MOST_CHAINS)
    target_accept: float = Field(0.9, gt=0, lt=1)
    backend: Literal["numba", "jax"] = "numba"

    @field_validator("max_draws", mode="after")
    @classmethod
    def _budget(cls, value: int | None, info: ValidationInfo) -> int:
        draws = info.data.get("draws", 1)  # absent where it was refused
        if value is not None and value < draws:
            raise ValueError(f"below draws = {draws}, the first look; give max_draws >= draws")
        return max(BUDGET, draws) if value is None else value


class _Compare(BaseModel):
    model_config = _FROZEN

    unit: Literal["trial", "session"] = "session"


class _Check(BaseModel):
    model_config = _FROZEN

    draws: int = Field(200, ge=2)
    pair_within: float | None = Field(None, gt=0)


class _Simulate(BaseModel):
    model_config = _FROZEN

    drive: str = "trough"
    design: Schedule | None = None
    truth: dict[str, float] = Field(default_factory=dict)


class _File(BaseModel):
    """The keys of an analysis file."""

    model_config = _FROZEN

    title: str = ""
    question: str = ""
    study: str | None = None
    drives: tuple[str, ...] = DRIVES
    kernel: str = "opponent"
    events: tuple[str, ...] | None = None
    exclude: Any = None
    unit_magnitude: Any = None
    typical_spacing: float = 30.0
    channels: dict[str, dict[str, Any] | None]
    effects: dict[str, str] = Field(default_factory=dict)
    priors: dict[str, Any] = Field(default_factory=dict)
    fixed: dict[str, float] = Field(default_factory=dict)
    reference: dict[str, Any] = Field(default_factory=dict)
    sampling: Sampling = Sampling()
    compare: _Compare = _Compare()
    check: _Check = _Check()
    simulate: _Simulate | None = None
    seed: int = Field(1, ge=0)

    @field_validator("drives", mode="before")
    @classmethod
    def _nothing_is_no_drive(cls, value: Any) -> Any:
        # files of version 0.1 may hold a bare null, which YAML reads as nothing
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list):
            return value
        return ["no_drive" if drive is None else drive for drive in value]

    @field_validator("events", mode="before")
    @classmethod
    def _one_kind_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("effects", mode="before")
    @classmethod
    def _numbers_are_formulas(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if type(v) is int else v for k, v in value.items()}


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
        One model per drive.
    sampling : Sampling
        Draws, chains and so on.
    unit : str
        What leave-one-out leaves out.
    check_draws : int
        Replicates of each predictive check.
    pair_within : float or None
        Lag [s] under which two events are a pair.
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
    warnings : tuple of str
        What the file gives that none of its drives uses.
    """

    path: Path
    title: str
    question: str
    study: str | None
    models: Mapping[str, Model]
    sampling: Sampling
    unit: str
    check_draws: int
    pair_within: float | None
    seed: int
    schedule: Schedule | None
    truth_hypothesis: str
    truth: Mapping[str, float]
    exclude: tuple[Exclusion, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

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
def read_analysis(path: str | Path) -> Analysis:
    """Read an analysis file.

    Parameters
    ----------
    path : path
        A YAML file.

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
            allowed="an analysis file: " + ", ".join(_File.model_fields),
            todo=f"run dopafit validate {path.parent}, and name the folder in an analysis file, "
            f"as study: {path.resolve().parent.name}",
        )
    try:
        file = _File(**content)
    except ValidationError as error:
        raise _readable(path, error) from error
    simulate = file.simulate or _Simulate()
    if not file.drives:
        raise SpecError(
            f"{path}: drives is empty",
            allowed=", ".join(DRIVES),
            todo="name one drive or more, or leave drives out to fit all of them",
        )
    try:
        truth_hypothesis = Drive.named(simulate.drive).name
        exclude = exclusions_from(file.exclude)
        channels = [channel_from_dict(name, options) for name, options in file.channels.items()]
        models = {
            Drive.named(drive).name: Model(
                drive=drive,
                channels=channels,
                effects=file.effects,
                priors=file.priors,
                fixed=file.fixed,
                typical_spacing=file.typical_spacing,
                kernel=file.kernel,
                events=file.events,
                unit_magnitude=file.unit_magnitude,
                reference=file.reference,
            )
            for drive in dict.fromkeys(file.drives)
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
        check_draws=file.check.draws,
        pair_within=file.check.pair_within,
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
        warnings=_unused(file, models),
    )


def _unused(file: _File, models: Mapping[str, Model]) -> tuple[str, ...]:
    """Name what is given for parameters that none of the drives has."""
    known = set().union(*(model.parameters for model in models.values()))
    lines = []
    for key in ("effects", "priors", "fixed"):
        for name in getattr(file, key):
            stem = name.partition("[")[0]
            if not known & {stem, stem.removesuffix("_effect"), stem.removesuffix("_sd")}:
                lines.append(
                    f"{key}: {name} belongs to none of the drives ({', '.join(models)}), and does "
                    "nothing"
                )
    return tuple(lines)


def _load(path: Path) -> dict[str, Any]:
    keys = ", ".join(_File.model_fields)
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


def _readable(path: Path, error: ValidationError) -> SpecError:
    """Turn pydantic's findings into one message a user can act on."""
    lines, allowed, todo = [], [], []
    for problem in error.errors():
        wrong, accepted, advice = _three_parts(problem)
        lines.append(wrong)
        allowed.append(accepted)
        todo.append(advice)
    return SpecError(
        f"{path}: " + "; ".join(lines),
        allowed="; ".join(dict.fromkeys(allowed)),
        todo="; ".join(dict.fromkeys(todo)),
    )


def _three_parts(problem: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what is wrong, what is allowed and what to do for one of pydantic's findings."""
    loc, kind, given = problem["loc"], problem["type"], problem["input"]
    place = ".".join(str(part) for part in loc)
    if kind == "extra_forbidden":
        known = _known(loc[:-1])
        near = suggest(str(loc[-1]), known)
        return f"{place}: no such key", ", ".join(known), near or f"take {place} out"
    if kind == "missing":
        return f"{place}: missing", f"{place}: ...", f"add {place}"
    wrong = f"{place}: {given!r}"
    if kind == "literal_error":
        known = re.findall(r"'(.*?)'", problem["ctx"]["expected"])
        return wrong, ", ".join(known), suggest(given, known) or "take one of those allowed"
    limit = "".join(
        f" {_LIMITS[k]} {v:g}" for k, v in problem.get("ctx", {}).items() if k in _LIMITS
    )
    for start, words in _WORDS.items():
        if kind.startswith(start):
            return wrong, words, f"write {words} after {loc[-1]}:"
    if limit:
        return wrong, f"a number{limit}", f"correct {place}, or leave it out"
    if kind == "model_type":
        return wrong, ", ".join(_known(loc)), f"write keys and values under {place}:"
    return f"{wrong}: {problem['msg']}", f"{place} as the guide shows it", f"correct {place}"


def _known(place: tuple[Any, ...]) -> list[str]:
    """Return the keys of the section at this place of the file."""
    model: Any = _File
    for part in place:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return []
        kind = fields[part].annotation
        kinds = [k for k in (kind, *getattr(kind, "__args__", ())) if hasattr(k, "model_fields")]
        if not kinds:
            return []
        model = kinds[0]
    return list(model.model_fields)
