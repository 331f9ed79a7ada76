"""Units of axes: seconds shown in the unit a reader would use; plain numbers on log axes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

__all__ = ["human", "log_axis", "minus", "time_unit"]

_UNITS = ((0.5, 1e-3, "ms"), (180.0, 1.0, "s"), (10800.0, 60.0, "min"), (259200.0, 3600.0, "h"))
# where a log axis of time has ticks [s], and what they are called
_MARKS = (
    *((m * 1e-3, f"{m:g} ms") for m in (1, 10, 100)),
    *((m * 1.0, f"{m:g} s") for m in (1, 10)),
    *((m * 60.0, f"{m:g} min") for m in (1, 10)),
    *((m * 3600.0, f"{m:g} h") for m in (1, 6)),
    *((m * 86400.0, f"{m:g} d") for m in (1, 7, 30)),
)


def time_unit(times: Iterable[float]) -> tuple[float, str]:
    """Return (seconds per unit, name) of the unit in which these times [s] read best."""
    values = np.abs(np.asarray(list(times), dtype=float))
    values = values[np.isfinite(values)]
    longest = float(values.max()) if values.size else 1.0
    if longest == 0:
        return 1.0, "s"
    for limit, seconds, name in _UNITS:
        if longest <= limit:
            return seconds, name
    return 86400.0, "d"


def human(seconds: float) -> str:
    """Return a time [s] with three digits in its own unit, e.g. ``"12.5 min"``."""
    if not np.isfinite(seconds):
        return "not finite"
    scale, name = time_unit([seconds])
    return f"{_digits(seconds / scale)} {name}"


def minus(number: str) -> str:
    """Return a formatted number with a true minus sign, as the axes have it."""
    return number.replace("-", "\N{MINUS SIGN}")


def _digits(value: float) -> str:
    """Return three significant digits without an exponent where that is short."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        decimals = 0 if value == 0 else max(0, 2 - int(np.floor(np.log10(abs(value)))))
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return minus(text)
    return minus(f"{value:.2g}")


def log_axis(ax: Axes, values: np.ndarray, *, seconds: bool = False) -> bool:
    """Make the x axis logarithmic, with plain numbers at its ticks.

    Parameters
    ----------
    values : array, shape (n,)
        What will be drawn. Where some are zero or negative, the axis is linear between the
        smallest positive value and zero ("symlog"); where none is positive it stays linear.
    seconds : bool
        Values are times [s]; the ticks are then named in s, min, h.

    Returns
    -------
    bool
        Whether the axis became logarithmic.
    """
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if not positive.size:
        return False
    low, high = float(positive.min()), float(positive.max())
    if (values <= 0).any():
        ax.set_xscale("symlog", linthresh=low, linscale=0.5)
    else:
        ax.set_xscale("log")
    names = dict(_MARKS) if seconds else {}
    if seconds:
        marks = [t for t, _ in _MARKS if low * 0.5 <= t <= high * 2]
        marks = marks[:: -(-len(marks) // 7) or 1]
    else:
        first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
        step = max(1, (last - first + 3) // 5)
        marks = [10.0**e for e in range(first, last + 1, step)]
        decades = np.log10(high / low)
        if decades < 2.5:
            fine = (1.0, 2.0, 5.0) if decades < 1.3 else (1.0, 3.0)
            marks = [m * 10.0**e for e in range(first, last + 1) for m in fine]
        marks = [m for m in marks if low * 0.8 <= m <= high * 1.25]
    if (values <= 0).any():
        marks = [0.0, *marks]
    ax.xaxis.set_major_locator(FixedLocator(marks))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: names.get(v) or f"{v:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    return True
