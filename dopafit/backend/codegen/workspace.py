"""Memory that evaluations use again, lent to one at a time.

Fresh memory for every evaluation comes from the system page by page: a fifth of the time at
300,000 rows. Arrays as long as the events are pieces of one slot here; a slot that is too small,
or none free, is made good by fresh memory, and what was needed is noted for the next time.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT

__all__ = ["claim", "piece", "plane", "release"]


@intrinsic
def _swap(typingctx, array, index, value):
    """Write an int64 to a place of an array and return what was there, as one step."""

    def codegen(context, builder, signature, args):
        kind = signature.args[0]
        pointer = cgutils.get_item_pointer(
            context, builder, kind, context.make_array(kind)(context, builder, args[0]), [args[1]]
        )
        return builder.atomic_rmw("xchg", pointer, args[2], "seq_cst")

    whole = types.int64
    return whole(array, whole, whole), codegen


@kept(**JIT, no_cpython_wrapper=True)
def claim(busy):
    """Return the number of a free slot, now taken; -1 where all are."""
    for slot in range(busy.size):
        if _swap(busy, slot, 1) == 0:
            return slot
    return -1


@kept(**JIT, no_cpython_wrapper=True)
def release(busy, slot):
    """Give a slot back."""
    if slot >= 0:
        _swap(busy, slot, 0)


@kept(**JIT, no_cpython_wrapper=True)
def piece(room, used, size):
    """Return an array of any content, and how much of the slot is used then."""
    end = used + size
    if end <= room.size:
        return room[used:end], end
    return np.empty(size), end


@kept(**JIT, no_cpython_wrapper=True)
def plane(room, used, rows, columns):
    """Return an array of any content with two dimensions, likewise."""
    found, end = piece(room, used, rows * columns)
    return found.reshape((rows, columns)), end
