"""Every subject's value with its interval, sorted; from 5 to 1000 subjects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, has, need, numbers

__all__ = ["LABELLED", "draw"]

LABELLED = 60  # more members than this are drawn as a dense caterpillar without names


@stamped
def draw(
    rows: pd.DataFrame,
    population: pd.DataFrame | None = None,
    *,
    hypothesis: str = "",
    member: str = "subject",
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw one panel per parameter, members sorted by their median.

    Parameters
    ----------
    rows : DataFrame
        Columns ``parameter``, ``member``, ``median``, ``lower_90``, ``upper_90`` and, if known,
        ``lower_50``, ``upper_50``, ``unit``. Rows without a median are left out and
        counted.
    population : DataFrame or None
        One row per parameter with the same columns but ``member``; drawn as a line and band.
    hypothesis : str
        Whose fit this is; sets the colour.
    member : str
        What a row is, in the singular.
    """
    need(rows, ("parameter", "member", "median", "lower_90", "upper_90"), "rows")
    parameters = list(rows["parameter"].dropna().unique()) or ["no parameter"]
    columns = style.columns(len(parameters))
    lines = -(-len(parameters) // columns)
    most = int(rows.groupby("parameter", sort=False)["member"].size().max()) if len(rows) else 1
    tall = max(24.0, 3.1 * most) if most <= LABELLED else 110.0
    width = {1: style.NARROW, 2: style.MEDIUM + 20}.get(columns, style.WIDE)
    height = lines * (tall + 14.0) + 5
    figure, parent, spec = style.host(ax, width, height)
    colour = style.colours([hypothesis])[hypothesis]
    inside = colour if most <= LABELLED else "white"
    handles = [Line2D([], [], marker="o", ms=3.5, ls="", mfc=inside, mec=colour, label="median")]
    if has(rows, "lower_50", "upper_50"):
        handles.append(Line2D([], [], color=colour, lw=1.8, label="50 %"))
    handles.append(Line2D([], [], color=colour, lw=0.7, label="90 %"))
    if population is not None:
        handles.append(Patch(color=style.INK, alpha=0.15, lw=0, label="population 90 %"))
    place = style.legend_row(parent, spec, handles)
    panels = style.grid(parent, place, len(parameters), columns)
    for i, (panel, parameter) in enumerate(zip(panels, parameters, strict=True)):
        mine = rows[rows["parameter"] == parameter]
        whole = None
        if population is not None:
            need(population, ("parameter", "median", "lower_90", "upper_90"), "population")
            whole = population[population["parameter"] == parameter]
        _panel(panel, mine, whole, colour, member, longest=24 if columns < 3 else 14)
        panel.set_title(clean(parameter, 28 if columns < 3 else 24), fontweight="bold")
        if len(parameters) > 1:
            style.letter(panel, chr(ord("a") + i % 26))
    return figure, panels[0]


def _panel(
    ax: Axes,
    rows: pd.DataFrame,
    population: pd.DataFrame | None,
    colour: str,
    member: str,
    longest: int,
) -> None:
    """One parameter: population behind, members from the smallest (bottom) to the largest."""
    known = np.isfinite(numbers(rows, "median"))
    missing = int((~known).sum())
    rows = rows[known].sort_values("median", kind="stable")
    units = rows["unit"].dropna() if "unit" in rows else []
    unit = clean(units.iloc[0]) if len(units) else ""
    note = f"  ({missing} without a value)" if missing else ""
    ax.set_xlabel(("Value" if unit in ("", "1") else f"Value [{unit}]") + note)
    if rows.empty:
        style.nothing(ax)
        return
    dense = len(rows) > LABELLED
    y = np.arange(len(rows), dtype=float)
    for _, whole in [] if population is None else population.iterrows():
        if np.isfinite([whole["lower_90"], whole["upper_90"]]).all():
            ax.axvspan(
                whole["lower_90"],
                whole["upper_90"],
                color=style.INK,
                alpha=0.1,
                lw=0,
                zorder=1,
                gid="population 90",
            )
        if np.isfinite(whole["median"]):
            ax.axvline(whole["median"], color=style.INK, lw=0.7, zorder=1.5, gid="population")
    thick = {"90": 0.35 if dense else 0.7, "50": 0.8 if dense else 1.8}
    for mass in ("90", "50"):
        low, high = numbers(rows, f"lower_{mass}"), numbers(rows, f"upper_{mass}")
        ok = np.isfinite(low) & np.isfinite(high)
        if ok.any():
            ax.hlines(
                y[ok],
                low[ok],
                high[ok],
                color=colour,
                lw=thick[mass],
                alpha=0.6 if dense and mass == "90" else 1,
                zorder=2,
                gid=f"interval {mass}",
            )
    ax.plot(
        numbers(rows, "median"),
        y,
        ls="",
        marker="o",
        ms=1.0 if dense else 3,
        mew=0 if dense else 0.6,
        color="white" if dense else colour,
        mec="white",
        zorder=4,
        gid="median",
    )
    ax.set_ylim(-0.8, len(rows) - 0.2)
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if dense:
        ax.set_ylabel(f"{member.capitalize()}s, sorted by median (n = {len(rows)})")
        ax.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
        ax.set_ylim(-0.01 * len(rows), 1.01 * len(rows))
    else:
        ax.set_yticks(y, [clean(m, longest) for m in rows["member"]])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
