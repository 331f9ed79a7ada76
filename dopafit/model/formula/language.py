"""What a formula may hold: tokens, columns, numbers, calls of functions, terms and groups.

Each has one canonical spelling, its `text`. What is not here cannot be written in a formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dopafit.core.errors import SpecError

__all__ = [
    "Call",
    "Column",
    "Expression",
    "Factor",
    "Function",
    "GroupPart",
    "Levels",
    "Number",
    "Option",
    "Parsed",
    "Previous",
    "Source",
    "Term",
    "Token",
    "UnusableError",
    "keyed",
    "number_text",
    "spelled",
]

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?(?![\w.]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[^`]+`)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<sign>\*\*|[-+*/^:|(),=~])""",
    re.VERBOSE,
)
_HINTS = {
    ".": "attributes such as np.log are not read; write log(dose)",
    "[": "square brackets are not read; choose rows before the formula",
    "{": "braces are not read; write the arithmetic inside a function, e.g. log(dose + 1)",
    "`": "write the column's name, in letters that can be printed, between two backticks",
    "'": "close the quote",
    '"': "close the quote",
    "": "write what is missing, or close the bracket with )",
    "(": "write a listed function before the bracket, or a sign",
    ")": "take it out, open it with (, or write what is missing before it",
    "-": "take the sign out; inside a function write 0 - x for -x",
    "**": "say with brackets what is raised to which power: (a ** b) ** c or a ** (b ** c)",
    "|": "write ( before and ) after a group term, e.g. (1 | subject)",
    "=": "write name = value only between the brackets of a function, after its column",
    "~": "write the right-hand side alone, without a response",
    "number": "0 and 1 may be terms; write a shorter number, or a column's name between backticks",
    "text": "leave the quotes out, or put a column's name between backticks",
}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[-+][0-9]{1,3})?")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnusableError(ValueError):
    """A function cannot use its values or options; the caller adds the term and the place."""


class Token(NamedTuple):
    """A piece of the text: space, number, name, quoted (a name), text, sign, other or end."""

    kind: str
    text: str
    position: int


@dataclass(frozen=True)
class Source:
    """The formula as written and where it stands, for error messages."""

    formula: str
    where: str

    def error(self, position: int | None, what: str, *, allowed: str, todo: str) -> SpecError:
        """Return an error that points at a character (counted from 1)."""
        text = self.formula if len(self.formula) <= 80 else self.formula[:77] + "..."
        place = "" if position is None else f", character {position + 1}"
        wrong = f"{self.where}: formula {text!r}{place}: {what}"
        return SpecError(wrong, allowed=allowed, todo=todo)

    def tokens(self) -> Iterator[Token]:
        """Read the tokens (ASCII only outside quotes), at last one without text."""
        position = 0
        while position < len(self.formula):
            match = _TOKEN.match(self.formula, position)
            kind, text = (match.lastgroup, match.group()) if match else ("other", "")
            if kind == "other" or not (kind == "space" or text.isprintable()):
                raise self.unexpected(Token("other", self.formula[position], position))
            if kind != "space":
                yield Token(kind or "", "**" if text == "^" else text, position)
            position += len(text)
        yield Token("end", "", position)

    def unexpected(self, token: Token) -> SpecError:
        """Return an error about a token, or a character, that cannot stand where it does."""
        shown = repr(token.text) if token.text else "the end"
        kind = "number" if token.text.isdigit() else token.kind
        todo = _HINTS.get(token.text) or _HINTS.get(kind) or "take it out, or write what is missing"
        if not token.text.isascii() and token.kind == "other":
            name = unicodedata.name(token.text, "no name").lower()
            shown += f" (U+{ord(token.text):04X}, {name})"
            todo = "put a column name with such letters between backticks"
        return self.error(
            token.position,
            f"{shown} is not expected here",
            allowed="column names, numbers, + - : * / ** ^ | ( ) and functions such as log(dose)",
            todo=todo,
        )


@dataclass(frozen=True)
class Option:
    """A number that a function takes after its first argument; it must be given if no default.

    Where `keyword` holds, the canonical spelling names it (``df=4``) and leaves a default out.
    """

    name: str
    low: float
    high: float
    default: float | None = None
    whole: bool = True
    keyword: bool = False

    def read(self, given: Mapping[str, Any]) -> float:
        """Return the option's value among those given, or its default."""
        value = given.get(self.name, self.default)
        if value is None:
            raise UnusableError(f"{self.name} is missing")
        kind = int if self.whole else int | float
        if not isinstance(value, kind) or not self.low <= value <= self.high:
            wanted = f"an integer from {self.low:g} to {self.high:g}" if self.whole else "a number"
            wanted = wanted if self.whole or self.low < 0 else "above 0"
            raise UnusableError(f"{self.name} is not {wanted}")
        return value


@dataclass(frozen=True)
class Function:
    """One function of the formula language.

    Parameters
    ----------
    usage : str
        How it is called, e.g. ``"poly(x, 2)"``.
    fit : callable or None
        Takes the values, shape (n,), and the options; returns the map from values to columns.
        None for C, which makes levels and not numbers.
    options : tuple of Option
    labels : callable
        Options to column labels; none for a function with one column.
    """

    usage: str
    fit: Callable[..., Callable] | None
    options: tuple[Option, ...] = ()
    labels: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda options: ()

    @property
    def name(self) -> str:
        """What the formula calls it."""
        return self.usage.partition("(")[0]

    def bind(self, positional: list[Any], named: Mapping[str, Any]) -> dict[str, float]:
        """Return the value of every option, or refuse what is missing, unknown or given twice."""
        names = [option.name for option in self.options]
        unknown = [name for name in named if name not in names[len(positional) :]]
        if unknown or len(positional) > len(names):
            raise UnusableError(f"it cannot take {unknown[0]!r}" if unknown else "too many numbers")
        given = {**dict(zip(names, positional, strict=False)), **named}
        return {option.name: option.read(given) for option in self.options}


class _Node:
    """What may stand in a term: made of parts, down to columns and numbers."""

    parts: tuple[_Node, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every mention of a column."""
        return tuple(column for part in self.parts for column in part.columns)

    @property
    def depth(self) -> int:
        """How many steps stand one within the other."""
        return 1 + max((part.depth for part in self.parts), default=0)


@dataclass(frozen=True)
class Column(_Node):
    """A column of the table; its name is only ever a key, never code."""

    name: str
    position: int = field(compare=False)
    parts = ()

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return self.name if _PLAIN.fullmatch(self.name) else f"`{self.name}`"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The column itself."""
        return (self,)


@dataclass(frozen=True)
class Previous(Column):
    """``previous(column)``: what a column held in the row before; a column of its own."""

    of: str

    @classmethod
    def read(cls, column: Any, positional: Any, named: Any, position: int) -> Previous:
        """Return the term of what stands between the brackets."""
        if type(column) is not Column or positional or named:
            raise UnusableError("it takes one column as it is")
        return cls(f"previous({column.text})", position, column.name)

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return self.name


@dataclass(frozen=True)
class Number(_Node):
    """A number inside a function."""

    value: float
    parts = ()

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return number_text(self.value)


@dataclass(frozen=True)
class Call(_Node):
    """A listed function of one expression with its options, or a sign between two."""

    function: Function
    parts: tuple[Expression, ...]
    options: Mapping[str, Any]
    position: int = field(compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the columns; empty for a function with one column."""
        return self.function.labels(self.options)

    @property
    def text(self) -> str:
        """The canonical spelling: needed brackets only, defaults of named options left out."""
        name = self.function.name
        if name in _PRECEDENCE:
            left, right = self.parts
            rank = _PRECEDENCE[name]
            before = _bracketed(left, rank + (name == "**"))
            return f"{before} {name} {_bracketed(right, rank + 1)}"
        texts = [self.parts[0].text]
        for option in self.function.options:
            value = self.options[option.name]
            if not (option.keyword and value == option.default):
                texts.append(f"{option.name}=" * option.keyword + number_text(value))
        return f"{name}({', '.join(texts)})"


@dataclass(frozen=True)
class Levels(_Node):
    """``C(column, first, second)``: the column as levels, the named ones first."""

    parts: tuple[Column]
    first: tuple[str, ...]
    position: int = field(compare=False)

    @property
    def text(self) -> str:
        """The canonical spelling."""
        return f"C({', '.join([self.parts[0].text, *map(_quoted, self.first)])})"


Expression = Column | Number | Call
Factor = Column | Call | Levels
Term = tuple[Factor, ...]


@dataclass(frozen=True)
class GroupPart:
    """What varies over one grouping factor: ``(intercept + terms | columns)``."""

    columns: tuple[Column, ...]
    intercept: bool
    terms: tuple[Term, ...]

    @property
    def label(self) -> str:
        """The factor as written, e.g. ``subject:session``."""
        return spelled(self.columns)


@dataclass(frozen=True)
class Parsed:
    """A formula that passed every check that needs no data."""

    source: Source
    terms: tuple[Term, ...]
    groups: tuple[GroupPart, ...]

    @property
    def canonical(self) -> str:
        """One spelling for every formula that means the same terms; parses to itself."""
        parts = ["1", *map(spelled, self.terms)]
        for group in self.groups:
            inner = [str(int(group.intercept)), *map(spelled, group.terms)]
            parts.append(f"({' + '.join(inner)} | {group.label})")
        return " + ".join(parts)

    @property
    def factors(self) -> dict[str, Factor]:
        """Every factor by its text, without the columns that only form groups."""
        terms = (*self.terms, *(term for group in self.groups for term in group.terms))
        return {factor.text: factor for term in terms for factor in term}

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every column that the formula mentions."""
        groups = (column for group in self.groups for column in group.columns)
        return (*(c for factor in self.factors.values() for c in factor.columns), *groups)


def spelled(term: Term) -> str:
    """Return the canonical spelling of a term."""
    return ":".join(factor.text for factor in term)


def keyed(terms: Iterable[Term]) -> dict[frozenset[str], Term]:
    """Return each term once: a:b is b:a, and the first spelling stays."""
    unique: dict[frozenset[str], Term] = {}
    for term in terms:
        unique.setdefault(frozenset(factor.text for factor in term), term)
    return unique


def number_text(value: float) -> str:
    """Return a number as a formula and a level label spell it: ``2``, ``0.5``, ``1e-05``."""
    whole = float(value).is_integer() and abs(value) < 1e15
    return str(int(value)) if whole else repr(float(value))


def _quoted(text: str) -> str:
    if _NUMBER.fullmatch(text) and number_text(float(text)) == text:
        return text
    return f'"{text}"' if "'" in text else f"'{text}'"


def _bracketed(node: Expression, rank: int) -> str:
    loose = isinstance(node, Call) and _PRECEDENCE.get(node.function.name, rank) < rank
    negative = isinstance(node, Number) and node.value < 0
    return f"({node.text})" if loose or negative else node.text
