"""Head and tail of the C function that a sampler calls, with no Python on the way.

It goes from the sampler's coordinates through the changes of `dopafit.backend.geometry` to the
parameter vector, and back from its gradient. Every array is read through one table of addresses,
so that the machine code holds no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["GAINS", "SHAPE", "TIME", "head", "identifier", "tail"]

SHAPE = ("shared", "border", "first", "own", "local", "pull", "knee")
TIME = ("place", "scale", "location")
GAINS = ("weight", "power", "x", "spread", "half", "free")
"""Arrays of the change of coordinates; see the modules in `dopafit.backend.geometry`."""

COORDINATES = (
    "half_free",
    "half_scale",
    "loc",
    "power",
    "scale",
    "spread",
    "unit",
    "x_centring",
    "x_spread",
)
SHAPES, TIMED, GAINED = (
    ", ".join(f"{group}_{part}" for part in parts)
    for group, parts in (("shape", SHAPE), ("time", TIME[:2]), ("gains", GAINS))
)
READ = {("f", 1): "numbers", ("f", 2): "table", ("i", 1): "places", ("u", 1): "indices"}
"""What reads an array of a kind and so many dimensions; see `codegen.workspace`."""

HEADER = """from numba import carray, types

from dopafit.backend.geometry.loops import *
from dopafit.core.machine_code import kept_callback
{clock}

NUMBERS, ADDRESSES = types.CPointer(types.float64), types.CPointer(types.voidptr)


@kept_callback(
    types.int64(types.uint64, NUMBERS, NUMBERS, NUMBERS, ADDRESSES),
    error_model="numpy",
    fastmath={{"contract"}},
)
def density(size_, u_, gradient_, value_, data_):
    wide()
"""


def identifier(name: str) -> str:
    """Return an array's name as the source has it.

    Raises
    ------
    ValueError
        The name is none that a model can have.
    """
    text = name.replace(".", "_")
    if not (text.isascii() and text.isidentifier() and text[0].islower() and text == text.lower()):
        raise ValueError(f"array {name!r} has no name for the generated function")
    return text


def head(arrays: Mapping[str, np.ndarray], clock: Any) -> str:
    """Return the source up to theta and the log prior.

    Parameters
    ----------
    arrays : mapping of str to array
        In the order of the table of addresses, of which the first is that of their sizes.
    clock : compiled function or None
        `dopafit.trace.kernel.Kernel.clock_code`.
    """
    function = None if clock is None else clock.py_func
    imported = (
        "log_clock = no_clock"
        if function is None
        else f"from {function.__module__} import {function.__name__} as log_clock"
    )
    lines = []
    for place, (name, value) in enumerate(arrays.items(), start=1):
        read = READ[value.dtype.kind, value.ndim]
        lines.append(f"{identifier(name)} = {read}(data_, {place})")
    lines += [
        "dim, normals = np.int64(size_), x_centring.size",
        "slot = claim(busy)",
        "room = work[max(slot, 0)]",
        "used = 0 if slot >= 0 else room.size",
        "q = piece(room, used, dim)",
        "used += dim",
        f"mean = forward(carray(u_, (dim,)), q, normals, shape_centre, {SHAPES}, {GAINED})",
        "slopes = np.empty(time_location.size)",
        "if time_place[0] >= 0:",
        "    inputs = np.empty(time_location.size)",
        "    for k in range(inputs.size):",
        "        inputs[k] = time_location[k] + time_scale[1 + k] * q[time_place[2 + k]]",
        "    log_time = log_clock(time_place[0], inputs, slopes)",
        "    q[time_place[1]] -= log_time / time_scale[0]",
        f"theta, prior = place(q, normals, {', '.join(COORDINATES)})",
        "by_theta = np.zeros(theta.size)",
    ]
    text = HEADER.format(clock=imported)
    return text + "\n".join(f"    {line}" for line in lines)


def tail(total: str) -> list[str]:
    """Return the lines from the gradient by theta and the log likelihood on."""
    lines = [
        f"slope = pull(by_theta, theta, q, normals, {', '.join(COORDINATES)})",
        "gradient = carray(gradient_, (dim,))",
        f"volume = backward("
        f"q, slope, gradient, mean, normals, slopes, {SHAPES}, {TIMED}, {GAINED})",
        f"value = prior + {total} + volume",
        "value_[0] = value",
        "if slot >= 0:",
        "    needed[0] = used",
        "release(busy, slot)",
        "return 0 if np.isfinite(value) and np.isfinite(total(gradient)) else 1",
    ]
    return [f"    {line}" for line in lines]
