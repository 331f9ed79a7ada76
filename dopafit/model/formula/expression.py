"""One factor of a term is read from the syntax tree: a column, or a listed function of columns."""

from __future__ import annotations

from typing import Any

from dopafit.core.errors import suggest
from dopafit.model.formula.functions import FUNCTIONS, Function, Option
from dopafit.model.formula.nodes import (
    Call,
    Column,
    Expression,
    Factor,
    Levels,
    Number,
    Operation,
    number_text,
)
from dopafit.model.formula.parse import MAX_DEPTH, Source

__all__ = ["factor"]

_SIGNS = {"PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "STAR_STAR": "**"}


def factor(node: Any, source: Source) -> Factor:
    """Read one factor of a term from the syntax tree.

    Raises
    ------
    SpecError
        Unknown function, wrong or missing arguments, or no column in it.
    """
    return _Reader(source).factor(node)


class _Reader:
    def __init__(self, source: Source) -> None:
        from formulae import expr

        self.source, self.expr = source, expr

    def factor(self, node: Any) -> Factor:
        expr = self.expr
        if isinstance(node, expr.Variable):
            return Column(node.name.lexeme, node.name.position)
        if isinstance(node, expr.QuotedName):
            return Column(node.expression.literal.value, node.expression.position)
        if isinstance(node, expr.Call):
            return self.call(node)
        raise self.source.error(
            None,
            "this cannot be a term",
            allowed="columns, functions of columns and interactions of them",
            todo="write the name of a column, e.g. 'drug'",
        )

    def call(self, node: Any) -> Call | Levels:
        callee = node.callee
        if not isinstance(callee, self.expr.Variable):
            raise self.source.error(
                None,
                "only a named function can be called",
                allowed=", ".join(FUNCTIONS),
                todo="write the function's name, e.g. log(dose)",
            )
        name, position = callee.name.lexeme, callee.name.position
        if name not in FUNCTIONS:
            raise self.source.error(
                position,
                f"function {name!r} is not known",
                allowed=", ".join(FUNCTIONS),
                todo=suggest(name, FUNCTIONS) or "take one of those allowed",
            )
        function = FUNCTIONS[name]
        positional, named = self.arguments(node.args, function, position)
        if function.fit is None:
            return self.levels(positional, named, position)
        argument = self.expression(positional[0])
        if next(argument.columns(), None) is None:
            raise self.source.error(
                position,
                f"{name}(...) has no column in it",
                allowed="a column of the table inside the brackets",
                todo="name a column, e.g. log(dose)",
            )
        options = self.options(function, positional[1:], named, position)
        return Call(function, argument, options, position, self.deeper(position, argument))

    def arguments(
        self, nodes: list[Any], function: Function, position: int
    ) -> tuple[list[Any], dict[str, Any]]:
        positional, named = [], {}
        for node in nodes:
            if not isinstance(node, self.expr.Assign):
                if named:
                    raise self.source.error(
                        position,
                        "a named argument stands before another",
                        allowed="named arguments after the others",
                        todo="put the named argument last",
                    )
                positional.append(node)
                continue
            key = getattr(getattr(node.name, "name", None), "lexeme", None)
            if key is None or key in named:
                raise self.source.error(
                    position,
                    f"argument {key!r} is given twice",
                    allowed="each argument once",
                    todo="take one of them out",
                )
            named[key] = node.value
        if not positional:
            raise self.source.error(
                position,
                f"{function.name} needs a column",
                allowed=function.usage,
                todo="name a column inside the brackets",
            )
        return positional, named

    def options(
        self, function: Function, given: list[Any], named: dict[str, Any], position: int
    ) -> dict[str, Any]:
        names = [option.name for option in function.options]
        unknown = [key for key in named if key not in names or key in names[: len(given)]]
        if len(given) > len(names) or unknown:
            raise self.source.error(
                position,
                f"{function.name} got " + (f"argument {unknown[0]!r}" if unknown else "too many"),
                allowed=function.usage,
                todo="take it out",
            )
        nodes = {**dict(zip(names, given, strict=False)), **named}
        return {
            o.name: self.option(o, nodes.get(o.name), function, position) for o in function.options
        }

    def option(self, option: Option, node: Any, function: Function, position: int) -> float:
        value = option.default if node is None else self.constant(node)
        whole = not option.whole or isinstance(value, int)
        if isinstance(value, int | float) and whole and option.low <= value <= option.high:
            return value
        kind = "an integer" if option.whole else "a number"
        wrong = "is missing" if node is None else f"is not {kind} in its range"
        allowed = f"{kind} from {option.low:g} to {option.high:g}" if option.whole else "above 0"
        raise self.source.error(
            position,
            f"{option.name} of {function.name} {wrong}",
            allowed=f"{allowed}; {function.usage}",
            todo=f"correct {option.name} or leave it out",
        )

    def constant(self, node: Any) -> int | float | str | None:
        """Return the number or text of a literal, None for anything else."""
        sign = 1
        if isinstance(node, self.expr.Unary):
            sign, node = (-1 if node.operator.kind == "MINUS" else 1), node.right
        if not isinstance(node, self.expr.Literal):
            return None
        value = node.value.value
        if isinstance(value, str):
            return value if sign == 1 else None
        return sign * value

    def levels(self, positional: list[Any], named: dict[str, Any], position: int) -> Levels:
        column = self.expression(positional[0])
        values = [self.constant(node) for node in [*positional[1:], *named.values()]]
        first = tuple(number_text(v) if isinstance(v, int | float) else v for v in values)
        wrong = set(named) - {"reference"} or (named and len(positional) > 1)
        if not isinstance(column, Column) or wrong or None in first or len(set(first)) < len(first):
            raise self.source.error(
                position,
                "C takes a column and different levels of it",
                allowed=FUNCTIONS["C"].usage,
                todo="name a column and each of its levels once",
            )
        return Levels(column, first, position)

    def deeper(self, position: int, *parts: Expression) -> int:
        depth = 1 + max(part.depth for part in parts)
        if depth > MAX_DEPTH:
            raise self.source.error(
                position,
                f"more than {MAX_DEPTH} steps inside one function",
                allowed=f"at most {MAX_DEPTH} steps",
                todo="compute the column in the table",
            )
        return depth

    def expression(self, node: Any) -> Expression:
        expr, error = self.expr, self.source.error
        spine = []
        while isinstance(node, expr.Binary):
            spine.append(node)
            node = node.left
        result = self.atom(node)
        for binary in reversed(spine):
            kind, position = binary.operator.kind, binary.operator.position
            if kind not in _SIGNS:
                raise error(
                    position,
                    f"{binary.operator.lexeme!r} inside a function",
                    allowed="+ - * / ** ( ) and numbers inside a function",
                    todo="take it out of the function",
                )
            unclear = (expr.Unary, expr.Binary) if kind == "STAR_STAR" else ()
            if isinstance(binary.left, unclear) or isinstance(binary.right, unclear):
                raise error(
                    position,
                    "say with brackets what is raised to which power",
                    allowed="one ** without brackets",
                    todo="write (a ** b) ** c or a ** (b ** c)",
                )
            right = self.expression(binary.right)
            result = Operation(_SIGNS[kind], result, right, self.deeper(position, result, right))
        return result

    def atom(self, node: Any) -> Expression:
        expr, error = self.expr, self.source.error
        while isinstance(node, expr.Grouping):
            node = node.expression
            if isinstance(node, expr.Binary):
                return self.expression(node)
        if isinstance(node, expr.Literal | expr.Unary):
            value = self.constant(node)
            if isinstance(value, int | float):
                return Number(float(value))
            position = node.value.position if isinstance(node, expr.Literal) else None
            if isinstance(node, expr.Unary):
                position = node.operator.position
            raise error(
                position,
                "a column or a number is expected here",
                todo="write 0 - x for -x",
                allowed="a column or a number",
            )
        if isinstance(node, expr.Assign):
            raise error(
                None,
                "'=' may only name an argument of a function",
                allowed="name = value between the brackets of a function",
                todo="take the = out",
            )
        one = self.factor(node)
        if isinstance(one, Levels) or (isinstance(one, Call) and one.function.labels):
            raise error(
                one.position,
                f"{one.text} makes several columns: use it as a term of its own",
                allowed="columns, numbers and functions that make one column",
                todo="add it to the formula with +",
            )
        return one
