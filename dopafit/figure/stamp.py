"""The verdict travels: what a fit was and whether it converged, on every figure made from it."""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dopafit.figure import style
from dopafit.figure.table import clean

__all__ = ["BANNER", "EXPLORING", "SIMULATED", "UNUSABLE", "put", "stamped"]

BANNER = "NOT CONVERGED — do not interpret"
EXPLORING = "APPROXIMATE — for exploring only"
UNUSABLE = "APPROXIMATE — NOT USABLE"
SIMULATED = "SIMULATED DATA"
_LINE = 2.7  # height of a line of the stamp [mm]
_CHARACTER = 1.22  # generous width of a character of the stamp [mm]


COMMON = """
stamp : str or None
    One line on the fit: drive, diagnostics, data hash, version.
converged : bool or None
    False adds a red banner; None where convergence does not apply.
simulated : bool
    Adds the label "SIMULATED DATA".
ax : Axes or None
    Axes whose place the figure takes; None makes a figure of its own, as wide as its panels need.

Returns
-------
Figure

Raises
------
FigureError
    A column is missing.
"""


def stamped(draw: Callable[..., tuple[Figure, Axes]]) -> Callable[..., Figure]:
    """Give a function that draws a figure the look, and the arguments, that all figures share.

    The function takes `ax` and returns the figure and its first panel. Its docstring ends with its
    own parameters; those of every figure are added to it.
    """

    @functools.wraps(draw)
    def figure_of(
        *tables: object,
        stamp: str | None = None,
        converged: bool | None = None,
        simulated: bool = False,
        **options: object,
    ) -> Figure:
        with style.context():
            figure, panel = draw(*tables, **options)
            axes = None if options.get("ax") is None else panel
            put(figure, stamp=stamp, converged=converged, simulated=simulated, ax=axes)
        return figure

    own, shared = (inspect.signature(f).parameters.values() for f in (draw, put))
    marks = [p for p in shared if p.name in ("stamp", "converged", "simulated")]
    both = sorted([*own, *marks], key=lambda p: p.kind)
    figure_of.__signature__ = inspect.Signature(both, return_annotation="Figure")
    figure_of.__doc__ = inspect.cleandoc(draw.__doc__ or "") + COMMON
    return figure_of


def put(
    figure: Figure,
    *,
    stamp: str | None = None,
    converged: bool | None = None,
    simulated: bool = False,
    ax: Axes | None = None,
) -> None:
    """Draw the stamp, whose parts are those of `COMMON`; the figure grows by the space it takes.

    Axes that a caller gave to the figure are stamped instead of the whole.
    """
    text = clean(stamp) if stamp else ""
    if ax is not None:
        _on_axes(ax, text, converged, simulated)
        return
    if not text and converged is not False and not simulated:
        return
    width, height = (inches / style.MM for inches in figure.get_size_inches())
    label = 30.0 if simulated else 0.0
    room = max(20, int((width - 3.0 - label) / _CHARACTER))
    lines = _wrap(text, room) or [""]
    bottom = _LINE * len(lines) + 1.5 if text or simulated else 0.0
    top = 6.5 if converged is False else 0.0
    tall = height + bottom + top
    figure.set_size_inches(width * style.MM, tall * style.MM)
    figure.get_layout_engine().set(rect=(0, bottom / tall, 1, height / tall))
    if text:
        figure.text(
            1.5 / width,
            1.0 / tall,
            "\n".join(lines),
            fontsize=6,
            color=style.WARN if converged is False else "#666666",
            ha="left",
            va="bottom",
            gid="stamp",
        )
    if simulated:
        figure.text(
            1 - 1.5 / width,
            1.0 / tall,
            SIMULATED,
            fontsize=6,
            fontweight="bold",
            ha="right",
            va="bottom",
            gid="simulated",
        )
    if converged is False:
        figure.add_artist(
            Rectangle(
                (0, 1 - 5.5 / tall),
                1,
                5.5 / tall,
                transform=figure.transFigure,
                facecolor=style.WARN,
                edgecolor="none",
                gid="banner",
            )
        )
        figure.text(
            0.5,
            1 - 2.75 / tall,
            _banner(text),
            fontsize=8,
            fontweight="bold",
            color="white",
            ha="center",
            va="center_baseline",
            gid="banner",
        )


def _banner(text: str) -> str:
    """Return what the banner says: the worst of what the stamp does."""
    if BANNER.split(" —")[0] in text or EXPLORING.split()[0] not in text:
        return BANNER
    return UNUSABLE if "NOT USABLE" in text else EXPLORING


def _wrap(text: str, room: int) -> list[str]:
    """Break the stamp between its items where that is possible."""
    lines: list[str] = []
    for item in text.split(" · "):
        longer = f"{lines[-1]} · {item}" if lines else item
        if lines and len(longer) <= room:
            lines[-1] = longer
        else:
            lines += textwrap.wrap(item, room)
    return lines


def _on_axes(ax: Axes, text: str, converged: bool | None, simulated: bool) -> None:
    """Stack the stamp above one panel of somebody else's figure."""
    parts = [text] if text else []
    parts += [SIMULATED] if simulated else []
    # clear of the title and of a legend placed above the axes
    legend = ax.get_legend()
    lift = 4.0 + (10.0 if ax.get_title(loc="left") else 0.0)
    lift += 11.0 * -(-len(legend.get_texts()) // legend._ncols) if legend else 0.0
    place = {
        "xy": (0, 1),
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "ha": "left",
        "va": "bottom",
        "fontsize": 6,
    }
    if parts:
        lines = _wrap(" · ".join(parts), 60)
        ax.annotate("\n".join(lines), xytext=(0, lift), color="#666666", gid="stamp", **place)
        lift += 8.0 * len(lines) + 3
    if converged is False:
        box = {"facecolor": style.WARN, "edgecolor": "none", "pad": 2}
        ax.annotate(
            _banner(text),
            xytext=(2, lift + 2),
            color="white",
            fontweight="bold",
            bbox=box,
            gid="banner",
            **place,
        )
