"""Units whose score cannot be trusted are fitted without: counted, limited, kept, said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import dopafit.compare.refit as refit
from dopafit.backend.evidence.refits import Refit
from dopafit.backend.evidence.scores import LooResult
from dopafit.compare.loo import compare_loo
from dopafit.compare.refit import refitted
from dopafit.compare.score import Score
from dopafit.compare.settled import moved
from dopafit.core.errors import FitError
from dopafit.fit.progress import Progress

LABELS = ("a/1", "a/2", "b/1", "b/2", "c/1")
OWNERS = ("a", "a", "b", "b", "c")


def scored(points, k=(0.1, 0.9, 0.8, 0.2, np.nan), half=None) -> Score:
    points = np.array(points, dtype=float)
    result = LooResult(points.sum(), 1.0, 2.0, points, np.array(k, dtype=float), 0.7)
    return Score(result, LABELS, OWNERS, "session", None, half)


class Lines(Progress):
    """Remembers what is shown."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 0.0)
        self.lines = []

    def _close(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def made(monkeypatch):
    """Let refits be known numbers; remember which were made."""
    asked = []

    class Known:
        def __init__(self, layout, x, h, *, after) -> None:
            assert after is None

        def without(self, unit, place, *, seed, cores) -> Refit:
            asked.append((unit, place, seed))
            if place == 2:
                raise FitError("broke", allowed="", todo="")
            return Refit(-10.0 - place, 0.05, 400, 1.01, 0, place != 4)

    monkeypatch.setattr(refit, "Refits", Known)
    return asked


def test_bad_units_are_replaced_the_worst_first_and_kept(tiny_fit, made, tmp_path) -> None:
    keep, show = tmp_path / "refits.json", Lines()
    options = {"seed": 3, "keep": keep, "show": show}
    found = refitted(tiny_fit, scored([-1.0] * 5), limit=20, **options)
    assert sorted(made) == [("session", 1, 3), ("session", 2, 3), ("session", 4, 3)]
    # of c/1 the refit is not fine, and that of b/1 broke down: both stay as they were
    np.testing.assert_allclose(found.result.elpd_i, [-1, -11, -1, -1, -1])
    assert found.result.refitted.tolist() == [False, True, False, False, False]
    assert found.result.bad.tolist() == [False, False, True, False, True]
    assert found.result.elpd == -15.0 and found.result.p == pytest.approx(12.0)
    text = "\n".join(show.lines)
    assert "refitting trough without a/2" in text and "-11.00 +- 0.05, by reweighting -1.00" in text
    assert "not used (R-hat 1.01" in text and "its chains broke down" in text
    labels = {entry["label"] for entry in json.loads(keep.read_text())["refits"].values()}
    assert labels == {"a/2", "c/1"}
    made.clear()
    again = refitted(tiny_fit, scored([-1.0] * 5), limit=20, **options)
    assert made == [("session", 2, 3)]  # the broken one is tried again
    np.testing.assert_array_equal(again.result.elpd_i, found.result.elpd_i)
    keep.write_text("damaged")
    refitted(tiny_fit, scored([-1.0] * 5), limit=20, **options)
    assert len(made) == 4


def test_a_limit_leaves_the_better_ones(tiny_fit, made) -> None:
    options = {"seed": 3, "keep": None, "show": Progress()}
    found = refitted(tiny_fit, scored([-1.0] * 5), limit=2, **options)
    assert {place for _, place, _ in made} == {1, 4}
    assert found.result.bad.tolist() == [False, False, True, False, True]
    same = scored([-1.0] * 5)
    assert refitted(tiny_fit, same, limit=0, **options) is same and len(made) == 2
    sure = scored([-1.0] * 5, k=[0.1] * 5)
    assert refitted(tiny_fit, sure, limit=20, **options) is sure and len(made) == 2


def test_the_comparison_counts_refits(tiny_fit, made) -> None:
    options = {"seed": 3, "keep": None, "show": Progress()}
    one = refitted(tiny_fit, scored([-1.0] * 5, k=[0.1, 0.9, 0.2, 0.2, 0.2]), limit=20, **options)
    other = scored([-2.0] * 5, k=[0.1] * 5)
    names = {"trough": one, "level": other}
    found = compare_loo(
        {name: score.result for name, score in names.items()},
        unit="session",
        labels=dict.fromkeys(names, LABELS),
        converged=dict.fromkeys(names, True),
        subjects=OWNERS,
        settled=moved(names, 100),
    )
    assert found.table["n_refitted"].to_dict() == {"trough": 1, "level": 0}
    assert found.table["n_bad_k"].to_dict() == {"trough": 0, "level": 0}
    assert found.table.loc["trough", "max_pareto_k"] == 0.2
    assert found.refitted["trough"].tolist() == [False, True, False, False, False]
    assert "trough was fitted again without 1 of 5 units" in str(found)
    assert "Pareto" not in str(found)


# ------------------------------------------------------------------ inner draws
def pair(step: float, k: float = 0.1) -> dict[str, Score]:
    """Two scores whose difference moved by a step when the inner draws were doubled."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(-9, 1, 5), rng.normal(-9, 1, 5)
    halves = one.copy()
    halves[0] += step
    ks = [k, 0.1, 0.1, 0.1, 0.1]
    return {"a": scored(one, ks, halves), "b": scored(other, ks, other)}


def test_a_difference_that_moves_asks_for_more_draws() -> None:
    gap = np.subtract(*(score.result.elpd_i for score in pair(0.0).values()))
    se = np.sqrt(5) * gap.std(ddof=1)
    still = moved(pair(0.05 * se), 100)
    assert still.unsettled == () and still.moved == pytest.approx(0.05 * se)
    far = moved(pair(0.3 * se), 100)
    assert far.unsettled == ("a", "b") and far.share == pytest.approx(0.3)
    # of a unit that is fitted without, nothing counts
    assert moved(pair(0.3 * se, k=0.9), 100).moved == pytest.approx(0.0, abs=1e-9)
    assert moved({"a": scored([-1.0] * 5), "b": scored([-1.0] * 5)}, 100) is None


def test_a_tiny_standard_error_asks_for_no_precision_that_nobody_reads() -> None:
    scores = pair(0.0)
    a = scores["a"]
    same = a._replace(half=a.result.elpd_i + 0.01, result=replace(a.result))
    found = moved({"a": a, "b": same}, 100)
    assert found.unsettled == () and found.moved == pytest.approx(0.05)
