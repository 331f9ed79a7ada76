"""Compiled code by the structure of a layout: claims that differ in data only share it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dopafit.backend.codegen.tables import used_arrays
from dopafit.model.layout.layout import Layout
from dopafit.trace.kernel import Kernel

__all__ = ["kept_code", "structure"]

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEEP = 16


def structure(layout: Layout) -> tuple[Any, ...]:
    """Return what decides the function; two layouts with equal structures share compiled code."""
    program = layout.program
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
        tuple(program.model.drive_of(c.prefix) for c in program.model.channels),
        channels,
        program.varying,
        constants,
        tuple(program.places.items()),
        tuple(used_arrays(layout)),
    )


def kept_code(kind: str, layout: Layout, build: Callable[[], Any]) -> tuple[Any, bool]:
    """Return code for a layout's structure, and whether it had to be built.

    Parameters
    ----------
    kind : str
        What the code computes.
    layout : Layout
        Whose structure it is for.
    build : callable () -> code
        Builds it.
    """
    key = (kind, *structure(layout))
    fresh = key not in _COMPILED
    if fresh:
        _COMPILED[key] = build()
        while len(_COMPILED) > _KEEP:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    return _COMPILED[key], fresh
