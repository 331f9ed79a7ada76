"""What the Ops share: typed inputs and a cache key that follows the source."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_type

__all__ = ["floats", "integers", "only", "source_version"]


def source_version(*modules: ModuleType) -> int:
    """Return a number that changes with the source of the modules.

    PyTensor's numba cache looks at an Op's class and properties only; the number keeps it from
    running yesterday's machine code after a loop was edited or upgraded.
    """
    version = 0
    for module in modules:
        version = zlib.crc32(Path(str(module.__file__)).read_bytes(), version)
    return version


def floats(value: Any, ndim: int) -> Any:
    """Return a float64 variable with `ndim` dimensions."""
    variable = pt.as_tensor_variable(value)
    if variable.type.ndim != ndim:
        raise TypeError(f"expected {ndim} dimensions, got {variable.type}")
    return variable if variable.type.dtype == "float64" else pt.cast(variable, "float64")


def integers(value: Any) -> Any:
    """Return an int64 vector; anything but whole numbers is a TypeError."""
    variable = pt.as_tensor_variable(value)
    if variable.type.ndim != 1 or variable.type.dtype not in ("int64", "int32", "int16", "int8"):
        raise TypeError(f"expected a vector of integers, got {variable.type}")
    return variable if variable.type.dtype == "int64" else pt.cast(variable, "int64")


def only(n: int, gradients: Mapping[int, Any] | None = None) -> list[Any]:
    """Return n input gradients: those given by position, the rest disconnected."""
    known = gradients or {}
    return [known.get(position, disconnected_type()) for position in range(n)]
