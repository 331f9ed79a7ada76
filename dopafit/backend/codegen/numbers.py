"""Write expressions of single numbers, and the loops that are functions of numbers."""

from __future__ import annotations

import math
from typing import Any

from dopafit.backend.codegen.expression import Expression, Graph
from dopafit.backend.operations import OPERATIONS
from dopafit.core.xp import MAX_STEPS, SMALL_STEP

__all__ = ["Numbers"]

NEWTON = '''

@njit(**JIT)
def {name}({arguments}):
    """Return the x at which a residual is 0; see `dopafit.core.xp.root`."""
    for _ in range({steps}):
{lines}
        change = {change}
        x = {x}
        if not abs(change) > {small}:
            break
    return x
'''


class Numbers:
    """A writer of statements about numbers.

    Parameters
    ----------
    functions : dict of key to str, optional
        Where the source of functions that the statements call is gathered.
    indent : int
        Depth of the statements.
    """

    def __init__(self, functions: dict[Any, str] | None = None, indent: int = 1) -> None:
        self.functions = {} if functions is None else functions
        self.lines: list[str] = []
        self.indent = indent
        self._written: set[Expression] = set()

    def put(self, text: str) -> None:
        """Write one line."""
        self.lines.append("    " * self.indent + text)

    def length(self, domain: str) -> str:
        """Return the text of the number of a domain's rows."""
        raise TypeError(f"{domain} has no length here")

    def scalar(self, node: Expression) -> str:
        """Return a number's text; what it is made from is written first."""
        if node.op == "constant":
            return repr(node.args[0]).replace("inf", "np.inf").replace("nan", "np.nan")
        if node.op == "count":
            return self.length(node.args[0])
        if node.op == "value":
            return node.args[0]
        if node not in self._written and node.op != "sum":
            parts = [self.scalar(one) for one in node.nodes]
            theta = node.op == "theta"
            text = f"theta[{node.args[0]}]" if theta else self.text(node, parts, once=True)
            self.put(f"s{node.number} = {text}")
            self._written.add(node)
        return f"s{node.number}"

    def text(self, node: Expression, parts: list[str], *, once: bool) -> str:
        """Return an operation's text over those of its arguments."""
        if node.op == "root":
            name = self._root(len(parts) - 1, *node.args[len(parts) :])
            return f"{name}({', '.join(parts)})"
        return OPERATIONS[node.op].written(*map(_safe, parts), once=once)

    def _root(
        self, count: int, residual: Any, largest_step: float, within: tuple[float, float]
    ) -> str:
        """Write Newton's method for a residual of some parameters; return the function's name."""
        key = (residual, count, largest_step, within)
        known = list(self.functions)
        if key in known:
            return f"root_{known.index(key)}"
        name, self.functions[key] = f"root_{len(known)}", ""
        graph, names = Graph(), ["x", *(f"parameter_{k}" for k in range(count))]
        value, slope = residual(graph, *(graph.leaf("value", v, domain=None) for v in names))
        inner = Numbers(self.functions, indent=2)
        change = inner.scalar(graph.node(value) / slope)
        self.functions[key] = NEWTON.format(
            name=name,
            arguments=", ".join(names),
            steps=MAX_STEPS,
            lines="\n".join(inner.lines),
            change=_bounded(change, -largest_step, largest_step),
            x=_bounded("x - change", *within),
            small=SMALL_STEP,
        )
        return name


def _bounded(text: str, low: float, high: float) -> str:
    """Return a number's text between two bounds; NaN stays NaN."""
    text = f"max({text}, {low!r})" if low > -math.inf else text
    return f"min({text}, {high!r})" if high < math.inf else text


def _safe(text: str) -> str:
    """Return a part of an expression that can stand beside any operator."""
    return f"({text})" if text.startswith("-") else text
