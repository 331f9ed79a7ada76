"""A change of coordinates: what the sampler moves in place of what the model is written in.

It changes the speed, never the posterior. Its parts touch different coordinates: the posterior's
own scale (`curvature`), a landmark's time for the half-life (`landmark_time`), and gains at the
mean peak (`scaled_gains`). Members of groups are centred as far as the data inform them; that part
the density itself takes back (`Coordinates.centred_arrays`). The loops of
`dopafit.backend.geometry.loops` run all others: the generated function calls them at every step,
and the methods here for whoever has another density (JAX, a test) or a single point to take across.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dopafit.backend.codegen.step import GAINS, SHAPE, TIME
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.landmark_time import landmark_time
from dopafit.backend.geometry.loops import backward, forward
from dopafit.model.layout.coordinates import Coordinates
from dopafit.trace.kernel import Kernel

__all__ = ["Density", "Reparametrisation"]

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""A log density and its gradient (coordinate,) at a point."""


@dataclass(frozen=True, eq=False)
class Reparametrisation:
    """A change of coordinates of the vector q = (x, log h).

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of that vector.
    centre : array, (coordinate,), optional
        Point that the sampler's origin stands for.
    shape : Arrowhead, optional
        Scale around it; every coordinate keeps its own unless given.
    clock : str
        Landmark whose time stands for the half-life; empty where that stands for itself.
    gains : mapping of str to array
        From `dopafit.backend.geometry.scaled_gains.scaled_gains`.
    centring : array, (normals,), optional
        Share of centring of each normal coordinate, in the density that the change is for; none
        unless given.
    """

    coordinates: Coordinates
    centre: np.ndarray | None = None
    shape: Arrowhead | None = None
    clock: str = ""
    gains: Mapping[str, np.ndarray] = field(default_factory=dict)
    centring: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.centring is None:
            object.__setattr__(self, "centring", np.zeros(self.coordinates.normals))

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the loops need, by the names in `dopafit.backend.codegen.step.NAMES`."""
        size = self.coordinates.normals + self.coordinates.halves
        none, nowhere = np.zeros(0), np.zeros(0, np.int64)
        found = {"shape.centre": np.zeros(size) if self.centre is None else self.centre}
        found |= (Arrowhead.none() if self.shape is None else self.shape).arrays
        found |= dict.fromkeys(("gains.weight", "gains.power"), none)
        found |= {f"gains.{name}": nowhere for name in GAINS[2:]}
        found |= self.gains
        if self.clock:
            return found | landmark_time(self.coordinates, self.clock)
        time = {"place": np.array([-1, 0]), "scale": np.ones(1), "location": none}
        return found | {f"time.{name}": value for name, value in time.items()}

    def _parts(self, group: str, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
        return tuple(self.arrays[f"{group}.{name}"] for name in names)

    def _forward(self, u: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """Return the model's point, the mean log peak, and the slopes of the clock."""
        q, slopes = np.empty(u.size), np.zeros(0)
        parts = self._parts("shape", ("centre", *SHAPE)) + self._parts("gains", GAINS)
        mean = forward(u, q, self.coordinates.normals, *parts)
        if self.clock:
            log_time, slopes = self._log_time(q)
            q[self.arrays["time.place"][1]] -= log_time
        return q, mean, slopes

    def _log_time(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log of the landmark's time in the half-life's scale, and its slopes."""
        place, scale, location = self._parts("time", TIME)
        kernel = Kernel.named(self.coordinates.model.kernel)
        log_time, slopes = kernel.clock(self.clock, location + scale[1:] * q[place[2:]])
        return log_time / scale[0], slopes

    def _centred(self, q: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return the point (x, log h) with x times h^share."""
        owner, normals = self.coordinates.arrays["x_spread"], self.coordinates.normals
        log_h = np.concatenate([[0.0], q[normals:]])
        return np.concatenate([q[:normals] * np.exp(share * log_h[owner]), q[normals:]])

    def to_model(self, u: np.ndarray) -> np.ndarray:
        """Return the model's coordinates, not centred, of a sampler's point."""
        return self._centred(self._forward(u)[0], -self.centring)

    def from_model(self, q: np.ndarray) -> np.ndarray:
        """Return the sampler's coordinates of a model's point."""
        point = self._centred(q, self.centring)
        if self.clock:
            point[self.arrays["time.place"][1]] += self._log_time(point)[0]
        if self.gains:
            weight, power, x, spread, half, free = self._parts("gains", GAINS)
            log_h = np.concatenate([[0.0], q[self.coordinates.normals :]])
            mean = weight @ (np.exp(power * log_h[spread]) * point[x])
            point[half] += mean
            point[free] *= np.exp(mean)
        step = point - self.arrays["shape.centre"]
        return step if self.shape is None else self.shape.solve(step)

    def wrap(self, density: Density) -> Density:
        """Return a density of the model's coordinates, centred, as one of the sampler's.

        Its value is up to a constant, the volume of `shape`.
        """
        parts = self._parts("shape", SHAPE) + self._parts("time", TIME[:2])
        parts += self._parts("gains", GAINS)

        def wrapped(u: np.ndarray) -> tuple[float, np.ndarray]:
            # a step far off the map ends as infinity, which the sampler turns back from
            with np.errstate(over="ignore", invalid="ignore"):
                q, mean, slopes = self._forward(u)
                value, slope = density(q)
                gradient = np.empty(u.size)
                normals = self.coordinates.normals
                backward(q, slope.copy(), gradient, mean, normals, slopes, *parts)
                return value - self.arrays["gains.free"].size * mean, gradient

        return wrapped
