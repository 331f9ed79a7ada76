"""The level of a trace over trains of events, exactly and in one pass.

A response that is a sum of exponentials needs no look back: between events each term decays, at
an event each gains the event's input. Sessions are blocks of concatenated arrays, told apart by
offsets. A read at the time of an event does not see that event (the left limit), so that an
outcome can never explain the choice it followed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dopafit.core.errors import SpecError

__all__ = ["Gradients", "Trains", "forward", "level", "pullback"]


class Trains(NamedTuple):
    """Events and reads of all sessions, each sorted by session and then by time.

    Parameters
    ----------
    event_time : ndarray, shape (E,)
        [s].
    event_input : ndarray, shape (E,)
        Magnitude times peak of each event [trace].
    event_offset : ndarray of int, shape (S + 1,)
        Session s owns the events event_offset[s] to event_offset[s + 1].
    read_time : ndarray, shape (R,)
        Times at which the level is wanted [s].
    read_offset : ndarray of int, shape (S + 1,)
        The same for the reads.
    row : ndarray of int, shape (S,)
        Row of `coef` and `rate` that holds the session's kernel.
    """

    event_time: np.ndarray
    event_input: np.ndarray
    event_offset: np.ndarray
    read_time: np.ndarray
    read_offset: np.ndarray
    row: np.ndarray

    def checked(self, coef: Any, rate: Any) -> list[np.ndarray]:
        """Return the arrays and the kernels as the compiled loops take them.

        Raises
        ------
        SpecError
            Offsets, rows or shapes that do not belong together.
        """
        times, inputs, reads, coef, rate = (
            np.ascontiguousarray(a, dtype=np.float64)
            for a in (self.event_time, self.event_input, self.read_time, coef, rate)
        )
        events_at, reads_at, row = (
            np.ascontiguousarray(a, dtype=np.int64)
            for a in (self.event_offset, self.read_offset, self.row)
        )
        for name, offset, size in (
            ("event", events_at, times.size),
            ("read", reads_at, reads.size),
        ):
            if (
                offset.shape != (row.size + 1,)
                or offset[0] != 0
                or offset[-1] != size
                or np.any(np.diff(offset) < 0)
            ):
                raise SpecError(
                    f"{name}_offset of shape {offset.shape} does not divide {size} {name} times "
                    f"over {row.size} sessions",
                    allowed="one more entry than sessions, from 0 rising to the number of times",
                    todo="count the times of each session, in order",
                )
        if inputs.shape != times.shape:
            raise SpecError(
                f"{inputs.size} event inputs for {times.size} event times",
                allowed="one input per event",
                todo="give as many inputs as event times",
            )
        if coef.ndim != 2 or coef.shape != rate.shape or coef.shape[1] == 0:
            raise SpecError(
                f"coefficients of shape {coef.shape} with rates of shape {rate.shape}",
                allowed="two tables of the same shape, kernels by terms",
                todo="take both from the same kernel",
            )
        if row.size and not (row.min() >= 0 and row.max() < len(rate)):
            raise SpecError(
                f"a session's row lies outside the {len(rate)} kernels",
                allowed="rows from 0 to the number of kernels less 1",
                todo="number the sessions' rows from 0",
            )
        return [times, inputs, events_at, reads, reads_at, row, coef, rate]


class Gradients(NamedTuple):
    """Gradients of sum(gradient * level).

    Parameters
    ----------
    event_input : ndarray, shape (E,)
    coef : ndarray, shape (U, K)
    rate : ndarray, shape (U, K)
    """

    event_input: np.ndarray
    coef: np.ndarray
    rate: np.ndarray


def forward(
    trains: Trains, coef: Any, rate: Any, *, progression: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the level and what `pullback` needs of the way to it.

    Parameters
    ----------
    trains : Trains
        Events and reads.
    coef : ndarray, shape (U, K)
        Coefficients of the U kernels' K exponentials [1].
    rate : ndarray, shape (U, K)
        Their rates [1/s], >= 0.
    progression : bool
        Promise that K = 3 and each row of `rate` is lam, lam + kap, lam + 2 kap: about twice
        as fast.

    Returns
    -------
    level : ndarray, shape (R,)
        Sum over the session's events before t of event_input * sum_k coef * e^(-rate (t - t_j))
        [trace]; 0 before the first event.
    work : ndarray
        Decays and states of this pass.

    Raises
    ------
    SpecError
        Arrays that do not belong together.
    """
    from dopafit.trace import _loops

    arrays = trains.checked(coef, rate)
    n_events, n_reads, n_terms = arrays[0].size, arrays[3].size, arrays[7].shape[1]
    if progression and n_terms != 3:
        raise SpecError(
            f"a progression of {n_terms} rates",
            allowed="3 rates",
            todo="give the kernel's three rates",
        )
    result = np.empty(n_reads)
    work = np.empty(_loops.work_size(n_events, n_reads, n_terms, progression))
    loop = _loops.forward_progression if progression else _loops.forward
    loop(*arrays, result, work)
    return result, work


def level(trains: Trains, coef: Any, rate: Any, *, progression: bool = False) -> np.ndarray:
    """Return the level at each read, shape (R,) [trace]; see `forward`."""
    return forward(trains, coef, rate, progression=progression)[0]


def pullback(
    trains: Trains,
    coef: Any,
    rate: Any,
    work: np.ndarray,
    gradient: Any,
    *,
    progression: bool = False,
) -> Gradients:
    """Return the gradients of sum(gradient * level), by one pass backwards.

    Parameters
    ----------
    trains, coef, rate, progression
        As given to `forward`.
    work : ndarray
        What `forward` returned for them.
    gradient : ndarray, shape (R,)
        Weight of each read.

    Returns
    -------
    Gradients
        With respect to event inputs, coefficients and rates. Each rate counts as its own
        variable, also in a progression.
    """
    from dopafit.trace import _loops

    arrays = trains.checked(coef, rate)
    outputs = Gradients(*(np.empty_like(arrays[i]) for i in (1, 6, 7)))
    loop = _loops.pullback_progression if progression else _loops.pullback
    loop(*arrays, work, np.ascontiguousarray(gradient, dtype=np.float64), *outputs)
    return outputs
