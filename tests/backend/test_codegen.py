"""The generated function computes the same density as NumPy and JAX; its parts by closed forms."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from dopafit.backend.codegen import load as fuse
from dopafit.backend.codegen.bound import memory
from dopafit.backend.codegen.emit import write
from dopafit.backend.codegen.expression import Expression, Graph
from dopafit.backend.codegen.numbers import Numbers
from dopafit.backend.codegen.plan import make_plan
from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.codegen.special import log1p_unit, log_ndtr, log_ndtr_slope
from dopafit.backend.codegen.step import identifier
from dopafit.backend.codegen.tables import prepare, run_table
from dopafit.backend.geometry.reparametrisation import Reparametrisation
from dopafit.backend.operations import OPERATIONS
from dopafit.backend.sampler.compiled import RowDensity, compile_layout
from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.model.rivals import RIVALS
from tests.backend.claims import (
    check_gradient,
    compare,
    numpy_density,
    oracle,
    plain,
    points,
    rich,
    study,
)

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))
SHORT = ("no_drive", "trough", "encompassing")

ROOT = Path(__file__).parents[2]
LONG = pytest.mark.slow  # each compiles two functions


@pytest.mark.parametrize(
    ("make", "drive"),
    [
        *(pytest.param(plain, d, marks=[LONG] * (d not in SHORT)) for d in DRIVES),
        (rich, "encompassing"),
        *(pytest.param(rich, d, marks=LONG) for d in ("trough", "no_drive")),
    ],
)
def test_every_drive_and_channel(make, drive) -> None:
    layout = build_layout(make(drive), study(trials=2 * CHUNK if make is plain else 7))
    density, at = compile_layout(layout), points(layout)
    assert compare(oracle(layout), density, at) >= 3
    check_gradient(lambda q: numpy_density(layout, q), at[1], density(at[1])[1])
    owner = layout.coordinates.arrays["x_spread"]
    centring = np.where(owner > 0, 0.6, 0.0)
    assert compare(oracle(layout, centring), density.centred(centring), at[:3]) >= 2
    rows, theta = RowDensity(layout), layout.coordinates.theta(*_parts(layout, at[1]))
    for name, value in evaluate(layout, theta).items():
        np.testing.assert_allclose(rows(theta)[name], value, rtol=1e-10, atol=1e-12)


def _parts(layout, q):
    normals = layout.coordinates.normals
    return q[:normals], np.exp(q[normals:])


def test_a_wrong_number_is_noticed() -> None:
    """The comparison above is no formality: another time, another density."""
    layout = build_layout(plain("trough"), study())
    density, at = compile_layout(layout), points(layout)[1:2]
    density = density.replaced({"choice.gap": density._arrays["choice.gap"] * 1.001})
    with pytest.raises(AssertionError):
        compare(oracle(layout), density, at)


def test_next_to_nothing_free() -> None:
    layout = build_layout(Model("no_drive", [Choice()], effects={"choice_rest": "1"}), study())
    assert compare(oracle(layout), compile_layout(layout), [np.array([0.3, -0.2])]) == 1


# ---------------------------------------------------------------- expressions
def value(node: Expression, given: dict[Expression, float]) -> float:
    """Work an expression out in numpy."""
    if node in given:
        return given[node]
    if node.op == "constant":
        return node.args[0]
    return float(OPERATIONS[node.op].numpy(*(value(one, given) for one in node.nodes)))


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        (lambda b, x, y: x + y * x - y / x, 2),
        (lambda b, x, y: 2.0 - x * 3.0 / y + (1.0 - x) ** 2, 2),
        (lambda b, x, y: b.exp(-x) * b.log(x) + b.log1p(y) - b.sqrt(x * y), 2),
        (lambda b, x, y: b.softplus(x - y) * b.sigmoid(3.0 * x), 2),
        (lambda b, x, y: b.maximum(x, y) * b.minimum(x, 2 * y) + b.maximum(y, x), 2),
        (lambda b, x, y: b.where(x > y, x * x, y), 2),
        (lambda b, x, y: b.where(x < y, b.erfcx(x), b.log_ndtr(-y)), 2),
        (lambda b, x, y: b.normal_or_beyond(x - y, 1.0) + b.normal_or_beyond(x, 0.0), 2),
        (lambda b, x, y: b.tanh(x) * b.sin(y) + b.cos(x * y) ** 3 + b.expm1(x), 2),
        (lambda b, x, y: abs(x - y) * y**-1.5 + b.where(x > y, b.square(x), y), 2),
    ],
)
@pytest.mark.parametrize("at", [(0.7, 0.4), (0.3, 1.9)])
def test_derivatives(formula, arguments, at) -> None:
    graph = Graph()
    leaves = [graph.leaf("theta", k, domain=None) for k in range(arguments)]
    top = formula(graph, *leaves)
    slopes = {top: graph.node(1.0)}
    for node in sorted(_all(top), key=lambda n: -n.number):
        if node in slopes and node.nodes and node.op not in ("gt", "lt"):
            for part, share in graph.pull(node, slopes[node]):
                slopes[part] = slopes[part] + share if part in slopes else share
    for k, leaf in enumerate(leaves):
        ends = []
        for step in (-1e-5, 1e-5):
            moved = [v + step * (i == k) for i, v in enumerate(at)]
            ends.append(value(top, dict(zip(leaves, moved, strict=True))))
        slope = value(slopes[leaf], dict(zip(leaves, at, strict=True)))
        assert slope == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-7, abs=1e-8)


def _all(node: Expression) -> set[Expression]:
    return {node}.union(*(_all(one) for one in node.nodes))


def test_expressions_are_simple_and_unique() -> None:
    graph = Graph()
    x, y = (graph.leaf("theta", k, domain=None) for k in (0, 1))
    assert x + y is x + y and x + 0.0 is x and 1.0 * x is x and (-x).graph.make("neg", -x) is x
    assert (x * 0.0).constant == 0.0 and (graph.node(6.0) / 3.0).constant == 2.0
    assert (x * -1.0).op == "neg" and (0.0 - x).op == "neg"
    here, there = (graph.leaf("array", n, domain=n) for n in ("here", "there"))
    assert (here / x).op == "mul" and (here / x).args[1].domain is None
    with pytest.raises(TypeError, match="different tables: here, there"):
        here + there
    with pytest.raises(SpecError, match=r"uses xp.arctan, which cannot be compiled"):
        graph.arctan(x)


@pytest.mark.parametrize(
    "formula",
    [
        lambda b, x, flag: b.where(flag == 1.0, x, 0.0),
        lambda b, x, flag: b.where(flag != x, x, 0.0),
        lambda b, x, flag: x if x > 1.0 else flag,
        lambda b, x, flag: max(x, 0.0) * flag,
        lambda b, x, flag: b.where(x > 0.0 and flag > 0.0, x, 0.0),
        lambda b, x, flag: np.where(x > 0.0, x, 0.0),
        lambda b, x, flag: x**flag,
    ],
)
def test_what_python_would_answer_for_all_rows_at_once_is_refused(formula) -> None:
    """Each of these was compiled with one answer, whatever the rows hold."""
    graph = Graph()
    x, flag = graph.leaf("theta", 0, domain=None), graph.leaf("array", "flag", domain="rows")
    with pytest.raises(SpecError, match=r"cannot be compiled(.|\n)*allowed(.|\n)*to do"):
        formula(graph, x, flag)


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, -2.5, 1e-300])
def test_every_number_has_a_text(number) -> None:
    """A formula may give minus infinity: the log of what cannot be."""
    text = Numbers().scalar(Graph().node(number))
    assert text in ("np.inf", "-np.inf", "np.nan") or float(text) == number


def test_comparisons_that_can_be_compiled() -> None:
    graph = Graph()
    x = graph.leaf("theta", 0, domain=None)
    for at in (0.9, 1.0, 1.1):
        for truth, node in ((at >= 1.0, x >= 1.0), (at <= 1.0, x <= 1.0)):
            assert value(graph.where(node, 2.0, 3.0), {x: at}) == (2.0 if truth else 3.0)


def test_log1p_on_the_unit_interval() -> None:
    y = np.concatenate([[0.0, 1.0], np.geomspace(1e-300, 1, 150), np.linspace(0.01, 0.99, 50)])
    for one in y:
        true = mpmath.log1p(mpmath.mpf(float(one)))
        assert abs(log1p_unit(one) - true) <= 5e-16 * true


def test_log_ndtr_and_its_slope() -> None:
    """Against SciPy's log_ndtr and, for the slope, the density over the distribution function."""
    points = np.concatenate([np.linspace(-200, 12, 4001), [-36.0, -36.0001, -35.9999, 0.0, -1e-9]])
    true = special.log_ndtr(points)
    found = np.array([log_ndtr(x) for x in points])
    assert np.abs(found / true - 1)[true < -1e-300].max() < 1e-12
    slope = np.exp(stats.norm.logpdf(points) - true)
    found = np.array([log_ndtr_slope(x) for x in points])
    assert np.abs(found / slope - 1)[slope > 1e-300].max() < 1e-10


# ---------------------------------------------------------------- tables and gaps
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.integers(0, 2), st.integers(1, 40), st.integers(0, 99))
def test_a_table_by_runs_is_the_table(rows, dense, length, seed) -> None:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(rows), rng.integers(1, length + 1, rows))[:rows]
    count = np.where(owner % 3 == 0, 0, 1 + owner % 2)  # runs without an entry, with 1, with 2
    indptr = np.append(0, np.cumsum(count))
    indices = np.concatenate(
        [3 + (o + np.arange(c)) % 5 for o, c in zip(owner, count, strict=True)] or [[]]
    )
    data = np.ones(indices.size)
    steps = np.floor(np.arange(rows) / 100.0)  # a covariate that changes now and then
    full = np.column_stack([np.ones(rows), rng.normal(size=(rows, dense)), steps])
    indices = indices.astype(np.int64)
    made = run_table(full, np.array([0, *range(1, dense + 1), 8]), indptr, indices, data)
    theta = rng.normal(size=9)
    expected = full @ theta[[0, *range(1, dense + 1), 8]]
    np.add.at(expected, np.repeat(np.arange(rows), count), theta[indices])
    runs = [
        made["data"][a:b] @ theta[made["indices"][a:b]]
        for a, b in zip(made["indptr"][:-1], made["indptr"][1:], strict=True)
    ]
    columns = made["columns"].size
    chunks = made["dense"].reshape(-(-rows // CHUNK), columns, CHUNK).swapaxes(1, 2)
    found = chunks.reshape(-(-rows // CHUNK) * CHUNK, columns)[:rows] @ theta[made["columns"]]
    for piece, run in enumerate(made["run"]):
        found[made["start"][piece] : made["start"][piece + 1]] += runs[run]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    if rows:
        assert made["columns"].size == (dense if rows > 1 else 0)
        # a chunk's pieces cover it exactly
        edges = made["start"][made["first_run"]]
        assert edges.tolist() == [*range(0, rows, CHUNK), rows]
        assert made["run"].size <= len(set(owner)) + rows // 100 + rows // CHUNK + 2


def test_gaps_and_states() -> None:
    arrays = {
        "event_time": np.array([1.0, 4.0, 4.0, 2.0]),
        "event_offset": np.array([0, 3, 3, 4]),
        "read_time": np.array([0.5, 1.0, 4.0, 9.0, 7.0, 2.0, 5.0]),
        "read_offset": np.array([0, 4, 5, 7]),
        "kernel_row": np.array([1, 0, 1]),
        "choice.read": np.array([6, 0, 2, 3, 4]),
    }
    found = prepare(arrays)
    assert found["event_gap"].tolist() == [0, 3, 0, 0]
    assert found["choice.gap"].tolist() == [3, 0, 3, 5, 0]
    assert found["choice.state"].tolist() == [4, 0, 1, 3, 0]  # a read at an event comes before it
    assert found["choice.row"].tolist() == [1, 1, 1, 1, 0]
    assert not {"event_time", "read_time", "read_offset", "choice.read"} & set(found)


# ---------------------------------------------------------------- the file
def test_the_source_follows_from_the_claim_alone() -> None:
    texts = set()
    for data in (study(), study(7, trials=12)):
        layout = build_layout(plain("no_drive"), data)
        arrays = prepare(layout.arrays)
        module = fuse.load(layout.program, arrays, gradient=False).py_func.__globals__
        texts.add(module["__loader__"].get_source(module["__name__"]))
        assert module["__name__"] not in sys.modules
    (text,) = texts
    plan = make_plan(layout.program, tuple(arrays), gradient=False)
    assert text == write(plan, arrays, gradient=False)
    assert "read_gap" not in text and "state" not in text  # nothing of a trace


def test_the_annotated_example_is_what_is_generated() -> None:
    """Comments and line breaks aside."""
    page = (ROOT / "docs" / "generated.md").read_text(encoding="utf-8")
    _, shown = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    effects = {"choice_rest": "1", "peak": "1"}
    model = Model("level", [Choice()], effects, kernel="monophasic")
    layout = build_layout(model, study())
    arrays = prepare(layout.arrays) | Reparametrisation(layout.coordinates).arrays
    arrays |= memory()
    source = write(make_plan(layout.program, tuple(arrays), gradient=True), arrays, gradient=True)
    assert ast.dump(ast.parse(shown)) == ast.dump(ast.parse(source))


def test_no_source_or_bytecode_is_read_from_the_cache(tmp_path, monkeypatch) -> None:
    """What lies under the names that an earlier version used is not run."""
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path))
    layout = build_layout(plain("no_drive"), study())
    arrays = prepare(layout.arrays)
    function = fuse.load(layout.program, arrays, gradient=False)
    (tmp_path / "compiled").mkdir()
    stem = function.__module__.removeprefix("dopafit_")
    (tmp_path / "compiled" / f"{stem}.py").write_text("raise SystemExit")
    assert callable(fuse.load(layout.program, arrays, gradient=False))
    assert [p.name for p in tmp_path.iterdir()] == ["compiled"]  # nothing is kept before a call


@pytest.mark.parametrize("name", ["a b", "x;import os", "Choice", "1x", "a-b", ""])
def test_no_odd_name_enters_the_source(name) -> None:
    with pytest.raises(ValueError, match="no name for the generated function"):
        identifier(name)
