"""Expressions of the likelihood, recorded while its formulas run on them.

An `Expression` is a number, or one number per row of a domain (reads, events, a channel's rows
...); it answers to arithmetic and, through `Graph`, to the functions of an array namespace. Equal
expressions are one. `Graph.pull` is the derivative of every operation, again as expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from dopafit.backend.operations import FUNCTIONS, OPERATIONS
from dopafit.core.errors import SpecError

__all__ = ["Expression", "Graph", "reachable"]


class Expression:
    """One expression of a graph.

    Parameters
    ----------
    graph : Graph
        Where it was written.
    op : str
        What is done: an operation of `dopafit.backend.operations`, or a leaf.
    args : tuple
        Expressions; names for leaves.
    domain : str or None
        Its rows; None for a number.
    number : int
        Its place in the graph: arguments come first.
    """

    __array_ufunc__ = None  # numpy hands arithmetic over
    __slots__ = ("args", "domain", "graph", "number", "op")

    def __init__(
        self, graph: Graph, op: str, args: tuple[Any, ...], domain: str | None, number: int
    ):
        self.graph, self.op, self.args = graph, op, args
        self.domain, self.number = domain, number

    @property
    def constant(self) -> float | None:
        """The value of a constant; None for anything else."""
        return self.args[0] if self.op == "constant" else None

    @property
    def nodes(self) -> tuple[Expression, ...]:
        """Arguments that are expressions."""
        return tuple(a for a in self.args if isinstance(a, Expression))

    def __add__(self, other: Any) -> Expression:
        return self.graph.make("add", self, other)

    def __sub__(self, other: Any) -> Expression:
        return self.graph.make("sub", self, other)

    def __mul__(self, other: Any) -> Expression:
        return self.graph.make("mul", self, other)

    def __truediv__(self, other: Any) -> Expression:
        return self.graph.make("div", self, other)

    def __radd__(self, other: Any) -> Expression:
        return self.graph.make("add", other, self)

    def __rsub__(self, other: Any) -> Expression:
        return self.graph.make("sub", other, self)

    def __rmul__(self, other: Any) -> Expression:
        return self.graph.make("mul", other, self)

    def __rtruediv__(self, other: Any) -> Expression:
        return self.graph.make("div", other, self)

    def __neg__(self) -> Expression:
        return self.graph.make("neg", self)

    def __gt__(self, other: Any) -> Expression:
        return self.graph.make("gt", self, other)

    def __lt__(self, other: Any) -> Expression:
        return self.graph.make("lt", self, other)

    def __ge__(self, other: Any) -> Expression:
        return self.graph.make("where", self < other, 0.0, 1.0)

    def __le__(self, other: Any) -> Expression:
        return self.graph.make("where", self > other, 0.0, 1.0)

    # Python would answer these three at once, for all rows and without a word
    def __eq__(self, other: object) -> bool:
        raise _refused("compares with == or !=")

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise _refused("branches (if, and, or, not, min, max) on a value")

    def __abs__(self) -> Expression:
        return self.graph.make("abs", self)

    def __pow__(self, power: float) -> Expression:
        if isinstance(power, Expression):
            raise _refused("raises to a power that is no number")
        if power == 2:
            return self * self
        if power == 0.5:
            return self.graph.make("sqrt", self)
        return self.graph.make("pow", self, float(power))


def _refused(what: str) -> SpecError:
    return SpecError(
        f"a formula {what}, which cannot be compiled",
        allowed="xp.where(condition, yes, no) with <, >, <= or >=; powers that are numbers",
        todo="ask a 0/1 flag by xp.where(flag > 0, ...); write x ** y as xp.exp(y * xp.log(x))",
    )


class Graph:
    """A place for expressions, and the array namespace that the formulas are given."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Expression] = {}

    def __len__(self) -> int:
        return len(self._known)

    def leaf(self, op: str, *args: Any, domain: str | None) -> Expression:
        """Return a leaf: a constant, an entry of theta, an array, a gathered vector ..."""
        key = (op, *(a.number if isinstance(a, Expression) else a for a in args), domain)
        if key not in self._known:
            self._known[key] = Expression(self, op, args, domain, len(self._known))
        return self._known[key]

    def node(self, value: Any) -> Expression:
        """Return a node as it is, a number as a constant."""
        return (
            value
            if isinstance(value, Expression)
            else self.leaf("constant", float(value), domain=None)
        )

    def make(self, op: str, *values: Any) -> Expression:
        """Return an operation's node; arithmetic with 0 and 1 is done at once."""
        args = tuple(self.node(v) for v in values)
        if op == "div" and args[0].domain is not None and args[1].domain is None:
            op, args = "mul", (args[0], self.make("div", 1.0, args[1]))  # once, not in every row
        simple = _simple(self, op, args)
        if simple is not None:
            return simple
        return self.leaf(op, *args, domain=self.common(op, args))

    def common(self, op: str, args: tuple[Expression, ...]) -> str | None:
        """Return the domain that an operation's arguments share."""
        domains = {a.domain for a in args} - {None}
        if len(domains) > 1:
            raise TypeError(f"{op} of rows of different tables: {', '.join(sorted(domains))}")
        return next(iter(domains), None)

    # ------------------------------------------------------------------ the array namespace
    def softplus(self, x: Any) -> Expression:
        """Return ln(1 + e^x); its exponential also serves the derivative."""
        return self.make("softplus", x, self.make("decay", x))

    def sigmoid(self, x: Any) -> Expression:
        """Return 1 / (1 + e^-x)."""
        return self.make("sigmoid", x, self.make("decay", x))

    def minimum(self, a: Any, b: Any) -> Expression:
        """Return the smaller one."""
        return -self.make("maximum", -self.node(a), -self.node(b))

    def square(self, x: Any) -> Expression:
        """Return x^2."""
        return self.node(x) ** 2

    def root(
        self,
        residual: Any,
        start: Any,
        *parameters: Any,
        largest_step: float,
        within: tuple[float, float],
    ) -> Expression:
        """Return the place found by Newton's method; it is not differentiated.

        See `dopafit.core.xp.root`. The residual is written into a loop of its own.
        """
        args = tuple(map(self.node, (start, *parameters)))
        return self.leaf(
            "root", *args, residual, largest_step, within, domain=self.common("root", args)
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in CALLED:
            usable = [name for name in CALLED if OPERATIONS[name].derivative]
            raise SpecError(
                f"a formula uses xp.{name}, which cannot be compiled",
                allowed=", ".join(sorted([*usable, "minimum", "square"])),
                todo="write it with these, or with the helpers of dopafit.core.xp",
            )
        return lambda *values: self.make(name, *values)

    # ------------------------------------------------------------------ derivatives
    def pull(self, node: Expression, g: Expression) -> list[tuple[Expression, Expression]]:
        """Return (argument, its share of the gradient) for a node whose gradient is g."""
        derivative = OPERATIONS[node.op].derivative
        if derivative is None:
            raise SpecError(
                f"a formula depends on xp.{node.op} of a parameter, which has no derivative",
                allowed="functions that can be differentiated",
                todo=f"give dopafit.backend.operations a derivative of {node.op}",
            )
        shares = derivative(self, g, node, *node.args)
        return [
            (argument, self.node(share))
            for argument, share in zip(node.args, shares, strict=True)
            if share is not None
        ]

    def gradients(self, ends: Mapping[Expression, Expression]) -> dict[Expression, Expression]:
        """Return the gradients of a sum of numbers, each times its slope, by all they depend on."""
        slopes = dict(ends)
        for node in sorted(reachable(ends), key=lambda one: -one.number):
            if node not in slopes or node.op in ("constant", "value", "root"):
                continue
            for argument, share in self.pull(node, slopes[node]):
                slopes[argument] = slopes[argument] + share if argument in slopes else share
        return slopes


def reachable(ends: Iterable[Expression]) -> set[Expression]:
    """Return expressions and everything they are made from."""
    found: set[Expression] = set()
    stack = list(ends)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.nodes)
    return found


CALLED = tuple(operation.name for operation in FUNCTIONS)
"""Functions of the namespace."""


def _simple(graph: Graph, op: str, args: tuple[Expression, ...]) -> Expression | None:
    """Return what an operation comes to without being done; None where it has to be."""
    values = [a.constant for a in args]
    if None not in values and not (op == "div" and values[1] == 0.0):
        with np.errstate(all="ignore"):
            return graph.node(OPERATIONS[op].numpy(*values))
    match op, args, values:
        case ("add", (_, b), (0.0, _)) | ("mul", (_, b), (1.0, _)):
            return b
        case ("add" | "sub", (a, _), (_, 0.0)) | ("mul" | "div", (a, _), (_, 1.0)):
            return a
        case ("mul", _, (0.0, _) | (_, 0.0)) | ("div", _, (0.0, _)):
            return graph.node(0.0)
        case ("sub", (_, b), (0.0, _)) | ("mul", (_, b), (-1.0, _)) | ("mul", (b, _), (_, -1.0)):
            return -b
        case "neg", (a,), _ if a.op == "neg":
            return a.args[0]
        case "where", (_, a, b), (number, _, _) if number is not None or a is b:
            return a if number else b
        case "decay", (a,), _ if a.op == "neg":  # of either sign it is the same
            return graph.make("decay", a.args[0])
    return None
