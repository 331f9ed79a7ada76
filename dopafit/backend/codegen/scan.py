"""The loop over a trace's events and its reverse, written from the formulas of one event.

`Exponentials` have loops by hand in `dopafit.backend.codegen.runtime`; any other dynamics are
recorded once, as expressions of the states before an event, its gap and size, and the kernel's
parameters. The states after each event are kept; what leads from one to the next is worked out
again on the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dopafit.backend.codegen.expression import Expression, Graph, reachable
from dopafit.backend.codegen.numbers import Numbers
from dopafit.trace.dynamics import Dynamics

__all__ = ["Scan"]

ARGUMENTS = "event_gap, event_size, event_offset, kernel_row, rate, "
DECORATOR = "\n\n@njit(**JIT)"


class Scan:
    """What happens at one event, recorded.

    Parameters
    ----------
    dynamics : Dynamics
        Any but `Exponentials`.
    parameters : mapping of str to Expression or float
        From `Kernel.prepare`; a number stays one in the generated loop.

    Attributes
    ----------
    names : tuple of str
        Parameters that move the states, in the order in which the loops take them.
    data : str
        The events' own numbers as an argument of the loops, where `kick` takes any.
    """

    def __init__(self, dynamics: Dynamics, parameters: Mapping[str, Any]) -> None:
        self.rest, graph = dynamics.rest, Graph()
        self.data = "event_input, " if dynamics.inputs else ""
        self._inputs = dynamics.inputs
        self._state = [_number(graph, f"state_{k}") for k in range(dynamics.states)]
        gap, self._size = _number(graph, "gap"), _number(graph, "size")
        constants = {
            name: value.constant if isinstance(value, Expression) else value
            for name, value in parameters.items()
        }
        own = {
            name: _number(graph, f"own_{name}") if number is None else number
            for name, number in constants.items()
        }
        moved = dynamics.advance(graph, tuple(self._state), gap, own)
        told = {name: _number(graph, name) for name in dynamics.inputs}
        after = dynamics.kick(graph, moved, self._size, own | told)
        self._after = [graph.node(value) for value in after]
        used = reachable(self._after)
        self.names = tuple(
            name for name, value in own.items() if isinstance(value, Expression) and value in used
        )
        self._own = [own[name] for name in self.names]
        self._graph = graph

    def source(self, functions: dict[Any, str]) -> str:
        """Return both loops as functions, `scan` and `scan_back`.

        Parameters
        ----------
        functions : dict of key to str
            Where the source of what they call is gathered.
        """
        return self._forward(Numbers(functions, indent=3)) + self._back(
            Numbers(functions, indent=3)
        )

    def _session(self, event: str) -> list[str]:
        """Return the lines that begin a session and one of its events."""
        own = [f"        own_{name} = rate[row, {k}]" for k, name in enumerate(self.names)]
        return [
            "    for session in range(kernel_row.size):",
            "        row = kernel_row[session]",
            "        first, last = event_offset[session], event_offset[session + 1]",
            *own,
            f"        for event in {event}:",
            "            gap, size = event_gap[event], event_size[event]",
            *(f"            {n} = event_input[event, {k}]" for k, n in enumerate(self._inputs)),
        ]

    def _forward(self, writer: Numbers) -> str:
        begin = self._session("range(first, last)")
        rest = [f"        state_{k} = {value!r}" for k, value in enumerate(self.rest)]
        after = [writer.scalar(node) for node in self._after]
        into = ", ".join(f"state_{k}" for k in range(len(after)))
        writer.put(f"{into} = {', '.join(after)}")
        for k in range(len(after)):
            writer.put(f"state[{k}, event + 1] = state_{k}")
        lines = [*begin[:3], *rest, *begin[3:], *writer.lines]
        lines += [f"    state[{k}, 0] = {value!r}" for k, value in enumerate(self.rest)]
        doc = '    """Write the states after each event; state 0 is rest."""'
        return "\n".join([DECORATOR, f"def scan({ARGUMENTS}{self.data}state):", doc, *lines]) + "\n"

    def _back(self, writer: Numbers) -> str:
        graph, ends = self._graph, {}
        for k, node in enumerate(self._after):
            slope = _number(graph, f"by_{k}")
            ends[node] = ends[node] + slope if node in ends else slope
        slopes = graph.gradients(ends)
        for k, value in enumerate(self.rest):
            writer.put(f"state_{k} = state[{k}, event] if event > first else {value!r}")
            writer.put(f"by_{k} += by_state[{k}, event + 1]")
        none = graph.node(0.0)
        by_size = writer.scalar(slopes.get(self._size, none))
        by_own = [writer.scalar(slopes.get(node, none)) for node in self._own]
        before = [writer.scalar(slopes.get(node, none)) for node in self._state]
        writer.put(f"by_size[event] = {by_size}")
        for k, text in enumerate(by_own):
            writer.put(f"by_rate[row, {k}] += {text}")
        into = ", ".join(f"by_{k}" for k in range(len(before)))
        writer.put(f"{into} = {', '.join(before)}")
        begin = self._session("range(last - 1, first - 1, -1)")
        zero = [f"        by_{k} = 0.0" for k in range(len(before))]
        head = f"def scan_back({ARGUMENTS}{self.data}state, by_state, by_size, by_rate):"
        doc = '    """Write the gradients by the sizes, and add those by the parameters."""'
        lines = [DECORATOR, head, doc, *begin[:3], *zero, *begin[3:], *writer.lines]
        return "\n".join(lines) + "\n"


def _number(graph: Graph, name: str) -> Expression:
    return graph.leaf("value", name, domain=None)
