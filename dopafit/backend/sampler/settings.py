"""How to draw from a posterior: numbers with limits, said before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dopafit.backend.sampler.backends import known_backend
from dopafit.core.errors import SpecError
from dopafit.model.analysis_file import MOST_CHAINS, MOST_DRAWS

__all__ = ["ADAPTATIONS", "SamplerSettings"]

ADAPTATIONS = ("diag", "low_rank")
SAMPLERS = ("nutpie", "pymc")
RANGES = {
    "draws": (1, MOST_DRAWS),
    "max_draws": (1, MOST_DRAWS),
    "tune": (1, MOST_DRAWS),
    "chains": (1, MOST_CHAINS),
    "cores": (1, 1_000_000),
    "seed": (0, 2**64 - 1),
    "maxdepth": (1, 30),
}
"""Least and largest value of every whole number."""


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How to draw from a posterior.

    Parameters
    ----------
    draws, tune : int
        Draws kept, and draws spent on adaptation, per chain.
    max_draws : int or None
        Draws per chain at which sampling ends where `run` is told to look at `draws`, twice as
        many, and so on; `draws` unless given.
    chains : int
        Number of independent chains; a verdict needs at least two.
    cores : int or None
        Chains run at a time; None takes every core this process may use.
    seed : int
        Seed of the sampler's own random numbers, 0 or more.
    target_accept : float
        Mean acceptance the step size is adapted to, in (0, 1).
    maxdepth : int
        Largest depth of a trajectory's tree (at most ``2 ** maxdepth`` leapfrog steps a draw).
    adaptation : {"diag", "low_rank"}
        Form of the mass matrix.
    sampler : {"nutpie", "pymc"}
        Whose No-U-Turn sampler draws. PyMC's makes `draws` and is looked at once.
    backend : {"numba", "jax"}
        What computes the log density; recorded, for draws differ by rounding.

    Raises
    ------
    SpecError
        A number out of range, an unknown adaptation or an unknown backend.
    """

    draws: int = 1000
    max_draws: int | None = None
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    seed: int = 0
    target_accept: float = 0.9
    maxdepth: int = 10
    adaptation: str = "diag"
    sampler: str = "nutpie"
    backend: str = "numba"

    def __post_init__(self) -> None:
        if self.max_draws is None:
            object.__setattr__(self, "max_draws", self.draws)
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if name == "cores" and value is None:
                continue
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            if not whole or not least <= value <= most:
                raise SpecError(
                    f"sampler: {name} = {value!r}",
                    allowed=f"a whole number from {least} to {most:,}",
                    todo=f"give {name} a number in this range",
                )
            object.__setattr__(self, name, int(value))
        if self.max_draws < self.draws:
            raise SpecError(
                f"sampler: max_draws = {self.max_draws} is below draws = {self.draws}",
                allowed="max_draws at least as large as draws, the first look",
                todo="raise max_draws or lower draws",
            )
        if not isinstance(self.target_accept, (int, float)) or not 0 < self.target_accept < 1:
            raise SpecError(
                f"sampler: target_accept = {self.target_accept!r}",
                allowed="a number between 0 and 1, e.g. 0.9",
                todo="0.9 suits most models; 0.95 or 0.99 where divergences stay",
            )
        for name, known in (("adaptation", ADAPTATIONS), ("sampler", SAMPLERS)):
            value = getattr(self, name)
            if value not in known:
                raise SpecError(f"sampler: {name} {value!r} is not known", given=value, known=known)
        if known_backend(self.backend) != "numba" and self.sampler == "pymc":
            raise SpecError(
                f"sampler pymc with backend {self.backend}",
                allowed="sampler pymc with backend numba; sampler nutpie with any",
                todo="leave backend out",
            )

    @property
    def looks(self) -> tuple[int, ...]:
        """Draws per chain at which the draws are looked at: `draws`, doubled up to `max_draws`."""
        found = [self.draws]
        while self.sampler == "nutpie" and found[-1] < self.max_draws:
            found.append(min(2 * found[-1], self.max_draws))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, as JSON and YAML hold them."""
        return asdict(self)
