"""A syntax tree becomes terms: the algebra of + - : * / ** and |, without data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dopafit.core.errors import suggest
from dopafit.model.formula.expression import factor
from dopafit.model.formula.nodes import Column, Factor
from dopafit.model.formula.parse import Source, syntax_tree

__all__ = ["MAX_ORDER", "MAX_TERMS", "GroupPart", "Parsed", "Term", "known_columns", "parse"]

MAX_TERMS = 200
MAX_ORDER = 5

Term = tuple[Factor, ...]
_Terms = dict[frozenset[str], Term]


@dataclass(frozen=True)
class GroupPart:
    """What varies over one grouping factor: ``(intercept + terms | columns)``."""

    columns: tuple[Column, ...]
    intercept: bool
    terms: tuple[Term, ...]

    @property
    def label(self) -> str:
        """The factor as written, e.g. ``subject:session``."""
        return ":".join(c.text for c in self.columns)


@dataclass(frozen=True)
class Parsed:
    """A formula that passed every check that needs no data."""

    source: Source
    terms: tuple[Term, ...]
    groups: tuple[GroupPart, ...]

    @property
    def canonical(self) -> str:
        """One spelling for every formula that means the same terms; parses to itself."""
        parts = ["1", *(_text(t) for t in self.terms)]
        for group in self.groups:
            inner = [str(int(group.intercept)), *(_text(t) for t in group.terms)]
            inner = inner[1:] if inner == ["0"] else inner
            parts.append(f"({' + '.join(inner)} | {group.label})")
        return " + ".join(parts)

    def columns(self) -> Iterator[Column]:
        """Every mention of a column."""
        for term in self.terms:
            for one in term:
                yield from one.columns()
        for group in self.groups:
            yield from group.columns
            for term in group.terms:
                for one in term:
                    yield from one.columns()


@dataclass(frozen=True)
class _Set:
    """Terms on the way: intercept is None where no number was written."""

    terms: _Terms
    intercept: bool | None = None
    groups: tuple[GroupPart, ...] = ()


def _text(term: Term) -> str:
    return ":".join(f.text for f in term)


def _key(term: Term) -> frozenset[str]:
    return frozenset(f.text for f in term)


def _sorted(terms: _Terms) -> tuple[Term, ...]:
    # main effects first, so that an interaction never takes a main effect's columns
    return tuple(sorted(terms.values(), key=len))


def parse(formula: Any, where: str) -> Parsed:
    """Parse a formula and check all that can be checked without data.

    Raises
    ------
    SpecError
        Whatever is wrong with the formula, with the place in it.
    """
    source, tree = syntax_tree(formula, where)
    if tree is None:
        return Parsed(source, (), ())
    resolved = _Resolver(source).resolve(tree)
    if resolved.intercept is False:
        raise source.error(
            None,
            "the intercept cannot be removed: it is the parameter's population value",
            todo="leave out 0 and -1; (0 + drug | subject) is possible",
            allowed="terms beside the intercept",
        )
    return Parsed(source, _sorted(resolved.terms), resolved.groups)


class _Resolver:
    def __init__(self, source: Source) -> None:
        from formulae import expr

        self.source, self.expr = source, expr

    def resolve(self, node: Any) -> _Set:
        # chains such as a + b + ... lean to the left: walked in a loop, not by recursion
        spine = []
        while isinstance(node, self.expr.Binary) and node.operator.kind != "PIPE":
            spine.append(node)
            node = node.left
        result = self.leaf(node)
        for binary in reversed(spine):
            result = self.combine(result, binary)
        return result

    def leaf(self, node: Any) -> _Set:
        expr, error = self.expr, self.source.error
        if isinstance(node, expr.Grouping):
            inner = node.expression
            while isinstance(inner, expr.Grouping):
                inner = inner.expression
            piped = isinstance(inner, expr.Binary) and inner.operator.kind == "PIPE"
            return self.group(inner) if piped else self.resolve(inner)
        if isinstance(node, expr.Binary):
            raise error(
                node.operator.position,
                "a group term needs brackets",
                allowed="(1 | subject), (drug | subject)",
                todo="write ( before and ) after the group term",
            )
        if isinstance(node, expr.Unary):
            inner = node.right
            minus = node.operator.kind == "MINUS"
            if not minus:
                return self.resolve(inner)
            if isinstance(inner, expr.Literal) and inner.value.value == 1:
                return _Set({}, intercept=False)
            raise error(
                node.operator.position,
                "a term cannot be negative",
                allowed="terms joined by +",
                todo="leave out the sign",
            )
        if isinstance(node, expr.Literal):
            literal = node.value
            if isinstance(literal.value, str):
                raise error(
                    literal.position,
                    "quoted text is not a term",
                    todo="leave the quotes",
                    allowed="names of columns",
                )
            if literal.value not in (0, 1):
                raise error(
                    literal.position,
                    f"the number {literal.value} is not a term",
                    allowed="the numbers 0 and 1",
                    todo="take the number out",
                )
            return _Set({}, intercept=bool(literal.value))
        if isinstance(node, expr.Assign):
            raise error(
                None,
                "'=' may only name an argument of a function",
                allowed="name = value between the brackets of a function",
                todo="take the = out",
            )
        one = factor(node, self.source)
        return _Set({_key((one,)): (one,)})

    def combine(self, left: _Set, binary: Any) -> _Set:
        kind, position = binary.operator.kind, binary.operator.position
        if kind == "STAR_STAR":
            return self.power(left, binary)
        right = self.resolve(binary.right)
        if kind == "PLUS":
            return self.add(left, right, position)
        if kind == "MINUS":
            return self.remove(left, right, position)
        self.plain(left, position)
        self.plain(right, position)
        if kind == "COLON":
            return _Set(self.product(left.terms, right.terms, position))
        if kind == "STAR":
            crossed = self.product(left.terms, right.terms, position)
            return _Set(self.limited({**left.terms, **right.terms, **crossed}, position))
        whole: dict[str, Factor] = {f.text: f for term in left.terms.values() for f in term}
        base = tuple(whole.values())
        nested = self.product({_key(base): base}, right.terms, position)
        return _Set(self.limited({**left.terms, **nested}, position))

    def add(self, left: _Set, right: _Set, position: int) -> _Set:
        if {left.intercept, right.intercept} == {True, False}:
            raise self.source.error(
                position,
                "0 and 1 contradict each other",
                allowed="0 or 1, not both",
                todo="take one of them out",
            )
        intercept = right.intercept if left.intercept is None else left.intercept
        groups = {frozenset(c.name for c in g.columns): g for g in left.groups}
        for group in right.groups:
            key = frozenset(c.name for c in group.columns)
            groups[key] = _merged(groups[key], group) if key in groups else group
        # the first spelling of a term stays (a:b + b:a)
        terms = self.limited({**left.terms, **_missing(right.terms, left.terms)}, position)
        return _Set(terms, intercept, tuple(groups.values()))

    def remove(self, left: _Set, right: _Set, position: int) -> _Set:
        if right.groups:
            raise self.source.error(
                position,
                "a group term cannot be taken away",
                allowed="terms without | after a minus",
                todo="leave the group term out",
            )
        if right.intercept is False:
            raise self.source.error(
                position,
                "0 cannot be taken away",
                allowed="a term after the minus",
                todo="take out - 0",
            )
        intercept = left.intercept
        if right.intercept:
            intercept = False
        for key, term in right.terms.items():
            if key not in left.terms:
                raise self.source.error(
                    position,
                    f"there is no term {_text(term)} to take away",
                    allowed=", ".join(_text(t) for t in left.terms.values()),
                    todo="take out the minus and the term",
                )
        terms = {k: v for k, v in left.terms.items() if k not in right.terms}
        return _Set(terms, intercept, left.groups)

    def power(self, left: _Set, binary: Any) -> _Set:
        position = binary.operator.position
        self.plain(left, position)
        literal = getattr(binary.right, "value", None)
        exponent = getattr(literal, "value", None)
        if not isinstance(exponent, int) or not 1 <= exponent <= MAX_ORDER:
            raise self.source.error(
                position,
                "** takes an order of interaction",
                allowed=f"an integer from 1 to {MAX_ORDER}",
                todo="write for instance (drug + cue) ** 2",
            )
        if len(left.terms) < 2:
            raise self.source.error(
                position,
                "** of one term is that term: outside a function it means interactions",
                todo="for a power of a number write poly(x, 2)",
                allowed="a sum of terms, e.g. (drug + cue) ** 2",
            )
        terms = left.terms
        for _ in range(exponent - 1):
            crossed = self.product(terms, left.terms, position)
            terms = self.limited({**terms, **_missing(crossed, terms)}, position)
        return _Set(terms)

    def product(self, left: _Terms, right: _Terms, position: int) -> _Terms:
        result: _Terms = {}
        for a in left.values():
            for b in right.values():
                known = _key(a)
                term = a + tuple(f for f in b if f.text not in known)
                if len(term) > MAX_ORDER:
                    raise self.source.error(
                        position,
                        f"an interaction of {len(term)} factors",
                        allowed=f"{MAX_ORDER}",
                        todo="leave out interactions of that order",
                    )
                result.setdefault(_key(term), term)
            self.limited(result, position)
        return result

    def limited(self, terms: _Terms, position: int) -> _Terms:
        if len(terms) > MAX_TERMS:
            raise self.source.error(
                position,
                f"more than {MAX_TERMS} terms",
                todo="leave out interactions",
                allowed=f"at most {MAX_TERMS} terms",
            )
        return terms

    def plain(self, part: _Set, position: int) -> None:
        if part.groups or part.intercept is not None or not part.terms:
            what = "a group term" if part.groups else "a number"
            raise self.source.error(
                position,
                f"{what} cannot be part of an interaction",
                allowed="columns and functions of columns",
                todo="take it out of the interaction",
            )

    def group(self, node: Any) -> _Set:
        position = node.operator.position
        left, right = self.resolve(node.left), self.resolve(node.right)
        if left.groups or right.groups:
            raise self.source.error(
                position,
                "a group term within a group term",
                allowed="one | in each pair of brackets",
                todo="write the groups one after another: (1 | subject) + (1 | session)",
            )
        if right.intercept is not None or not right.terms:
            raise self.source.error(
                position,
                "the right of | must name columns, e.g. subject",
                allowed="one column, or columns joined by : or /",
                todo="write for instance (1 | subject)",
            )
        intercept = left.intercept is not False
        if not intercept and not left.terms:
            raise self.source.error(
                position,
                "nothing is left on the left of |",
                allowed="1, 0, or terms that vary by group",
                todo="write for instance (1 | subject)",
            )
        parts: _Set = _Set({})
        for term in right.terms.values():
            if not all(isinstance(f, Column) for f in term):
                raise self.source.error(
                    position,
                    f"{_text(term)} cannot form groups",
                    allowed="names of columns",
                    todo="write a column's name on the right of |",
                )
            part = GroupPart(term, intercept, _sorted(left.terms))  # type: ignore[arg-type]
            parts = self.add(parts, _Set({}, groups=(part,)), position)
        return parts


def _missing(new: _Terms, known: _Terms) -> _Terms:
    return {k: v for k, v in new.items() if k not in known}


def _merged(first: GroupPart, second: GroupPart) -> GroupPart:
    terms = {_key(t): t for t in first.terms}
    terms |= _missing({_key(t): t for t in second.terms}, terms)
    return GroupPart(first.columns, first.intercept or second.intercept, _sorted(terms))


def known_columns(parsed: Parsed, columns: frozenset[str]) -> None:
    """Raise a SpecError for the first column of the formula that does not exist."""
    for column in parsed.columns():
        if column.name not in columns:
            shown = sorted(columns)
            allowed = ", ".join(shown[:40]) + (", ..." if len(shown) > 40 else "")
            raise parsed.source.error(
                column.position,
                f"there is no column {column.name!r}",
                allowed=allowed or "the table has no columns a formula could use",
                todo=suggest(column.name, columns) or "take one of those allowed",
            )
