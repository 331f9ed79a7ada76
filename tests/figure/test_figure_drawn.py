"""What is drawn equals the tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from dopafit.figure import (
    comparison,
    diagnostics,
    forest,
    gain_plane,
    kernel,
    multiverse,
    prior_posterior,
    signatures,
    trace,
)
from dopafit.figure.density import contours, outline


def marked(figure: Figure, gid: str) -> list:
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def corners(band) -> np.ndarray:
    return band.get_paths()[0].vertices


def segments(lines) -> np.ndarray:
    return np.array(lines.get_segments())


def test_kernel(tables, words):
    curves, landmarks = tables["curves"], tables["landmarks"]
    figure = kernel.draw(curves, landmarks)
    (median,) = marked(figure, "median")
    assert_allclose(median.get_xdata(), curves["time"] / 60)
    assert_allclose(median.get_ydata(), curves["median"])
    for mass in ("50", "90"):
        (band,) = marked(figure, f"band {mass}")
        drawn = {tuple(np.round(v, 9)) for v in corners(band)}
        for side in ("lower", "upper"):
            points = np.column_stack([curves["time"] / 60, curves[f"{side}_{mass}"]])
            assert {tuple(np.round(v, 9)) for v in points} <= drawn
    points = marked(figure, "landmark")
    assert_allclose([p.get_xdata()[0] for p in points], landmarks["median"] / 60)
    assert_allclose([p.get_ydata()[0] for p in points], landmarks["level"])
    spans = np.array([p.get_xdata() for p in marked(figure, "interval")])
    assert_allclose(spans, landmarks[["lower_90", "upper_90"]] / 60)
    text = " ".join(words(figure))
    assert "peak = 1, 4.67 min" in text
    assert "crossing, 24.2 min" in text
    assert "trough = \N{MINUS SIGN}0.20, 41.7 min" in text
    assert "[min]" in text


def test_kernel_without_half_bands_or_prior(tables):
    figure = kernel.draw(tables["curves"].drop(columns=["lower_50", "upper_50"]))
    assert marked(figure, "band 90") and not marked(figure, "band 50")
    assert not marked(figure, "prior") and not marked(figure, "landmark")


def test_trace(tables):
    figure = trace.draw(tables["trace"], tables["events"], tables["acts"])
    (median,) = marked(figure, "median")
    assert_allclose(median.get_ydata(), tables["trace"]["median"])
    (food,) = marked(figure, "event food")
    (cue,) = marked(figure, "event cue")
    ticks = segments(food)
    assert_allclose(ticks[:, 0, 0], [1, 50])  # minutes
    heights = np.concatenate([np.ptp(segments(c)[:, :, 1], axis=1) for c in (food, cue)])
    assert_allclose(heights / heights.max(), [0.25, 1.0, 0.5])
    (pursue,) = marked(figure, "act pursue")
    assert_allclose(segments(pursue)[:, 0, 0], [1.5, 15])


def test_trace_event_without_magnitude_is_still_drawn(tables):
    events = tables["events"].assign(magnitude=[np.nan, 2.0, -4.0])
    figure = trace.draw(tables["trace"], events)
    (plain,) = marked(figure, "event food without magnitude")
    assert_allclose(segments(plain)[:, 0, 0], [1])
    (food,) = marked(figure, "event food")
    start, end = segments(food)[0][:, 1]
    assert end < start  # a negative magnitude hangs down


def test_trace_shows_how_long_events_last(tables):
    events = tables["events"].assign(duration=[120.0, np.nan, 0.0])
    food = [kind == "food" for kind in events["kind"]]
    figure = trace.draw(tables["trace"], events)
    bars = np.concatenate([segments(c) for c in marked(figure, "lasting food")])
    lengths = events["duration"][food].dropna() / 60  # minutes
    assert_allclose(np.ptp(bars[:, :, 0], axis=1), lengths)
    assert not marked(trace.draw(tables["trace"], tables["events"]), "lasting food")


def test_gain_plane(tables):
    figure = gain_plane.draw(tables["plane"], rays=tables["rays"])
    assert [a.get_title("left") for a in figure.axes if a.get_title("left")] == [
        "choice",
        "latency",
    ]
    x, y = marked(figure, "ray level")[0].get_data()
    assert y[1] / x[1] == pytest.approx(-0.3) and x[1] > 0
    x, y = marked(figure, "ray suppression")[0].get_data()
    assert y[1] / x[1] == pytest.approx(-0.3) and x[1] < 0
    assert_allclose(marked(figure, "ray trough")[0].get_xdata(), [0, 0])
    assert_allclose(marked(figure, "ray peak")[0].get_ydata(), [0, 0])
    assert len(marked(figure, "posterior 90")) == len(marked(figure, "prior 90")) == 2


def test_contours_hold_their_mass():
    rng = np.random.default_rng(5)
    cover = np.array([[0.1, 0.095], [0.095, 0.1]])  # an oblique ridge
    points = rng.multivariate_normal([3, -2], cover, 8000)
    x, y, density, (outer, inner) = contours(points, (0.9, 0.5))
    distance = np.einsum(
        "i...,ij,j...->...", d := np.stack([x - 3, y + 2]), np.linalg.inv(cover), d
    )
    # exact ellipses of the normal: chi-squared quantiles with 2 degrees of freedom
    for level, mass in ((outer, 0.9), (inner, 0.5)):
        exact = -2 * np.log(1 - mass)
        assert np.median(distance[np.abs(density / level - 1) < 0.05]) == pytest.approx(
            exact, rel=0.12
        )


def test_outline_is_the_density():
    rng = np.random.default_rng(6)
    at = np.linspace(-3, 3, 61)
    assert_allclose(outline(rng.normal(0, 1, 20000), at), np.exp(-(at**2) / 2), atol=0.08)
    half = outline(np.abs(rng.normal(0, 1, 20000)), at, floor=0.0)
    assert (half[at < -1e-9] == 0).all()
    assert_allclose(half[at >= 0], np.exp(-(at[at >= 0] ** 2) / 2), atol=0.08)


def test_prior_posterior(tables, words):
    draws, contraction = tables["draws"], tables["contraction"]
    figure = prior_posterior.draw(draws, contraction)
    log, linear = (a for a in figure.axes if a.get_title("left"))
    assert log.get_xscale() == "log" and linear.get_xscale() == "linear"
    for ax, name in ((log, "trough_ratio"), (linear, "choice_rest")):
        value = draws[(draws["parameter"] == name) & (draws["source"] == "posterior")]["value"]
        (fill,) = [c for c in ax.collections if c.get_gid() == "posterior"]
        top = corners(fill)[np.argmax(corners(fill)[:, 1])]
        assert top[1] == pytest.approx(1.0)
        assert value.quantile(0.1) < top[0] < value.quantile(0.9)
    text = " ".join(words(figure))
    assert "contraction 0.91" in text
    assert "not informed by your data (0.04)" in text


def test_prior_posterior_says_how_many_a_log_axis_lost(words):
    draws = pd.DataFrame(
        {
            "parameter": "a",
            "unit": "s",
            "scale": "log",
            "source": "posterior",
            "value": [0.0, -1.0, *np.linspace(1, 9, 50)],
        }
    )
    assert any("2 draws ≤ 0 not shown" in w for w in words(prior_posterior.draw(draws)))


def test_forest_is_sorted(tables):
    rows = tables["forest"]
    figure = forest.draw(rows, tables["population"])
    ax = next(a for a in figure.axes if a.get_title("left") == "choice_rest")
    ordered = rows.sort_values("median")
    assert [t.get_text() for t in ax.get_yticklabels()] == list(ordered["member"])
    (points,) = marked(figure, "median")
    assert_allclose(points.get_xdata(), ordered["median"])
    for mass in ("50", "90"):
        (lines,) = marked(figure, f"interval {mass}")
        assert_allclose(
            segments(lines)[:, :, 0], ordered[[f"lower_{mass}", f"upper_{mass}"]], atol=1e-12
        )
    (span,) = marked(figure, "population 90")
    assert_allclose([span.get_x(), span.get_x() + span.get_width()], [-0.2, 0.4])


@pytest.mark.parametrize("members", [1, 60, 61, 1000])
def test_forest_switches_to_a_caterpillar(members, faults):
    middle = np.random.default_rng(1).normal(size=members)
    rows = pd.DataFrame(
        {
            "parameter": "choice_rest",
            "member": [f"s{i}" for i in range(members)],
            "median": middle,
            "lower_90": middle - 1,
            "upper_90": middle + 1,
        }
    )
    figure = forest.draw(rows)
    names = [t.get_text() for a in figure.axes for t in a.get_yticklabels()]
    assert ("s0" in names) == (members <= forest.LABELLED)
    assert len(marked(figure, "median")[0].get_xdata()) == members
    assert figure.get_size_inches()[1] < 9.5  # a page
    assert faults(figure) == []


def test_signatures(tables):
    table = tables["signature"]
    figure = signatures.draw(table)
    panels = [a for a in figure.axes if a.get_title("left")]
    both = [(group, drive) for group in ("placebo", "drug") for drive in ("trough", "level")]
    for ax, (group, drive) in zip(panels, both, strict=True):  # one per group and hypothesis
        mine = table[(table["group"] == group) & (table["hypothesis"] == drive)]
        assert drive in ax.get_title("left")
        (observed,) = [x for x in ax.lines if x.get_gid() == "observed"]
        assert_allclose(observed.get_xdata(), mine["x"])
        assert_allclose(observed.get_ydata(), mine["observed"])
        (spread,) = [x for x in ax.collections if x.get_gid() == "observed 90"]
        assert_allclose(segments(spread)[:, :, 1], mine[["observed_lower", "observed_upper"]])
        (median,) = [x for x in ax.lines if x.get_gid() == "replicates median"]
        assert_allclose(median.get_ydata(), mine["replicate_median"])
        assert ax.get_xscale() == "log"
        assert ax.get_ylim() == panels[0].get_ylim()


def test_signatures_short_range_is_linear_in_minutes(tables):
    table = tables["signature"]
    table = table[table["x"] > 1000].assign(x=lambda t: t["x"] + 0.0)
    figure = signatures.draw(table)
    ax = [a for a in figure.axes if a.get_title("left")][-1]  # the lowest row has the labels
    assert ax.get_xscale() == "linear" and ax.get_xlabel() == "Time since event [min]"
    (observed,) = [x for x in ax.lines if x.get_gid() == "observed"]
    assert_allclose(observed.get_xdata(), table["x"].unique() / 60)


def test_signatures_named_categories_and_prior(tables, faults):
    base = tables["signature"].iloc[[0, 1, 7, 8]].copy()
    base["x"] = [0.0, 1.0, 0.0, 1.0]
    base["x_name"] = ["single", "paired"] * 2
    table = pd.concat([base, base.assign(source="prior")]).assign(x_label="Events")
    figure = signatures.draw(table)
    ax = next(a for a in figure.axes if a.get_title("left"))
    assert [t.get_text() for t in ax.get_xticklabels()] == ["single", "paired"]
    assert ax.get_xlabel() == "Events"
    assert marked(figure, "prior 90") and faults(figure) == []


def test_comparison(tables, words):
    table = tables["comparison"]
    figure = comparison.draw(table, unit="subject", n_units=8)
    points = marked(figure, "difference")
    assert_allclose([p.get_xdata()[0] for p in points], table["elpd_diff"])
    hollow = [p.get_markerfacecolor() == "white" for p in points]
    assert hollow == [False, False, True]  # the fit that did not converge
    for times in (1, 2):
        spans = np.array([p.get_xdata() for p in marked(figure, f"interval {times}")])
        known = table[table["dse"] > 0]
        reach = times * known["dse"].to_numpy()[:, None] * [-1, 1]
        assert_allclose(spans, known["elpd_diff"].to_numpy()[:, None] + reach)
    bars = marked(figure, "weight")
    assert_allclose([b.get_width() for b in bars], table["weight"])
    (band,) = marked(figure, "small")
    assert_allclose([band.get_x(), band.get_width()], [-4, 8])
    text = " ".join(words(figure))
    assert "too small to tell, < 4" in text and "equivalent" not in text
    assert "leave one subject out, n = 8" in text and "(better →)" in text
    assert "max k 0.90, 2 > 0.7" in text and "not converged" in text


def test_comparison_names_the_better_side(tables, words):
    flipped = tables["comparison"].assign(elpd_diff=[0.0, 10.0, 30.0])
    assert "(← better)" in " ".join(words(comparison.draw(flipped)))


def test_diagnostics(tables, words):
    summary = tables["summary"].copy()
    summary.loc[0, "r_hat"] = np.nan
    summary.loc[1, "r_hat"] = 1.2
    figure = diagnostics.draw(summary)
    for ax, column in zip(figure.axes, ("r_hat", "ess_bulk", "ess_tail"), strict=True):
        drawn = [x.get_xdata() for x in ax.lines if x.get_gid() in ("pass", "fail")]
        known = summary[column].dropna()
        assert_allclose(np.sort(np.concatenate(drawn)), np.sort(known))
        failed = np.concatenate([x.get_xdata() for x in ax.lines if x.get_gid() == "fail"])
        bad = known[known > 1.01] if column == "r_hat" else known[known < 400]
        assert_allclose(np.sort(failed), np.sort(bad))
    text = " ".join(words(figure))
    assert "1 not finite" in text and "fail" in text


def test_a_rival_far_behind_does_not_hide_the_others(tables) -> None:
    """Differences of 0, 33 and 1969: two linear axes, each rival drawn in full on its own."""
    table = tables["comparison"].copy()
    table = table.iloc[:3].assign(elpd_diff=[0.0, -33.4, -1969.4], dse=[0.0, 24.1, 458.5])
    figure = comparison.draw(table, unit="session", n_units=12)
    (near,) = (a for a in figure.axes if "elpd" in a.get_xlabel())
    (away,) = (a for a in figure.axes if "scale of its own" in a.get_xlabel())
    figure.canvas.draw()
    assert {a.get_xscale() for a in figure.axes} == {"linear"} and marked(figure, "break")
    assert near.get_xlim()[0] < -33.4 - 2 * 24.1 and near.get_xlim()[1] > 4
    assert away.get_xlim()[0] < -1969.4 - 2 * 458.5 and away.get_xlim()[1] < near.get_xlim()[0]
    assert away.get_position().x1 < near.get_position().x0
    mirrored = comparison.draw(table.assign(elpd_diff=-table["elpd_diff"]), unit="session")
    near, away = (next(a for a in mirrored.axes if w in a.get_xlabel()) for w in ("elpd", "own"))
    mirrored.canvas.draw()
    assert away.get_position().x0 > near.get_position().x1
    for differences in ([0.0, -33.4, -39.0], [0.0, -200.0, -900.0]):  # nothing to be kept apart
        whole = comparison.draw(table.assign(elpd_diff=differences), unit="session")
        assert not marked(whole, "break")


def test_a_figure_of_the_prior_names_no_other_band(tables, words) -> None:
    table = tables["signature"]
    prior = table[table["hypothesis"] == "trough"].assign(source="prior")
    told = words(signatures.draw(prior))
    assert "prior 90 %" in told and not any(text.startswith("band:") for text in told)
    assert any(text.startswith("band:") for text in words(signatures.draw(table)))  # control


def test_multiverse(tables, words):
    rows = tables["multiverse"]
    figure = multiverse.draw(rows, effect="Size [points]")
    places = sorted(marked(figure, "median"), key=lambda line: line.get_xdata()[0])
    assert_allclose([line.get_ydata()[0] for line in places], np.sort(rows["median"]))
    rank = int(np.argsort(np.argsort(rows["median"]))[0])
    assert [line.get_marker() for line in places].index("D") == rank  # the analysis's own
    hollow = [line for line in places if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata()[0] for line in hollow] == [rows["median"][4]]
    # every specification has one mark a choice, and only choices that differ have rows
    chosen = np.concatenate([line.get_xdata() for line in marked(figure, "chosen")])
    assert (np.bincount(chosen.astype(int)) == 4).all()
    text = words(figure)
    assert "Priors of gains" in text and "Intercepts of sessions" not in text
    assert "Specifications, sorted by median (n = 15)" in text
    some = rows.assign(median=rows["median"].where(rows["own"]))
    assert "(n = 1; 14 without a size)" in " ".join(words(multiverse.draw(some)))
    none = multiverse.draw(rows.assign(median=np.nan))
    assert "nothing to draw" in words(none)
