"""The specification curve: one effect in every specification, sorted, and what each chose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers

__all__ = ["draw"]

LINE = 3.4  # height of a row of marks [mm]
CURVE = 58.0  # height of the curve [mm]
GROUPS = {
    "hypothesis": "Drive, kernel",
    "time_on_task": "Curve over session time",
    "history": "The acts' own past",
    "sessions": "Intercepts of sessions",
    "kernel_prior": "Priors of the kernel",
    "gain_prior": "Priors of gains",
}
"""What a specification chooses, in the order of the rows."""


@stamped
def draw(
    rows: pd.DataFrame, *, effect: str = "Effect", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw sizes with 95 % intervals, sorted by their median, over marks of what was chosen.

    Parameters
    ----------
    rows : DataFrame
        One row a specification: `median`, `lower`, `upper` in the unit of the axis, `own` (the
        analysis's own), `trusted`, and `hypothesis`, `time_on_task`, `history`, `sessions`,
        `kernel_prior`, `gain_prior` in words, categories in their order. Rows without a median are
        left out and counted.
    effect : str
        Label of the axis.
    """
    need(rows, ("median", "lower", "upper", "own", "trusted", *GROUPS), "rows")
    known = np.isfinite(numbers(rows, "median"))
    missing, rows = int((~known).sum()), rows[known].sort_values("median", kind="stable")
    marks = list(_marks(rows))
    height = CURVE + LINE * max(len(marks), 1) + 14.0
    figure, parent, spec = style.host(ax, style.WIDE if len(rows) > 12 else style.MEDIUM, height)
    handles = [
        Line2D([], [], color=style.INK, marker="o", ms=3.5, lw=0.8, label="median, 95 % interval"),
        Line2D([], [], color=style.ACCENT, marker="D", ms=4, lw=1.4, label="the analysis's own"),
    ]
    if not rows["trusted"].astype(bool).all():
        hollow = {"mfc": "white", "mec": style.INK, "mew": 0.8}
        label = "cannot be trusted"
        handles.append(
            Line2D([], [], color=style.INK, marker="o", ms=3.5, lw=0.8, label=label, **hollow)
        )
    place = style.legend_row(parent, spec, handles)
    inner = GridSpecFromSubplotSpec(
        2, 1, subplot_spec=place, height_ratios=[CURVE, LINE * max(len(marks), 1)], hspace=0.04
    )
    curve = parent.add_subplot(inner[0])
    below = parent.add_subplot(inner[1], sharex=curve)
    _curve(curve, rows, effect)
    _choices(below, marks, len(rows))
    for panel in (curve, below):
        for x in np.flatnonzero(rows["own"].astype(bool)):
            panel.axvspan(x - 0.5, x + 0.5, color=style.ACCENT, alpha=0.1, lw=0, zorder=0)
    note = f"; {missing} without a size" if missing else ""
    below.set_xlabel(f"Specifications, sorted by median (n = {len(rows)}{note})")
    return figure, curve


def _marks(rows: pd.DataFrame) -> Iterator[tuple[str, np.ndarray | None]]:
    """Yield a heading for each choice that differs, and a line of marks for each of its values."""
    for column, heading in GROUPS.items():
        chosen = rows[column]
        if isinstance(chosen.dtype, pd.CategoricalDtype):
            values = [value for value in chosen.cat.categories if (chosen == value).any()]
        else:
            values = list(dict.fromkeys(chosen.sort_index()))
        if len(values) > 1:
            yield heading, None
            for value in values:
                yield str(value), (chosen == value).to_numpy()


def _curve(ax: Axes, rows: pd.DataFrame, effect: str) -> None:
    ax.set_ylabel("\n".join(clean(line, 60) for line in effect.splitlines()))
    ax.tick_params(axis="x", bottom=False, labelbottom=False)
    ax.spines["bottom"].set_visible(False)
    if rows.empty:
        style.nothing(ax)
        return
    ax.axhline(0.0, color=style.FAINT, lw=0.7, zorder=1, gid="zero")
    width = float(np.clip(60 / len(rows), 0.3, 1.0))
    for x, (_, row) in enumerate(rows.iterrows()):
        own, trusted = bool(row["own"]), bool(row["trusted"])
        colour = style.ACCENT if own else style.INK
        ax.plot([x, x], [row["lower"], row["upper"]], color=colour, zorder=2,
                lw=1.6 * width if own else 0.8 * width, gid="interval")  # fmt: skip
        ax.plot(x, row["median"], ls="", marker="D" if own else "o", zorder=4 if own else 3,
                ms=(4.5 if own else 3.5) * np.sqrt(width), mec=colour, mew=0.8,
                mfc=colour if trusted else "white", gid="median")  # fmt: skip
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ax.set_xlim(-0.8, len(rows) - 0.2)


def _choices(ax: Axes, marks: list[tuple[str, Any]], count: int) -> None:
    ax.tick_params(axis="both", length=0)
    ax.set_xticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    if not marks or not count:
        ax.set_yticks([])
        return
    size = float(np.clip(4.0 * np.sqrt(40 / count), 1.2, 3.6))
    y = -np.arange(len(marks), dtype=float)
    places = np.arange(count)
    for line, (_, used) in zip(y, marks, strict=True):
        if used is not None:
            ax.plot(places[~used], np.full((~used).sum(), line), ls="", marker="o", ms=0.5 * size,
                    color="#d8d8d8", mew=0, gid="not chosen")  # fmt: skip
            ax.plot(places[used], np.full(used.sum(), line), ls="", marker="s", ms=size,
                    color=style.INK, mew=0, gid="chosen")  # fmt: skip
    ax.set_yticks(y, [clean(label, 30) for label, _ in marks])
    for tick, (_, used) in zip(ax.get_yticklabels(), marks, strict=True):
        tick.set_fontweight("bold" if used is None else "normal")
    ax.set_ylim(y[-1] - 0.7, 0.7)
