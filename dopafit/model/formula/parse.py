"""A formula's text becomes terms, without data; nothing in it is ever looked up or run.

The text is read by recursive descent. Length, brackets, terms and orders are limited, so that no
text takes long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dopafit.core.errors import SpecError, suggest
from dopafit.model.formula.coding import FUNCTIONS, SIGNS
from dopafit.model.formula.language import (
    Call,
    Column,
    Expression,
    Factor,
    GroupPart,
    Levels,
    Number,
    Parsed,
    Previous,
    Source,
    Term,
    Token,
    UnusableError,
    keyed,
    number_text,
    spelled,
)

__all__ = ["parse"]

MAX_LENGTH = 1000
MAX_DEPTH = 20
MAX_TERMS = 200
MAX_ORDER = 5

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2, ":": 3}
_Terms = dict[frozenset[str], Term]


def parse(formula: Any, where: str) -> Parsed:
    """Parse a formula and check all that can be checked without data.

    Raises
    ------
    SpecError
        Whatever is wrong with the formula, with the place in it.
    """
    if not isinstance(formula, str):
        raise SpecError(
            f"{where}: formula {formula!r} is not text",
            allowed="text such as 'drug'",
            todo="write the formula as text; leave it out for one value for all",
        )
    source = Source(formula, where)
    if len(formula) > MAX_LENGTH:
        raise source.error(
            None,
            f"{len(formula)} characters",
            allowed=f"at most {MAX_LENGTH}",
            todo="shorten the formula",
        )
    return _Parser(source).formula()


def _main_first(terms: _Terms) -> tuple[Term, ...]:
    # main effects first, so that an interaction never takes a main effect's columns
    return tuple(sorted(terms.values(), key=len))


def _number(token: Token) -> int | float:
    value = float(token.text)
    return int(value) if value.is_integer() and value < 1e15 else value


class _Reader:
    """The tokens of a formula, one after another; `token` is the next."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = source.tokens()
        self.token = next(self.tokens)
        self.brackets = 0

    def take(self) -> Token:
        token, self.token = self.token, next(self.tokens, self.token)
        return token

    def accept(self, *texts: str) -> Token | None:
        return self.take() if self.token.text in texts else None

    def bracket(self, inside: Callable[[], Any]) -> Any:
        """Read ``(inside)``."""
        self.brackets += 1
        self.not_deeper(self.take(), self.brackets)
        result = inside()
        if not self.accept(")"):
            raise self.source.unexpected(self.token)
        self.brackets -= 1
        return result

    def not_deeper(self, token: Token, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self.source.error(
                token.position,
                f"brackets or steps within one another, deeper than {MAX_DEPTH} levels",
                allowed=f"at most {MAX_DEPTH} levels",
                todo="take out brackets that are not needed, or compute the column in the table",
            )

    def chain(self, left: Any, operand: Callable, combine: Callable, lowest: int = 1) -> Any:
        """Read what follows `left`: signs that bind as tightly as `lowest`, or more."""
        while _RANK.get(self.token.text, 0) >= lowest:
            sign = self.take()
            right = self.chain(operand(), operand, combine, _RANK[sign.text] + 1)
            left = combine(left, sign, right)
        return left


class _FactorReader(_Reader):
    """Reads one factor of a term: a column, or a listed function of columns."""

    def factor(self) -> Factor:
        token = self.take()
        if token.kind == "quoted":
            factor: Factor = Column(token.text[1:-1], token.position)
        elif token.kind != "name":
            raise self.source.unexpected(token)
        elif self.token.text != "(":
            factor = Column(token.text, token.position)
        else:
            factor = self.call(token)
        if self.token.text == "(":
            raise self.source.unexpected(self.token)
        return factor

    def call(self, name: Token) -> Factor:
        function = FUNCTIONS.get(name.text)
        if function is None:
            raise self.source.error(
                name.position,
                f"function {name.text!r} is not known",
                allowed=", ".join(FUNCTIONS),
                todo=suggest(name.text, FUNCTIONS) or "take one of those allowed",
            )
        column, positional, named = self.bracket(self.arguments)
        try:
            if function.fit is None:
                read = Previous.read if function.name == "previous" else _levels
                return read(column, positional, named, name.position)
            options = function.bind(positional, named)
            function.labels(options)  # refuses options that do not fit each other
            if not column.columns:
                raise UnusableError("no column stands in it")
        except ValueError as error:
            raise self.source.error(
                name.position,
                f"{name.text}: {error}",
                allowed=function.usage,
                todo="correct what stands between the brackets",
            ) from error
        self.not_deeper(name, 1 + column.depth)
        return Call(function, (column,), options, name.position)

    def arguments(self) -> tuple[Expression, list[Any], dict[str, Any]]:
        column = self.expression()
        positional: list[Any] = []
        named: dict[str, Any] = {}
        while self.accept(","):
            token = self.token
            if token.kind != "name" and not named:
                positional.append(self.constant())
                continue
            self.take()
            if token.kind != "name" or token.text in named or not self.accept("="):
                raise self.source.unexpected(token)
            named[token.text] = self.constant()
        return column, positional, named

    def constant(self) -> int | float | str:
        """Read a number, with a sign or without, or quoted text."""
        sign = self.accept("+", "-")
        token = self.take()
        if token.kind == "text" and not sign:
            return token.text[1:-1]
        if token.kind != "number":
            raise self.source.unexpected(token)
        return -_number(token) if sign and sign.text == "-" else _number(token)

    def expression(self) -> Expression:
        return self.chain(self.power(), self.power, self.operation)

    def power(self) -> Expression:
        signed = self.token.text in ("+", "-")
        base, sign = self.value(), self.accept("**")
        if sign and (signed or self.token.text in ("+", "-")):
            raise self.source.unexpected(sign)
        return self.operation(base, sign, self.value()) if sign else base

    def operation(self, left: Expression, sign: Token, right: Expression) -> Expression:
        if sign.text == ":":
            raise self.source.unexpected(sign)
        result = Call(SIGNS[sign.text], (left, right), {}, sign.position)
        self.not_deeper(sign, result.depth)
        return result

    def value(self) -> Expression:
        token = self.token
        if token.text == "(":
            return self.bracket(self.expression)
        if token.kind == "number" or token.text in ("+", "-"):
            return Number(float(self.constant()))
        factor = self.factor()
        alone = isinstance(factor, Levels | Previous)
        if alone or (isinstance(factor, Call) and factor.labels):
            why = "is of another row" if isinstance(factor, Previous) else "makes several columns"
            raise self.source.error(
                token.position,
                f"{factor.text} {why}: use it as a term of its own",
                allowed="columns, numbers and functions that make one column",
                todo="add it to the formula with +",
            )
        return factor


def _levels(
    column: Expression, positional: list[Any], named: dict[str, Any], position: int
) -> Levels:
    stated = [*positional, *named.values()]
    first = tuple(v if isinstance(v, str) else number_text(v) for v in stated)
    wrong = set(named) - {"reference"} or (named and positional) or len(set(first)) < len(first)
    if wrong or not isinstance(column, Column):
        raise UnusableError("it takes a column and different levels of it")
    return Levels((column,), first, position)


@dataclass(frozen=True)
class _Sum:
    """Terms on the way: intercept is None where no number was written."""

    terms: _Terms = field(default_factory=dict)
    intercept: bool | None = None
    groups: tuple[GroupPart, ...] = ()


class _Parser(_FactorReader):
    """Reads a formula: sums of terms and of what varies over groups."""

    def formula(self) -> Parsed:
        self.accept("~")
        total = self.sum() if self.token.text else _Sum()
        if self.token.text:
            raise self.source.unexpected(self.token)
        if total.intercept is False:
            raise self.source.error(
                None,
                "the intercept cannot be removed: it is the parameter's population value",
                allowed="terms beside the intercept",
                todo="leave out 0 and -1; (0 + drug | subject) is possible",
            )
        return Parsed(self.source, _main_first(total.terms), total.groups)

    def sum(self) -> _Sum:
        self.accept("+")
        first = _Sum() if self.token.text == "-" else self.term()
        return self.chain(first, self.term, self.combine)

    def term(self) -> _Sum:
        token = self.token
        if token.text == "(":
            result = self.bracket(self.sum_or_group)
        elif token.kind != "number":
            result = _Sum(keyed([(self.factor(),)]))
        elif _number(self.take()) in (0, 1):
            result = _Sum(intercept=_number(token) == 1)
        else:
            raise self.source.unexpected(token)
        while sign := self.accept("**"):
            result = self.interactions(result, sign)
        return result

    def sum_or_group(self) -> _Sum:
        left, bar = self.sum(), self.accept("|")
        return self.group(left, bar) if bar else left

    def group(self, left: _Sum, bar: Token) -> _Sum:
        right = self.sum()
        intercept = left.intercept is not False
        wrong = not intercept and not left.terms
        wrong |= right.intercept is not None or bool(left.groups or right.groups)
        wrong |= not all(type(f) is Column for term in right.terms.values() for f in term)
        if wrong or not right.terms:
            raise self.source.error(
                bar.position,
                "| stands between terms that vary and the columns that name the groups",
                allowed="(1 | subject), (drug | subject), (0 + drug | subject:session)",
                todo="write one | in each pair of brackets, and names of columns on its right",
            )
        terms = _main_first(left.terms)
        return _Sum(groups=tuple(GroupPart(c, intercept, terms) for c in right.terms.values()))

    def combine(self, left: _Sum, sign: Token, right: _Sum) -> _Sum:
        if sign.text == "+":
            return self.add(left, sign, right)
        if sign.text == "-":
            return self.remove(left, sign, right)
        within = left
        if sign.text == "/":  # what follows varies within all that stands before
            whole = {factor.text: factor for term in left.terms.values() for factor in term}
            within = replace(left, terms=keyed([tuple(whole.values())]))
        crossed = self.product(within, sign, right)
        kept = {":": (), "/": (left.terms,), "*": (left.terms, right.terms)}[sign.text]
        return _Sum(self.limited(sign, *kept, crossed))

    def add(self, left: _Sum, sign: Token, right: _Sum) -> _Sum:
        if {left.intercept, right.intercept} == {True, False}:
            raise self.source.error(
                sign.position,
                "0 and 1 contradict each other",
                allowed="0 or 1, not both",
                todo="take one of them out",
            )
        intercept = right.intercept if left.intercept is None else left.intercept
        groups = {frozenset(c.name for c in g.columns): g for g in left.groups}
        for group in right.groups:
            key = frozenset(c.name for c in group.columns)
            groups[key] = _merged(groups[key], group) if key in groups else group
        terms = self.limited(sign, left.terms, right.terms)
        return _Sum(terms, intercept, tuple(groups.values()))

    def remove(self, left: _Sum, sign: Token, right: _Sum) -> _Sum:
        missing = [spelled(term) for key, term in right.terms.items() if key not in left.terms]
        if right.groups or right.intercept is False or missing:
            raise self.source.error(
                sign.position,
                f"there is no term {missing[0] if missing else 'of this kind'} to take away",
                allowed=", ".join(spelled(term) for term in left.terms.values()) or "no term",
                todo="take out the minus and what follows it",
            )
        terms = {key: term for key, term in left.terms.items() if key not in right.terms}
        return _Sum(terms, False if right.intercept else left.intercept, left.groups)

    def interactions(self, total: _Sum, sign: Token) -> _Sum:
        order = self.take()
        fine = order.kind == "number" and _number(order) in range(1, MAX_ORDER + 1)
        if not fine or len(total.terms) < 2:
            raise self.source.error(
                sign.position,
                "outside a function ** takes a sum of terms and an order of interaction",
                allowed=f"an integer from 1 to {MAX_ORDER}, e.g. (drug + cue) ** 2",
                todo="for a power of a number write poly(x, 2)",
            )
        result = total
        for _ in range(int(float(order.text)) - 1):
            crossed = self.product(result, sign, total)
            result = _Sum(self.limited(sign, result.terms, crossed))
        return result

    def product(self, left: _Sum, sign: Token, right: _Sum) -> _Terms:
        for part in (left, right):
            if part.groups or part.intercept is not None or not part.terms:
                raise self.source.error(
                    sign.position,
                    "a group term or a number cannot be part of an interaction",
                    allowed="columns and functions of columns",
                    todo="take it out of the interaction",
                )
        crossed: _Terms = {}
        for first in left.terms.values():
            texts = {factor.text for factor in first}
            pairs = (
                (*first, *(factor for factor in second if factor.text not in texts))
                for second in right.terms.values()
            )
            crossed = self.limited(sign, crossed, keyed(pairs))
        return crossed

    def limited(self, sign: Token, *parts: _Terms) -> _Terms:
        """Return terms of several parts, each once, unless they are too many or too long."""
        terms = keyed(term for part in parts for term in part.values())
        if len(terms) > MAX_TERMS or max(map(len, terms), default=0) > MAX_ORDER:
            raise self.source.error(
                sign.position,
                f"more than {MAX_TERMS} terms, or an interaction of more than {MAX_ORDER} factors",
                allowed=f"at most {MAX_TERMS} terms of at most {MAX_ORDER} factors",
                todo="leave out interactions",
            )
        return terms


def _merged(first: GroupPart, second: GroupPart) -> GroupPart:
    terms = _main_first(keyed([*first.terms, *second.terms]))
    return GroupPart(first.columns, first.intercept or second.intercept, terms)
