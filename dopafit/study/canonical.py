"""One canonical form per table, so that equal data compare and hash equal."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.study.tables import DEFAULTS, MISSING, REQUIRED, TABLES, TEXT_KEYS, UNITS, is_numeric

__all__ = [
    "Unreadable",
    "canonical_column",
    "canonical_table",
    "completed",
    "content_hash",
    "distinct_words",
    "one_form",
    "to_seconds",
]

_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)
_NANO, _EXACT = Decimal("1e-9"), 1e12
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Unreadable:
    """Cells of one column that should hold numbers and do not."""

    column: str
    positions: np.ndarray
    values: tuple[str, ...]


def one_form(text: str) -> str:
    """Return text in the normal form C: an accented letter is one character, however written."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _word(value: object) -> str | None:
    """Return a cell as stripped text, or None where nothing was measured."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    text = one_form(str(value).strip())
    return None if text in MISSING else text


def _as_number(word: str | None) -> float | None:
    """Return a cell as a number; NaN for missing, None for text."""
    if word is None:
        return float("nan")
    if _NUMBER.fullmatch(word):
        return float(word)
    return _TRUTH.get(word.lower())


def _text(words: np.ndarray, index: pd.Index) -> pd.Series:
    # pandas 3 infers its string type only where a string is present
    if len(words) == 0:
        return pd.Series(words, index=index, dtype="str")
    return pd.Series([np.nan if w is None else w for w in words], index=index)


def canonical_column(
    values: pd.Series, *, text: bool = False, numeric: bool = False
) -> tuple[pd.Series, np.ndarray]:
    """Return a column as float64 or text, and the positions of cells that are not numbers.

    Parameters
    ----------
    values : Series, (row,)
        Cells of any type; missing cells may be None, NaN, empty or ``NA``.
    text : bool
        The column holds names: ``1`` and ``1.0`` become ``"1"``.
    numeric : bool
        The column must hold numbers; other cells become NaN and are listed.
        With neither, a column is numeric when all its cells read as numbers.

    Returns
    -------
    column : Series, (row,)
    unreadable : array of int, (cell,)
        For a column that became text, positions of the cells that are not numbers.
    """
    none = np.zeros(0, dtype=np.intp)
    if pd.api.types.is_numeric_dtype(values.dtype) and not text:
        if not pd.api.types.is_complex_dtype(values.dtype):
            return values.astype("float64"), none
        values = values.astype(object)
    codes, words = distinct_words(values)
    if text:
        return _text(words[codes], values.index), none
    numbers = [_as_number(w) for w in words]
    is_text = np.array([n is None for n in numbers])
    unreadable = np.flatnonzero(is_text[codes])
    if numeric or not is_text.any():
        floats = np.array([np.nan if n is None else n for n in numbers])
        return pd.Series(floats[codes], index=values.index, dtype="float64"), unreadable
    return _text(words[codes], values.index), unreadable


def distinct_words(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a column by its distinct cells, since a few names are repeated many times.

    Returns
    -------
    codes : array of int, (row,)
        Which word each row holds; -1, and so the last word, where nothing was measured.
    words : array of str or None, (word + 1,)
        Distinct cells as stripped text, then None.
    """
    kind = values.dtype
    if isinstance(kind, pd.StringDtype) or (
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
    ):
        first, raw = pd.factorize(values)
        inner, distinct = pd.factorize(
            pd.Series([_word(c) for c in np.asarray(raw, dtype=object)], dtype=object)
        )
        codes = np.append(inner, -1)[first]
    else:  # cells of several types: True, 1 and 1.0 are equal and not the same word
        cells = values.to_numpy(dtype=object, na_value=None)
        codes, distinct = pd.factorize(pd.Series([_word(c) for c in cells], dtype=object))
    return codes, np.append(np.asarray(distinct, dtype=object), None)


def canonical_table(role: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Unreadable, ...]]:
    """Return one table with canonical columns in the given row order.

    Key columns come first; the other columns keep their order.

    Raises
    ------
    StudyError
        A key column is missing or a name occurs twice.
    """
    frame = frame.rename(columns=lambda c: one_form(str(c).strip()))
    columns = [str(c) for c in frame.columns]
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise StudyError(
            f"table {role!r}: column {twice[0]!r} occurs more than once",
            allowed="each column name once",
            todo="rename or delete the column that is too many",
        )
    keys = REQUIRED[role]
    frame, missing = completed(role, frame)
    if missing:
        column, there = missing[0], ", ".join(columns) or "none"
        raise StudyError(
            f"table {role!r}: column {column!r} is missing (found: {there})",
            allowed=f"{role} has the columns {', '.join(keys)}",
            given=column,
            known=columns,
            todo=f"add the column {column!r}",
        )
    done: dict[str, pd.Series] = {}
    unreadable = []
    for column in [*keys, *(c for c in columns if c not in keys)]:
        numeric = is_numeric(role, column)
        done[column], bad = canonical_column(
            frame[column], text=column in TEXT_KEYS, numeric=numeric
        )
        if numeric and len(bad):
            values = tuple(str(v) for v in frame[column].iloc[bad])
            unreadable.append(Unreadable(column, bad, values))
    return pd.DataFrame(done, index=frame.index), tuple(unreadable)


def completed(role: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a table with the columns a file may leave out, and the key columns it lacks."""
    missing = [column for column in REQUIRED[role] if column not in frame]
    known = {c: value for c, value in DEFAULTS.get(role, {}).items() if c in missing}
    return frame.assign(**known), [column for column in missing if column not in known]


def to_seconds(values: pd.Series, unit: str) -> pd.Series:
    """Convert times to seconds [s].

    The product is taken on the decimal digits the file showed and rounded to the nanosecond, so
    a study written in milliseconds or minutes equals the same study written in seconds, which
    itself is left as it is.
    """
    if unit == "s":
        return values
    factor = Decimal(UNITS[unit])

    def convert(value: float) -> float:
        if not abs(value) < _EXACT:  # infinite, missing, or beyond any clock
            return value * float(factor)
        return float((Decimal(repr(value)) * factor).quantize(_NANO))

    seconds = [convert(v) for v in values.tolist()]
    return pd.Series(seconds, index=values.index, dtype="float64")


def content_hash(tables: Mapping[str, pd.DataFrame], *, simulated: bool) -> str:
    """Return the sha256 (hex) of what the tables say.

    Independent of the order of rows and columns, of empty tables, and of the pandas version.
    """
    digest = hashlib.sha256(b"dopafit study 1\0" + (b"simulated" if simulated else b"measured"))

    def put(text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "little") + raw)

    for role in TABLES:
        frame = tables[role]
        if not len(frame):
            continue
        columns = sorted(frame.columns)
        arrays, levels = [], []
        for column in columns:
            values = frame[column]
            if values.dtype == np.float64:
                numbers = values.to_numpy() + 0.0  # -0.0 is 0.0
                arrays.append(np.where(np.isnan(numbers), np.nan, numbers).astype("<f8"))
                levels.append(None)
            else:
                codes, distinct = pd.factorize(values.astype(object), sort=True)
                arrays.append(codes.astype("<i8"))
                levels.append([str(d) for d in distinct])
        order = np.lexsort(arrays[::-1])
        put(f"{role} {len(frame)} {len(columns)}")
        for column, array, level in zip(columns, arrays, levels, strict=True):
            put(column)
            put("number" if level is None else f"text {len(level)}")
            for word in level or ():
                put(word)
            digest.update(np.ascontiguousarray(array[order]).tobytes())
    return digest.hexdigest()
