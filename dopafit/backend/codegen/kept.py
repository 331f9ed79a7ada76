"""Compiled code by the structure of a program: claims that differ in data only share it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from dopafit.model.program import Program
from dopafit.trace.kernel import Kernel

__all__ = ["kept_code", "structure"]

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEEP = 16


def structure(program: Program, names: Iterable[str]) -> tuple[Any, ...]:
    """Return what decides a function over arrays of these names; equal ones share the code."""
    # a channel's options may be numbers in its formula
    channels = tuple((type(c), repr(c)) for c in program.model.channels)
    constants = tuple(
        (name, p.fixed)
        for name, p in program.model.parameters.items()
        if p.prior is None and name not in program.varying
    )
    return (
        # classes: a cell of a notebook may define one of the same name again
        Kernel.named(program.model.kernel),
        tuple(program.model.drives.values()),
        channels,
        program.varying,
        constants,
        tuple(program.places.items()),
        tuple(names),
    )


def kept_code(
    kind: str, program: Program, names: Iterable[str], build: Callable[[], Any]
) -> tuple[Any, bool]:
    """Return code for a program's structure, and whether it had to be built.

    Parameters
    ----------
    kind : str
        What the code computes.
    program : Program
        Whose structure it is for.
    names : iterable of str
        The arrays that it takes.
    build : callable () -> code
        Builds it.
    """
    key = (kind, *structure(program, names))
    fresh = key not in _COMPILED
    if fresh:
        _COMPILED[key] = build()
        while len(_COMPILED) > _KEEP:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    return _COMPILED[key], fresh
