"""From a claim to machine code that nutpie can sample, compiled once per claim.

nutpie's own route from a PyMC model binds the data into the code and compiles anew in every
process. Here the function of `dopafit.backend.codegen.load` is compiled with open shapes, kept on
disk, and called with the data; it releases the interpreter's lock, so chains run side by side.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.backend.codegen.kept import kept_code
from dopafit.backend.codegen.tables import prepare, used_arrays
from dopafit.backend.geometry.pilot import Pilot
from dopafit.backend.geometry.scaled_gains import Shearable
from dopafit.backend.sampler.allocator import keep_pages
from dopafit.backend.sampler.backends import require_backend
from dopafit.backend.sampler.gate import ByRank
from dopafit.backend.sampler.nutpie_module import nutpie_module
from dopafit.model.layout.layout import Layout

if TYPE_CHECKING:
    from dopafit.backend.bridges.jax_density import JaxDensity

__all__ = [
    "Density",
    "RowDensity",
    "Sampled",
    "chain_modes",
    "compile_layout",
    "sampling_model",
]

JITTER = 2.0
"""Chains start uniformly within so many posterior standard deviations of the pilot's centre."""


def _code(layout: Layout, names: tuple[str, ...], *, gradient: bool) -> tuple[Any, bool]:
    """Return the compiled function for a layout's structure, and whether it had to be built."""

    def build() -> Any:
        from dopafit.backend.codegen.load import load

        return load(layout.program, names, gradient=gradient)

    keep_pages()
    return kept_code("density" if gradient else "rows", layout, build)


def _arrays(layout: Layout) -> dict[str, np.ndarray]:
    return prepare(used_arrays(layout))


class RowDensity:
    """Log density of every row of one layout; may be called from several threads at once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    """

    def __init__(self, layout: Layout) -> None:
        arrays = _arrays(layout)
        self._call, _ = _code(layout, tuple(arrays), gradient=False)
        self._arrays = tuple(arrays.values())
        self._names = tuple(channel.prefix for channel in layout.program.model.channels)

    def __call__(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows' log densities by channel for one parameter vector (entry,)."""
        found = self._call(np.ascontiguousarray(theta), *self._arrays)
        return dict(zip(self._names, found, strict=True))


class Density(Shearable):
    """Log density and gradient of one layout.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.

    Attributes
    ----------
    fresh : bool
        Whether the function had to be built; False where a compiled one was at hand.
    size : int
        Number of coordinates.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._named = _arrays(layout)
        self._call, self.fresh = _code(layout, tuple(self._named), gradient=True)
        self._normals = np.array(layout.coordinates.normals, dtype=np.int64)
        self._arrays = tuple(self._named.values())
        self.size = layout.coordinates.normals + layout.coordinates.halves

    def centred(self, centring: np.ndarray) -> Density:
        """Return the same density in coordinates with another centring; the data are shared."""
        other = copy.copy(self)
        other._named = self._named | self._layout.coordinates.arrays(centring)
        other._arrays = tuple(other._named.values())
        return other

    def __call__(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient (coordinate,) at q."""
        return self._call(q, self._normals, *self._arrays)


def compile_layout(layout: Layout, backend: str = "numba") -> Density | JaxDensity:
    """Compile, or find compiled, the log density of a layout, and call it once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    backend : {"numba", "jax"}
        What computes it.

    Raises
    ------
    SpecError, FitError
        A backend that is not known or not installed.
    """
    require_backend(backend)
    if backend == "jax":
        from dopafit.backend.bridges.jax_density import JaxDensity

        found = JaxDensity(layout)
    else:
        found = Density(layout)
    found(np.zeros(found.size))
    return found


class Sampled:
    """The log density as a function of the coordinates that are moved, round where it can be.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    density : Density or JaxDensity
        Its compiled log density.
    pilot : Pilot
        Start and scale; it changes the coordinates, not the posterior.
    """

    def __init__(self, layout: Layout, density: Density | JaxDensity, pilot: Pilot) -> None:
        self._coordinates, self._pilot = layout.coordinates, pilot
        self._sheared = density.sheared(pilot.centring)
        self._inner = self._sheared if pilot.clock is None else pilot.clock.of(self._sheared)
        self._shape = pilot.shape
        self.size = density.size

    @property
    def round(self) -> bool:
        """Whether the coordinates are scaled by the shape of the posterior."""
        return self._shape is not None

    def _place(self, u: np.ndarray) -> np.ndarray:
        centre = self._pilot.centre
        return centre + u if self._shape is None else self._shape.place(centre, u)

    def moved(self, point: np.ndarray) -> np.ndarray:
        """Return the coordinates of one of the pilot's points."""
        q, pilot = self._coordinates.centred(point, self._pilot.centring), self._pilot
        step = (q if pilot.clock is None else pilot.clock.wound(q)) - pilot.centre
        return step if self._shape is None else self._shape.solve(step)

    def __call__(self, u: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient."""
        value, gradient = self._inner(self._place(u))
        return value, gradient if self._shape is None else self._shape.back(gradient)

    def expand(self, u: np.ndarray) -> dict[str, np.ndarray]:
        """Return the standard coordinates ``x`` and ``h`` of a point."""
        q, clock = self._place(u), self._pilot.clock
        q = self._sheared.plain(q if clock is None else clock.plain(q))
        q = self._coordinates.centred(q, -self._pilot.centring)
        normals = self._coordinates.normals
        return {"x": q[:normals], "h": np.exp(q[normals:])}


def chain_modes(masses: Sequence[float], chains: int) -> tuple[int, ...]:
    """Return the mode that each chain starts in: as many each as fits their masses, at least one.

    Parameters
    ----------
    masses : sequence of float
        Log masses, largest first.
    chains : int
        With fewer chains than modes the smallest modes get none.
    """
    share = np.exp(np.array(masses) - max(masses))
    counts = np.ones(len(share))
    while counts.sum() < chains:
        counts[np.argmax(share / (counts + 0.5))] += 1
    found = np.repeat(np.arange(len(share)), counts.astype(int))
    return tuple(int(k) for k in found[:chains])


def sampling_model(
    layout: Layout, density: Density | JaxDensity, pilot: Pilot, *, chains: int = 1
) -> Any:
    """Return a model that nutpie samples, its variables ``x`` and ``h`` standard coordinates.

    Parameters
    ----------
    layout, density, pilot
        As in `Sampled`.
    chains : int
        Chains that will start; they share the pilot's modes by `chain_modes`.

    Returns
    -------
    nutpie.CompiledModel
    """
    nutpie_module()
    from nutpie.compiled_pyfunc import from_pyfunc

    logp = Sampled(layout, density, pilot)
    size, coordinates = logp.size, layout.coordinates
    modes = chain_modes(pilot.masses[: max(1, len(pilot.points))], chains)
    places = [np.zeros(size), *(logp.moved(point) for point in pilot.points[1:])]
    origins = [logp(place)[0] for place in places]

    def start(seed: int, rank: int = 0) -> np.ndarray:
        place, origin = places[modes[rank]], origins[modes[rank]]
        reach = JITTER if logp.round else 0.1 * JITTER
        u = np.random.default_rng(seed).uniform(-reach, reach, size)
        # where the posterior is not round a far point may lie off the map: come closer
        while not logp(place + u)[0] > origin - 2.0 * size - 20.0:
            u *= 0.7
            if np.abs(u).max() < 1e-3:
                break
        return place + u

    return from_pyfunc(
        size,
        lambda: logp,
        lambda seed, other, chain: logp.expand,
        [np.dtype("float64")] * 2,
        [(coordinates.normals,), (coordinates.halves,)],
        ["x", "h"],
        make_initial_point_fn=ByRank(start) if len(set(modes)) > 1 else start,
    )
