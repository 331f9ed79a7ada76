"""A change of coordinates: what the sampler moves in place of what the model is written in.

It changes the speed, never the posterior. Its parts touch different coordinates:

* The posterior's own scale (`curvature`).
* Half-normals (standard deviations of groups, gains of one sign) as their logarithm below the mode
  and as themselves above it. Where data say little ln h reaches far down, and long steps are
  right there; upwards the density falls with exp(2 ln h), a cliff that long steps run into. So the
  sampler moves v in h = k ln(1 + e^v), k being the mode.
* A landmark's time for the half-life. Behaviour often fixes when the level peaks or is lowest to
  within a few per cent, and says little about onset and recovery apart. Half-life and onset ratio
  then lie on a narrow, curved ridge, which no linear scaling makes round. So the sampler moves the
  logarithm of the landmark's time that the data know best in place of the logarithm of the
  half-life, everything else held: a shear, of volume 1.
* Gains at the mean peak. The data see a gain times a peak. When all peaks of a study move together
  the gains can follow: a ridge, curved where the spread of the peaks is itself sampled. So the
  sampler moves g' = g exp(m), m the mean log peak over the study's events, in place of g. For gains
  of one sign (sampled as ln g) that is a shear, of volume 1; for the others the volume is exp(-m).

Members of groups are centred as far as the data inform them; that part the density itself takes
back (`Coordinates.centred_arrays`). The loops of `dopafit.backend.geometry.loops` run all others:
the generated function calls them at every step, and the methods here for whoever has another
density (JAX, a test) or a single point to take across.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dopafit.backend.codegen.step import GAINS, SHAPE, TIME
from dopafit.backend.geometry.curvature import Arrowhead
from dopafit.backend.geometry.loops import LEAN, backward, forward
from dopafit.model.layout.coordinates import Coordinates
from dopafit.model.layout.layout import Layout
from dopafit.model.program import MATRIX
from dopafit.trace.kernel import Kernel

__all__ = ["Density", "Reparametrisation", "best_landmark", "landmark_time", "scaled_gains"]

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
        From `scaled_gains`.
    centring : array, (normals,), optional
        Share of centring of each normal coordinate, in the density that the change is for; none
        unless given.
    knee : array, (half,), optional
        Logarithms of half-normals at which the sampler's coordinate turns from that into h itself;
        the logarithm everywhere unless given.
    """

    coordinates: Coordinates
    centre: np.ndarray | None = None
    shape: Arrowhead | None = None
    clock: str = ""
    gains: Mapping[str, np.ndarray] = field(default_factory=dict)
    centring: np.ndarray | None = None
    knee: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.centring is None:
            object.__setattr__(self, "centring", np.zeros(self.coordinates.normals))

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the loops and a centred density need, by their names in `codegen.step`."""
        size = self.coordinates.normals + self.coordinates.halves
        none, nowhere = np.zeros(0), np.zeros(0, np.int64)
        found = {"shape.centre": np.zeros(size) if self.centre is None else self.centre}
        found |= (Arrowhead.none() if self.shape is None else self.shape).arrays
        found["shape.knee"] = none if self.knee is None else self.knee
        found |= dict.fromkeys(("gains.weight", "gains.power"), none)
        found |= {f"gains.{name}": nowhere for name in GAINS[2:]}
        found |= self.gains
        found |= self.coordinates.centred_arrays(self.centring)
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
        log_time, slopes = _clock(self.coordinates, self.arrays, q)
        return log_time / self.arrays["time.scale"][0], slopes

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
        step = self.unscaled(q) - self.arrays["shape.centre"]
        return step if self.shape is None else self.shape.solve(step)

    def unscaled(self, q: np.ndarray) -> np.ndarray:
        """Return a model's point as the change has it before `centre` and `shape`."""
        point = self._centred(q, self.centring)
        if self.clock:
            point[self.arrays["time.place"][1]] += self._log_time(point)[0]
        if self.gains:
            weight, power, x, spread, half, free = self._parts("gains", GAINS)
            log_h = np.concatenate([[0.0], q[self.coordinates.normals :]])
            mean = weight @ (np.exp(power * log_h[spread]) * point[x])
            point[half] += mean
            point[free] *= np.exp(mean)
        if self.knee is not None:
            over = np.exp(point[self.coordinates.normals :] - self.knee)
            point[self.coordinates.normals :] = self.knee - LEAN + over + np.log(-np.expm1(-over))
        return point

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
                volume = backward(q, slope.copy(), gradient, mean, normals, slopes, *parts)
                return value + volume, gradient

        return wrapped


def best_landmark(
    coordinates: Coordinates, point: np.ndarray, known: np.ndarray, covariance: np.ndarray
) -> str:
    """Return the landmark whose time is known best; empty where that is the half-life itself.

    Parameters
    ----------
    coordinates : Coordinates
    point : array, (coordinate,)
        Where the posterior is, with its half-life.
    known : array, (part,)
        Coordinates whose covariance is known; the kernel's population values among them.
    covariance : array, (part, part)
        Of the posterior there.
    """
    kernel = Kernel.named(coordinates.model.kernel)
    if not kernel.clocks or kernel.clock_unit not in coordinates.model.parameters:
        return ""
    place = coordinates.place(kernel.clock_unit)
    own = coordinates.unit[place] - 1
    if own < 0:  # the half-life is fixed
        return ""
    deviations = [deviation(coordinates, name, point, known, covariance) for name in kernel.clocks]
    best = int(np.argmin(deviations))
    itself = known == own
    half_life = coordinates.scale[place] * np.sqrt(covariance[itself, itself].item())
    return kernel.clocks[best] if deviations[best] < half_life else ""


def deviation(
    coordinates: Coordinates,
    name: str,
    point: np.ndarray,
    known: np.ndarray,
    covariance: np.ndarray,
) -> float:
    """Return the standard deviation of a landmark's log time, to first order."""
    arrays = landmark_time(coordinates, name)
    place, scale = arrays["time.place"], arrays["time.scale"]
    direction = np.zeros(point.size)
    direction[place[1]] = scale[0]
    np.add.at(direction, place[2:], _clock(coordinates, arrays, point)[1] * scale[1:])
    return float(np.sqrt(direction[known] @ covariance @ direction[known]))


def landmark_time(coordinates: Coordinates, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a change to a landmark's time.

    Parameters
    ----------
    coordinates : Coordinates
        Book-keeping of the vector q = (x, log h).
    name : str
        The landmark, one of the kernel's `clocks`.

    Returns
    -------
    dict of str to array
        ``time.place``: number of the landmark, coordinate of the half-life, coordinates of what the
        time depends on; ``time.scale``: of the latter two, 0 where one is fixed; ``time.location``:
        of the last.
    """
    kernel = Kernel.named(coordinates.model.kernel)
    entries = [coordinates.place(part) for part in (kernel.clock_unit, *kernel.clock_by)]
    own = coordinates.arrays
    places = np.maximum(own["unit"][entries] - 1, 0)
    return {
        "time.place": np.array([kernel.clocks.index(name), *places]),
        "time.scale": own["scale"][entries],
        "time.location": own["loc"][entries[1:]],
    }


def _clock(
    coordinates: Coordinates, arrays: Mapping[str, np.ndarray], q: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return ln(landmark's time / half-life) at q, and its slopes; see `Kernel.clock_code`."""
    place, scale, location = (arrays[f"time.{name}"] for name in TIME)
    slopes = np.empty(location.size)
    code = Kernel.named(coordinates.model.kernel).clock_code()
    return code(place[0], location + scale[1:] * q[place[2:]], slopes), slopes


def scaled_gains(layout: Layout, centring: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of a change to gains at the mean log peak.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    centring : array, (normals,)
        Share of centring of each normal coordinate.

    Returns
    -------
    dict of str to array
        The mean log peak is the sum of ``gains.weight`` exp(``power`` log h[``spread``]) q[``x``];
        ``half`` and ``free`` are the coordinates of gains of one sign, and of either. Empty where
        every peak is 1, or no drive has a gain.
    """
    coordinates, model = layout.coordinates, layout.program.model
    gains = model.gains
    if not gains or "peak" not in layout.designs:
        return {}
    own = coordinates.arrays | coordinates.centred_arrays(centring)
    dense, columns, _, indices, data = (layout.arrays[f"peak.{part}"] for part in MATRIX)
    share = np.zeros(len(coordinates.entries))
    np.add.at(share, columns, dense.sum(axis=0))
    np.add.at(share, indices, data)
    share *= own["scale"] / max(len(dense), 1)
    used = np.flatnonzero(share)
    if not used.size:
        return {}
    places = [coordinates.place(name) for name in gains]
    spread, unit = own["spread"][places], own["unit"][places]
    return {
        "gains.weight": share[used],
        "gains.power": own["power"][used],
        "gains.x": own["unit"][used] - 1,
        "gains.spread": own["spread"][used],
        "gains.half": coordinates.normals + spread[spread > 0] - 1,
        "gains.free": unit[unit > 0] - 1,
    }
