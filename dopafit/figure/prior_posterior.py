"""What the data changed: prior and posterior of each parameter side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.density import outline
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers
from dopafit.figure.unit import log_axis, minus

__all__ = ["draw"]


@stamped
def draw(
    draws: pd.DataFrame,
    contraction: pd.DataFrame | None = None,
    *,
    hypothesis: str = "",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw one small panel per parameter; each density is scaled to the same height.

    Parameters
    ----------
    draws : DataFrame
        Columns ``parameter``, ``unit``, ``source`` (``prior`` or ``posterior``), ``value`` and, if
        wanted, ``scale`` (``log`` for positive, skewed parameters; default ``linear``).
    contraction : DataFrame or None
        Columns ``parameter``, ``contraction`` (1 - posterior variance / prior variance) and
        ``status``; a status that says "not informed" is flagged in the panel.
    hypothesis : str
        Whose fit this is; sets the colour.
    """
    need(draws, ("parameter", "source", "value"), "draws")
    parameters = list(draws["parameter"].dropna().unique()) or ["no parameter"]
    columns = min(4, len(parameters))
    rows = -(-len(parameters) // columns)
    width = {1: style.NARROW, 2: style.MEDIUM}.get(columns, style.WIDE)
    height = 30.0 * rows + 6
    figure, parent, spec = style.host(ax, width, height)
    colour = style.colours([hypothesis])[hypothesis]
    handles = [Patch(fc=colour, alpha=0.5, lw=0, label="posterior (heights scaled)")]
    if (draws["source"] == "prior").any():
        handles.append(Line2D([], [], color=style.PRIOR, lw=1, label="prior"))
    place = style.legend_row(parent, spec, handles)
    panels = style.grid(parent, place, len(parameters), columns)
    for panel, parameter in zip(panels, parameters, strict=True):
        mine = draws[draws["parameter"] == parameter]
        _panel(panel, mine, colour)
        _heading(panel, parameter, contraction)
    return figure, panels[0]


def _panel(ax: Axes, table: pd.DataFrame, colour: str) -> None:
    """Prior outline and posterior fill of one parameter, on its scale."""
    style.strip(ax)
    unit = next((clean(u) for u in table["unit"].dropna()), "") if "unit" in table else ""
    log = "scale" in table and bool((table["scale"] == "log").any())
    values = {}
    lost = 0
    for source in ("prior", "posterior"):
        value = numbers(table[table["source"] == source], "value")
        value = value[np.isfinite(value)]
        kept = value[value > 0] if log else value
        lost += len(value) - len(kept)
        values[source] = kept
    if not any(map(len, values.values())):
        style.nothing(ax)
        ax.set_xlabel(_axis_label(unit, log, lost))
        return
    edges = [np.quantile(v, q) for v in values.values() if len(v) for q in (0.005, 0.995)]
    low, high = min(edges), max(edges)
    if log:
        low, high = np.log10(low), np.log10(high)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    positive = not log and min(v.min() for v in values.values() if len(v)) >= 0
    low = max(low - room, 0.0) if positive else low - room
    at = np.linspace(low, high + room, 300)
    shown = 10**at if log else at
    for source, value in values.items():
        if not len(value):
            continue
        height = outline(np.log10(value) if log else value, at, floor=0.0 if positive else None)
        if not height.any():  # a constant: fixed by convention
            ink = style.PRIOR if source == "prior" else colour
            ax.plot([value[0]] * 2, [0, 1], lw=1.4, gid=source, color=ink)
        elif source == "prior":
            ax.plot(shown, height, color=style.PRIOR, lw=1, gid="prior", zorder=3)
        else:
            ax.fill_between(shown, 0, height, color=colour, alpha=0.5, lw=0, gid="posterior")
    ax.set_ylim(0, 1.08)
    if log:
        log_axis(ax, shown, seconds=unit == "s")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    ax.set_xlim(shown[0], shown[-1])
    ax.set_xlabel(_axis_label(unit, log, lost))


def _axis_label(unit: str, log: bool, lost: int) -> str:
    """Return the unit of the axis, and how many draws a log axis could not show."""
    label = "" if unit in ("", "1") else f"[{unit}]"
    # times name their unit at the ticks
    label = "" if log and unit == "s" else label
    return f"{label} {lost} draws ≤ 0 not shown".strip() if lost else label or " "


def _heading(ax: Axes, parameter: str, contraction: pd.DataFrame | None) -> None:
    """Name of the parameter, and below it how much the data said."""
    if contraction is None:
        ax.set_title(clean(parameter, 27), fontweight="bold")
        return
    need(contraction, ("parameter", "contraction"), "contraction")
    ax.set_title(clean(parameter, 27), fontweight="bold", pad=12)
    row = contraction[contraction["parameter"] == parameter]
    value = numbers(row, "contraction")
    text, colour = "contraction not known", style.FAINT
    if len(value) and np.isfinite(value[0]):
        text, colour = minus(f"contraction {value[0]:.2f}"), "#555555"
    status = str(row["status"].iloc[0]) if len(row) and "status" in row else ""
    if "not informed" in status.lower().replace("_", " "):
        text, colour = (
            f"not informed by your data ({text.removeprefix('contraction ')})",
            style.WARN,
        )
    elif "convention" in status.lower():
        text = "fixed by convention"
    ax.text(0, 1.03, text, transform=ax.transAxes, va="bottom", color=colour, fontsize=6.5)
