"""One subject's trace over one session, with its events and acts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers
from dopafit.figure.unit import time_unit

__all__ = ["draw"]

_ACTS = {"pursue": style.ACCENT, "no pursuit": style.FAINT, "press": style.INK}
_EVENTS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
_MANY = 3000  # marks above which a row is drawn as pixels, so that the PDF opens


@stamped
def draw(
    trace: pd.DataFrame,
    events: pd.DataFrame | None = None,
    acts: pd.DataFrame | None = None,
    *,
    title: str = "",
    hypothesis: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw acts, trace and events of one session under each other.

    Parameters
    ----------
    trace : DataFrame
        Columns ``time`` [s], ``median``, ``lower_90``, ``upper_90`` [trace].
    events : DataFrame or None
        Columns ``time`` [s], ``kind`` and, if known, ``magnitude``; one row of ticks per kind,
        as high as the magnitude; an event without magnitude is a faint tick of full height, and
        one with a ``duration`` [s] has a bar as long.
    acts : DataFrame or None
        Columns ``time`` [s] and ``kind`` (``pursue``, ``no pursuit``, ``press``).
    title : str
        Subject and session.
    hypothesis : str
        Whose fit this is; sets the colour.
    """
    need(trace, ("time", "median", "lower_90", "upper_90"), "trace")
    acted = _kinds(acts, "acts", order=list(_ACTS))
    caused = _kinds(events, "events")
    heights = [3.0 * len(acted), 36.0, 6.0 * len(caused)]
    shown = [i for i, h in enumerate(heights) if h]
    total = sum(heights) + 16
    figure, parent, spec = style.host(ax, style.WIDE, total)
    rows = GridSpecFromSubplotSpec(
        len(shown), 1, subplot_spec=spec, height_ratios=[heights[i] for i in shown], hspace=0
    )
    axes: dict[int, Axes] = {}
    for place, i in enumerate(shown):
        first = next(iter(axes.values()), None)
        axes[i] = parent.add_subplot(rows[place], sharex=first)
    scale, unit = time_unit(trace["time"])
    colour = style.colours([hypothesis])[hypothesis]
    middle = axes[1]
    time = numbers(trace, "time") / scale
    low, high = numbers(trace, "lower_90"), numbers(trace, "upper_90")
    middle.axhline(0, color=style.FAINT, lw=0.6, zorder=1, gid="baseline")
    middle.fill_between(time, low, high, color=colour, alpha=0.25, lw=0, gid="band 90")
    middle.plot(time, numbers(trace, "median"), color=colour, lw=0.9, gid="median")
    middle.set_ylabel("Trace [peak = 1]")
    middle.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if not np.isfinite(time).any():
        style.nothing(middle)
    if acted:
        _acts(axes[0], acted, scale)
    if caused:
        _events(axes[2], caused, scale)
    for i in shown[:-1]:
        axes[i].tick_params(axis="x", bottom=False, labelbottom=False)
        axes[i].spines["bottom"].set_visible(False)
    axes[shown[-1]].set_xlabel(f"Time in session [{unit}]")
    every = [numbers(t, "time") for t in (trace, *acted.values(), *caused.values())]
    every = np.concatenate(every) / scale
    every = every[np.isfinite(every)]
    if every.size:
        first, last = every.min(), every.max()
        room = 0.01 * (last - first) or 1.0
        middle.set_xlim(first - room, last + room)
    top = axes[shown[0]]
    if title:
        top.set_title(clean(title, 56), fontweight="bold")
    if caused:
        top.set_title(_tallest(caused), loc="right", color="#555555", fontsize=6.5)
    return figure, top


def _kinds(
    table: pd.DataFrame | None, name: str, order: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Split a table by kind: known kinds first, then as they appear; the rarest of many last."""
    if table is None or table.empty:
        return {}
    need(table, ("time", "kind"), name)
    kinds = table["kind"].astype("string").fillna("unnamed")
    names = list(kinds.unique())
    names = [k for k in order or [] if k in names] + [k for k in names if k not in (order or [])]
    return {k: table[(kinds == k).to_numpy()] for k in names}


def _acts(ax: Axes, kinds: dict[str, pd.DataFrame], scale: float) -> None:
    """One line of short marks per kind of act."""
    for row, (kind, table) in enumerate(kinds.items()):
        time = numbers(table, "time") / scale
        ax.vlines(
            time[np.isfinite(time)],
            row - 0.38,
            row + 0.38,
            color=_ACTS.get(kind, style.INK),
            lw=0.6 if len(table) < 200 else 0.35,
            rasterized=len(table) > _MANY,
            gid=f"act {kind}",
        )
    _names(ax, list(kinds))
    ax.set_ylim(len(kinds) - 0.5, -0.5)


def _events(ax: Axes, kinds: dict[str, pd.DataFrame], scale: float) -> None:
    """One row of ticks per kind of event, as high as the magnitude."""
    everything = np.concatenate([numbers(t, "magnitude") for t in kinds.values()])
    everything = everything[np.isfinite(everything)]
    largest = float(np.abs(everything).max()) if everything.size else 0.0
    signed = bool((everything < 0).any())
    room = 0.4 if signed else 0.8
    for row, (kind, table) in enumerate(kinds.items()):
        base = -float(row) + (0.0 if signed else -0.4)
        time, size = numbers(table, "time") / scale, numbers(table, "magnitude")
        known = np.isfinite(size) & np.isfinite(time)
        colour = _EVENTS[row % len(_EVENTS)]
        ax.axhline(base, color=style.FAINT, lw=0.4, zorder=1)
        many = len(table) > _MANY
        ax.vlines(
            time[known],
            base,
            base + room * size[known] / (largest or 1.0),
            color=colour,
            lw=0.9,
            rasterized=many,
            gid=f"event {kind}",
        )
        if "duration" in table:
            last = time + numbers(table, "duration") / scale
            level = np.full(len(time), base)
            ax.hlines(level, time, last, color=colour, lw=2.0, gid=f"lasting {kind}")
        plain = ~known & np.isfinite(time)
        ax.vlines(
            time[plain],
            base,
            base + room,
            color=colour,
            lw=0.9 if not everything.size else 0.5,
            alpha=1.0 if not everything.size else 0.5,
            rasterized=many,
            gid=f"event {kind} without magnitude",
        )
    _names(ax, list(kinds), sign=-1)
    ax.set_ylim(-len(kinds) + 0.45, 0.55)


def _tallest(kinds: dict[str, pd.DataFrame]) -> str:
    """Say what the height of an event means; empty where no magnitude is known."""
    size = np.concatenate([np.abs(numbers(t, "magnitude")) for t in kinds.values()])
    size = size[np.isfinite(size)]
    if not size.size or size.min() == size.max():
        return ""
    return f"height of an event: magnitude, tallest {size.max():.3g}"


def _names(ax: Axes, kinds: list[str], sign: int = 1) -> None:
    """Name the rows at the left instead of in a legend."""
    ax.set_yticks([sign * i for i in range(len(kinds))], [clean(k, 22) for k in kinds])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
