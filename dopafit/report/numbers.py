"""Numbers as a reader wants them: digits that mean something, and never a worse one hidden."""

from __future__ import annotations

import math
from typing import Any

__all__ = [
    "MISSING",
    "between",
    "count",
    "decimals",
    "fixed",
    "number",
    "r_hat",
    "seconds",
    "share",
    "to_float",
]

MISSING = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_TIMES = "\N{MULTIPLICATION SIGN}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 3) -> str:
    """Return a number with this many significant digits.

    Parameters
    ----------
    value : float or None
        None and NaN give a dash.
    digits : int
        Significant digits; a whole number keeps all of its own.

    Returns
    -------
    str
        With a true minus sign; powers of ten below 1e-4 and from 1e6 on.
    """
    x = _float(value)
    if x is None:
        return MISSING
    if math.isinf(x):
        return "∞" if x > 0 else f"{_MINUS}∞"
    if x == 0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{x:.{digits - 1}e}"))))
    if exponent < -4 or exponent >= 6:
        mantissa = _point(x / 10.0**exponent, digits - 1)
        return f"{mantissa} {_TIMES} 10{str(exponent).translate(_RAISED)}"
    return _point(x, max(0, digits - 1 - exponent))


def decimals(spread: Any, *values: Any) -> int | None:
    """Return how many decimals show two significant digits of the spread.

    Parameters
    ----------
    spread : float
        A standard deviation or the width of an interval.
    *values : float
        The numbers shown with it; very large or small ones do without fixed decimals.

    Returns
    -------
    int or None
        None where the spread says nothing (zero, missing, infinite) or is out of range.
    """
    width = _float(spread)
    sizes = [abs(v) for v in map(_float, values) if v is not None]
    if width is None or not 0 < abs(width) < math.inf or any(s >= 1e6 for s in sizes):
        return None
    places = 1 - math.floor(math.log10(abs(width)))
    return None if places > 5 else max(0, places)


def fixed(value: Any, places: int | None) -> str:
    """Return a number with fixed decimals; with three significant digits where `places` is None."""
    x = _float(value)
    if places is None or x is None or math.isinf(x):
        return number(value)
    return _point(x, places)


def between(lower: Any, upper: Any, places: int | None = None) -> str:
    """Return an interval as ``"0.28 to 0.39"``; a dash where an end is missing."""
    if _float(lower) is None or _float(upper) is None:
        return MISSING
    return f"{fixed(lower, places)} to {fixed(upper, places)}"


def r_hat(value: Any) -> str:
    """Return R-hat with three decimals, rounded up: it may not look better than it is."""
    x = _float(value)
    return (
        MISSING if x is None else "∞" if math.isinf(x) else f"{math.ceil(x * 1e3 - 1e-9) / 1e3:.3f}"
    )


def count(value: Any) -> str:
    """Return a whole number with separators, rounded down."""
    x = _float(value)
    return MISSING if x is None else "∞" if math.isinf(x) else _point(math.floor(x), 0)


def share(value: Any) -> str:
    """Return a share as a percentage; never 0 % or 100 % unless it is."""
    x = _float(value)
    if x is None:
        return MISSING
    if 0 < x < 0.001:
        return "< 0.1 %"
    if 0.999 < x < 1:
        return "> 99.9 %"
    return f"{number(100 * x)} %" if x < 0.1 else f"{_point(100 * x, 0 if x in (0, 1) else 1)} %"


def seconds(value: Any) -> str:
    """Return a duration [s] in the unit in which it reads best; empty for short ones."""
    x = _float(value)
    if x is None or not 120 <= abs(x) < math.inf:
        return ""
    for size, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if abs(x) >= 2 * size:
            return f"{number(x / size)} {name}"
    return ""


def to_float(value: Any) -> float:
    """Return a number as float; NaN for what is missing or no number."""
    x = _float(value)
    return math.nan if x is None else x


def _float(value: Any) -> float | None:
    """Return a float, or None for what is missing or no number."""
    try:
        x = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(x) else x


def _point(x: float, places: int) -> str:
    text = f"{x:,.{places}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else _MINUS + text[1:]
    return text
