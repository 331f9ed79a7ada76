"""The sampler proper: nutpie's compiled part, driven without its Python layer.

That layer imports all of ArviZ, some six seconds, to put draws into a tree. What is used of nutpie
here is not public; `tests/backend/test_engine.py` holds it and says what moved.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.backend.sampler.gate import Gate
from dopafit.backend.sampler.settings import SamplerSettings
from dopafit.core.errors import FitError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Engine", "Target", "library"]

NUMBERS = ctypes.POINTER(ctypes.c_double)
EXPAND = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, NUMBERS, NUMBERS, ctypes.c_void_p
)
MISSING = {"f": np.nan, "i": 0, "b": False, "O": ""}
"""What stands where a chain has no value, by kind of number."""


@dataclass(frozen=True)
class Target:
    """What is sampled.

    Parameters
    ----------
    size : int
        Number of coordinates.
    shapes : mapping of str to tuple of int
        Variables of a draw, in the order of `expand`.
    density : callable (u) -> (log density, gradient)
        With the attributes ``address`` and ``table`` it is called as machine code, as
        `dopafit.backend.sampler.compiled.Density` says; else as Python.
    expand : callable (u) -> mapping of str to array
        The variables of a draw.
    start : callable (seed, rank) -> array, (coordinate,)
        Where a chain starts, from its seed and the rank of that among the seeds of all chains.
    """

    size: int
    shapes: Mapping[str, tuple[int, ...]]
    density: Callable[[np.ndarray], tuple[float, np.ndarray]]
    expand: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    start: Callable[[int, int], np.ndarray] | None = None


@cache
def library() -> ModuleType:
    """Return nutpie's compiled part.

    Raises
    ------
    FitError
        nutpie is not there, or is built in another way.
    """
    package = importlib.util.find_spec("nutpie")
    folder = Path() if package is None or not package.origin else Path(package.origin).parent
    for suffix in EXTENSION_SUFFIXES:
        if (path := folder / f"_lib{suffix}").is_file():
            spec = importlib.util.spec_from_file_location("nutpie._lib", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise FitError(
        "nutpie's compiled part was not found",
        allowed="nutpie 0.16.11 or newer, as pip installs it",
        todo="install the version of nutpie that dopafit asks for, with pip",
    )


class Engine:
    """Running chains.

    Parameters
    ----------
    target : Target
        What is sampled.
    settings : SamplerSettings
        Number of chains and so on.
    draws : int
        Draws per chain, at most.
    gate : Gate
        Where chains wait.
    watch : callable (list of chains' states)
        Called from another thread now and then.
    rate : float
        Time between two such calls [s].
    """

    def __init__(
        self,
        target: Target,
        settings: SamplerSettings,
        draws: int,
        gate: Gate,
        watch: Callable[[list[Any]], None],
        rate: float,
    ) -> None:
        nutpie = library()
        self._target, self._tune = target, settings.tune
        self._dims: dict[str, int] = {}  # nutpie writes the lengths of unnamed dimensions to it
        kinds = {"diag": nutpie.PyNutsSettings.Diag, "low_rank": nutpie.PyNutsSettings.LowRank}
        self._settings = kinds[settings.adaptation](settings.seed)
        self._settings.update(
            {
                "num_tune": settings.tune,
                "num_draws": draws,
                "num_chains": settings.chains,
                "target_accept": settings.target_accept,
                "maxdepth": settings.maxdepth,
            }
        )
        start = None if target.start is None else gate.ranked(target.start)
        machine = hasattr(target.density, "address")
        make = nutpie.PySampler.from_pymc if machine else nutpie.PySampler.from_pyfunc
        self._sampler = make(
            self._settings,
            settings.chains,  # a thread each; the gate lets so many run as there are cores
            (self._machine if machine else self._python)(nutpie, gate, start),
            nutpie.ProgressType.none(),
            watch,
            int(1000 * rate),
            nutpie.PyStorage.arrow(),
        )

    def _variables(self, nutpie: ModuleType) -> Any:
        names, shapes = list(self._target.shapes), list(self._target.shapes.values())
        return nutpie.PyVariable.new_variables(
            names, ["float64"] * len(names), shapes, self._dims, {}
        )

    def _machine(self, nutpie: ModuleType, gate: Gate, start: Any) -> Any:
        """Return a model whose density is called by its address: no Python in a step."""
        target = self._target
        pass_gate = gate.around(target.expand)

        def expand(size: int, length: int, u: Any, out: Any, _: Any) -> int:
            try:
                drawn = pass_gate(np.ctypeslib.as_array(u, (size,)).copy())
                flat = np.concatenate([drawn[name].ravel() for name in target.shapes])
                np.ctypeslib.as_array(out, (length,))[:] = flat
            except BaseException:  # it would be printed and forgotten
                return -1
            return 0

        length = sum(int(np.prod(shape)) for shape in target.shapes.values())
        function = EXPAND(expand)
        address = ctypes.cast(function, ctypes.c_void_p).value
        # the last argument is kept alive as long as the address may be used
        return nutpie.PyMcModel(
            nutpie.LogpFunc(target.density.address, target.density.table, target),
            nutpie.ExpandFunc(target.size, length, address, 0, function),
            self._variables(nutpie),
            target.size,
            self._dims,
            {},
            start,
            None,
        )

    def _python(self, nutpie: ModuleType, gate: Gate, start: Any) -> Any:
        """Return a model whose density is a Python function."""
        target = self._target
        return nutpie.PyModel(
            lambda: gate.guarded(target.density),
            lambda seed, other, chain: gate.around(target.expand),
            self._variables(nutpie),
            target.size,
            self._dims,
            {},
            init_point_func=start,
        )

    def wait(self, seconds: float) -> bool:
        """Wait a moment; return whether all chains are at their end."""
        try:
            self._sampler.wait(seconds)
        except TimeoutError:
            return False
        return True

    def so_far(self) -> xr.DataTree:
        """Return the draws made so far while the chains run or wait."""
        return self._tree(self._sampler.inspect())

    def result(self) -> xr.DataTree:
        """Return all draws of chains that are at their end."""
        return self._tree(self._sampler.take_results())

    def stop(self) -> None:
        """End the chains where they are."""
        self._sampler.abort()

    def _tree(self, results: Any) -> xr.DataTree:
        """Return groups ``posterior`` and ``sample_stats``, those of tuning with ``warmup_``."""
        import xarray as xr

        draws, stats = results.get_arrow_trace()
        parts = {"posterior": [], "sample_stats": []}
        for drawn, stat in zip(draws, stats, strict=True):
            parts["posterior"].append(_columns(drawn, self._target.shapes))
            parts["sample_stats"].append(_columns(stat, {}))
        groups = {}
        for name, chains in parts.items():
            for prefix, part in (("warmup_", slice(self._tune)), ("", slice(self._tune, None))):
                made = _stacked([{k: v[part] for k, v in one.items()} for one in chains])
                if made.sizes.get("draw"):
                    groups[f"{prefix}{name}"] = made
        if "sample_stats" in groups:
            recorded = json.dumps(self._settings.as_dict())
            groups["sample_stats"].attrs = {"inference_library_settings": recorded}
        return xr.DataTree.from_dict(groups)


def _columns(batch: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return a chain's variables (draw, ...); of the statistics those that are one number each."""
    import pyarrow

    found = {}
    for name in batch.column_names:
        column = pyarrow.array(batch.column(name))
        nested = hasattr(column, "flatten")
        if name in ("chain", "draw") or (nested and name not in shapes):
            continue
        if nested:
            flat = column.flatten().to_numpy(zero_copy_only=False)
            found[name] = flat.reshape(len(column), *shapes[name])
            continue
        kind = column.type.to_pandas_dtype()
        # unsigned differences wrap around
        kind = np.dtype(np.int64 if np.issubdtype(kind, np.unsignedinteger) else kind)
        values = column.fill_null(MISSING[kind.kind]).to_numpy(zero_copy_only=False)
        found[name] = values.astype(kind)
    return found


def _stacked(chains: list[dict[str, np.ndarray]]) -> xr.Dataset:
    """Return variables over (chain, draw, ...); a chain shorter than others ends in `MISSING`."""
    import xarray as xr

    data = {}
    for name in chains[0]:
        values = [one[name] for one in chains]
        most, (kind, shape) = max(map(len, values)), (values[0].dtype, values[0].shape[1:])
        whole = np.full((len(chains), most, *shape), MISSING[kind.kind], kind)
        for row, own in zip(whole, values, strict=True):
            row[: len(own)] = own
        dims = ("chain", "draw", *(f"{name}_dim_{k}" for k in range(len(shape))))
        data[name] = (dims, whole.astype(str) if kind.kind == "O" else whole)
    made = xr.Dataset(data)
    return made.assign_coords({dim: np.arange(size) for dim, size in made.sizes.items()})
