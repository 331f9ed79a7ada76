"""Prior distributions as values: printable, comparable, the same in YAML and in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from dopafit.core.errors import SpecError
from dopafit.core.xp import sigmoid

__all__ = ["FAMILIES", "Prior"]

# family -> names of (location, scale) as users write them; None where there is no location
FAMILIES: dict[str, tuple[str | None, str]] = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sigma"),
    "logit_normal": ("median", "sigma"),
    "half_normal": (None, "sd"),
}


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class Prior:
    """One prior on a parameter's natural scale.

    Parameters
    ----------
    family : {"normal", "lognormal", "logit_normal", "half_normal"}
    location : float
        Mean (normal) or median (lognormal, logit_normal); 0 for half_normal.
    scale : float
        Standard deviation on the scale on which the distribution is normal
        (natural, log or logit); the scale of the half-normal. Positive.

    Raises
    ------
    SpecError
        Unknown family, non-finite numbers, or a location outside the support.
    """

    family: str
    location: float
    scale: float

    def __post_init__(self) -> None:
        if not isinstance(self.family, str) or self.family not in FAMILIES:
            wrong = f"prior family {self.family!r} is not known"
            raise SpecError(wrong, given=self.family, known=FAMILIES)
        if not all(_is_number(value) for value in (self.location, self.scale)):
            raise SpecError(
                f"prior {self.family}({self.location!r}, {self.scale!r})",
                allowed="two numbers",
                todo="give location and scale as numbers, without quotes",
            )
        if not (np.isfinite(self.location) and np.isfinite(self.scale) and self.scale > 0):
            raise SpecError(
                f"prior {self.family}({self.location}, {self.scale}) is not a distribution",
                allowed="finite numbers with a positive scale",
                todo="give a finite location and a scale above 0",
            )
        object.__setattr__(self, "location", float(self.location))
        object.__setattr__(self, "scale", float(self.scale))
        if self.family == "lognormal" and self.location <= 0:
            raise SpecError(
                f"lognormal median {self.location} is not positive",
                allowed="median > 0",
                todo="give a median above 0, on the parameter's own scale",
            )
        if self.family == "half_normal" and self.location != 0:
            raise SpecError(
                f"half_normal with location {self.location}",
                allowed="location 0",
                todo="write Prior.half_normal(sd)",
            )
        if self.family == "logit_normal" and not 0 < self.location < 1:
            raise SpecError(
                f"logit_normal median {self.location}",
                allowed="0 < median < 1",
                todo="give a median between 0 and 1, on the parameter's own scale",
            )

    @classmethod
    def normal(cls, mean: float, sd: float) -> Prior:
        """Return a normal prior with the given mean and sd."""
        return cls("normal", mean, sd)

    @classmethod
    def lognormal(cls, median: float, sigma: float) -> Prior:
        """Return a lognormal prior with the given median and sd of the logarithm."""
        return cls("lognormal", median, sigma)

    @classmethod
    def logit_normal(cls, median: float, sigma: float) -> Prior:
        """Return a prior on (0, 1) that is normal after the logit."""
        return cls("logit_normal", median, sigma)

    @classmethod
    def half_normal(cls, sd: float) -> Prior:
        """Return a half-normal prior with the given scale."""
        return cls("half_normal", 0.0, sd)

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any], *, where: str = "prior") -> Prior:
        """Read ``{family: {argument: number}}``, as a YAML file holds it."""
        if isinstance(spec, Prior):
            return spec
        if not isinstance(spec, Mapping) or len(spec) != 1:
            raise SpecError(
                f"{where}: {spec!r} is not a prior",
                allowed="one family with its numbers, e.g. {lognormal: {median: 0.3, sigma: 0.7}}",
                todo="write the family, then its numbers",
            )
        family, arguments = next(iter(spec.items()))
        if family not in FAMILIES:
            wrong = f"{where}: prior family {family!r} is not known"
            raise SpecError(wrong, given=family, known=FAMILIES)
        names = [n for n in FAMILIES[family] if n is not None]
        if not isinstance(arguments, Mapping) or set(arguments) != set(names):
            raise SpecError(
                f"{where}: {family} got {arguments!r}",
                allowed=f"{{{family}: {{{', '.join(f'{n}: number' for n in names)}}}}}",
                todo="name these numbers and no others",
            )
        numbers = {}
        for name in names:
            value = arguments[name]
            if not _is_number(value):
                raise SpecError(
                    f"{where}: {family} {name} = {value!r}",
                    allowed="a number",
                    todo=f"write {name} as a number, without quotes",
                )
            numbers[name] = float(value)
        try:
            return getattr(cls, family)(**numbers)
        except SpecError as error:
            raise SpecError(
                f"{where}: {error.wrong}", allowed=error.allowed, todo=error.todo
            ) from error

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return the form that `from_dict` reads."""
        location, scale = FAMILIES[self.family]
        values = {} if location is None else {location: self.location}
        return {self.family: values | {scale: self.scale}}

    @property
    def link_location(self) -> float:
        """Mean on the scale on which the distribution is normal."""
        if self.family == "lognormal":
            return float(np.log(self.location))
        if self.family == "logit_normal":
            return float(np.log(self.location / (1 - self.location)))
        return self.location

    @property
    def distribution(self) -> Any:
        """SciPy's frozen distribution; for logit_normal, of the logit."""
        from scipy import stats

        if self.family == "lognormal":
            return stats.lognorm(s=self.scale, scale=self.location)
        if self.family == "half_normal":
            return stats.halfnorm(scale=self.scale)
        return stats.norm(self.link_location, self.scale)

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...] = ()) -> np.ndarray:
        """Draw from the prior on the natural scale."""
        normal = rng.standard_normal(size)
        return self.natural(np.abs(normal) if self.family == "half_normal" else normal)

    def natural(self, standard: np.ndarray) -> np.ndarray:
        """Map a standard (half-)normal value to the natural scale."""
        link = self.link_location + self.scale * np.asarray(standard, dtype=float)
        if self.family == "lognormal":
            return np.exp(link)
        if self.family == "logit_normal":
            return sigmoid(np, link)
        return link

    def quantile(self, probability: float) -> float:
        """Return the quantile on the natural scale."""
        q = float(self.distribution.ppf(probability))
        return float(sigmoid(np, q)) if self.family == "logit_normal" else q

    def __str__(self) -> str:
        family, arguments = next(iter(self.to_dict().items()))
        return f"{family}({', '.join(f'{k}={v:g}' for k, v in arguments.items())})"
