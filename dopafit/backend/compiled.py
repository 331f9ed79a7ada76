"""From a graph to machine code that nutpie can sample, compiled once per claim.

nutpie's own route from a PyMC model binds the data into the code and compiles anew in every
process. Here PyTensor's numba function is compiled with open shapes, cached on disk, and called
with the data; it releases the interpreter's lock, so chains run side by side.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import Any

import numpy as np

from dopafit.backend.graph import density_graph, used_arrays
from dopafit.model.layout import Layout

__all__ = ["Density", "compile_layout", "density"]

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEEP = 16
JITTER = 0.5
"""Starting points are uniform within this distance of the prior's centre, standard coordinates."""


@cache
def _mode() -> Any:
    from pytensor.compile.mode import NUMBA, Mode
    from pytensor.link.numba.linker import NumbaLinker

    class FreeLinker(NumbaLinker):
        """Compiles the outermost function without holding the interpreter's lock."""

        def jit_compile(self, fn_and_cache):
            from pytensor.link.numba.dispatch.basic import numba_njit

            function, key = fn_and_cache
            return numba_njit(
                function.py_func, final_function=True, nogil=True, cache=key is not None
            )

    return Mode(FreeLinker(), NUMBA._optimizer)


def structure(layout: Layout) -> tuple[Any, ...]:
    """Return what decides the graph; two layouts with equal structures share compiled code."""
    program = layout.program
    channels = tuple((c.name, c.prefix, tuple(sorted(c.active()))) for c in program.model.channels)
    constants = tuple(
        (name, p.fixed) for name, p in program.model.parameters.items()
        if p.prior is None and name not in program.varying
    )
    return (
        program.model.kernel, program.model.drive, channels, program.varying, constants,
        tuple(program.places.items()), tuple(used_arrays(layout)),
    )


class Density:
    """Log density and gradient of one layout.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.

    Attributes
    ----------
    fresh : bool
        Whether the graph had to be built; False where a compiled one was at hand.
    """

    def __init__(self, layout: Layout) -> None:
        import pytensor

        key = structure(layout)
        self.fresh = key not in _COMPILED
        if self.fresh:
            inputs, outputs = density_graph(layout)
            function = pytensor.function(
                inputs, outputs, mode=_mode(), on_unused_input="ignore", trust_input=True
            )
            _COMPILED[key] = function.vm.jit_fn
            while len(_COMPILED) > _KEEP:
                _COMPILED.popitem(last=False)
        _COMPILED.move_to_end(key)
        self._call = _COMPILED[key]
        self._normals = np.array(layout.coordinates.normals, dtype=np.int64)
        self._arrays = tuple(used_arrays(layout).values())
        self.size = layout.coordinates.normals + layout.coordinates.halves
        self.centre = np.concatenate([
            np.zeros(layout.coordinates.normals), np.log(layout.arrays["half_scale"])
        ])

    def __call__(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log density (up to a constant) and its gradient (coordinate,) at q."""
        value, gradient = self._call(q, self._normals, *self._arrays)
        return float(value), gradient


def density(layout: Layout) -> Density:
    """Compile, or find compiled, the log density of a layout."""
    return Density(layout)


def compile_layout(layout: Layout) -> Any:
    """Return a model that nutpie samples, its variables ``x`` and ``h``.

    Returns
    -------
    nutpie.CompiledModel
    """
    from nutpie.compiled_pyfunc import from_pyfunc

    found = density(layout)
    found(found.centre)  # compile now, inside the phase that says so
    normals = layout.coordinates.normals

    def make_logp() -> Any:
        return found

    def make_expand(seed: int, other: int, chain: int) -> Any:
        return lambda q: {"x": q[:normals].copy(), "h": np.exp(q[normals:])}

    def start(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return found.centre + rng.uniform(-JITTER, JITTER, found.size)

    return from_pyfunc(
        found.size, make_logp, make_expand, [np.dtype("float64")] * 2,
        [(normals,), (layout.coordinates.halves,)], ["x", "h"], make_initial_point_fn=start,
    )
