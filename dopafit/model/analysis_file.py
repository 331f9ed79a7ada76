"""What an analysis file may hold, and what is said of one that does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from dopafit.core.errors import SpecError, suggest
from dopafit.model.schedule import Schedule

__all__ = [
    "AnalysisFile",
    "Controls",
    "Headline",
    "Hypothesis",
    "Multiverse",
    "Nuisance",
    "Sampling",
    "Simulation",
    "Trace",
    "readable",
]

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
    """How to sample; without `max_draws` 4,000 draws per chain at most, or `draws` if more.

    PyMC's sampler makes `draws`.
    """

    model_config = _FROZEN

    draws: int = Field(500, ge=1, le=MOST_DRAWS)
    sampler: Literal["nutpie", "pymc"] = "nutpie"
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
        if value is None:
            return draws if info.data.get("sampler") == "pymc" else max(BUDGET, draws)
        return value


SMALLEST = 0.02
"""Smallest effect of interest: 2 points of a probability, else 2 % of what is typical."""

_Above0 = Annotated[float, Field(gt=0, strict=True)]


class _Compare(BaseModel):
    model_config = _FROZEN

    unit: Literal["trial", "session", "subject", "future"] = "session"
    after: _Above0 | None = None
    refits: int = Field(20, ge=0)
    smallest_effect: _Above0 | dict[str, _Above0] = SMALLEST

    @field_validator("after", mode="after")
    @classmethod
    def _only_of_the_future(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("unit", "future") != "future":
            raise ValueError("a time after which the future begins, and the unit is another one")
        return value


class _Check(BaseModel):
    model_config = _FROZEN

    draws: int = Field(200, ge=2)
    pair_within: float | None = Field(None, gt=0)


class Controls(BaseModel):
    """How many surrogates the data are held against, what was randomised, what acts caused."""

    model_config = _FROZEN

    surrogates: int = Field(39, ge=0)
    randomised: Literal["events", "magnitudes", "nothing"] | None = None
    earned_by: tuple[str, ...] | None = None


class Simulation(BaseModel):
    """What a simulation is made from."""

    model_config = _FROZEN

    hypothesis: str | None = None
    drive: str = "trough"
    design: Schedule | None = None
    truth: dict[str, float] = Field(default_factory=dict)


class Trace(BaseModel):
    """What the trace is: its kernel, and the events that move it."""

    model_config = _FROZEN

    kernel: str = "opponent"
    events: tuple[str, ...] | None = None
    unit_magnitude: Any = None
    typical_spacing: float = 30.0

    @field_validator("events", mode="before")
    @classmethod
    def _one_kind_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Hypothesis(BaseModel):
    """A drive, by channel where they differ, and a kernel unless it is the trace's."""

    model_config = _FROZEN

    drive: Any
    kernel: str | None = None
    family: str = ""


class Nuisance(BaseModel):
    """Which terms for time on task, the acts' own past and sessions every hypothesis has."""

    model_config = _FROZEN

    time_on_task: Annotated[bool, Field(strict=True)] | Annotated[float, Field(gt=0)] = True
    history: bool = True
    sessions: bool = True


class Headline(BaseModel):
    """Which effect a multiverse is about: one at a lobe, or one of a factor of the study's own."""

    model_config = _FROZEN

    channel: str | None = None
    at: Literal["peak", "trough"] | None = None
    parameter: str | None = None
    level: str | None = None


_Width = Annotated[float, Field(gt=0, strict=True)]
_Widths = Annotated[tuple[_Width, ...], Field(min_length=1)]
_Flags = Annotated[tuple[Annotated[bool, Field(strict=True)], ...], Field(min_length=1)]


class Multiverse(BaseModel):
    """Which other analyses would have been as defensible, beside the one that the file states."""

    model_config = _FROZEN

    drives: tuple[str, ...] | None = Field(None, min_length=1)
    kernels: tuple[str, ...] | None = Field(None, min_length=1)
    time_on_task: Annotated[
        tuple[Annotated[bool, Field(strict=True)] | _Width, ...], Field(min_length=1)
    ] = (True, False, 0.5, 2.0)
    history: _Flags = (True, False)
    sessions: _Flags = (True, False)
    kernel_prior: _Widths = (1.0, 0.5, 2.0)
    gain_prior: _Widths = (1.0, 0.5, 2.0)
    combine: Literal["one_at_a_time", "all"] = "one_at_a_time"
    effect: Headline = Headline()


class AnalysisFile(Trace):
    """The keys of an analysis file."""

    model_config = _FROZEN

    title: str = ""
    question: str = ""
    study: str | None = None
    traces: dict[str, Trace] | None = None
    hypotheses: dict[str, Hypothesis] | None = None
    drives: tuple[str, ...] | None = None
    nuisance: Nuisance | None = None
    exclude: Any = None
    channels: dict[str, dict[str, Any] | None]
    effects: dict[str, str] = Field(default_factory=dict)
    priors: dict[str, Any] = Field(default_factory=dict)
    fixed: dict[str, float] = Field(default_factory=dict)
    reference: dict[str, Any] = Field(default_factory=dict)
    sampling: Sampling = Sampling()
    compare: _Compare = _Compare()
    check: _Check = _Check()
    controls: Controls = Controls()
    multiverse: Multiverse | None = None
    simulate: Simulation | None = None
    seed: int = Field(1, ge=0)

    @field_validator("drives", mode="before")
    @classmethod
    def _nothing_is_no_drive(cls, value: Any) -> Any:
        # files of version 0.1 may hold a bare null, which YAML reads as nothing
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list):
            return value
        return ["no_drive" if drive is None else drive for drive in value]

    @field_validator("nuisance", mode="before")
    @classmethod
    def _none_of_them(cls, value: Any) -> Any:
        if value in (None, False, "none"):
            return dict.fromkeys(Nuisance.model_fields, False)
        return {} if value is True else value

    @field_validator("controls", mode="before")
    @classmethod
    def _no_controls(cls, value: Any) -> Any:
        return {"surrogates": 0} if value in (None, False, "none") else value

    @field_validator("effects", mode="before")
    @classmethod
    def _numbers_are_formulas(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: str(v) if type(v) is int else v for k, v in value.items()}


def readable(path: Path, error: ValidationError) -> SpecError:
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
    model: Any = AnalysisFile
    named = False
    for part in place:
        if named:  # the name of an entry
            named = False
            continue
        field = model.model_fields.get(part)
        sections = [] if field is None else list(_sections(field.annotation))
        if not sections:
            return []
        model, named = sections[0]
    return list(model.model_fields)


def _sections(kind: Any, named: bool = False) -> Iterator[tuple[Any, bool]]:
    """Find the sections in a field's type, and whether each stands under a name of its own."""
    if hasattr(kind, "model_fields"):
        yield kind, named
    for inner in getattr(kind, "__args__", ()):
        yield from _sections(inner, named or getattr(kind, "__origin__", None) is dict)
