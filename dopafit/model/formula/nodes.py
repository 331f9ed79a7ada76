"""What may stand inside a term, as values with one canonical spelling each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dopafit.model.formula.functions import Function

__all__ = [
    "Call",
    "Column",
    "Expression",
    "Factor",
    "Levels",
    "Number",
    "Operation",
    "number_text",
]

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[-+][0-9]{1,3})?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """A column of the table; its name is only ever a key, never code."""

    name: str
    position: int = field(compare=False)
    depth: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return self.name if _PLAIN.fullmatch(self.name) else f"`{self.name}`"

    def columns(self) -> Iterator[Column]:
        """Every mention of a column."""
        yield self


@dataclass(frozen=True)
class Number:
    """A number inside a function."""

    value: float
    depth: int = field(default=1, compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return number_text(self.value)

    def columns(self) -> Iterator[Column]:
        """Every mention of a column: none."""
        return iter(())


@dataclass(frozen=True)
class Operation:
    """Arithmetic inside a function."""

    sign: str
    left: Expression
    right: Expression
    depth: int = field(compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling, with the brackets that keep its meaning."""
        own = _PRECEDENCE[self.sign]
        left = _bracketed(self.left, own + (self.sign == "**"))
        return f"{left} {self.sign} {_bracketed(self.right, own + 1)}"

    def columns(self) -> Iterator[Column]:
        """Every mention of a column."""
        yield from self.left.columns()
        yield from self.right.columns()


@dataclass(frozen=True)
class Call:
    """A listed function of one expression, with its options."""

    function: Function
    argument: Expression
    options: Mapping[str, Any]
    position: int = field(compare=False)
    depth: int = field(compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling; options in order, defaults of named ones left out."""
        parts = [self.argument.text]
        for option in self.function.options:
            value = self.options[option.name]
            if option.keyword and value != option.default:
                parts.append(f"{option.name}={number_text(value)}")
            elif not option.keyword:
                parts.append(number_text(value))
        return f"{self.function.name}({', '.join(parts)})"

    def columns(self) -> Iterator[Column]:
        """Every mention of a column."""
        yield from self.argument.columns()


@dataclass(frozen=True)
class Levels:
    """``C(column, first, second)``: the column as levels, the named ones first."""

    column: Column
    first: tuple[str, ...]
    position: int = field(compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"C({', '.join([self.column.text, *(_quoted(v) for v in self.first)])})"

    def columns(self) -> Iterator[Column]:
        """Every mention of a column."""
        yield self.column


Expression = Column | Number | Operation | Call
Factor = Column | Call | Levels


def number_text(value: float) -> str:
    """Return a number as a formula and a level label spell it: ``2``, ``0.5``, ``1e-05``."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def _quoted(text: str) -> str:
    if _NUMBER.fullmatch(text) and number_text(float(text)) == text:
        return text
    return f'"{text}"' if "'" in text else f"'{text}'"


def _bracketed(node: Expression, level: int) -> str:
    low = isinstance(node, Operation) and _PRECEDENCE[node.sign] < level
    negative = isinstance(node, Number) and node.value < 0
    return f"({node.text})" if low or negative else node.text
