"""An analysis file: which study, which claims, how to sample, what to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dopafit.channel import channel_from_dict
from dopafit.core.errors import SpecError, suggest
from dopafit.model.schedule import Schedule
from dopafit.model.spec import DRIVES, Model

__all__ = ["Analysis", "Sampling", "read_analysis"]

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class Sampling(BaseModel):
    """How to sample."""

    model_config = _FROZEN

    draws: int = Field(500, ge=1)
    tune: int = Field(300, ge=0)
    chains: int = Field(4, ge=1)
    target_accept: float = Field(0.9, gt=0, lt=1)


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
    typical_spacing: float = 30.0
    channels: dict[str, dict[str, Any] | None]
    effects: dict[str, str] = Field(default_factory=dict)
    priors: dict[str, Any] = Field(default_factory=dict)
    fixed: dict[str, float] = Field(default_factory=dict)
    sampling: Sampling = Sampling()
    compare: _Compare = _Compare()
    check: _Check = _Check()
    simulate: _Simulate | None = None
    seed: int = Field(1, ge=0)

    @field_validator("drives", mode="before")
    @classmethod
    def _null_is_a_drive(cls, value: Any) -> Any:
        # in YAML a bare null is nothing; here it names the null drive
        return ["null" if v is None else v for v in value] if isinstance(value, list) else value

    @field_validator("effects", mode="before")
    @classmethod
    def _numbers_are_formulas(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if isinstance(v, int) else v for k, v in value.items()}


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
    truth_drive : str
        Drive that simulations come from.
    truth : mapping of str to float
        Values simulations are made with.
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
    truth_drive: str
    truth: Mapping[str, float]

    @property
    def study_folder(self) -> Path | None:
        """The study as a folder, if it is one; else it is the name of a data set."""
        if self.study is None:
            return None
        folder = (self.path.parent / self.study).resolve()
        return folder if folder.is_dir() else None


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
    content = _load(path)
    try:
        file = _File(**content)
    except ValidationError as error:
        raise _readable(path, error, content) from error
    channels = [channel_from_dict(name, options) for name, options in file.channels.items()]
    shared = {
        "channels": channels, "effects": file.effects, "priors": file.priors, "fixed": file.fixed,
        "typical_spacing": file.typical_spacing, "kernel": file.kernel, "events": file.events,
    }
    if not file.drives:
        raise SpecError(f"{path}: drives is empty", allowed=", ".join(DRIVES))
    models = {drive: Model(drive=drive, **shared) for drive in dict.fromkeys(file.drives)}
    simulate = file.simulate or _Simulate()
    return Analysis(
        path, file.title or path.parent.name, file.question, file.study, models, file.sampling,
        file.compare.unit, file.check.draws, file.check.pair_within, file.seed, simulate.design,
        simulate.drive, simulate.truth,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            allowed="a YAML file in UTF-8", todo="check the path",
        ) from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SpecError(
            f"{path}{where}: not YAML: {getattr(error, 'problem', None) or error}",
            todo="check indentation, colons and quotes there",
        ) from error
    if not isinstance(content, dict) or not all(isinstance(k, str) for k in content):
        raise SpecError(f"{path} holds no keys", allowed=", ".join(_File.model_fields))
    return content


def _readable(path: Path, error: ValidationError, content: Mapping[str, Any]) -> SpecError:
    """Turn pydantic's findings into one message a user can act on."""
    lines, allowed, hint = [], [], ""
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = _known(problem["loc"][:-1])
            lines.append(f"{place}: no such key")
            allowed.append(", ".join(known))
            hint = hint or suggest(str(problem["loc"][-1]), known)
        elif problem["type"] == "missing":
            lines.append(f"{place}: missing")
        else:
            lines.append(f"{place}: {problem['input']!r}: {problem['msg']}")
    return SpecError(f"{path}: " + "; ".join(lines), allowed="; ".join(dict.fromkeys(allowed)), todo=hint)


def _known(place: tuple[Any, ...]) -> list[str]:
    model: Any = _File
    for part in place:
        fields = getattr(model, "model_fields", {})
        kinds = [
            kind for kind in (fields[part].annotation, *getattr(fields[part].annotation, "__args__", ()))
            if hasattr(kind, "model_fields")
        ] if part in fields else []
        if not kinds:
            return []
        model = kinds[0]
    return list(model.model_fields)
