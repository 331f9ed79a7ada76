"""How a generated function gets at its memory: the data by address, and room of its own.

Room is lent to one evaluation at a time. Fresh memory for each would come from the system page by
page: a fifth of the time at 300,000 rows. Arrays as long as the events are pieces of one slot here;
a slot that is too small, or none free, is made good by fresh memory, and what was needed is noted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from dopafit.core.machine_code import kept
from dopafit.trace._loops import JIT

__all__ = ["claim", "indices", "numbers", "piece", "places", "plane", "release", "table"]


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
    """Return an array of any content: the part of a slot after what is used."""
    end = used + size
    return room[used:end] if end <= room.size else np.empty(size)


@intrinsic
def plane(typingctx, array, rows, columns):
    """Return an array as one of two dimensions, over the same memory."""
    whole = types.Array(types.float64, 2, "C")

    def codegen(context, builder, signature, args):
        source = context.make_array(signature.args[0])(context, builder, args[0])
        long = context.get_value_type(types.intp)
        _, rows, columns = args
        found = context.make_array(whole)(context, builder)
        populate_array(
            found,
            data=source.data,
            shape=[rows, columns],
            strides=[builder.mul(columns, long(8)), long(8)],
            itemsize=8,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, whole, found._getvalue())

    return whole(array, types.intp, types.intp), codegen


def _reader(kind: types.Type, ndim: int) -> Any:
    @intrinsic
    def read(typingctx, addresses, place):
        """Return an array by its number in the table of addresses, which begins with the sizes."""
        whole = types.Array(kind, ndim, "C")

        def codegen(context, builder, signature, args):
            table, number = args
            long = context.get_value_type(types.intp)
            sizes = builder.bitcast(builder.load(table), long.as_pointer())
            first = builder.mul(number, long(2))
            shape = [
                builder.load(builder.gep(sizes, [builder.add(first, long(axis))]))
                for axis in range(ndim)
            ]
            itemsize = context.get_abi_sizeof(context.get_data_type(kind))
            strides = [long(itemsize)]
            if ndim == 2:
                strides.insert(0, builder.mul(shape[1], long(itemsize)))
            array = context.make_array(whole)(context, builder)
            address = builder.load(builder.gep(table, [number]))
            populate_array(
                array,
                data=builder.bitcast(address, array.data.type),
                shape=shape,
                strides=strides,
                itemsize=itemsize,
                meminfo=None,
            )
            return array._getvalue()

        return whole(addresses, types.intp), codegen

    return read


numbers, table = _reader(types.float64, 1), _reader(types.float64, 2)
places, indices = _reader(types.int64, 1), _reader(types.uint64, 1)
