"""The trace recurrence as an Op, with its exact pullback."""

from __future__ import annotations

import numpy as np
from numba import literal_unroll
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key
from pytensor.tensor import TensorType

from dopafit.backend.ops_common import floats, integers, only, source_version
from dopafit.trace import _loops, recurrence

__all__ = ["Columns", "Level", "LevelPullback", "columns"]

# Positions of the inputs that can have a gradient.
INPUT, COEF, RATE = 1, 6, 7


def _trains(inputs):
    """Return the eight inputs of both Ops with their types checked."""
    time, magnitude, event_offset, read, read_offset, row, coef, rate = inputs
    return [
        floats(time, 1),
        floats(magnitude, 1),
        integers(event_offset),
        floats(read, 1),
        integers(read_offset),
        integers(row),
        floats(coef, 2),
        floats(rate, 2),
    ]


def _like(variable):
    return TensorType("float64", shape=variable.type.shape)()


class Columns(Op):
    """K vectors (U,) side by side as one table (U, K).

    `pytensor.tensor.stack` does the same, but its gradient, a split, takes numba some ten
    seconds to compile; the gradient here is K plain columns.
    """

    __props__ = ()

    def make_node(self, *vectors):
        """Return the application to vectors of one length; a vector of length 1 is not repeated."""
        inputs = [floats(vector, 1) for vector in vectors]
        if not inputs:
            raise TypeError("expected at least one vector")
        known = [v.type.shape[0] for v in inputs if v.type.shape[0] is not None]
        return Apply(
            self, inputs, [TensorType("float64", shape=(next(iter(known), None), len(inputs)))()]
        )

    def perform(self, node, inputs, output_storage):
        """Copy the columns."""
        output_storage[0][0] = np.stack(inputs, axis=1)

    def infer_shape(self, node, shapes):
        """Return the shape of the table."""
        return [(shapes[0][0], len(shapes))]

    def pullback(self, inputs, outputs, cotangents):
        """Return the columns of the table's gradient."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(len(inputs))
        return [cotangents[0][:, k] for k in range(len(inputs))]


columns = Columns()


class Level(Op):
    """Level of the trace at each read; see `dopafit.trace.recurrence`.

    Inputs, in this order: event_time (E,), event_input (E,), event_offset (S + 1,),
    read_time (R,), read_offset (S + 1,), row (S,), coef (U, K), rate (U, K). Outputs: the level
    (R,), and the work of the pass, which the pullback reads in place of repeating it.
    Differentiable in event_input, coef and rate. All are graph inputs: the same compiled
    function serves any data of the same dimensions.

    Parameters
    ----------
    progression : bool
        Promise that K = 3 and each row of rate is lam, lam + kap, lam + 2 kap. Each rate still
        has its own gradient.
    """

    __props__ = ("progression",)

    def __init__(self, *, progression: bool = False) -> None:
        self.progression = bool(progression)

    def make_node(self, *inputs):
        """Return the application to the eight inputs."""
        inputs = _trains(inputs)
        if self.progression and inputs[RATE].type.shape[1] not in (None, 3):
            raise TypeError(f"a progression has three rates, got {inputs[RATE].type}")
        return Apply(self, inputs, [_like(inputs[3]), TensorType("float64", shape=(None,))()])

    def perform(self, node, inputs, output_storage):
        """Run the recurrence."""
        trains, coef, rate = recurrence.Trains(*inputs[:6]), inputs[COEF], inputs[RATE]
        result = recurrence.forward(trains, coef, rate, progression=self.progression)
        output_storage[0][0], output_storage[1][0] = result

    def infer_shape(self, node, shapes):
        """Return the number of reads and the size of the work."""
        (n_events,), (n_reads,), (_, n_terms) = shapes[0], shapes[3], shapes[RATE]
        n_decays = 2 if self.progression else n_terms
        return [(n_reads,), (n_decays * (n_events + n_reads) + n_terms * n_events,)]

    def connection_pattern(self, node):
        """Return which outputs depend smoothly on which inputs."""
        return [[position in (INPUT, COEF, RATE), False] for position in range(8)]

    def pullback(self, inputs, outputs, cotangents):
        """Return the gradients of event inputs, coefficients and rates."""
        if isinstance(cotangents[0].type, DisconnectedType):
            return only(8)
        pull = LevelPullback(progression=self.progression)
        d_input, d_coef, d_rate = pull(*inputs, outputs[1], cotangents[0])
        return only(8, {INPUT: d_input, COEF: d_coef, RATE: d_rate})


class LevelPullback(Op):
    """Gradients of sum(gradient * level) with respect to event_input, coef and rate.

    Inputs: those of `Level`, then its work and the gradient (R,).
    """

    __props__ = ("progression",)

    def __init__(self, *, progression: bool = False) -> None:
        self.progression = bool(progression)

    def make_node(self, *inputs):
        """Return the application to the inputs of `Level`, its work and the gradient."""
        *trains, work, gradient = inputs
        inputs = [*_trains(trains), floats(work, 1), floats(gradient, 1)]
        return Apply(self, inputs, [_like(inputs[i]) for i in (INPUT, COEF, RATE)])

    def perform(self, node, inputs, output_storage):
        """Run the recurrence backwards."""
        *arrays, coef, rate, work, gradient = inputs
        result = recurrence.pullback(
            recurrence.Trains(*arrays), coef, rate, work, gradient, progression=self.progression
        )
        for storage, value in zip(output_storage, result, strict=True):
            storage[0] = value

    def infer_shape(self, node, shapes):
        """Return the shapes of the differentiable inputs."""
        return [shapes[i] for i in (INPUT, COEF, RATE)]


_VERSION = source_version(_loops)


@register_funcify_default_op_cache_key(Columns)
def _numba_columns(op, node=None, **kwargs):
    @numba_njit(fastmath=False)
    def columns(*vectors):
        n = vectors[0].size
        out = np.empty((n, len(vectors)))
        k = 0
        for vector in literal_unroll(vectors):  # their memory layouts may differ
            if vector.size != n:
                raise ValueError("columns of different lengths")
            for i in range(n):
                out[i, k] = vector[i]
            k += 1
        return out

    return columns, 2


@register_funcify_default_op_cache_key(Level)
def _numba_level(op, node=None, **kwargs):
    progression = op.progression
    loop = _loops.forward_progression if progression else _loops.forward
    work_size = _loops.work_size

    @numba_njit(fastmath=False)
    def level(time, magnitude, event_offset, read, read_offset, row, coef, rate):
        result = np.empty(read.size)
        work = np.empty(work_size(time.size, read.size, rate.shape[1], progression))
        loop(time, magnitude, event_offset, read, read_offset, row, coef, rate, result, work)
        return result, work

    return level, _VERSION


@register_funcify_default_op_cache_key(LevelPullback)
def _numba_level_pullback(op, node=None, **kwargs):
    loop = _loops.pullback_progression if op.progression else _loops.pullback

    @numba_njit(fastmath=False)
    def level_pullback(
        time, magnitude, event_offset, read, read_offset, row, coef, rate, work, gradient
    ):
        d_input = np.empty(time.size)
        d_coef = np.empty(coef.shape)
        d_rate = np.empty(rate.shape)
        loop(
            time,
            magnitude,
            event_offset,
            read,
            read_offset,
            row,
            coef,
            rate,
            work,
            gradient,
            d_input,
            d_coef,
            d_rate,
        )
        return d_input, d_coef, d_rate

    return level_pullback, _VERSION
