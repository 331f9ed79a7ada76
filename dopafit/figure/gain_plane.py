"""The plane of the encompassing drive: how much the peak and how much the trough drives pursuit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dopafit.figure import stamp as stamps
from dopafit.figure import style
from dopafit.figure.density import contours, thin
from dopafit.figure.table import clean, need, numbers

__all__ = ["draw"]


def draw(
    draws: pd.DataFrame,
    *,
    rho: float,
    truth: pd.DataFrame | None = None,
    stamp: str | None = None,
    converged: bool | None = None,
    simulated: bool = False,
    ax: Axes | None = None,
) -> Figure:
    """Draw the joint posterior of the two gains, one panel per channel.

    The named drives are restrictions of this plane: peak (+, 0), trough (0, +), level the ray
    ``gain_trough = -rho * gain_peak`` with a positive peak gain, linear deficit the opposite ray,
    no_drive the origin.

    Parameters
    ----------
    draws : DataFrame
        Columns ``channel``, ``gain_peak``, ``gain_trough`` [link units] and, if both are shown,
        ``source`` (``posterior`` or ``prior``).
    rho : float
        Trough ratio that sets the slope of the level ray [1].
    truth : DataFrame or None
        Columns ``channel``, ``gain_peak``, ``gain_trough`` of a simulated study.
    stamp, converged, simulated
        See `dopafit.figure.stamp.put`.
    ax : Axes or None
        Axes whose place the panels take; None makes a figure of its own.

    Returns
    -------
    Figure

    Raises
    ------
    FigureError
        A column is missing.
    """
    need(draws, ("channel", "gain_peak", "gain_trough"), "draws")
    with style.context():
        sources = draws["source"] if "source" in draws else pd.Series("posterior", draws.index)
        channels = list(draws["channel"].dropna().unique()) or ["no channel"]
        columns = style.columns(len(channels))
        rows = -(-len(channels) // columns)
        width = {1: style.NARROW, 2: style.MEDIUM}.get(columns, style.WIDE)
        height = rows * (width / columns + (4 if columns > 1 else 1)) + 6
        figure, parent, spec = style.host(ax, width, height)
        colour = style.DRIVES["encompassing"]
        handles = [
            Patch(color=colour, alpha=0.75, lw=0, label="posterior 50 %"),
            Patch(color=colour, alpha=0.3, lw=0, label="90 %"),
        ]
        if (sources == "prior").any():
            handles.append(
                Line2D([], [], color=style.PRIOR, lw=0.9, ls=(0, (3, 2)), label="prior 90 %")
            )
        if truth is not None:
            handles.append(
                Line2D(
                    [], [], color=style.TRUTH, marker="X", ls="", ms=5, mec="white", label="truth"
                )
            )
        place = style.legend_row(parent, spec, handles)
        panels = style.grid(parent, place, len(channels), columns)
        for i, (panel, channel) in enumerate(zip(panels, channels, strict=True)):
            mine = draws["channel"] == channel
            _panel(
                panel,
                draws[mine & (sources == "posterior")],
                draws[mine & (sources == "prior")],
                rho,
            )
            if truth is not None:
                need(truth, ("channel", "gain_peak", "gain_trough"), "truth")
                true = truth[truth["channel"] == channel]
                panel.plot(
                    numbers(true, "gain_peak"),
                    numbers(true, "gain_trough"),
                    marker="X",
                    ls="",
                    color=style.TRUTH,
                    mec="white",
                    mew=0.6,
                    ms=6,
                    gid="truth",
                    zorder=8,
                )
            panel.set_title(clean(channel, 30), fontweight="bold")
            panel.set_xlabel("Gain of the peak [link units]")
            if i % columns == 0:
                panel.set_ylabel("Gain of the trough [link units]")
            if len(channels) > 1:
                style.letter(panel, chr(ord("a") + i % 26))
        first = None if ax is None else panels[0]
        stamps.put(figure, stamp=stamp, converged=converged, simulated=simulated, ax=first)
    return figure


def _panel(ax: Axes, posterior: pd.DataFrame, prior: pd.DataFrame, rho: float) -> None:
    """Posterior cloud and contours, prior contour, rays of the named drives."""
    after, before = _points(posterior), _points(prior)
    reach = [np.quantile(np.abs(p), 0.99) for p in (after, before) if len(p)]
    wide = float(np.quantile(np.abs(after), 0.995)) if len(after) else 1.0
    box = 1.15 * max(wide, min(max(reach, default=1.0), 2.5 * wide))
    box = box if np.isfinite(box) and box > 0 else 1.0
    _rays(ax, rho, box)
    found = contours(before, (0.9,))
    if found is not None:
        x, y, height, levels = found
        dash = [(0, (3, 2))]
        lines = ax.contour(
            x, y, height, levels, colors=style.PRIOR, linewidths=0.9, linestyles=dash, zorder=3
        )
        lines.set_gid("prior 90")
    colour = style.DRIVES["encompassing"]
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
    """Return the finite rows, shape (draws, 2)."""
    both = np.stack([numbers(table, "gain_peak"), numbers(table, "gain_trough")], axis=1)
    return both[np.isfinite(both).all(axis=1)]


def _rays(ax: Axes, rho: float, box: float) -> None:
    """Rays of the named drives from the origin to the edge, each with its name."""
    slope = rho if np.isfinite(rho) and rho > 0 else 0.0
    end = box / max(1.0, slope)  # a steep level ray leaves through the floor
    ink = style.DRIVES
    halo = [patheffects.withStroke(linewidth=1.6, foreground="white")]
    ax.axhline(0, color=style.FAINT, lw=0.4, zorder=1)
    ax.axvline(0, color=style.FAINT, lw=0.4, zorder=1)
    # name, end of the ray, colour, where its label starts, and how it is aligned
    rays = [
        ("peak", box, 0.0, ink["peak"], (box, 0.0), (-2, 2), "right", "bottom"),
        ("trough", 0.0, box, ink["trough"], (0.0, box), (3, -3), "left", "top"),
    ]
    if slope:
        low = (end, -slope * end)
        high = (-low[0], -low[1])
        if slope <= 0.8:
            labels = ((low, (-2, -3), "right", "top"), (high, (2, 3), "left", "bottom"))
        else:  # no room at the end of the ray: beside it, at the edge
            labels = (
                ((box, -0.4 * box), (-2, 0), "right", "center"),
                ((-box, 0.33 * box), (2, 0), "left", "center"),
            )
        rays.append(("level", *low, ink["level"], *labels[0]))
        rays.append(("linear deficit", *high, style.INK, *labels[1]))
    for name, x, y, colour, start, offset, across, up in rays:
        ax.plot([0, x], [0, y], color=colour, lw=1.1, gid=f"ray {name}", zorder=2)
        ax.annotate(
            name.replace(" ", "\n") if slope > 0.8 else name,
            xy=start,
            xytext=offset,
            textcoords="offset points",
            ha=across,
            va=up,
            color=colour if name != "peak" else "#9c6500",
            path_effects=halo,
            zorder=7,
        )
    ax.plot([0], [0], marker="+", ms=6, mew=1, color=ink["no_drive"], gid="no_drive", zorder=6)
    ax.annotate(
        "no drive",
        xy=(0, 0),
        xytext=(-4, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color="#5a5a5a",
        path_effects=halo,
        zorder=7,
    )
