"""Odd tables: one row, nothing finite, hostile and long names, zeros on a log axis."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.figure import (
    comparison,
    diagnostics,
    forest,
    gain_plane,
    kernel,
    prior_posterior,
    signatures,
    style,
    trace,
    unit,
)
from dopafit.figure.table import FigureError, clean

DRAW = {
    "curves": kernel.draw,
    "trace": trace.draw,
    "plane": lambda t: gain_plane.draw(t),
    "draws": prior_posterior.draw,
    "forest": forest.draw,
    "signature": signatures.draw,
    "comparison": comparison.draw,
    "summary": diagnostics.draw,
}
HOSTILE = "$\\frac{a}$ & <b>\n\tname that goes on and on and on and on for a very long while $"


def ready(figure) -> None:
    figure.canvas.draw()


@pytest.mark.parametrize("name", DRAW)
def test_one_row(name, tables, faults):
    assert faults(DRAW[name](tables[name].head(1))) == []


@pytest.mark.parametrize("name", DRAW)
def test_no_row(name, tables):
    ready(DRAW[name](tables[name].head(0)))


@pytest.mark.parametrize("name", DRAW)
def test_nothing_finite(name, tables):
    table = tables[name].copy()
    for column in table.columns:
        if pd.api.types.is_numeric_dtype(table[column]) and table[column].dtype != bool:
            table[column] = np.nan
    ready(DRAW[name](table))


@pytest.mark.parametrize("name", DRAW)
def test_some_infinite(name, tables):
    table = tables[name].copy()
    for column in table.columns:
        if pd.api.types.is_float_dtype(table[column]):
            table.loc[table.index[0], column] = np.inf
    ready(DRAW[name](table))


@pytest.mark.parametrize("name", DRAW)
def test_missing_column(name, tables):
    for column in ("median", "value", "gain_peak", "replicate_median", "dse", "r_hat"):
        if column in tables[name]:
            with pytest.raises(FigureError, match=column) as caught:
                DRAW[name](tables[name].rename(columns={column: f"{column}s"}))
            assert "allowed" in str(caught.value)


@pytest.mark.parametrize("name", DRAW)
def test_not_a_table(name):
    with pytest.raises(FigureError, match="is a list"):
        DRAW[name]([1, 2])


def test_words_where_numbers_belong(tables):
    with pytest.raises(FigureError, match="'median'"):
        kernel.draw(tables["curves"].assign(median="many"))


@pytest.mark.parametrize("name", ["plane", "draws", "forest", "signature", "comparison", "summary"])
def test_hostile_and_long_names(name, tables, faults):
    table = tables[name].copy()
    for column in ("channel", "parameter", "member", "signature", "group", "hypothesis"):
        if column in table:
            table[column] = table[column].astype(str) + HOSTILE
    assert [f for f in faults(DRAW[name](table)) if f.startswith("outside")] == []


def test_hostile_names_in_a_trace(tables, faults):
    events = tables["events"].assign(kind=HOSTILE)
    acts = tables["acts"].assign(kind=HOSTILE)
    figure = trace.draw(tables["trace"], events, acts, title=HOSTILE * 5)
    assert faults(figure) == []


def test_many_presses_are_drawn_as_pixels(tables):
    acts = pd.DataFrame({"time": np.linspace(0, 7200, 5000), "kind": "press"})
    figure = trace.draw(tables["trace"], None, acts)
    (rug,) = figure.findobj(lambda a: a.get_gid() == "act press")
    assert rug.get_rasterized()


def test_300_subjects_in_four_parameters(faults):
    middle = np.random.default_rng(2).normal(size=1200)
    rows = pd.DataFrame(
        {
            "parameter": np.repeat(["a", "b", "c", "d"], 300),
            "member": np.tile(np.arange(300), 4),
            "median": middle,
            "lower_90": middle - 1,
            "upper_90": middle + 1,
        }
    )
    assert faults(forest.draw(rows)) == []


def test_signature_with_zeros_on_a_log_axis(tables, faults):
    table = tables["signature"].copy()
    table.loc[table["x"] == table["x"].min(), "x"] = 0.0
    table["x"] = np.where(table["x"] > 0, table["x"], 0.0)
    figure = signatures.draw(table)
    ax = next(a for a in figure.axes if a.get_title("left"))
    assert ax.get_xscale() == "symlog"
    (observed,) = [x for x in ax.lines if x.get_gid() == "observed"]
    assert observed.get_xdata()[0] == 0.0
    assert faults(figure) == []


def test_draws_that_do_not_vary(tables):
    constant = tables["draws"].assign(value=2.0, scale="linear")
    ready(prior_posterior.draw(constant, tables["contraction"]))
    flat = tables["plane"].assign(gain_peak=1.0)
    ready(gain_plane.draw(flat))


def test_draws_on_a_line_are_points_not_contours(tables):
    line = tables["plane"].assign(gain_trough=lambda t: -0.3 * t["gain_peak"])
    figure = gain_plane.draw(line[line["source"] == "posterior"])
    assert figure.findobj(lambda a: a.get_gid() == "draws")
    assert not figure.findobj(lambda a: a.get_gid() == "posterior 90")


@pytest.mark.parametrize("rho", [0.1, 0.8, 1.0, 1.3, np.nan])
def test_any_slope_of_the_level_ray(rho, tables, faults, rays_at):
    assert faults(gain_plane.draw(tables["plane"], rays=rays_at(rho))) == []


@pytest.mark.parametrize("end", [0.4, 40.0, 3000.0, 20000.0, 4e5])
def test_kernel_on_any_time_scale(end, tables, faults):
    factor = end / tables["curves"]["time"].max()
    curves = tables["curves"].assign(time=lambda t: t["time"] * factor)
    marks = tables["landmarks"].copy()
    marks[["median", "lower_90", "upper_90"]] *= factor
    assert faults(kernel.draw(curves, marks, prior=curves)) == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.25, (1e-3, "ms")),
        (90, (1, "s")),
        (180, (1, "s")),
        (600, (60, "min")),
        (20000, (3600, "h")),
        (1e6, (86400, "d")),
        (0, (1, "s")),
    ],
)
def test_time_unit(seconds, expected):
    assert unit.time_unit([0, seconds, np.nan]) == expected


def test_time_unit_of_nothing():
    assert unit.time_unit([]) == (1.0, "s")


def test_human():
    assert unit.human(750) == "12.5 min"
    assert unit.human(0.04) == "40 ms"
    assert unit.human(100) == "100 s"
    assert unit.human(np.nan) == "not finite"


@pytest.mark.parametrize("values", [[1e-9, 1e9], [3, 3], [2, 2.1], [0, 0], [np.nan], [0, 5, 900]])
@pytest.mark.parametrize("seconds", [True, False])
def test_log_axis_never_fails(values, seconds):
    with style.context():
        figure = style.canvas(89, 60)
        ax = figure.add_subplot()
        ax.plot(values, np.zeros(len(values)))
        became = unit.log_axis(ax, np.array(values, dtype=float), seconds=seconds)
        assert became == bool((np.array(values) > 0).any())
        ready(figure)
        assert len(ax.get_xticks()) < 12


def test_clean():
    assert clean("a\n\tb\x00c") == "a b c"
    assert clean("x" * 50, 10) == "x" * 6 + "…" + "x" * 3
    assert clean(None, 10) == "None"
