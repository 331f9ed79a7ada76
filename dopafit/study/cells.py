"""Why a cell is not what its column should hold, and what to write instead."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd

from dopafit.study.report import Finding
from dopafit.study.tables import is_censoring, is_choice

__all__ = ["SPREADSHEET_ERROR", "is_missing_word", "not_numbers", "recode_line", "why_not_a_number"]

SPREADSHEET_ERROR = re.compile(
    r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|FIELD!)|#{3,}",
    re.IGNORECASE,
)
_MISSING_WORDS = frozenset(
    ". .. - -- --- ? ?? * null none na nan n.a. n.d. nd missing miss undefined inf".split()
) - {"none", "miss", "inf"}
_DIGITS = r"[+-]?\d+"
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,\u2019'\u00a0\u202f ])\d{3}(\1\d{3})*(\.\d+)?")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
_COMMA = re.compile(rf"({_DIGITS})?,\d+|{_DIGITS},")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*")
_CLOCK = re.compile(r"(\d+ days? )?\d{1,3}:\d{1,2}(:\d{1,2}([.,]\d+)?)?( ?[AaPp][Mm])?")
_UNIT = re.compile(r"([+-]?\d*\.?\d+)\s*([a-zA-Z\u00b5\u03bc%]{1,12})\.?")
_BOUND = re.compile(r"[<>\u2264\u2265~=]+\s*[+-]?\d*[.,]?\d+")
_QUOTES = "'\"\u2018\u2019\u201c\u201d\u00ab\u00bb`"
_DASHES = "\u2212\u2013\u2014\ufe63\uff0d"
_YES = frozenset("yes y true t go hit correct responded pressed ja oui si".split())
_NO = frozenset("no n false f nogo no-go miss missed omission incorrect none nein non".split())


def is_missing_word(word: str) -> bool:
    """Tell whether a word often stands for a missing value and is not one here."""
    return word.casefold() in _MISSING_WORDS


def _quoted(word: str) -> str:
    """Return a word as YAML may need it."""
    return word if re.fullmatch(r"[A-Za-z][\w ]*", word) else json.dumps(word, ensure_ascii=False)


def recode_line(column: str, words: dict[str, str]) -> str:
    """Return the line of study.yaml that replaces words."""
    pairs = ", ".join(f"{_quoted(w)}: {new}" for w, new in words.items())
    return f"recode: {{{_quoted(column)}: {{{pairs}}}}}"


def why_not_a_number(text: str, column: str) -> tuple[str, str]:
    """Return what a cell is in place of a number, and what to do."""
    word = text.strip()
    if SPREADSHEET_ERROR.fullmatch(word):
        return (
            "a spreadsheet's error, not a number",
            "mend the formula there; leave the cell empty where nothing was measured",
        )
    if is_missing_word(word):
        return (
            "not a number; it seems to stand for a missing value",
            f"leave the cell empty, or add to the table in study.yaml: "
            f"{recode_line(column, {word: 'null'})}",
        )
    if word[:1] in _QUOTES or word[-1:] in _QUOTES:
        return "not a number: it stands in quotes", "write the number without quotes"
    if word[:1] in _DASHES:
        return (
            "not a number: its minus sign is a dash (U+" + f"{ord(word[0]):04X})",
            f"write {'-' + word[1:]}",
        )
    if _THOUSANDS.fullmatch(word):
        plain = re.sub(r"[^\d.+-]", "", word)
        if word.count(",") == 1 and "." not in word:
            return (
                "not a number: a comma stands in it",
                f"write {plain} if the comma marks thousands, {word.replace(',', '.')} if it "
                "marks decimals",
            )
        return "not a number: thousands are marked in it", f"write {plain}"
    if _POINTS.fullmatch(word):
        plain = word.replace(".", "").replace(",", ".")
        return "not a number: a decimal comma, and points for thousands", f"write {plain}"
    if _COMMA.fullmatch(word):
        return (
            "not a number: a decimal comma",
            f"write a decimal point instead of a comma: {word.replace(',', '.')}",
        )
    if _DATE.fullmatch(word):
        return (
            "a date, not a number",
            "write the time since the session's own zero as one number in the declared unit",
        )
    if _CLOCK.fullmatch(word):
        return (
            "a clock time, not a number",
            "write the time as one number in the declared unit, since the session's own zero",
        )
    if _BOUND.fullmatch(word):
        return (
            "a bound, not a number",
            "write the number alone; a wait that was cut off is marked in latency_censored",
        )
    unit = _UNIT.fullmatch(word)
    if unit:
        return (
            f"not a number: {unit[2]!r} stands beside it",
            f"write {unit[1]}, and the unit in study.yaml (time_unit: or units:)",
        )
    return "not a number", "correct the cell; leave it empty where nothing was measured"


def not_numbers(table, column: str, theirs: str, bad: np.ndarray) -> list[Finding]:
    """Return one finding per cell that should hold a number and does not.

    Parameters
    ----------
    table : Table
    column, theirs : str
        Our name of the column and the file's.
    bad : array of int, (cell,)
        Positions of the cells.
    """
    cells: pd.Series = table.cells[column]
    words = {str(v): None for v in cells.iloc[bad]}
    told = {word: why_not_a_number(word, theirs) for word in words}
    plain = [w for w in words if told[w][0] == "not a number"]
    allowed = "a number such as 12.5 (missing: empty, NA or NaN)"
    if is_choice(column) or is_censoring(column):
        allowed = "0 or 1 (missing: empty, NA or NaN)"
        if 0 < len(plain) <= 4:
            line = recode_line(theirs, {w.strip(): _as_binary(w) for w in plain})
            for word in plain:
                told[word] = (
                    "a word, where 1 means yes and 0 means no",
                    f"write 0 and 1, or add to the table in study.yaml: {line}",
                )
    return [
        table.finding(
            int(position),
            column,
            told[str(value)][0],
            allowed=allowed,
            todo=told[str(value)][1],
            kind="not-a-number",
            value=str(value),
        )
        for position, value in zip(bad, cells.iloc[bad], strict=True)
    ]


def _as_binary(word: str) -> str:
    folded = word.strip().casefold()
    return "1" if folded in _YES else "0" if folded in _NO else "0 or 1"
