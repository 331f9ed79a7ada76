"""Predictive checks on the patterns that tell the rival hypotheses apart."""

from __future__ import annotations

import textwrap
from typing import Any

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
from dopafit.figure.unit import log_axis, time_unit

__all__ = ["draw"]

_LOG = 50  # ratio of the largest to the smallest x above which the axis is logarithmic
_SECONDS = " [s]"
_ASIDE = 0.15  # of a category's width, between the data and the replicates
_KEY = ("signature", "channel", "group", "hypothesis")
_Key = tuple[str, str, str, str]
_MANY = 6  # more panels than this are small


@stamped
def draw(
    signature: pd.DataFrame,
    *,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw what was observed over what each hypothesis would produce, each in panels of its own.

    Parameters
    ----------
    signature : DataFrame
        Columns ``signature``, ``x``, ``observed``, ``replicate_median``, ``lower_90``,
        ``upper_90``; optional ``lower_50``, ``upper_50``, ``channel``, ``group``, ``hypothesis``,
        ``source`` (``posterior`` or ``prior``), ``x_lower`` and ``x_upper`` (edges of the bin),
        ``observed_lower`` and ``observed_upper`` (90 % interval of the data), ``x_name`` (names of
        categories), ``style`` (``line`` or ``bars``), ``x_label``, ``y_label``. A panel shows one
        signature, channel, group and hypothesis; those of one signature share their y axis. Where
        the label of x ends in ``[s]`` the axis takes the unit that reads best.
    """
    need(
        signature,
        ("signature", "x", "observed", "replicate_median", "lower_90", "upper_90"),
        "signature",
    )
    table = signature.copy()
    for column, default in (("hypothesis", ""), ("source", "posterior")):
        table[column] = table[column].fillna(default) if column in table else default
    for column in ("channel", "group"):
        table[column] = table[column].fillna("").astype(str) if column in table else ""
    keys = list(dict.fromkeys(zip(*(table[c] for c in _KEY), strict=True)))
    small = len(keys) > _MANY
    columns = style.columns(len(keys), 4 if small else 3)
    rows = -(-max(1, len(keys)) // columns)
    width = {1: style.NARROW, 2: style.MEDIUM}.get(columns, style.WIDE)
    ink = style.colours(dict.fromkeys(table["hypothesis"]))
    handles = _legend(table, ink)
    height = (50.0 if columns == 1 else 36.0 if small else 46.0) * rows + 4.0 * -(
        -len(handles) // style.legend_columns(handles, width)
    )
    figure, parent, spec = style.host(ax, width, height)
    place = style.legend_row(parent, spec, handles)
    panels = style.grid(parent, place, max(1, len(keys)), columns)
    if not keys:
        style.nothing(panels[0])
    limits: dict[tuple[str, str], list[float]] = {}
    for i, (panel, key) in enumerate(zip(panels, keys, strict=False)):
        mine = table[(table[[*_KEY]] == list(key)).all(axis=1)]
        _panel(panel, mine, ink[key[3]])
        if len({k[:2] for k in keys}) == 1:  # neighbours have the same axes
            panel.set_ylabel("" if i % columns else panel.get_ylabel())
            panel.set_xlabel("" if i + columns < len(keys) else panel.get_xlabel())
        low, high = panel.get_ylim()
        seen = limits.setdefault(key[:2], [low, high])
        seen[:] = [min(seen[0], low), max(seen[1], high)]
        pad = _heading(panel, key, keys, ink)
        if 1 < len(keys) <= _MANY:
            style.letter(panel, chr(ord("a") + i % 26), pad)
    for panel, key in zip(panels, keys, strict=False):
        panel.set_ylim(limits[key[:2]])  # groups of one signature compare by eye
    return figure, panels[0]


def _heading(ax: Axes, key: _Key, keys: list[_Key], ink: dict[str, str]) -> float:
    """Name the hypothesis, or the signature, and below it what tells this panel from others.

    Returns the height of the title above the axes [pt].
    """
    seconds = {k: _second(k, keys) for k in keys}
    pad = 12.0 if any(seconds.values()) else 4.0
    several = len(ink) > 1
    words = clean(key[3], 29) if several else clean(key[0], 58)
    title = textwrap.fill(words, 29 if len(keys) > 1 else 34)
    colour = style.dark(ink[key[3]]) if several else style.INK
    ax.set_title(title, fontweight="bold", pad=pad, color=colour)
    if seconds[key]:
        ax.text(0, 1.02, seconds[key], transform=ax.transAxes, va="bottom", color="#555555")
    return pad


def _second(key: _Key, keys: list[_Key]) -> str:
    """Return signature, channel and group, as far as the title and the other panels leave open."""
    parts = []
    if len({k[3] for k in keys}) > 1 and len({k[0] for k in keys}) > 1:
        parts.append(clean(key[0], 24))
    if len({k[1] for k in keys if k[0] == key[0]}) > 1:
        parts.append(clean(key[1], 18))
    if len({k[2] for k in keys if k[:2] == key[:2]}) > 1:
        parts.append(clean(key[2], 18))
    return " · ".join(p for p in parts if p)


def _legend(table: pd.DataFrame, ink: dict[str, str]) -> list[Any]:
    """Entries for the data with their bins and intervals, the replicates and the prior."""
    point = {"marker": "o", "ms": 4, "mfc": style.INK, "mec": "white", "color": style.INK}
    entries: list[Any] = [Line2D([], [], ls="", **point, label="observed")]
    if has(table, "x_lower", "x_upper"):
        entries.append(Line2D([], [], color=style.INK, lw=0.5, label="width of a bin"))
    if has(table, "observed_lower", "observed_upper"):
        tick = {"marker": "|", "ms": 7, "mew": 0.8, "color": style.INK}
        entries.append(Line2D([], [], ls="", **tick, label="data: 90 %"))
    masses = "50, 90 %" if has(table, "lower_50") else "90 %"
    if (table["source"] != "prior").any():
        first = next(iter(ink))
        look = {"color": ink[first], "ls": style.dashes(first)}
        look = look if len(ink) == 1 else {"color": style.FAINT}
        entries.append(Line2D([], [], **look, label="replicates: median"))
        entries.append(Patch(color=style.FAINT, alpha=0.4, lw=0, label=f"band: {masses}"))
    if (table["source"] == "prior").any():
        entries.append(Patch(color=style.PRIOR, alpha=0.2, lw=0, label="prior 90 %"))
    return entries


def _panel(ax: Axes, table: pd.DataFrame, colour: str) -> None:
    """Bands and medians of one hypothesis's replicates, points of the data."""
    x_label, y_label = _text(table, "x_label"), _text(table, "y_label")
    x = numbers(table, "x")
    names = _categories(table)
    seconds = x_label.endswith(_SECONDS)
    scale = 1.0
    positive = x[np.isfinite(x) & (x > 0)]
    spread = positive.max() / positive.min() if positive.size else 1.0
    if names is None and spread > _LOG:
        log_axis(ax, x, seconds=seconds)
        x_label = x_label.removesuffix(_SECONDS) if seconds else x_label
    elif seconds and names is None:
        scale, unit = time_unit(x)
        x_label = f"{x_label.removesuffix(_SECONDS)} [{unit}]"
    prior, mine = table[table["source"] == "prior"], table[table["source"] != "prior"]
    if len(prior):
        _band(ax, prior, scale, style.PRIOR, "-", names, prior=True)
    _band(ax, mine, scale, colour, style.dashes(table["hypothesis"].iloc[0]), names, prior=False)
    _points(ax, table, scale, names, 0.0 if names is None else -_ASIDE)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    if not _absurd(ax, prior, numbers(table, "observed")):
        ax.yaxis.set_major_locator(MaxNLocator(5))
    if names is not None:
        ax.set_xticks(list(names.values()), [clean(n, 14) for n in names])
        ax.set_xlim(-0.6, len(names) - 0.4)
    ax.autoscale_view(scalex=names is None)


def _absurd(ax: Axes, prior: pd.DataFrame, seen: np.ndarray) -> bool:
    """Bend the y axis where the prior reaches so far that the data would lie on its bottom."""
    top = np.nanmax(np.abs(seen), initial=0.0, where=np.isfinite(seen))
    reach = np.nanmax(numbers(prior, "upper_90"), initial=0.0) if len(prior) else 0.0
    if not 0.0 < _LOG * top < reach:
        return False
    ax.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(top)))
    style.plain_ticks(ax.yaxis)
    return True


def _text(table: pd.DataFrame, column: str) -> str:
    """First label in a column, or an empty string."""
    if column not in table:
        return ""
    found = table[column].dropna()
    return clean(found.iloc[0], 48) if len(found) else ""


def _categories(table: pd.DataFrame) -> dict[str, float] | None:
    """Return {name: place} where x is named, in the order of x; else None."""
    if "x_name" not in table or table["x_name"].isna().all():
        return None
    known = table[table["x_name"].notna()].sort_values("x", kind="stable")
    return {str(n): float(i) for i, n in enumerate(dict.fromkeys(known["x_name"]))}


def _place(table: pd.DataFrame, scale: float, names: dict[str, float] | None) -> np.ndarray:
    """Return where the rows lie along x, shape (rows,)."""
    if names is None:
        return numbers(table, "x") / scale
    return np.array([names.get(str(n), np.nan) for n in table["x_name"]])


def _band(
    ax: Axes,
    table: pd.DataFrame,
    scale: float,
    colour: str,
    dash: Any,
    names: dict[str, float] | None,
    *,
    prior: bool,
) -> None:
    """Bands over a numeric x; bars side by side over categories or where there is one point."""
    x = _place(table, scale, names)
    median = numbers(table, "replicate_median")
    order = np.argsort(x, kind="stable")
    order = order[np.isfinite(x[order]) & np.isfinite(median[order])]
    x, median, table = x[order], median[order], table.iloc[order]
    if not len(x):
        return
    name = "prior" if prior else "replicates"
    bars = (
        names is not None or len(x) == 1 or ("style" in table and (table["style"] == "bars").all())
    )
    at = x + _ASIDE if names is not None else x
    for mass, alpha, wide in (("90", 0.2, 1.0), ("50", 0.3, 2.4)):
        if mass == "50" and (prior or not has(table, "lower_50", "upper_50")):
            continue
        low, high = numbers(table, f"lower_{mass}"), numbers(table, f"upper_{mass}")
        if bars:
            wide = 3.5 if prior else wide
            alpha = 0.25 if prior else 1
            ax.vlines(at, low, high, color=colour, lw=wide, alpha=alpha, gid=f"{name} {mass}")
        else:
            ax.fill_between(at, low, high, color=colour, alpha=alpha, lw=0, gid=f"{name} {mass}")
    if bars:
        ax.plot(at, median, ls="", marker="_", ms=6, mew=1.2, color=colour, gid=f"{name} median")
    elif not prior:
        ax.plot(at, median, color=colour, ls=dash, lw=1.1, gid=f"{name} median")


def _points(
    ax: Axes, table: pd.DataFrame, scale: float, names: dict[str, float] | None, shift: float
) -> None:
    """Observed points, once; thin bars show the bins, upright ones how sure the points are."""
    spread = ("observed_lower", "observed_upper")
    known = ("x", "x_name", "x_lower", "x_upper", "observed", *spread)
    table = table[[c for c in known if c in table]].drop_duplicates()
    x, y = _place(table, scale, names), numbers(table, "observed")
    least, most = (numbers(table, column) for column in spread)
    ok = np.isfinite(x) & np.isfinite(least) & np.isfinite(most)
    if ok.any():
        ax.vlines(
            (x + shift)[ok],
            least[ok],
            most[ok],
            color=style.INK,
            lw=0.8,
            zorder=4,
            gid="observed 90",
        )
    low, high = numbers(table, "x_lower") / scale, numbers(table, "x_upper") / scale
    ok = np.isfinite(low) & np.isfinite(high) & np.isfinite(y) & (names is None)
    if ok.any():
        ax.hlines(y[ok], low[ok], high[ok], color=style.INK, lw=0.5, zorder=4, gid="bins")
    ax.plot(
        x + shift,
        y,
        ls="",
        marker="o",
        ms=3.8,
        mfc=style.INK,
        mec="white",
        mew=0.6,
        zorder=5,
        gid="observed",
    )
