"""From a claim to machine code that nutpie can sample, compiled once per claim.

nutpie's own route from a PyMC model binds the data into the code and compiles anew in every
process. Here the function of `dopafit.backend.codegen.load` is compiled with open shapes and kept
on disk. It is called with the address of a table of addresses, by nutpie's threads directly: no
step passes through Python, and chains run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dopafit.backend.codegen.bound import Bound, memory
from dopafit.backend.codegen.load import loaded
from dopafit.backend.codegen.tables import prepare
from dopafit.backend.geometry.pilot import Pilot
from dopafit.backend.geometry.reparametrisation import Reparametrisation, scaled_gains
from dopafit.backend.sampler.backends import require_backend
from dopafit.backend.sampler.engine import Target
from dopafit.model.layout.coordinates import identity_arrays
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


class RowDensity:
    """Log density of every row of one layout; may be called from several threads at once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    """

    def __init__(self, layout: Layout) -> None:
        arrays = prepare(layout.arrays)
        self._call, _ = loaded(layout.program, arrays, gradient=False)
        self._arrays = tuple(arrays.values())
        self._names = tuple(channel.prefix for channel in layout.program.model.channels)

    def __call__(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the rows' log densities by channel for one parameter vector (entry,)."""
        found = self._call(np.ascontiguousarray(theta), *self._arrays)
        return dict(zip(self._names, found, strict=True))


class Density(Bound):
    """Log density and gradient of one layout; may be called from several threads at once.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.

    Attributes
    ----------
    fresh : bool
        Whether the function had to be built; False where a compiled one was at hand.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        arrays = prepare(layout.arrays) | Reparametrisation(layout.coordinates).arrays | memory()
        code, self.fresh = loaded(layout.program, arrays, gradient=True)
        super().__init__(code, arrays, layout.coordinates.normals + layout.coordinates.halves)

    def replaced(self, arrays: Mapping[str, np.ndarray]) -> Density:
        """Return the same function over other values of some arrays; the rest is shared."""
        other = super().replaced(arrays)
        other.fresh = False
        return other

    def centred(self, centring: np.ndarray) -> Density:
        """Return the same density in coordinates with another centring; the data are shared."""
        return self.replaced(self.layout.coordinates.centred_arrays(centring))

    def scaled(self, centring: np.ndarray) -> Density:
        """Return it as the pilot takes it: centred, and gains at the mean peak."""
        return self.centred(centring).replaced(scaled_gains(self.layout, centring))

    def changed(self, change: Reparametrisation) -> Density:
        """Return the density as a function of other coordinates; the data are shared."""
        return self.replaced(change.arrays)

    def of_theta(self) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return the log likelihood and its gradient as a function of theta (entry,).

        The compiled function is the same, in coordinates that are theta itself; the standard
        normal prior that it gives them is taken off again.
        """
        count = len(self.layout.coordinates.entries)
        arrays = self._arrays | memory() | identity_arrays(count)
        arrays |= {"shape.centre": np.zeros(count + 1)}
        density = Bound(loaded(self.layout.program, arrays, gradient=True)[0], arrays, count + 1)

        def log_likelihood(theta: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = density(np.append(theta, 0.0))
            return value + 0.5 * theta @ theta, slope[:-1] + theta

        return log_likelihood


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
    if backend == "numba":
        found = Density(layout)
    else:
        from dopafit.backend.bridges.jax_density import JaxDensity

        found = JaxDensity(layout)
    found(np.zeros(found.size))
    return found


class Sampled:
    """The log density as a function of the coordinates that are moved, round where it can be.

    Parameters
    ----------
    density : Density or JaxDensity
        A compiled log density.
    change : Reparametrisation
        From a `Pilot`: start and scale.
    """

    def __init__(self, density: Density | JaxDensity, change: Reparametrisation) -> None:
        self.change, self.density, self.size = change, density.changed(change), density.size

    def __call__(self, u: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient."""
        return self.density(u)

    def expand(self, u: np.ndarray) -> dict[str, np.ndarray]:
        """Return the standard coordinates ``x`` and ``h`` of a point."""
        q, normals = self.change.to_model(u), self.change.coordinates.normals
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


def sampling_model(density: Density | JaxDensity, pilot: Pilot, *, chains: int = 1) -> Target:
    """Return what the sampler takes; its variables ``x`` and ``h`` are standard coordinates.

    Parameters
    ----------
    density : Density or JaxDensity
        A compiled log density.
    pilot : Pilot
        Start and scale; it changes the coordinates, not the posterior.
    chains : int
        Chains that will start; they share the pilot's modes by `chain_modes`.
    """
    logp = Sampled(density, pilot.change)
    size, coordinates = logp.size, density.layout.coordinates
    places = pilot.starts or (np.zeros(size),)
    modes = chain_modes(pilot.masses[: len(places)], chains)
    origins = [logp(place)[0] for place in places]

    def start(seed: int, rank: int) -> np.ndarray:
        mode = modes[min(rank, len(modes) - 1)]
        place, origin = places[mode], origins[mode]
        reach = 0.1 * JITTER if pilot.change.shape is None else JITTER
        u = np.random.default_rng(seed).uniform(-reach, reach, size)
        # where the posterior is not round a far point may lie off the map: come closer
        while not logp(place + u)[0] > origin - 2.0 * size - 20.0:
            u *= 0.7
            if np.abs(u).max() < 1e-3:
                break
        return place + u

    shapes = {"x": (coordinates.normals,), "h": (coordinates.halves,)}
    return Target(size, shapes, logp.density, logp.expand, start)
