"""Could these fits be believed? R-hat and effective sample size of every quantity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.ticker import MaxNLocator

from dopafit.figure import style
from dopafit.figure.stamp import stamped
from dopafit.figure.table import clean, need, numbers
from dopafit.figure.unit import log_axis
from dopafit.fit.judge import R_HAT

__all__ = ["draw"]

_PANELS = (
    ("r_hat", "R-hat"),
    ("ess_bulk", "Bulk ESS"),
    ("ess_tail", "Tail ESS"),
)


@stamped
def draw(
    summary: pd.DataFrame,
    *,
    limit_ess: float = 400,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw one strip per fit; each dot is a quantity, red beyond the limit.

    Parameters
    ----------
    summary : DataFrame
        Columns ``fit``, ``parameter``, ``r_hat``, ``ess_bulk``, ``ess_tail``.
    limit_ess : float
        Smallest effective sample size that passes (Vehtari et al. 2021, recalled).
    """
    need(summary, ("hypothesis", "parameter", "r_hat", "ess_bulk", "ess_tail"), "summary")
    fits = list(summary["hypothesis"].dropna().unique())
    height = 8.0 * max(1, len(fits)) + 20
    figure, parent, spec = style.host(ax, style.WIDE, height)
    inner = GridSpecFromSubplotSpec(1, 3, subplot_spec=spec)
    panels: list[Axes] = []
    ink = style.colours(str(f) for f in fits)
    for i, (column, label) in enumerate(_PANELS):
        panel = parent.add_subplot(inner[i], sharey=panels[0] if panels else None)
        panels.append(panel)
        limit = R_HAT if column == "r_hat" else limit_ess
        _strips(panel, summary, fits, column, limit, ink)
        panel.set_xlabel(label)
        style.letter(panel, "abc"[i])
        panel.spines["left"].set_visible(False)
        panel.tick_params(axis="y", length=0, labelleft=i == 0)
    panels[0].set_yticks(range(len(fits)), [clean(f, 26) for f in fits])
    panels[0].set_ylim(max(len(fits), 1) - 0.4, -0.6)
    return figure, panels[0]


def _strips(
    ax: Axes, summary: pd.DataFrame, fits: list, column: str, limit: float, ink: dict[str, str]
) -> None:
    """Dots spread evenly within each fit's strip, so that none hides another."""
    high_is_bad = column == "r_hat"
    everything = numbers(summary, column)
    everything = everything[np.isfinite(everything)]
    logarithmic = False
    if not high_is_bad:
        logarithmic = log_axis(ax, np.append(everything, limit))
    ax.axvline(limit, color=style.INK, lw=0.7, ls=(0, (3, 2)), gid="limit", zorder=1)
    ax.annotate(
        f"limit {limit:g}",
        xy=(limit, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color="#555555",
    )
    for row, fit in enumerate(fits):
        value = numbers(summary[summary["hypothesis"] == fit], column)
        ok = np.isfinite(value)
        # golden-ratio steps in the order of the values: even, and the same every time
        order = np.argsort(np.argsort(value[ok], kind="stable"), kind="stable")
        y = row + 0.5 * ((order * 0.6180339887498949) % 1 - 0.5)
        bad = value[ok] > limit if high_is_bad else value[ok] < limit
        for which, colour, size, mark, gid in (
            (~bad, ink[str(fit)], 2.2, "o", "pass"),
            (bad, style.WARN, 2.8, "D", "fail"),
        ):
            ax.plot(
                value[ok][which],
                y[which],
                ls="",
                marker=mark,
                ms=size,
                mew=0,
                alpha=0.75,
                color=colour,
                gid=gid,
                rasterized=len(value) > 3000,
            )
        note = [f"{bad.sum()} of {ok.sum()} fail"] if bad.any() else []
        note += [f"{(~ok).sum()} not finite"] if (~ok).any() else []
        if note:
            ax.annotate(
                ", ".join(note),
                xy=(1, row - 0.36),
                xycoords=ax.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=6,
                color=style.WARN if bad.any() else "#555555",
            )
    if not logarithmic:
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.margins(x=0.06)
