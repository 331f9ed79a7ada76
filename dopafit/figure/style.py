"""One look for every figure: colours, type, widths and panels; nothing global is changed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec, SubplotSpec
from matplotlib.ticker import FuncFormatter

from dopafit.drive import Drive

__all__ = [
    "ACCENT",
    "FAINT",
    "INK",
    "MEDIUM",
    "NARROW",
    "PRIOR",
    "WARN",
    "WIDE",
    "canvas",
    "colours",
    "columns",
    "context",
    "dark",
    "dashes",
    "grid",
    "host",
    "legend_above",
    "legend_columns",
    "legend_row",
    "letter",
    "nothing",
    "plain_ticks",
    "strip",
]

MM = 1 / 25.4  # inches
NARROW, MEDIUM, WIDE = 89.0, 120.0, 183.0  # journal column widths [mm]

INK = "#222222"
FAINT = "#9a9a9a"
PRIOR = "#8c8c8c"
WARN = "#c1121f"

ACCENT = "#0072b2"  # of a figure that belongs to no hypothesis
# Okabe & Ito (2008) and others, for hypotheses whose drive has no colour of its own
_SPARE = ("#56b4e9", "#d55e00", "#8c6d1f", "#5d3a9b", "#1b3a57", "#4d4d4d")
_RC: dict[str, Any] = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 4,
    "axes.labelpad": 2.5,
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.formatter.useoffset": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    # names of subjects and columns are text, never formulas
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.2,
    "legend.borderpad": 0.1,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.wspace": 0.03,
    "figure.constrained_layout.hspace": 0.03,
    # TrueType, so that text stays text in the journal's editor
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "savefig.bbox": None,
    "savefig.dpi": 300,
}


def context() -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved; it leaves ``rcParams`` as it was."""
    known = set(font_manager.fontManager.get_font_names())
    fonts = [f for f in ("Arial", "Helvetica", "Liberation Sans") if f in known]
    return matplotlib.rc_context({**_RC, "font.family": [*fonts, "DejaVu Sans"]})


def colours(names: Iterable[str]) -> dict[str, str]:
    """Return one colour per hypothesis: that of the drive of its name, else spare ones in turn."""
    names, drives = list(dict.fromkeys(names)), Drive.members()
    own = {name: drives[name].colour for name in names if name in drives} | {"": ACCENT}
    spare = [colour for colour in _SPARE if colour not in own.values()] or list(_SPARE)
    other = [name for name in names if not own.get(name)]
    return {n: own.get(n) or spare[other.index(n) % len(spare)] for n in names}


def dashes(name: str) -> Any:
    """Return the line style of a hypothesis, so that rivals differ in grey print too."""
    drives = Drive.members()
    return drives[name].dash if name in drives else "-"


def dark(colour: str) -> str:
    """Return a colour dark enough for small letters on white, of the same hue."""
    red_green_blue = np.array(to_rgb(colour))
    bright = float(red_green_blue @ (0.3, 0.6, 0.1))
    return to_hex(red_green_blue * min(1.0, 0.45 / max(bright, 1e-9)))


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of this size [mm], without pyplot."""
    figure = Figure(figsize=(width * MM, height * MM), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def host(ax: Axes | None, width: float, height: float) -> tuple[Figure, Any, SubplotSpec]:
    """Return the figure, the parent to add panels to, and the place they may take.

    Parameters
    ----------
    ax : Axes or None
        Axes whose place the panels take (they are emptied); None for a new figure.
    width, height : float
        Size of a new figure [mm].
    """
    if ax is None:
        figure = canvas(width, height)
        return figure, figure, figure.add_gridspec(1, 1, left=0, right=1, bottom=0, top=1)[0]
    parent = ax.get_figure(root=False)
    spec = ax.get_subplotspec()
    if spec is None:
        box = ax.get_position()
        spec = parent.add_gridspec(1, 1, left=box.x0, right=box.x1, bottom=box.y0, top=box.y1)[0]
    ax.set_axis_off()
    return ax.get_figure(root=True), parent, spec


def columns(panels: int, most: int = 3) -> int:
    """Return how many panels go side by side: four make a square."""
    return 2 if panels == 4 and most == 3 else min(most, max(1, panels))


def grid(parent: Any, spec: SubplotSpec, n: int, columns: int) -> list[Axes]:
    """Return `n` panels, row by row, in a grid with this many columns."""
    rows = -(-n // columns)
    inner = GridSpecFromSubplotSpec(rows, columns, subplot_spec=spec)
    return [parent.add_subplot(inner[divmod(i, columns)]) for i in range(n)]


def legend_columns(handles: list[Any], width: float) -> int:
    """Return how many entries fit side by side in this width [mm], by the length of their words."""
    for n in range(len(handles), 1, -1):
        split = np.array_split([len(h.get_label()) for h in handles], n)
        if sum(9 + 1.3 * max(part) for part in split) <= width:
            return n
    return 1


def legend_row(parent: Any, spec: SubplotSpec, handles: list[Any]) -> SubplotSpec:
    """Put a legend in a row of its own above the panels and return the place that is left."""
    if not handles:
        return spec
    place = spec.get_position(parent)
    dpi = parent.get_figure(root=True).dpi
    width, height = (pixels / dpi / MM for pixels in parent.bbox.size)
    columns = legend_columns(handles, place.width * width)
    line = 4.0 * -(-len(handles) // columns)
    inner = GridSpecFromSubplotSpec(
        2, 1, subplot_spec=spec, height_ratios=[line, max(place.height * height - line, line)]
    )
    ax = parent.add_subplot(inner[0])
    ax.set_axis_off()
    ax.legend(handles=handles, loc="center left", ncols=columns, borderaxespad=0)
    return inner[1]


def legend_above(ax: Axes, handles: list[Any], columns: int) -> None:
    """Put a legend above the axes, where it covers no data."""
    if handles:
        ax.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0, 1.01),
            ncols=columns,
            borderaxespad=0,
        )


def letter(ax: Axes, text: str, pad: float = 4) -> None:
    """Put a bold panel letter beside the title, which lies `pad` points above the axes."""
    ax.annotate(
        text,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-16, pad),
        textcoords="offset points",
        fontsize=8,
        fontweight="bold",
        ha="left",
        va="baseline",
    )


def nothing(ax: Axes, text: str = "nothing to draw") -> None:
    """Say in an empty panel that there was nothing to draw."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=FAINT)


def strip(ax: Axes) -> None:
    """Remove the y axis of a panel in which heights have no unit."""
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])


def plain_ticks(axis: Axis) -> None:
    """Label a symmetric log axis with plain numbers; its own labels are mathematics."""
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "\N{MINUS SIGN}"))
    )
