"""The parameter vector: every effect of every parameter is one entry of `theta`.

All entries are affine in standard coordinates,
``theta = loc + scale * [1, h][spread] * [1, x][unit]``, with x standard normal and h half-normal
(the standard deviations of group effects, and gains whose sign a hypothesis fixes). Group effects
are therefore non-centred, and a table's rows are one sparse product ``values = A @ theta``. Entry 0
is the constant 1; entry 1 + i is the population value of parameter i, on its link scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from types import MappingProxyType
from typing import Any

import numpy as np

from dopafit.core.component import Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.core.xp import sigmoid
from dopafit.model.claim import Model
from dopafit.model.formula import Design
from dopafit.model.given import is_finite, prior_keys
from dopafit.trace.kernel import Kernel

__all__ = ["Coordinates", "Entry", "identity_arrays", "natural", "on_link", "to_link"]


def natural(parameter: Parameter, link_value: np.ndarray) -> np.ndarray:
    """Map a value from the link scale to the natural scale."""
    if parameter.link == "log":
        return np.exp(link_value)
    if parameter.link == "logit":
        return sigmoid(np, link_value)
    return link_value


def to_link(parameter: Parameter, value: float) -> float:
    """Map a natural value to the link scale; 0 on the logit scale is minus infinity."""
    if parameter.link == "logit" and value <= 0:
        return -np.inf
    return float(on_link(parameter.link, value))


def on_link(link: str, values: Any) -> Any:
    """Map natural values of any shape to the scale on which effects add up."""
    if link == "log":
        return np.log(values)
    return np.log(values) - np.log1p(-values) if link == "logit" else values


def in_range(name: str, value: object, link: str, where: str = "truth") -> float:
    """Return the value as a number, or say that the link cannot take it.

    Raises
    ------
    SpecError
        Not a finite number, or outside the link's range.
    """
    inside = (
        is_finite(value) and (link != "log" or value > 0) and (link != "logit" or 0 < value < 1)
    )
    if not inside:
        allowed = {"log": "a number above 0", "logit": "a number between 0 and 1"}
        raise SpecError(
            f"{where}: {name} = {value!r}",
            allowed=allowed.get(link, "a finite number"),
            todo=f"give {name} a value inside its range, or leave it out",
        )
    return float(value)


@dataclass(frozen=True)
class Entry:
    """One entry of theta and, through its name, one quantity a reader sees.

    Parameters
    ----------
    parameter : str
        The model parameter it belongs to.
    role : {"population", "effect", "group"}
        Population value, fixed effect or group deviation.
    label : str
        Term or member, empty for the population value.
    """

    parameter: str
    role: str
    label: str = ""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Book-keeping of theta for one model and the designs of its parameters.

    Parameters
    ----------
    model : Model
        The claim.
    designs : mapping of str to Design
        Fixed and group effects by parameter.

    Raises
    ------
    SpecError
        A prior for an effect that no formula makes.
    """

    model: Model
    designs: Mapping[str, Design] = field(default_factory=dict)
    entries: list[Entry] = field(init=False, default_factory=list)
    loc: list[float] = field(init=False, default_factory=list)
    scale: list[float] = field(init=False, default_factory=list)
    spread: list[int] = field(init=False, default_factory=list)
    unit: list[int] = field(init=False, default_factory=list)
    half_scale: list[float] = field(init=False, default_factory=list)
    half_names: list[tuple[str, str, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        units = count(1)
        self._add(Entry("", "constant"), 1.0, 0.0)
        for name, parameter in self.model.parameters.items():
            entry = Entry(name, "population")
            if parameter.prior is None:
                value = to_link(parameter, parameter.fixed)
                self._add(entry, value if np.isfinite(value) else 0.0, 0.0)
            elif parameter.prior.family == "half_normal":
                half = self._half(name, "population", "", parameter.prior)
                self._add(entry, 0.0, 1.0, spread=half)
            else:
                prior = parameter.prior
                self._add(entry, prior.link_location, prior.scale, unit=next(units))
        for name, design in self.designs.items():
            self._add_design(name, design, units)
        self._check_labels()

    def _add(
        self, entry: Entry, loc: float, scale: float, *, spread: int = 0, unit: int = 0
    ) -> None:
        self.entries.append(entry)
        self.loc.append(loc)
        self.scale.append(scale)
        self.spread.append(spread)
        self.unit.append(unit)

    def _half(self, name: str, part: str, label: str, prior: Prior) -> int:
        self.half_names.append((name, part, label))
        self.half_scale.append(prior.scale)
        return len(self.half_scale)

    def _add_design(self, name: str, design: Design, units: Iterator[int]) -> None:
        """Add the entries of a parameter's fixed and group effects."""
        for label in design.columns:
            prior, entry = self.model.prior_of(name, "effect", label), Entry(name, "effect", label)
            self._add(entry, prior.location, prior.scale, unit=next(units))
        for term in design.groups:
            half = self._half(name, "sd", term.label, self.model.prior_of(name, "sd", term.label))
            for level in term.levels:
                entry = Entry(name, "group", f"{term.label}[{level}]")
                self._add(entry, 0.0, 1.0, spread=half, unit=next(units))

    def _check_labels(self) -> None:
        """Refuse a prior for an effect that no formula makes: it would silently do nothing."""
        made = [(e.parameter, "effect", e.label) for e in self.entries if e.role == "effect"]
        made += [found for found in self.half_names if found[-1]]
        known = list(dict.fromkeys(key for found in made for key in prior_keys(*found)))
        stems = dict.fromkeys(name.partition("[")[0] for name in known)
        for name in self.model.priors:
            if name in known or name in stems or name in self.model.parameters:
                continue
            raise SpecError(
                f"priors: no formula makes the effect {name!r}"
                if "[" in name
                else f"priors: {name!r}: no formula makes such an effect",
                allowed=", ".join([*stems, *known]) or "no prior of an effect, as there are none",
                given=name,
                known=[*known, *stems],
                todo="leave the prior out, or add the term",
            )

    @cached_property
    def normals(self) -> int:
        """Number of standard normal coordinates."""
        return max(self.unit)

    @property
    def kernel_normals(self) -> list[int]:
        """Normal coordinates that hold the population values of the kernel's parameters."""
        own = Kernel.named(self.model.kernel).parameters
        return [
            unit - 1
            for entry, unit in zip(self.entries, self.unit, strict=True)
            if entry.role == "population" and entry.parameter in own and unit
        ]

    @property
    def gain_normals(self) -> list[int]:
        """Normal coordinates that hold the population values of gains whose sign is free."""
        return [
            unit - 1
            for entry, unit in zip(self.entries, self.unit, strict=True)
            if entry.role == "population" and entry.parameter in self.model.gains and unit
        ]

    def place(self, name: str) -> int:
        """Return the entry of a parameter's population value."""
        return 1 + list(self.model.parameters).index(name)

    def start(self, name: str) -> int:
        """Return the first effect entry of a parameter with a design."""
        for i, entry in enumerate(self.entries):
            if entry.parameter == name and entry.role != "population":
                return i
        return len(self.entries)

    @cached_property
    def arrays(self) -> Mapping[str, np.ndarray]:
        """The arrays, read-only, that map coordinates to theta; nothing is centred."""
        found = {
            "loc": np.array(self.loc),
            "scale": np.array(self.scale),
            "spread": np.array(self.spread, dtype=np.int64),
            "unit": np.array(self.unit, dtype=np.int64),
            "half_scale": np.array(self.half_scale or [1.0]),
            "half_free": np.full(self.halves, float(bool(self.half_scale))),
        }
        owner = np.zeros(self.normals, dtype=np.int64)
        own = found["unit"] > 0
        owner[found["unit"][own] - 1] = found["spread"][own]
        # of each normal coordinate, the spread, counted from 1; 0 where it has none
        found |= {"x_spread": owner} | self.centred_arrays(np.zeros(self.normals))
        for value in found.values():
            value.flags.writeable = False
        return MappingProxyType(found)

    def centred_arrays(self, centring: np.ndarray) -> dict[str, np.ndarray]:
        """Return those of `arrays` that another centring changes.

        Parameters
        ----------
        centring : array, (normals,)
            Share w of each coordinate's spread that its prior holds: its prior sd is h^w and it
            enters theta times h^(1 - w).
        """
        w = np.array(centring, dtype=float)
        return {"power": 1.0 - np.concatenate([[0.0], w])[self.unit], "x_centring": w}

    def centred_terms(self, centring: np.ndarray) -> dict[str, float]:
        """Return the share of centring of every group term, by the name of its deviation."""
        owner = self.arrays["x_spread"]
        return {
            f"{name}_sd[{label}]": float(centring[owner == k].max(initial=0.0))
            for k, (name, part, label) in enumerate(self.half_names, start=1)
            if part == "sd"
        }

    @property
    def halves(self) -> int:
        """Number of half-normal coordinates; at least one, so that the graph keeps its shape."""
        return max(1, len(self.half_scale))

    # ------------------------------------------------------------------ draws
    def theta(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Map draws of x (..., normals) and h (..., halves) to theta (..., entries)."""
        one = np.ones((*x.shape[:-1], 1))
        xs, hs = np.concatenate([one, x], axis=-1), np.concatenate([one, h], axis=-1)
        a = self.arrays
        return a["loc"] + a["scale"] * hs[..., a["spread"]] * xs[..., a["unit"]]

    def prior_draws(
        self, rng: np.random.Generator, size: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw x and h from the prior."""
        x = rng.standard_normal((*size, self.normals))
        h = np.abs(rng.standard_normal((*size, self.halves))) * self.arrays["half_scale"]
        return x, h

    def named(
        self, theta: np.ndarray, h: np.ndarray
    ) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
        """Return what a reader sees, natural scale: name -> (dims beyond the draws, values)."""
        found: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
        for name, parameter in self.model.parameters.items():
            if parameter.prior is not None:
                found[name] = ((), natural(parameter, theta[..., self.place(name)]))
            for role, dim in (("effect", "effect_term"), ("group", "group_member")):
                at = [
                    i for i, e in enumerate(self.entries) if e.parameter == name and e.role == role
                ]
                if at:
                    found[f"{name}_{role}"] = ((f"{name}_{dim}",), theta[..., at])
            at = [i for i, (n, part, _) in enumerate(self.half_names) if n == name and part == "sd"]
            if at:
                found[f"{name}_sd"] = ((f"{name}_sd_term",), h[..., at])
        return found

    def labels(self) -> dict[str, list[str]]:
        """Return the coordinate labels of the dims in `named`."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            if entry.role in ("effect", "group"):
                dim = "effect_term" if entry.role == "effect" else "group_member"
                found.setdefault(f"{entry.parameter}_{dim}", []).append(entry.label)
        for name, part, label in self.half_names:
            if part == "sd":
                found.setdefault(f"{name}_sd_term", []).append(label)
        return found

    def theta_from_truth(self, truth: Mapping[str, float], base: np.ndarray) -> np.ndarray:
        """Put given natural values into theta, keyed like the summary's rows.

        Raises
        ------
        SpecError
            A value outside its parameter's range.
        """
        theta = base.copy()
        for i, entry in enumerate(self.entries):
            key = self.key(entry)
            if key in truth:
                parameter = self.model.parameters[entry.parameter]
                population = entry.role == "population"
                value = in_range(key, truth[key], parameter.link if population else "identity")
                theta[i] = to_link(parameter, value) if population else value
        return theta

    @staticmethod
    def key(entry: Entry) -> str:
        """Return the summary's row name of an entry."""
        if entry.role == "population":
            return entry.parameter
        return f"{entry.parameter}_{entry.role}[{entry.label}]"


def identity_arrays(entries: int) -> dict[str, np.ndarray]:
    """Return what `Coordinates.arrays` does where every entry of theta is a coordinate."""
    zeros, none = np.zeros(entries), np.zeros(entries, dtype=np.int64)
    return {
        "loc": zeros,
        "scale": np.ones(entries),
        "spread": none,
        "unit": np.arange(1, entries + 1),
        "power": zeros,
        "x_centring": zeros,
        "x_spread": none,
        "half_scale": np.ones(1),
        "half_free": np.zeros(1),
    }
