"""Confusion of hypotheses: what is chosen where each is true, and what is true where chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need

__all__ = ["draw"]

CELL = 7.6  # side of a cell [mm]
LETTER = 1.35  # generous width of a character of the labels [mm]
PANELS = (("p", "p(chosen | true),\nrows add up to 1"),
          ("inverted", "p(true | chosen),\ncolumns add up to 1"))  # fmt: skip


@stamped
def draw(
    table: pd.DataFrame, *, enough: float = 0.8, ax: Axes | None = None
) -> tuple[Figure, Axes]:
    """Draw two matrices with their numbers; a diagonal below `enough` has a red frame.

    Parameters
    ----------
    table : DataFrame
        One row a pair: `true`, `chosen`, `studies`, `p`, `inverted`.
    enough : float
        Share of true hypotheses that are to be chosen.
    """
    need(table, ("true", "chosen", "studies", "p", "inverted"), "table")
    names = list(dict.fromkeys(table["true"]))
    labels = [clean(name, 22) for name in names]
    margin = LETTER * max(map(len, labels), default=0) + 5.0
    side = CELL * max(len(names), 4)
    width = min(max(2 * side + margin + 12.0, style.MEDIUM), style.WIDE)
    figure, parent, spec = style.host(ax, width, side + 0.75 * margin + 12.0)
    panels = style.grid(parent, spec, 2, 2)
    studies = sorted({int(n) for n in table["studies"]})
    told = " to ".join(map(str, dict.fromkeys((studies[0], studies[-1])))) if studies else "0"
    for panel, letter, (column, title) in zip(panels, "ab", PANELS, strict=True):
        matrix = table.pivot(index="true", columns="chosen", values=column)
        _matrix(panel, matrix.loc[names, names].to_numpy(float), enough if column == "p" else 0.0)
        panel.set_title(title)
        style.letter(panel, letter)
        panel.set_xticks(range(len(names)), labels, rotation=45, ha="right", rotation_mode="anchor")
        panel.set_yticks(range(len(names)), labels if column == "p" else [])
        panel.set_xlabel("Chosen")
    panels[0].set_ylabel(f"True ({told} studies each)")
    return figure, panels[0]


def _matrix(ax: Axes, matrix: np.ndarray, enough: float) -> None:
    count = len(matrix)
    ax.imshow(matrix, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal", gid="matrix")
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    for (i, j), value in np.ndenumerate(matrix):
        known = np.isfinite(value)
        ax.text(j, i, f"{value:.2f}" if known else "-", ha="center", va="center", fontsize=6,
                color="white" if known and value > 0.55 else style.INK if value else style.FAINT,
                gid="share")  # fmt: skip
    for i in range(count):
        low = matrix[i, i] < enough
        frame = Rectangle((i - 0.5, i - 0.5), 1, 1, fill=False, zorder=3,
                          lw=1.2 if low else 0.7, clip_on=False,
                          edgecolor=style.WARN if low else style.INK,
                          gid="too rare" if low else "right")  # fmt: skip
        ax.add_patch(frame)
