"""A formula's text becomes a syntax tree; nothing in it is ever looked up or run.

The tokens are read here, from a short list of what a formula may hold (ASCII only outside
quotes); the grammar is that of the `formulae` library's parser. Its evaluator, which calls
Python functions by name, is not used at all.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import unicodedata
from dataclasses import dataclass
from typing import Any

from dopafit.core.errors import SpecError

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Literal", "Source", "quiet_import", "syntax_tree"]

MAX_LENGTH = 1000
MAX_DEPTH = 20

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[^`]*`)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<operator>\*\*|[-+*/^:|(),=~])""",
    re.VERBOSE,
)
_OPERATORS = {
    "**": "STAR_STAR",
    "^": "STAR_STAR",
    "*": "STAR",
    "/": "SLASH",
    "+": "PLUS",
    "-": "MINUS",
    ":": "COLON",
    "|": "PIPE",
    "(": "LEFT_PAREN",
    ")": "RIGHT_PAREN",
    ",": "COMMA",
    "=": "EQUAL",
}
_HINTS = {
    ".": "attributes such as np.log are not read; write log(dose)",
    "[": "square brackets are not read; choose rows before the formula",
    "{": "braces are not read; write the arithmetic inside a function, e.g. log(dose + 1)",
    "`": "the backtick is never closed",
    "'": "the quote is never closed",
    '"': "the quote is never closed",
}
_ALLOWED = "column names, numbers, + - : * / ** ^ | ( ) and functions such as log(dose)"


@dataclass(frozen=True)
class Literal:
    """A number or quoted text with its place in the formula."""

    value: int | float | str
    position: int


@dataclass(frozen=True)
class Source:
    """The formula as written and where it stands, for error messages."""

    formula: str
    where: str

    def error(self, position: int | None, what: str, *, allowed: str, todo: str) -> SpecError:
        """Return an error that points at a character (counted from 1)."""
        text = self.formula if len(self.formula) <= 80 else self.formula[:77] + "..."
        at = "" if position is None else f", character {position + 1}"
        return SpecError(f"{self.where}: formula {text!r}{at}: {what}", allowed=allowed, todo=todo)


def quiet_import() -> None:
    """Import `formulae` without the handler and level that it gives its logger."""
    if "formulae" in sys.modules:
        return
    logger = logging.getLogger("formulae")
    level, handlers = logger.level, list(logger.handlers)
    import formulae  # noqa: F401

    for handler in list(logger.handlers):
        if handler not in handlers:
            logger.removeHandler(handler)
    logger.setLevel(level)


def _number(text: str, position: int, source: Source) -> Literal:
    value = float(text)
    if len(text) > 30 or not math.isfinite(value):
        raise source.error(
            position,
            "this number is too long or too large",
            allowed="numbers of at most 30 characters",
            todo="write a shorter number",
        )
    whole = text.isdigit() or (value.is_integer() and abs(value) < 1e15)
    return Literal(int(value) if whole and abs(value) < 2**53 else value, position)


def _unknown(source: Source, position: int) -> SpecError:
    char = source.formula[position]
    name = unicodedata.name(char, "no name")
    shown = repr(char) if char.isascii() else f"{char!r} (U+{ord(char):04X}, {name.lower()})"
    todo = _HINTS.get(char, "take it out")
    if not char.isascii():
        todo = "put a column name with such letters between backticks"
    return source.error(position, f"{shown} cannot be used here", allowed=_ALLOWED, todo=todo)


def _tokens(source: Source) -> list[Any]:
    """Read the tokens; each carries its position. A leading ``~`` is dropped."""
    from formulae.token import Token

    text, tokens, opened, position = source.formula, [], [], 0

    def add(kind: str, lexeme: str, literal: Literal | None = None) -> None:
        token = Token(kind, lexeme, literal)
        token.position = position
        tokens.append(token)

    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unknown(source, position)
        kind, lexeme = match.lastgroup, match.group()
        if kind == "number":
            following = text[match.end() : match.end() + 1]
            if following and (following.isalnum() or following in "._"):
                raise source.error(
                    position,
                    "a number runs into the next name",
                    allowed="a name that starts with a letter, or a name in backticks",
                    todo="put the name between backticks, or a sign between the two",
                )
            add("NUMBER", lexeme, _number(lexeme, position, source))
        elif kind == "name":
            add("IDENTIFIER", lexeme)
        elif kind in ("quoted", "text"):
            if not lexeme[1:-1].isprintable() or (kind == "quoted" and len(lexeme) < 3):
                raise source.error(
                    position,
                    "this quoted name is empty or not printable",
                    allowed="a name between the quotes",
                    todo="write the column's name there",
                )
            literal = Literal(lexeme[1:-1], position)
            add("BQNAME" if kind == "quoted" else "STRING", lexeme, literal)
        elif lexeme == "~":
            if tokens or "~" in text[:position]:
                raise source.error(
                    position,
                    "a formula here has no response",
                    allowed="the right-hand side alone, e.g. 'drug + (1 | subject)'",
                    todo="take out what stands on the left of ~, and the ~",
                )
        elif kind == "operator":
            if lexeme in "+-" and tokens and tokens[-1].kind in ("PLUS", "MINUS"):
                raise source.error(
                    position,
                    "two signs follow each other",
                    allowed="one sign between two terms",
                    todo="take one of them out",
                )
            if lexeme == "(":
                opened.append(position)
                if len(opened) > MAX_DEPTH:
                    raise source.error(
                        position,
                        f"brackets are nested deeper than {MAX_DEPTH} levels",
                        allowed=f"at most {MAX_DEPTH} levels",
                        todo="take out brackets that are not needed",
                    )
            elif lexeme == ")" and not opened:
                raise source.error(
                    position,
                    "this bracket was never opened",
                    allowed="pairs of brackets",
                    todo="take it out, or open it with (",
                )
            elif lexeme == ")":
                opened.pop()
            add(_OPERATORS[lexeme], lexeme)
        position = match.end()
    if opened:
        raise source.error(
            opened[-1],
            "this bracket is never closed",
            allowed="pairs of brackets",
            todo="close it with )",
        )
    add("EOF", "")
    return tokens


def syntax_tree(formula: Any, where: str) -> tuple[Source, Any]:
    """Parse a formula.

    Parameters
    ----------
    formula : str
        A right-hand side, with or without a leading ``~``.
    where : str
        The place the formula stands in, for error messages.

    Returns
    -------
    Source, formulae.expr.* or None
        The tree is None for an empty formula.

    Raises
    ------
    SpecError
        Not text, too long, nested too deeply, or not a formula.
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
    quiet_import()
    from formulae.parser import ParseError, Parser

    tokens = _tokens(source)
    if tokens[0].kind == "EOF":
        return source, None
    parser = Parser(tokens)
    try:
        tree = parser.parse()
    except (ParseError, RecursionError) as error:
        token = parser.peek()
        found = repr(token.lexeme) if token.lexeme else "the end"
        raise source.error(
            token.position,
            f"{found} is not expected here",
            allowed=_ALLOWED,
            todo="take it out, or write what is missing before it",
        ) from error
    if not parser.at_end():
        token = parser.peek()
        raise source.error(
            token.position,
            f"{token.lexeme!r} is not expected here",
            allowed=_ALLOWED,
            todo="take it out, or write what is missing before it",
        )
    return source, tree
