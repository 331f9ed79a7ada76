"""What every figure promises: the stamp, no global change, a place in somebody's figure."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dopafit.figure import kernel, stamp, style

STAMP = "trough drive · R-hat 1.31 · 17 divergences · study 7c1e09"


def marked(figure: Figure, gid: str) -> list:
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def test_stamp_and_banner_are_drawn_and_everything_is_legible(make, faults):
    figure = make(stamp=STAMP, converged=False, simulated=True)
    assert faults(figure) == []  # the texts were drawn, within the page
    assert [t.get_text() for t in marked(figure, "banner") if hasattr(t, "get_text")] == [
        stamp.BANNER
    ]
    assert [t.get_text() for t in marked(figure, "simulated")] == [stamp.SIMULATED]
    assert "17 divergences" in marked(figure, "stamp")[0].get_text()


def test_nothing_to_stamp(figures, words):
    text = words(figures["kernel"]())
    assert stamp.BANNER not in text and stamp.SIMULATED not in text


def test_legible_without_a_stamp(make, faults):
    assert faults(make()) == []


def test_no_banner_on_a_converged_fit(make):
    assert not marked(make(stamp=STAMP, converged=True), "banner")


def test_no_banner_where_convergence_does_not_apply(figures):
    assert not marked(figures["comparison"](stamp=STAMP, converged=None), "banner")


def test_banner_spans_the_figure_in_red(figures):
    figure = figures["kernel"](converged=False)
    figure.canvas.draw()
    row = np.asarray(figure.canvas.buffer_rgba())[2, :, :3].astype(int)
    assert (row[:, 0] > 150).all() and (row[:, 1:] < 60).all()


def test_the_figure_grows_for_the_stamp(figures):
    plain, stamped = figures["forest"](), figures["forest"](stamp=STAMP, converged=False)
    assert stamped.get_size_inches()[0] == plain.get_size_inches()[0]
    assert stamped.get_size_inches()[1] > plain.get_size_inches()[1] + 0.2


def test_rc_is_left_alone(make):
    before = dict(matplotlib.rcParams)
    make(stamp=STAMP, converged=False)
    assert dict(matplotlib.rcParams) == before


def test_takes_axes_of_another_figure(make, words):
    with style.context():
        figure = style.canvas(183, 150)
        axes = figure.subplots(2, 2)
    size = tuple(figure.get_size_inches())
    returned = make(ax=axes[0, 1], stamp="this fit", converged=False, simulated=True)
    assert returned is figure
    assert tuple(figure.get_size_inches()) == size
    text = words(figure)
    assert stamp.BANNER in text
    assert any("this fit" in t and stamp.SIMULATED in t for t in text)
    # nothing was drawn on the neighbours
    assert not axes[1, 0].lines and not axes[1, 0].collections


def test_takes_axes_outside_a_grid(make):
    figure = style.canvas(183, 100)
    ax = figure.add_axes((0.3, 0.3, 0.6, 0.6))
    assert make(ax=ax) is figure


def test_figure_package_does_not_import_matplotlib():
    code = (
        "import sys; from dopafit import figure; "
        "assert 'matplotlib' not in sys.modules; "
        "from dopafit.figure import kernel; assert 'matplotlib' in sys.modules; "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_unknown_module_is_an_attribute_error():
    from dopafit import figure

    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        _ = figure.pie


def test_drive_colours_are_fixed_and_distinct():
    ink = style.colours(["no_drive", "trough", "peak", "level", "encompassing"])
    assert ink["trough"] == "#0072b2" and ink["peak"] == "#e69f00" and ink["level"] == "#009e73"
    assert len(set(ink.values())) == 5
    more = style.colours(["trough", "mine", "yours"])
    assert len(set(more.values())) == 3


def test_long_stamp_keeps_its_words(tables, faults, words):
    long = " · ".join(f"item {i} of a long stamp" for i in range(20))
    figure = kernel.draw(tables["curves"], stamp=long, simulated=True)
    assert faults(figure) == []
    drawn = " ".join(t.get_text() for t in marked(figure, "stamp"))
    assert all(f"item {i} of" in drawn for i in range(20))


def test_every_figure_shows_the_arguments_that_all_share(request):
    for name in request.getfixturevalue("figures"):
        draw = importlib.import_module(f"dopafit.figure.{name}").draw
        assert {"stamp", "converged", "simulated", "ax"} <= set(inspect.signature(draw).parameters)
        doc = inspect.getdoc(draw)
        for part in ("stamp : str or None", "ax : Axes or None", "Returns", "FigureError"):
            assert doc.count(part) == 1, (name, part)
        with pytest.raises(TypeError, match="colour_of_money"):
            draw(pd.DataFrame(), colour_of_money=3)
