"""Rival claims on one scale: differences in predictive accuracy with their uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dopafit.compare.difference import SMALL
from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, has, need, numbers

__all__ = ["draw"]

NEAR = 10 * SMALL  # rivals closer than this keep an axis on which they can be told apart
LIMIT_K = 0.7  # Pareto k above which an estimate is not to be trusted


@stamped
def draw(
    table: pd.DataFrame,
    *,
    unit: str = "trial",
    n_units: int | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw elpd differences, stacking weights and the reliability of each estimate.

    Parameters
    ----------
    table : DataFrame
        Columns ``model``, ``elpd_diff``, ``dse`` and, if known, ``elpd``, ``weight``,
        ``max_pareto_k``, ``n_bad_k``, ``converged``; best first, as they shall be read. Either sign
        of the difference is drawn as given and the better side is named.
    unit : str
        What was left out: ``trial``, ``session``, ``subject``.
    n_units : int or None
        How many of them.
    """
    need(table, ("hypothesis", "elpd_diff", "dse"), "table")
    height = 6.0 * max(1, len(table)) + 25
    figure, parent, spec = style.host(ax, style.WIDE, height)
    handles = [
        Line2D([], [], color=style.INK, lw=2, label="± 1 s.e. of the difference"),
        Line2D([], [], color=style.INK, lw=0.8, label="± 2 s.e."),
        Patch(color=style.FAINT, alpha=0.25, lw=0, label=f"too small to tell, < {SMALL:g}"),
    ]
    place = style.legend_row(parent, spec, handles)
    x, _ = _gaps(table)
    far = _far(table)
    widths = [5.0] if not far.any() else [2.0, 3.0] if x[far][0] < 0 else [3.0, 2.0]
    inner = GridSpecFromSubplotSpec(
        1, len(widths) + 2, subplot_spec=place, width_ratios=[*widths, 2, 1.5]
    )
    near = int(np.argmax(widths))
    left = parent.add_subplot(inner[near])
    others = (i for i in range(len(widths)) if i != near)
    sides = [left, *(parent.add_subplot(inner[i], sharey=left) for i in others)]
    middle = parent.add_subplot(inner[-2], sharey=left)
    right = parent.add_subplot(inner[-1], sharey=left)
    ink = style.colours(str(m) for m in table["hypothesis"])
    colour = [ink[str(m)] for m in table["hypothesis"]]
    y = np.arange(len(table), dtype=float)
    for panel, mine in zip(sides, (~far, far), strict=False):
        _differences(panel, table, y, colour, mine)
    left.set_xlabel(_axis_label(table, unit, n_units))
    if far.any():
        _break(*sides, table, far)
    _weights(middle, table, y, colour)
    _reliability(right, table, y)
    first = min(sides, key=lambda panel: panel.get_subplotspec().colspan.start)
    left.set_yticks(y, [clean(m, 32) for m in table["hypothesis"]])
    left.set_ylim(max(len(table), 1) - 0.4, -0.6)
    for panel in (*sides, middle, right):
        panel.tick_params(axis="y", length=0, labelleft=panel is first)
    return figure, left


def _differences(
    ax: Axes, table: pd.DataFrame, y: np.ndarray, colour: list[str], mine: np.ndarray
) -> None:
    """Point and interval per model; the one with the highest elpd lies at zero."""
    x, se = _gaps(table)
    doubt = _doubt(table)
    ax.axvspan(-SMALL, SMALL, color=style.FAINT, alpha=0.2, lw=0, gid="small")
    ax.axvline(0, color=style.FAINT, lw=0.6, zorder=1)
    for i in np.flatnonzero(mine):
        row = y[i]
        if not np.isfinite(x[i]):
            ax.text(0, row, "no estimate", ha="center", va="center", color=style.WARN)
            continue
        if np.isfinite(se[i]) and se[i] > 0:
            for times, wide in ((2, 0.8), (1, 2.0)):
                span = [x[i] - times * se[i], x[i] + times * se[i]]
                ax.plot(span, [row, row], color=colour[i], lw=wide, gid=f"interval {times}")
        ax.plot(
            [x[i]],
            [row],
            marker="o",
            ms=4.5,
            mfc="white" if doubt[i] else colour[i],  # hollow: not converged
            mec=colour[i] if doubt[i] else "white",
            mew=1.0 if doubt[i] else 0.7,
            gid="difference",
            zorder=4,
        )
    ax.spines["left"].set_visible(False)
    ax.margins(x=0.04)


def _far(table: pd.DataFrame) -> np.ndarray:
    """Return which rivals lie so far away that one axis would hide how near the others are."""
    x, _ = _gaps(table)
    far = (np.abs(x) > NEAR) & np.isfinite(x)
    near = np.isfinite(x) & ~far & (x != 0)
    one_side = len(set(np.sign(x[far]))) == 1
    return far if near.any() and one_side else np.zeros(len(table), dtype=bool)


def _break(near: Axes, away: Axes, table: pd.DataFrame, far: np.ndarray) -> None:
    """Give the near rivals and the far ones a linear axis each, and mark the gap between."""
    x, se = _gaps(table)
    reach = 2 * np.where(np.isfinite(se), se, 0.0)
    known = np.isfinite(x)
    for panel, mine in ((near, known & ~far), (away, far)):
        low, high = (x - reach)[mine].min(), (x + reach)[mine].max()
        if panel is near:
            low, high = min(low, -SMALL), max(high, SMALL)
        room = 0.08 * (high - low) or 1.0
        panel.set_xlim(low - room, high + room)
    away.xaxis.set_major_locator(MaxNLocator(3))
    away.set_xlabel("far away, on a\nscale of its own", color="#555555")
    side = 1.0 if x[far][0] < 0 else 0.0  # where the far panel ends
    for panel, end in ((away, side), (near, 1.0 - side)):
        mark = {"marker": [(-1, -2), (1, 2)], "ms": 6, "mew": 0.8, "color": style.INK}
        panel.plot([end], [0], transform=panel.transAxes, clip_on=False, gid="break", **mark)


def _axis_label(table: pd.DataFrame, unit: str, n_units: int | None) -> str:
    """Name what was left out, and on which side the better models lie."""
    many = "" if n_units is None else f", n = {n_units}"
    x = numbers(table, "elpd_diff")
    x = x[np.isfinite(x)]
    side = ""
    if x.size and (x < 0).any() and not (x > 0).any():
        side = "better →"
    elif x.size and (x > 0).any() and not (x < 0).any():
        side = "← better"
    head = "elpd difference from the first row" + (f" ({side})" if side else "")
    head = head.replace(" from the", "\nfrom the") if _far(table).any() else head
    return f"{head}\nleave one {clean(unit, 24)} out{many}"


def _gaps(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return numbers(table, "elpd_diff"), numbers(table, "dse")


def _weights(ax: Axes, table: pd.DataFrame, y: np.ndarray, colour: list[str]) -> None:
    """Bars of the stacking weights, with their numbers."""
    ax.set_xlabel("Stacking weight")
    ax.set_xlim(0, 1.22)
    ax.set_xticks([0, 0.5, 1])
    if not has(table, "weight"):
        style.nothing(ax, "not computed")
        return
    for i, weight in enumerate(numbers(table, "weight")):
        if not np.isfinite(weight):
            continue
        ax.barh(y[i], weight, height=0.5, color=colour[i], lw=0, gid="weight")
        ax.annotate(
            f"{weight:.2f}",
            xy=(weight, y[i]),
            xytext=(3, 0),
            textcoords="offset points",
            va="center_baseline",
        )


def _reliability(ax: Axes, table: pd.DataFrame, y: np.ndarray) -> None:
    """Per model in words: largest Pareto k, how many are too large, and whether it converged."""
    ax.set_xticks([])
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title("Reliability", color="#555555")
    worst, bad = numbers(table, "max_pareto_k"), numbers(table, "n_bad_k")
    doubt = _doubt(table)
    for i, row in enumerate(y):
        text, colour, weight = "Pareto k not known", style.FAINT, "normal"
        if np.isfinite(worst[i]):
            text, colour = f"max k {worst[i]:.2f}", "#555555"
        if (np.isfinite(bad[i]) and bad[i] > 0) or worst[i] > LIMIT_K:
            count = f"{bad[i]:.0f} " if np.isfinite(bad[i]) else ""
            text = f"{text}, {count}> {LIMIT_K:g}"
            colour = style.WARN
        if doubt[i]:
            text, colour, weight = "not converged", style.WARN, "bold"
        ax.text(
            0,
            row,
            text,
            transform=ax.get_yaxis_transform(),
            ha="left",
            va="center_baseline",
            color=colour,
            fontweight=weight,
        )


def _doubt(table: pd.DataFrame) -> list[bool]:
    """Whether each fit is known not to have converged."""
    if "converged" not in table:
        return [False] * len(table)
    return [not pd.isna(c) and not bool(c) for c in table["converged"]]
