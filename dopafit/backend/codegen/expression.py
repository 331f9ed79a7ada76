"""Expressions of the likelihood, recorded while its formulas run on them.

A `Node` is a number, or one number per row of a domain (reads, events, a channel's rows ...); it
answers to arithmetic and, through `Book`, to the functions of an array namespace. Equal
expressions are one node. `Book.pull` is the derivative of every operation, again as expressions.
"""

from __future__ import annotations

from typing import Any

from dopafit.core.errors import SpecError
from dopafit.trace.newton import roots, slopes

__all__ = ["Book", "Node"]

TWO_OVER_ROOT_PI = 1.1283791670955126


class Node:
    """One expression of a book.

    Parameters
    ----------
    book : Book
        Where it was written.
    op : str
        What is done: a key of `dopafit.backend.operations.TEXT`, or a leaf.
    args : tuple
        Nodes; names for leaves.
    domain : str or None
        Its rows; None for a number.
    number : int
        Its place in the book: arguments come first.
    """

    __array_ufunc__ = None  # numpy hands arithmetic over
    __slots__ = ("args", "book", "domain", "number", "op")

    def __init__(self, book: Book, op: str, args: tuple[Any, ...], domain: str | None, number: int):
        self.book, self.op, self.args = book, op, args
        self.domain, self.number = domain, number

    @property
    def constant(self) -> float | None:
        """The value of a constant; None for anything else."""
        return self.args[0] if self.op == "constant" else None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Arguments that are expressions."""
        return tuple(a for a in self.args if isinstance(a, Node))

    def __add__(self, other: Any) -> Node:
        return self.book.make("add", self, other)

    def __sub__(self, other: Any) -> Node:
        return self.book.make("sub", self, other)

    def __mul__(self, other: Any) -> Node:
        return self.book.make("mul", self, other)

    def __truediv__(self, other: Any) -> Node:
        return self.book.make("div", self, other)

    def __radd__(self, other: Any) -> Node:
        return self.book.make("add", other, self)

    def __rsub__(self, other: Any) -> Node:
        return self.book.make("sub", other, self)

    def __rmul__(self, other: Any) -> Node:
        return self.book.make("mul", other, self)

    def __rtruediv__(self, other: Any) -> Node:
        return self.book.make("div", other, self)

    def __neg__(self) -> Node:
        return self.book.make("neg", self)

    def __gt__(self, other: Any) -> Node:
        return self.book.make("gt", self, other)

    def __lt__(self, other: Any) -> Node:
        return self.book.make("lt", self, other)

    def __ge__(self, other: Any) -> Node:
        return self.book.make("switch", self < other, 0.0, 1.0)

    def __le__(self, other: Any) -> Node:
        return self.book.make("switch", self > other, 0.0, 1.0)

    # Python would answer these three at once, for all rows and without a word
    def __eq__(self, other: object) -> bool:
        raise _refused("compares with == or !=")

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise _refused("branches (if, and, or, not, min, max) on a value")

    def __abs__(self) -> Node:
        return self.book.make("abs", self)

    def __pow__(self, power: float) -> Node:
        if isinstance(power, Node):
            raise _refused("raises to a power that is no number")
        if power == 2:
            return self * self
        if power == 0.5:
            return self.book.make("sqrt", self)
        return self.book.make("pow", self, float(power))


def _refused(what: str) -> SpecError:
    return SpecError(
        f"a formula {what}, which cannot be compiled",
        allowed="xp.where(condition, yes, no) with <, >, <= or >=; powers that are numbers",
        todo="ask a 0/1 flag by xp.where(flag > 0, ...); write x ** y as xp.exp(y * xp.log(x))",
    )


class Book:
    """A place for expressions, and the array namespace that the formulas are given."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Node] = {}

    def __len__(self) -> int:
        return len(self._known)

    def leaf(self, op: str, *args: Any, domain: str | None) -> Node:
        """Return a leaf: a constant, an entry of theta, an array, a gathered vector ..."""
        key = (op, *(a.number if isinstance(a, Node) else a for a in args), domain)
        if key not in self._known:
            self._known[key] = Node(self, op, args, domain, len(self._known))
        return self._known[key]

    def node(self, value: Any) -> Node:
        """Return a node as it is, a number as a constant."""
        return (
            value if isinstance(value, Node) else self.leaf("constant", float(value), domain=None)
        )

    def make(self, op: str, *values: Any) -> Node:
        """Return an operation's node; arithmetic with 0 and 1 is done at once."""
        args = tuple(self.node(v) for v in values)
        if op == "div" and args[0].domain is not None and args[1].domain is None:
            op, args = "mul", (args[0], self.make("div", 1.0, args[1]))  # once, not in every row
        simple = _simple(self, op, args)
        if simple is not None:
            return simple
        domains = {a.domain for a in args} - {None}
        if len(domains) > 1:
            raise TypeError(f"{op} of rows of different tables: {', '.join(sorted(domains))}")
        return self.leaf(op, *args, domain=next(iter(domains), None))

    # ------------------------------------------------------------------ the array namespace
    def softplus(self, x: Any) -> Node:
        """Return ln(1 + e^x); its exponential also serves the derivative."""
        return self.make("softplus", x, self.make("decay", x))

    def sigmoid(self, x: Any) -> Node:
        """Return 1 / (1 + e^-x)."""
        return self.make("sigmoid", x, self.make("decay", x))

    def maximum(self, a: Any, b: Any) -> Node:
        """Return the larger one."""
        return self.make("maximum", a, b)

    def minimum(self, a: Any, b: Any) -> Node:
        """Return the smaller one."""
        return -self.make("maximum", -self.node(a), -self.node(b))

    def stack(self, vectors: Any, axis: int) -> tuple[Node, ...]:
        """Return vectors side by side."""
        return tuple(vectors)

    def square(self, x: Any) -> Node:
        """Return x^2."""
        return self.node(x) ** 2

    def where(self, condition: Any, yes: Any, no: Any) -> Node:
        """Return one or the other."""
        return self.make("switch", condition, yes, no)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in PLAIN:
            more = ("maximum", "minimum", "sigmoid", "softplus", "square", "where")
            raise SpecError(
                f"a formula uses xp.{name}, which cannot be compiled",
                allowed=", ".join(sorted([*PLAIN, *more])),
                todo="write it with these, or with the helpers of dopafit.core.xp",
            )
        return lambda *values: self.make(name, *values)

    # ------------------------------------------------------------------ derivatives
    def pull(self, node: Node, g: Node) -> list[tuple[Node, Node]]:
        """Return (argument, its share of the gradient) for a node whose gradient is g."""
        zero = self.node(0.0)
        match node.op, node.args:
            case "add", (a, b):
                return [(a, g), (b, g)]
            case "sub", (a, b):
                return [(a, g), (b, -g)]
            case "mul", (a, b):
                return [(a, g * b), (b, g * a)]
            case "div", (a, b):
                return [(a, g / b), (b, -(g * node / b))]
            case "neg", (a,):
                return [(a, -g)]
            case "exp", (a,):
                return [(a, g * node)]
            case "log", (a,):
                return [(a, g / a)]
            case "log1p", (a,):
                return [(a, g / (1.0 + a))]
            case "sqrt", (a,):
                return [(a, 0.5 * g / node)]
            case "pow", (a, power):
                return [(a, g * power * a ** (power.constant - 1.0))]
            case "abs", (a,):
                return [(a, self.switch(self.make("gt", a, 0.0), g, -g))]
            case "expm1", (a,):
                return [(a, g * (node + 1.0))]
            case "tanh", (a,):
                return [(a, g * (1.0 - node * node))]
            case "sin", (a,):
                return [(a, g * self.make("cos", a))]
            case "cos", (a,):
                return [(a, -(g * self.make("sin", a)))]
            case "softplus", (a, _):  # the second argument is a function of the first
                return [(a, g * self.sigmoid(a))]
            case "sigmoid", (a, _):
                return [(a, g * node * (1.0 - node))]
            case "erfcx", (a,):
                return [(a, g * (2.0 * a * node - TWO_OVER_ROOT_PI))]
            case "log_ndtr", (a,):
                return [(a, g * self.make("log_ndtr_slope", a))]
            case "normal_or_beyond", (z, beyond):
                return [(z, g * self.make("normal_or_beyond_slope", z, beyond))]
            case "maximum", (a, b):
                first = self.make("gt", a, b)
                return [(a, self.switch(first, g, zero)), (b, self.switch(first, zero, g))]
            case "gt" | "lt", _:  # a step
                return []
            case "switch", (condition, a, b):
                return [(a, self.switch(condition, g, zero)), (b, self.switch(condition, zero, g))]
            case "solve", (_, nu):
                places = roots(self.sigmoid(node), self.sigmoid(-node), nu)
                slope, by_onset = slopes(self.log, places)
                return [(node.args[0], g / slope), (nu, g * by_onset / slope)]
        raise TypeError(f"{node.op} has no derivative")


PLAIN = frozenset(
    (
        "exp expm1 log log1p sqrt sin cos tanh abs switch gt lt erfcx log_ndtr normal_or_beyond "
        "solve"
    ).split()
)
"""Functions of the namespace that are one operation each."""


def _simple(book: Book, op: str, args: tuple[Node, ...]) -> Node | None:
    """Return what an operation comes to without being done; None where it has to be."""
    values = [a.constant for a in args]
    if op in ("add", "sub", "mul", "div", "neg") and None not in values:
        a, b = values[0], values[-1]
        if op != "div" or b:
            done = {"add": a + b, "sub": a - b, "mul": a * b, "neg": -a}
            return book.node(a / b if op == "div" else done[op])
    match op, args, values:
        case ("add", (_, b), (0.0, _)) | ("mul", (_, b), (1.0, _)):
            return b
        case ("add" | "sub", (a, _), (_, 0.0)) | ("mul" | "div", (a, _), (_, 1.0)):
            return a
        case ("mul", _, (0.0, _) | (_, 0.0)) | ("div", _, (0.0, _)):
            return book.node(0.0)
        case ("sub", (_, b), (0.0, _)) | ("mul", (_, b), (-1.0, _)) | ("mul", (b, _), (_, -1.0)):
            return -b
        case "neg", (a,), _ if a.op == "neg":
            return a.args[0]
        case "switch", (_, a, b), _ if a is b:
            return a
    return None
