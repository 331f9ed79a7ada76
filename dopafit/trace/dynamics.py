"""How the trace moves: what is kept between events, and what can be read from it."""

from __future__ import annotations

import functools
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

__all__ = ["Dynamics", "Exponentials", "Pairs", "State"]

State = tuple[Any, ...]


class Dynamics(ABC):
    """States that decay between events and are kicked by them, in formulas over an array namespace.

    Every session begins at `rest`. Over the gap to the next event the states `advance`, the event
    `kick`s them, and a read some time after the last event sees the signals of `read`. The formulas
    are for one moment; generated loops carry them along the events, forwards and backwards.
    `parameters` are what `Kernel.prepare` returns: one value, or one per row of the kernels' table.
    For `kick` the event's own numbers stand among them, under the names of `inputs`.
    """

    states: int
    inputs: ClassVar[tuple[str, ...]] = ()

    @property
    def rest(self) -> tuple[float, ...]:
        """The states before the first event."""
        return (0.0,) * self.states

    @abstractmethod
    def advance(self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]) -> State:
        """Return the states after a gap [s] without events."""

    @abstractmethod
    def kick(self, xp: Any, state: State, size: Any, parameters: Mapping[str, Any]) -> State:
        """Return the states just after an event; `size` is its magnitude times the peak."""

    @abstractmethod
    def read(
        self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the signals a gap [s] after the last event: `level`, `slope` [1/s]."""


@dataclass(frozen=True)
class Exponentials(Dynamics):
    """A sum of exponentials: every event adds its size to each term, and each decays at its rate.

    Parameters
    ----------
    states : int
        Number of terms; term k has ``coefficient_k`` [1] and ``rate_k`` [1/s].
    progression : bool
        Whether there are three rates lam, lam + kap, lam + 2 kap: two decays then give all three.
    """

    states: int
    progression: bool = False

    def advance(self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]) -> State:
        """Return the decayed terms."""
        return tuple(z * xp.exp(-parameters[f"rate_{k}"] * gap) for k, z in enumerate(state))

    def kick(self, xp: Any, state: State, size: Any, parameters: Mapping[str, Any]) -> State:
        """Return the terms with the event's size added."""
        return tuple(z + size for z in state)

    def read(
        self, xp: Any, state: State, gap: Any, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the sum of the decayed terms and its derivative by time."""
        rates = [parameters[f"rate_{k}"] for k in range(self.states)]
        parts = [parameters[f"coefficient_{k}"] * z for k, z in enumerate(state)]
        steep = [-rate * part for rate, part in zip(rates, parts, strict=True)]
        if self.progression:
            common, x = xp.exp(-rates[0] * gap), xp.exp(-(rates[1] - rates[0]) * gap)

            def total(a: Any, b: Any, c: Any) -> Any:
                return common * (a + x * (b + x * c))
        else:
            decays = [xp.exp(-rate * gap) for rate in rates]

            def total(*terms: Any) -> Any:
                return functools.reduce(
                    operator.add, (t * d for t, d in zip(terms, decays, strict=True))
                )

        return {"level": total(*parts), "slope": total(*steep)}


@dataclass(frozen=True)
class Pairs(ABC):
    """Responses that add up and that no finite state carries along: a sum over pairs.

    Every read sees the sum, over its session's earlier events, of size times response. It takes
    time in proportion to the pairs of a read and an earlier event, so that responses have to end.

    Parameters
    ----------
    horizon : str
        The kernel's parameter that says when a response has ended [s]; it is fixed, not estimated.
    """

    horizon: str

    @abstractmethod
    def response(self, xp: Any, log_gap: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the signals of one event of size 1, by the log of the time since it [ln s]."""
