"""The plane of gains: how much the peak and how much the trough of a response drives pursuit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.density import contours, thin
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers

__all__ = ["draw"]


@stamped
def draw(
    draws: pd.DataFrame,
    *,
    rays: pd.DataFrame | None = None,
    hypothesis: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the joint posterior of the two gains, one panel per channel.

    A drive with one gain is a restriction of this plane, a ray from the origin; one without is the
    origin.

    Parameters
    ----------
    draws : DataFrame
        Columns ``channel``, ``gain_peak``, ``gain_trough`` [link units] and, if both are shown,
        ``source`` (``posterior`` or ``prior``).
    rays : DataFrame or None
        Columns ``drive``, ``gain_peak``, ``gain_trough``: where drives lie at a gain of 1.
    hypothesis : str
        Whose fit this is; sets the colour.
    """
    need(draws, ("channel", "gain_peak", "gain_trough"), "draws")
    sources = draws["source"] if "source" in draws else pd.Series("posterior", draws.index)
    channels = list(draws["channel"].dropna().unique()) or ["no channel"]
    columns = style.columns(len(channels))
    rows = -(-len(channels) // columns)
    width = {1: style.NARROW, 2: style.MEDIUM}.get(columns, style.WIDE)
    height = rows * (width / columns + (4 if columns > 1 else 1)) + 6
    figure, parent, spec = style.host(ax, width, height)
    colour = style.colours([hypothesis])[hypothesis]
    handles = [
        Patch(color=colour, alpha=0.75, lw=0, label="posterior 50 %"),
        Patch(color=colour, alpha=0.3, lw=0, label="90 %"),
    ]
    if (sources == "prior").any():
        handles.append(
            Line2D([], [], color=style.PRIOR, lw=0.9, ls=(0, (3, 2)), label="prior 90 %")
        )
    place = style.legend_row(parent, spec, handles)
    panels = style.grid(parent, place, len(channels), columns)
    for i, (panel, channel) in enumerate(zip(panels, channels, strict=True)):
        mine = draws["channel"] == channel
        _panel(
            panel,
            draws[mine & (sources == "posterior")],
            draws[mine & (sources == "prior")],
            rays,
            colour,
        )
        panel.set_title(clean(channel, 30), fontweight="bold")
        panel.set_xlabel("Gain of the peak [link units]")
        if i % columns == 0:
            panel.set_ylabel("Gain of the trough [link units]")
        if len(channels) > 1:
            style.letter(panel, chr(ord("a") + i % 26))
    return figure, panels[0]


def _panel(
    ax: Axes,
    posterior: pd.DataFrame,
    prior: pd.DataFrame,
    rays: pd.DataFrame | None,
    colour: str,
) -> None:
    """Posterior cloud and contours, prior contour, rays of the named drives."""
    both = map(_points, (posterior, prior))
    after, before = (points[np.isfinite(points).all(axis=1)] for points in both)
    reach = [np.quantile(np.abs(p), 0.99) for p in (after, before) if len(p)]
    wide = float(np.quantile(np.abs(after), 0.995)) if len(after) else 1.0
    box = 1.15 * max(wide, min(max(reach, default=1.0), 2.5 * wide))
    box = box if np.isfinite(box) and box > 0 else 1.0
    _rays(ax, rays, box)
    found = contours(before, (0.9,))
    if found is not None:
        x, y, height, levels = found
        dash = [(0, (3, 2))]
        lines = ax.contour(
            x, y, height, levels, colors=style.PRIOR, linewidths=0.9, linestyles=dash, zorder=3
        )
        lines.set_gid("prior 90")
    found = contours(after, (0.9, 0.5))
    if found is None:  # too few draws, or all on one line
        cloud = thin(after, 1000)
        ax.plot(*cloud.T, ls="", marker="o", ms=1.5, mew=0, color=colour, gid="draws", zorder=4)
    else:
        x, y, height, levels = found
        top = float(height.max())
        for level, alpha, name in zip(levels, (0.35, 0.75), ("90", "50"), strict=True):
            if level < top:
                fill = ax.contourf(
                    x, y, height, [level, top], colors=[colour], alpha=alpha, zorder=4
                )
                fill.set_gid(f"posterior {name}")
    ax.set(xlim=(-box, box), ylim=(-box, box), aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def _points(table: pd.DataFrame) -> np.ndarray:
    """Return the rows, shape (draws, 2)."""
    return np.stack([numbers(table, "gain_peak"), numbers(table, "gain_trough")], axis=1)


def _rays(ax: Axes, rays: pd.DataFrame | None, box: float) -> None:
    """Rays of the drives from the origin to the edge, each with its name there."""
    ax.axhline(0, color=style.FAINT, lw=0.4, zorder=1)
    ax.axvline(0, color=style.FAINT, lw=0.4, zorder=1)
    if rays is None:
        return
    ends = _points(need(rays, ("drive", "gain_peak", "gain_trough"), "rays"))
    ink = style.colours(str(name) for name in rays["drive"])
    for name, (x, y) in zip(rays["drive"], ends, strict=True):
        if not np.isfinite([x, y]).all():
            continue
        reach = box / max(abs(x), abs(y)) if x or y else 0.0
        x, y, inner = x * reach, y * reach, 0.75 * box
        if reach:
            ax.plot([0, x], [0, y], color=ink[name], lw=1.1, gid=f"ray {name}", zorder=2)
        else:
            ax.plot([0], [0], marker="+", ms=6, mew=1, color=ink[name], gid=name, zorder=6)
        if x and abs(y) > abs(x):  # a steep ray leaves the corner to one along the axis
            x, y = 0.8 * x, 0.8 * y
        # beside the ray and inside the box; at the origin to its lower left
        right = x > 0 if reach else True
        below = (y < 0 or y > inner) and y > -inner if reach else True
        ax.annotate(
            clean(name, 20).replace("_", " "),
            xy=(x, y),
            xytext=(-3 if right else 3, -3 if below else 3),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top" if below else "bottom",
            color=style.dark(ink[name]),
            path_effects=[patheffects.withStroke(linewidth=1.6, foreground="white")],
            zorder=7,
        )
