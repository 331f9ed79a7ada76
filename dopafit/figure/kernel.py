"""The response to one event: peak, crossing and trough with their uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, has, need, numbers
from dopafit.figure.unit import human, minus, time_unit

__all__ = ["draw"]

_BAND = ("time", "median", "lower_90", "upper_90")


@stamped
def draw(
    curves: pd.DataFrame,
    landmarks: pd.DataFrame | None = None,
    *,
    prior: pd.DataFrame | None = None,
    event: str = "event",
    hypothesis: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the kernel with its 50 and 90 % bands and its landmarks.

    Parameters
    ----------
    curves : DataFrame
        Columns ``time`` [s], ``median``, ``lower_90``, ``upper_90`` and, if known, ``lower_50``,
        ``upper_50`` [trace].
    landmarks : DataFrame or None
        Columns ``label`` (one word), ``median``, ``lower_90``, ``upper_90`` [s] and ``level``
        [trace].
    prior : DataFrame or None
        As `curves`, before the data; drawn in grey.
    event : str
        What is responded to; printed at the x axis.
    hypothesis : str
        Whose fit this is; sets the colour.
    """
    need(curves, _BAND, "curves")
    figure = style.canvas(style.NARROW, 62) if ax is None else ax.get_figure(root=True)
    axes = figure.add_subplot() if ax is None else ax
    colour = style.colours([hypothesis])[hypothesis]
    scale, unit = time_unit(curves["time"])
    handles = []
    if prior is not None:
        time = numbers(need(prior, _BAND, "prior"), "time") / scale
        low, high = numbers(prior, "lower_90"), numbers(prior, "upper_90")
        axes.fill_between(time, low, high, color=style.PRIOR, alpha=0.18, lw=0, gid="prior")
        axes.plot(time, numbers(prior, "median"), color=style.PRIOR, lw=0.8, gid="prior")
        handles.append(Patch(color=style.PRIOR, alpha=0.3, lw=0, label="prior 90 %"))
    axes.axhline(0, color=style.FAINT, lw=0.6, zorder=1, gid="baseline")
    time = numbers(curves, "time") / scale
    bands = [("90", 0.2)] + ([("50", 0.4)] if has(curves, "lower_50", "upper_50") else [])
    for mass, alpha in bands:
        low, high = numbers(curves, f"lower_{mass}"), numbers(curves, f"upper_{mass}")
        axes.fill_between(time, low, high, color=colour, alpha=alpha, lw=0, gid=f"band {mass}")
    axes.plot(time, numbers(curves, "median"), color=colour, lw=1.2, gid="median")
    handles = [
        Line2D([], [], color=colour, lw=1.2, label="median"),
        *(Patch(color=colour, alpha=a + 0.05, lw=0, label=f"{m} %") for m, a in bands[::-1]),
        *handles,
    ]
    if landmarks is not None:
        _landmarks(axes, landmarks, curves, scale)
    if not has(curves, "time", "median"):
        style.nothing(axes)
    _limits(axes, curves, prior, landmarks)
    axes.set_xlabel(f"Time since {event} [{unit}]")
    axes.set_ylabel("Trace above baseline [peak = 1]")
    style.legend_above(axes, handles, columns=5 if len(handles) < 5 else 3)
    return figure, axes


def _landmarks(ax: Axes, landmarks: pd.DataFrame, curves: pd.DataFrame, scale: float) -> None:
    """Mark the landmarks with their intervals in time; labels lie where the curve does not go."""
    need(landmarks, ("label", "median", "lower_90", "upper_90", "level"), "landmarks")
    lowest = numbers(curves, "lower_90")
    lowest = float(np.nanmin(lowest)) if np.isfinite(lowest).any() else 0.0
    latest = numbers(curves, "time") / scale
    latest = float(np.nanmax(latest)) if np.isfinite(latest).any() else np.inf
    for _, row in landmarks.iterrows():
        at, level = float(row["median"]) / scale, float(row["level"])
        if not (np.isfinite(at) and np.isfinite(level)):
            continue
        word, low = clean(row["label"], 24), level < -1e-6  # below baseline: a trough
        span = np.array([row["lower_90"], row["upper_90"]], dtype=float) / scale
        ax.plot(span, [level, level], color=style.INK, lw=0.9, gid="interval", zorder=4)
        ax.plot(
            [at],
            [level],
            marker="o",
            ls="",
            mfc="white",
            mec=style.INK,
            mew=0.9,
            ms=4,
            gid="landmark",
            zorder=5,
        )
        value = minus(f" = {level:.3g}" if level > 0.995 else f" = {level:.2f}")
        value = value if abs(level) > 1e-6 else ""  # at baseline
        # right of the interval, where the curve has passed, or left of it where the axis ends;
        # below the band where the level is below baseline
        side = -1 if at > 0.6 * latest else 1
        edge = span[(side + 1) // 2]
        edge = edge if np.isfinite(edge) else at
        place, offset = (edge, level), (6 * side, 2)
        if low:
            place, offset = (at, min(level, lowest)), (-6 * side, -3)
        below = low or (not value and side < 0)
        ax.annotate(
            f"{word}{value}, {human(at * scale)}",
            xy=place,
            xytext=(offset[0], -abs(offset[1])) if below else offset,
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="top" if below else "bottom",
            zorder=6,
        )


def _limits(
    ax: Axes, curves: pd.DataFrame, prior: pd.DataFrame | None, landmarks: pd.DataFrame | None
) -> None:
    """Leave room for the labels above the peak and below the trough; a wild prior is cut."""
    both = np.concatenate([numbers(curves, c) for c in _BAND[1:]])
    both = both[np.isfinite(both)]
    if not both.size:
        return
    low, high = min(0.0, float(both.min())), max(0.0, float(both.max()))
    if prior is not None:
        before = np.concatenate([numbers(prior, c) for c in _BAND[2:]])
        before = before[np.isfinite(before)]
        if before.size:
            reach = high - low
            low = max(min(low, float(before.min())), low - 0.5 * reach)
            high = min(max(high, float(before.max())), high + 0.5 * reach)
    room = (high - low) or 1.0
    labelled = landmarks is not None
    ax.set_ylim(
        low - room * (0.17 if labelled else 0.05), high + room * (0.14 if labelled else 0.05)
    )
    ax.margins(x=0.01)
