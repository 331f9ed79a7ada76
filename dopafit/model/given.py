"""What a claim was given, checked against the parameters it has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from dopafit.channel import Channel
from dopafit.core.component import Parameter
from dopafit.core.errors import DopafitError, SpecError
from dopafit.core.prior import Prior
from dopafit.drive import Drive
from dopafit.model.formula.language import number_text

__all__ = [
    "as_data",
    "check_prefixes",
    "checked_drive",
    "checked_effects",
    "checked_fixed",
    "checked_name",
    "checked_priors",
    "checked_reference",
    "is_finite",
    "joined",
    "no_parameter",
    "plain_names",
    "prior_keys",
    "stems",
]

Declared = tuple[dict[str, Parameter], set[str]]
"""The claim's own parameters, and the names of those of any drive: an analysis gives one set of
effects, priors and values to all its rivals."""

NAME = re.compile(r"[^\W\d_][\w-]{0,59}")

ALLOWED = {"identity": ("normal", "half_normal"), "log": ("lognormal",), "logit": ("logit_normal",)}
FAMILIES = {"_effect": ("normal",), "_sd": ("half_normal",)}
"""Families of a parameter's prior by its link, and of the priors of its effects and spreads."""


def is_finite(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(value))


def no_parameter(where: str, name: str, known: Collection[str]) -> DopafitError:
    """Return the error for a name that is no parameter's."""
    return SpecError(f"{where}: {name!r} is not a parameter of this model", given=name, known=known)


def as_data(prior: Any) -> Any:
    """Return a prior as plain data, however it was given."""
    return prior.to_dict() if isinstance(prior, Prior) else prior


def checked_name(name: Any, what: str, taken: Iterable[str] = ()) -> str:
    """Return the name of a hypothesis or a trace: it names files and begins names."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SpecError(
            f"{what}: {name!r} cannot be its name",
            allowed="up to 60 letters, digits, _ and -, beginning with a letter",
            todo="give a shorter or plainer name",
        )
    if name in taken:
        raise SpecError(
            f"{what}: a channel is called {name!r} as well",
            allowed="a name of its own",
            todo="rename one of the two",
        )
    return name


def check_prefixes(prefixes: list[str]) -> None:
    """Refuse channels whose parameters could not be told apart by their names."""
    for first, second in itertools.pairwise(sorted(prefixes)):
        if first == second:
            raise SpecError(
                f"a channel is given twice: {', '.join(prefixes)}",
                allowed="each channel under a name of its own",
                todo="remove one of them, or give it another name (called=, or its key in a file)",
            )
    for first, second in itertools.permutations(prefixes, 2):
        if second.startswith(f"{first}_"):
            raise SpecError(
                f"channels {first} and {second}: {second}_rest could belong to either",
                allowed="names of which none begins with another and _",
                todo=f"rename {first} or {second}",
            )


def checked_drive(drive: Any, prefixes: list[str]) -> str | Mapping[str, str]:
    """Return the name of a claim's drive; by channel where channels have different ones."""
    if not isinstance(drive, Mapping):
        return str(Drive.named(drive).name)
    for prefix in drive:
        if prefix not in prefixes:
            raise SpecError(f"drive: no channel is called {prefix!r}", given=prefix, known=prefixes)
    for prefix in prefixes:
        if prefix not in drive:
            raise SpecError(
                f"drive: channel {prefix} has none",
                allowed=f"a drive for each of {', '.join(prefixes)}",
                todo=f"add {prefix}: no_drive if the events do not move it",
            )
    names = {prefix: str(Drive.named(drive[prefix]).name) for prefix in prefixes}
    same = len(set(names.values())) == 1
    return names[prefixes[0]] if same else MappingProxyType(names)


def plain_names(
    key: str, given: Mapping[str, Any], trace: str, prefixes: Iterable[str]
) -> dict[str, Any]:
    """Return what was given by short names: peak for dopamine.peak, left_rest for left.rest."""
    owners, plain = [*filter(None, [trace]), *prefixes], {}
    for name, value in given.items():
        stem, bracket, label = str(name).partition("[")
        owner, dot, own = stem.partition(".")
        if dot and owner not in owners:
            raise SpecError(
                f"{key}: {name!r}: no trace or channel is called {owner!r}",
                allowed=", ".join(f"{owner}.PARAMETER" for owner in owners),
                given=owner,
                known=owners,
                todo=f"write {own or 'the parameter'} alone",
            )
        if dot:
            stem = own if owner == trace else f"{owner}_{own}"
            if owner == trace and own.startswith(tuple(f"{prefix}_" for prefix in prefixes)):
                raise SpecError(
                    f"{key}: {name!r} is not a parameter of the trace {trace}",
                    allowed=f"{trace}.PARAMETER of its kernel",
                    todo=f"write {own}",
                )
        if stem + bracket + label in plain:
            raise SpecError(
                f"{key}: {name!r} is given twice, as {stem} as well",
                allowed="each parameter once",
                todo="remove one of them",
            )
        plain[stem + bracket + label] = value
    return plain


def prior_keys(name: str, part: str, label: str) -> tuple[str, ...]:
    """Return by which names an effect may be given a prior, the narrowest first.

    The columns of one function may be named together.

    Examples
    --------
    >>> prior_keys("peak", "effect", "poly(dose, 2)[1]")[:2]
    ('peak_effect[poly(dose, 2)[1]]', 'peak_effect[poly(dose, 2)]')
    """
    whole, bracket, _ = label.rpartition("[")
    narrow = [label, whole] if bracket and whole.endswith(")") else [label]
    return (*(f"{name}_{part}[{text}]" for text in narrow), f"{name}_{part}")


def stems(name: str) -> set[str]:
    """Return the parameters that a name of `priors` may belong to."""
    stem = name.partition("[")[0]
    return {stem, stem.removesuffix("_effect"), stem.removesuffix("_sd")}


def joined(parts: Iterable[Mapping[str, Parameter]]) -> dict[str, Parameter]:
    """Return the parameters of kernel, drives and channels together."""
    found: dict[str, Parameter] = {}
    for part in parts:
        for name in part:
            if found.get(name, part[name]) != part[name]:
                raise SpecError(
                    f"two parts of the model have a parameter {name}",
                    allowed="a name for one parameter",
                    todo="give the channel another name, or fit the drives one at a time",
                )
        found |= part
    return found


def _outside(parameter: Parameter, value: float) -> str:
    """Return a parameter's range in words where the value lies outside, else nothing."""
    if parameter.link == "log" and value <= 0:
        return "a number above 0"
    if parameter.link == "logit" and not 0 <= value < 1:
        return "0, or a number between 0 and 1"
    if parameter.prior is not None and parameter.prior.family == "half_normal" and value < 0:
        return "0 or above: the drive says which sign this gain has"
    return ""


def checked_effects(
    effects: Mapping[str, str], declared: Declared, channels: Iterable[Channel]
) -> dict[str, str]:
    """Return the formulas of the claim's own parameters, with those it has by default."""
    base, known = declared
    for name in effects:
        if name not in known:
            raise no_parameter("effects", name, sorted(known))
    given = {k: str(v) for k, v in effects.items() if k in base}
    for name, formula in given.items():
        if base[name].varies == "population" and formula.strip() != "1":
            raise SpecError(
                f"effects: {name} has one value for the whole population",
                allowed=f"{name}: 1, or a prior or a fixed value for it",
                todo=f"take {name} out of the effects",
            )
    defaults = [f"{channel.prefix}_rest" for channel in channels] + ["peak"]
    return {k: "(1 | subject)" for k in defaults if k in base} | given


def checked_priors(priors: Mapping[str, Any], declared: Declared) -> dict[str, Prior]:
    """Return the priors of the claim's own parameters, effects and spreads."""
    base, known = declared
    names = {n + suffix for n in known for suffix in ("", "_effect", "_sd")}
    checked = {}
    for name, prior in priors.items():
        stem = name.partition("[")[0]
        if stem not in names or ("[" in name and stem in known):
            raise SpecError(
                f"priors: {name!r} is not a parameter of this model",
                allowed=", ".join(sorted(known)) + "; with _effect or _sd for their effects",
                given=stem,
                known=names,
            )
        prior = Prior.from_dict(prior, where=f"priors: {name}")
        parameter, part = _part(stem, base)
        if parameter is None:
            continue
        families = FAMILIES.get(part) or ALLOWED[parameter.link]
        if prior.family not in families:
            raise SpecError(
                f"priors: {name}: {prior} does not fit",
                allowed=" or ".join(families)
                + f" (its effects add up on the {parameter.link} scale)",
                todo="choose a prior of that family",
            )
        checked[name] = prior
    return checked


def _part(stem: str, base: dict[str, Parameter]) -> tuple[Parameter | None, str]:
    for suffix in ("", "_effect", "_sd"):
        if stem.endswith(suffix) and stem.removesuffix(suffix) in base:
            return base[stem.removesuffix(suffix)], suffix
    return None, ""


def checked_fixed(
    fixed: Mapping[str, Any], declared: Declared, priors: Mapping[str, Any]
) -> dict[str, float]:
    """Return the values at which the claim's own parameters are fixed."""
    base, known = declared
    for name, value in fixed.items():
        if name not in known:
            raise no_parameter("fixed", name, sorted(known))
        if name in priors:
            raise SpecError(
                f"{name} has both a prior and a fixed value",
                allowed="one of them",
                todo="take it out of priors or out of fixed",
            )
        if not is_finite(value):
            raise SpecError(
                f"fixed: {name} = {value!r}",
                allowed="a number",
                todo="write the number without quotes",
            )
        allowed = _outside(base[name], value) if name in base else ""
        if allowed:
            raise SpecError(
                f"fixed: {name} = {value} is outside its range",
                allowed=allowed,
                todo=f"give a value that {name} can take, or take it out of fixed",
            )
    return {k: float(v) for k, v in fixed.items() if k in base}


def checked_reference(
    reference: Mapping[str, Any], own: set[str], rivals: set[str]
) -> dict[str, str]:
    """Return the reference levels of the columns that the claim's own formulas use.

    Columns of its rivals' formulas may be named as well.
    """
    known = own | rivals
    for column, level in reference.items():
        if column not in known:
            wrong = f"reference: no formula uses a column {column!r}"
            otherwise = "leave it out, or name a column of a formula"
            raise SpecError(wrong, given=column, known=sorted(known), todo=otherwise)
        if isinstance(level, bool) or not isinstance(level, (str, Real)):
            raise SpecError(
                f"reference: {column}: {level!r} is not the name of a level",
                allowed="text, or a number",
                todo="put quotes around it, as yes, no, on and off mean true and false in YAML",
            )
    return {
        column: level if isinstance(level, str) else number_text(float(level))
        for column, level in reference.items()
        if column in own
    }
