"""Compile a claim's log density into one function, whose machine code is kept on disk.

The source follows from the claim alone: claims that differ in data only share the function. It is
written anew in every process, which takes milliseconds, and run from memory; the machine code comes
from `dopafit.core.machine_code`.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Mapping
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from types import CodeType
from typing import Any

import numpy as np

from dopafit.model.program import Program
from dopafit.trace.kernel import Kernel

__all__ = ["load", "loaded"]

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEEP = 16


def loaded(
    program: Program, arrays: Mapping[str, np.ndarray], *, gradient: bool
) -> tuple[Any, bool]:
    """Return what `load` does, made once for all data, and whether it had to be made."""
    key = (gradient, program, *arrays)
    code = _COMPILED.get(key)
    fresh = code is None
    if fresh:
        code = _COMPILED[key] = load(program, arrays, gradient=gradient)
        while len(_COMPILED) > _KEEP:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    return code, fresh


def load(program: Program, arrays: Mapping[str, np.ndarray], *, gradient: bool) -> Any:
    """Return the compiled function of a claim.

    Parameters
    ----------
    program : Program
        The claim.
    arrays : mapping of str to array
        In the order in which the function will get them; only their kinds and dimensions count.
    gradient : bool
        The C function `density(size, u, gradient, value, addresses)`, which returns 0 where all
        is finite; else `rows_of(theta, *arrays)`, which returns every row's log density by channel.
    """
    from dopafit.backend.codegen.emit import write
    from dopafit.backend.codegen.plan import make_plan

    clock = Kernel.named(program.model.kernel).clock_code() if gradient else None
    plan = make_plan(program, tuple(arrays), gradient=gradient)
    source = write(plan, arrays, gradient=gradient, clock=clock)
    name = f"dopafit_density_{hashlib.sha256(source.encode()).hexdigest()[:20]}"
    loader = _Text(source)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader))
    loader.exec_module(module)
    return module.density if gradient else module.rows_of


class _Text(InspectLoader):
    """A module's source at hand: nothing of it is read from a disk."""

    def __init__(self, source: str) -> None:
        self.source = source

    def get_source(self, fullname: str) -> str:
        return self.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, f"<{fullname}>")
