r"""Events that last: infusions and ramps, carried exactly between the moments at which they change.

Between two changes the input is a straight line, u = r + s t, and every exponential follows it,

.. math:: z(g) = e^{-\lambda g} z + r\, g\, \varphi_1(\lambda g) + s\, g^2 \varphi_2(\lambda g),
          \quad \varphi_1(x) = \frac{1 - e^{-x}}{x},\quad \varphi_2(x) = \frac{1 - \varphi_1(x)}{x}

An event that lasts is two changes of the input, at its start and at its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from dopafit.core.errors import SpecError
from dopafit.trace.dynamics import Dynamics, Exponentials, State
from dopafit.trace.kernel import Kernel

__all__ = ["Changes", "Lasting", "changes", "lasting_dynamics"]

SHORTEST = 1e-9
"""What lasts no longer than the times' own resolution [s] happens at once."""

NEAR = 0.25
"""Below it the two weights follow from a series, for their formulas lose digits."""

SERIES = tuple((-1.0) ** n / math.factorial(n + 2) for n in range(12))
"""Of phi_2 in powers of x; what is left out is below 1e-17."""


def _weights(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return e^-x, phi_1(x) and phi_2(x) for x >= 0; values and slopes to 1e-13 relative."""
    decay, small = xp.exp(-x), x < NEAR
    near, far = xp.where(small, x, NEAR), xp.where(small, NEAR, x)
    series = SERIES[-1]
    for term in SERIES[-2::-1]:
        series = term + near * series
    beyond = (1.0 - decay) / far
    first = xp.where(small, 1.0 - near * series, beyond)
    return decay, first, xp.where(small, series, (1.0 - beyond) / far)


@dataclass(frozen=True)
class Lasting(Dynamics):
    """Exponentials under an input that jumps and bends at events; see `changes`.

    The last two states are the input's rate [1/s] and the slope of its rate [1/s^2]. What rounding
    leaves of a ramp within another acts until no event goes on: 1e-16 of its size times the square
    of the durations' ratio.

    Parameters
    ----------
    terms : Exponentials
        What follows the input.
    """

    terms: Exponentials
    inputs = ("event_at_once", "event_rate", "event_slope", "event_more")

    @property
    def states(self) -> int:
        """Number of terms, and two."""
        return self.terms.states + 2

    def advance(self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]) -> State:
        """Return the terms moved by the input, and its rate at the end of the gap, its slope."""
        *terms, rate, slope = state
        moved = []
        for k, z in enumerate(terms):
            decay, first, second = _weights(xp, parameters[f"rate_{k}"] * gap)
            moved.append(z * decay + gap * (rate * first + slope * gap * second))
        return (*moved, rate + slope * gap, slope)

    def kick(self, xp: Any, state: State, size: Any, parameters: Mapping[str, Any]) -> State:
        """Return the states after a change of the input, which is exactly 0 where none goes on."""
        *terms, rate, slope = state
        at_once, by_rate, by_slope, more = (parameters[name] for name in self.inputs)
        return (
            *(z + at_once * size for z in terms),
            more * (rate + by_rate * size),
            more * (slope + by_slope * size),
        )

    def read(
        self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the sum of the terms and its derivative by time."""
        *terms, rate, _ = self.advance(xp, state, gap, parameters)
        level = slope = 0.0
        for k, z in enumerate(terms):
            level = level + parameters[f"coefficient_{k}"] * z
            steep = rate - parameters[f"rate_{k}"] * z
            slope = slope + parameters[f"coefficient_{k}"] * steep
        return {"level": level, "slope": slope}


class Changes(NamedTuple):
    """Changes of the input, as `changes` finds them.

    Attributes
    ----------
    event : array of int, (change,)
        Whose change: twice where it lasts, else once.
    time : array, (change,)
        When [s].
    input : array, (change, 4)
        As in `Lasting.inputs`, per unit of the event's size: what arrives at once [1], what the
        rate [1/s] and its slope [1/s^2] change by; and whether any event goes on, 0 or 1.
    """

    event: np.ndarray
    time: np.ndarray
    input: np.ndarray


def changes(
    session: np.ndarray, time: np.ndarray, duration: np.ndarray, ramp: np.ndarray
) -> Changes:
    """Return how events change the input, sorted by session and time.

    The input's integral over an event is 1, whether it is constant over `duration` or a ramp that
    rises linearly from 0; an event without a duration arrives at once.

    Parameters
    ----------
    session, time : array, (event,)
        Sorted by session and then by time [s].
    duration : array, (event,)
        0 or above [s].
    ramp : array of bool, (event,)
        Whether the input rises; else it is constant.
    """
    # as the times are, so that what starts is what ends, to the last digit
    stop = time + duration
    length = stop - time
    lasts = length > SHORTEST
    rate = np.where(lasts, 1.0 / np.where(lasts, length, 1.0), 0.0)
    steep = np.where(ramp, 2.0 * rate**2, 0.0)
    top = np.where(ramp, 2.0 * rate, rate)
    first = [np.where(lasts, 0.0, 1.0), np.where(ramp, 0.0, rate), steep]
    last = [np.zeros(time.size), -top, -steep]
    event = np.concatenate([np.arange(time.size), np.flatnonzero(lasts)])
    when = np.concatenate([time, stop[lasts]])
    both = np.concatenate([np.column_stack(first), np.column_stack(last)[lasts]])
    going = np.concatenate([lasts.astype(int), np.full(lasts.sum(), -1)])
    order = np.lexsort((when, session[event]))
    more = np.cumsum(going[order]) > 0
    return Changes(event[order], when[order], np.column_stack([both[order], more]))


def lasting_dynamics(kernel: type[Kernel]) -> Lasting:
    """Return the dynamics of a kernel under an input that lasts.

    Raises
    ------
    SpecError
        The kernel's response is no sum of exponentials.
    """
    if isinstance(kernel.dynamics, Exponentials):
        return Lasting(kernel.dynamics)
    able = [name for name, k in Kernel.members().items() if isinstance(k.dynamics, Exponentials)]
    raise SpecError(
        f"the kernel {kernel.name} cannot carry events that last (duration above 0)",
        allowed=f"kernels whose response is a sum of exponentials: {', '.join(able)}",
        todo="take one of these kernels, or leave the column duration out: each event's input then "
        "arrives at once",
    )
