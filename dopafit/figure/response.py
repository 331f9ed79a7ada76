"""What behaviour is like after one event: by a response of any shape, and by a hypothesis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers
from dopafit.figure.unit import log_axis

__all__ = ["draw"]

_NEEDED = ("channel", "words", "unit", "source", "time", "median", "lower_90", "upper_90")


@stamped
def draw(
    curves: pd.DataFrame, *, free: str, event: str = "event", ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw typical outcomes against the time since one event, one panel a channel.

    Parameters
    ----------
    curves : DataFrame
        Columns ``channel``, ``words`` (of the outcome), ``unit``, ``source``, ``time`` [s] and
        ``median``, ``lower_90``, ``upper_90`` [outcome].
    free : str
        The `source` that has any shape, drawn in grey; all others are hypotheses.
    event : str
        What is responded to; printed at the x axis.
    """
    need(curves, _NEEDED, "curves")
    channels = list(curves["channel"].unique()) or ["no channel"]
    columns = style.columns(len(channels))
    rows = -(-len(channels) // columns)
    width = {1: style.NARROW, 2: style.MEDIUM}.get(columns, style.WIDE)
    figure, parent, spec = style.host(ax, width, rows * 56 + 6)
    names = [name for name in curves["source"].unique() if name != free]
    ink = style.colours(names) | {free: style.PRIOR}
    handles = [Patch(color=style.PRIOR, alpha=0.3, lw=0, label="any shape, 90 % (approximate)")]
    handles += [Line2D([], [], color=ink[n], lw=1.2, label=clean(n, 24)) for n in names]
    place = style.legend_row(parent, spec, handles)
    panels = style.grid(parent, place, len(channels), columns)
    for i, (panel, channel) in enumerate(zip(panels, channels, strict=True)):
        own = curves[curves["channel"] == channel]
        for source in (free, *names):
            one = own[own["source"] == source]
            time = numbers(one, "time")
            low, high = numbers(one, "lower_90"), numbers(one, "upper_90")
            alpha = 0.3 if source == free else 0.2
            panel.fill_between(time, low, high, color=ink[source], alpha=alpha, lw=0, gid=source)
            panel.plot(time, numbers(one, "median"), color=ink[source], lw=1.2, gid=source)
        if not np.isfinite(numbers(own, "median")).any():
            style.nothing(panel)
        log_axis(panel, numbers(own, "time"), seconds=True)
        panel.set_xlabel(f"Time since {event}")
        if len(own):
            words, unit = clean(own["words"].iloc[0], 40), clean(own["unit"].iloc[0], 20)
            label = f"{words[:1].upper()}{words[1:]}"
            panel.set_ylabel(f"{label} [{unit}]" if unit else label)
        if len(channels) > 1:
            panel.set_title(clean(channel, 30), fontweight="bold")
            style.letter(panel, chr(ord("a") + i % 26))
    return figure, panels[0]
