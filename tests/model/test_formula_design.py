"""Design matrices against hand-written ones and against the dense output of formulae."""

from __future__ import annotations

import itertools
import time
import tracemalloc

import mpmath
import numpy as np
import pandas as pd
import pytest

from dopafit.core.errors import SpecError
from dopafit.model.formula import MAX_COLUMNS, design, used_columns
from dopafit.model.formula.parse import parse


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "drug": ["saline", "precursor", "saline", "antagonist", "precursor", "antagonist"],
            "dose": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
            "effort": [3, 1, 2, 5, 4, 6],
            "site": ["b", "a", "b", "a", "a", "b"],
            "subject": ["s2", "s1", "s2", "s1", "s3", "s3"],
            "session": [2, 1, 1, 2, 1, 10],
        },
        index=[10, 11, 12, 13, 14, 15],
    )


@pytest.fixture
def large():
    rng = np.random.default_rng(4)
    n = 240
    return pd.DataFrame(
        {
            "drug": rng.choice(["antagonist", "precursor", "saline"], n),
            "site": rng.choice(["a", "b"], n),
            "dose": rng.uniform(1, 5, n),
            "x": rng.normal(size=n),
            "s": rng.choice(["s1", "s2", "s3", "s4"], n),
            "t": rng.choice(["u", "v", "w"], n),
        }
    )


def build(formula, frame, **options):
    return design(formula, frame, where="test", **options)


@pytest.mark.parametrize("formula", ["", " ", "1", "~", "~ 1", "+1", "1 + 1", "((1))"])
def test_intercept_alone(formula, frame):
    found = build(formula, frame)
    assert (found.formula, found.columns, found.groups) == ("1", (), ())
    assert found.fixed.shape == (6, 0) and found.fixed.dtype == np.float64


def test_treatment_coding_by_hand(frame):
    found = build("drug + effort + log(dose)", frame)
    assert found.columns == ("drug[precursor]", "drug[saline]", "effort", "log(dose)")
    expected = np.array(
        [
            [0, 1, 3, 0],
            [1, 0, 1, 1],
            [0, 1, 2, 2],
            [0, 0, 5, 3],
            [1, 0, 4, 4],
            [0, 0, 6, 5],
        ],
        dtype=float,
    )
    expected[:, 3] *= np.log(2)
    np.testing.assert_allclose(found.fixed, expected, rtol=1e-15)


def test_interactions_by_hand(frame):
    found = build("drug*effort", frame)
    assert found.columns == (
        "drug[precursor]",
        "drug[saline]",
        "effort",
        "drug[precursor]:effort",
        "drug[saline]:effort",
    )
    np.testing.assert_array_equal(found.fixed[:, 3], [0, 1, 0, 0, 4, 0])
    np.testing.assert_array_equal(found.fixed[:, 4], [3, 0, 2, 0, 0, 0])
    # without its main effect the numeric slope is given for every level
    slopes = build("drug:effort", frame)
    assert slopes.columns == tuple(
        f"drug[{d}]:effort" for d in ("antagonist", "precursor", "saline")
    )
    np.testing.assert_array_equal(slopes.fixed.sum(axis=1), frame["effort"])


def test_group_terms_by_hand(frame):
    found = build("(drug | subject) + (1 | subject:session)", frame)
    assert [g.label for g in found.groups] == [
        "1|subject",
        "drug[precursor]|subject",
        "drug[saline]|subject",
        "1|subject:session",
    ]
    one, precursor, _, both = found.groups
    assert one.factor == "subject" and one.levels == ("s1", "s2", "s3")
    np.testing.assert_array_equal(one.codes, [1, 0, 1, 0, 2, 2])
    np.testing.assert_array_equal(one.values, np.ones(6))
    np.testing.assert_array_equal(precursor.values, [0, 1, 0, 0, 1, 0])
    # only combinations that occur, in the order of their parts (numbers as numbers)
    assert both.levels == ("s1:1", "s1:2", "s2:1", "s2:2", "s3:1", "s3:10")
    np.testing.assert_array_equal(both.codes, [3, 0, 2, 1, 4, 5])
    assert both.codes.dtype == np.int64 and both.values.dtype == np.float64


def test_group_terms_full_coding_and_merging(frame):
    full = build("(0 + drug | subject)", frame)
    assert [g.label for g in full.groups] == [
        f"drug[{d}]|subject" for d in ("antagonist", "precursor", "saline")
    ]
    np.testing.assert_array_equal(sum(g.values for g in full.groups), np.ones(6))
    merged = build("(1|subject) + (effort|subject)", frame)
    assert merged.formula == "1 + (1 + effort | subject)"
    assert [g.label for g in merged.groups] == ["1|subject", "effort|subject"]
    nested = build("(1 | subject/session)", frame)
    assert [g.factor for g in nested.groups] == ["subject", "subject:session"]
    both = build("(1 | subject + site)", frame)
    assert [g.factor for g in both.groups] == ["subject", "site"]


FORMULAE = [
    "drug",
    "drug + x",
    "drug*dose",
    "drug/site",
    "drug:site",
    "drug*site*x",
    "x + drug:x",
    "x + drug:site:x",
    "(drug + site + x)**2",
    "(drug + x)/site",
    "drug*site - site",
    "drug + site:t",
    "drug:site + site:t + drug:t",
    "site*t + drug:site:t",
    "x + drug:x + drug:site:x",
    "log(dose) + center(x)",
    "scale(x):drug",
    "bs(x, df=5)",
    "bs(dose, df=4, degree=2) + drug",
    "x + (1|s)",
    "(1|s) + (x|s)",
    "drug + (drug|s)",
    "(0 + drug|s)",
    "(1|s:t)",
    "x + (x|s) + (1|t)",
]


# main effects come first here, wherever they stand in the formula
REORDERED = ("drug*site*x", "drug*site - site")


@pytest.mark.parametrize("formula", FORMULAE)
def test_agrees_with_formulae(formula, large):
    from formulae import design_matrices

    dense = design_matrices(formula, large, extra_namespace={"log": np.log})
    found = build(formula, large)
    common = np.asarray(dense.common.design_matrix, dtype=float)
    np.testing.assert_array_equal(common[:, 0], 1)
    theirs, mine = common[:, 1:], found.fixed
    if formula in REORDERED:
        theirs, mine = (m[:, np.lexsort(np.round(m, 9))] for m in (theirs, mine))
    np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)
    if not found.groups:
        assert dense.group is None
        return
    blocks = []
    for term in dense.group.terms.values():
        z = term.data.toarray()
        k = len(term.factor.labels)
        blocks += [z.reshape(len(large), k, -1)[:, :, j] for j in range(z.shape[1] // k)]
    assert len(blocks) == len(found.groups)
    for z, group in zip(blocks, found.groups, strict=True):
        # formulae keeps a column for combinations that do not occur
        z = z[:, np.abs(z).sum(axis=0) > 0] if ":" in group.factor else z
        spread = np.zeros((len(large), len(group.levels)))
        spread[np.arange(len(large)), group.codes] = group.values
        np.testing.assert_array_equal(spread, z)


def test_poly_is_formulae_times_root_n(large):
    from formulae import design_matrices

    dense = np.asarray(design_matrices("poly(dose, 3)", large).common.design_matrix, dtype=float)
    found = build("poly(dose, 3)", large)
    assert found.columns == tuple(f"poly(dose, 3)[{k}]" for k in (1, 2, 3))
    np.testing.assert_allclose(found.fixed, dense[:, 1:] * np.sqrt(len(large)), rtol=1e-12)
    np.testing.assert_allclose(found.fixed.T @ found.fixed / len(large), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("formula", [f for f in FORMULAE if "(" not in f])
def test_full_rank(formula, large):
    found = build(formula, large)
    whole = np.column_stack([np.ones(len(large)), found.fixed])
    assert np.linalg.matrix_rank(whole) == whole.shape[1]


TERMS = [
    terms
    for size in (1, 2)
    for terms in itertools.combinations(
        ("a", "b", "x", "a:b", "b:c", "a:x", "b:a:c", "a:b:x", "x:z"), size
    )
]


def test_redundancy_spans_what_all_levels_span():
    """Every choice of terms: as many columns as the rank of its columns for all levels."""
    rng = np.random.default_rng(8)
    cells = itertools.product("uvw", "pq", "ij", range(4))
    frame = pd.DataFrame(list(cells), columns=["a", "b", "c", "copy"])
    frame[["x", "z"]] = rng.normal(size=(len(frame), 2))

    def every_level(term):
        columns = np.ones((len(frame), 1))
        for name in term.split(":"):
            values = frame[[name]] if name in "xz" else pd.get_dummies(frame[name])
            columns = np.einsum("ij,ik->ijk", columns, values.to_numpy(float)).reshape(48, -1)
        return columns

    for terms in TERMS:
        mine = np.column_stack([np.ones(48), build(" + ".join(terms), frame).fixed])
        whole = np.column_stack([np.ones(48), *map(every_level, terms)])
        ranks = [np.linalg.matrix_rank(m) for m in (mine, whole, np.column_stack([mine, whole]))]
        assert ranks == [mine.shape[1]] * 3, terms


def test_harmonic_is_exact():
    hours = np.array([0.0, 1.5, 6.0, 23.25, 24.0, 1e7 + 0.125, -3.5])
    found = build("harmonic(hour, 24, 2)", pd.DataFrame({"hour": hours}))
    assert found.columns == tuple(
        f"harmonic(hour, 24, 2)[{c}]" for c in ("sin1", "cos1", "sin2", "cos2")
    )
    with mpmath.workdps(40):
        for row, hour in zip(found.fixed, hours, strict=True):
            angle = 2 * mpmath.pi * mpmath.mpf(hour) / 24
            truth = [f(k * angle) for k in (1, 2) for f in (mpmath.sin, mpmath.cos)]
            np.testing.assert_allclose(row, np.array(truth, dtype=float), rtol=0, atol=1e-15)
    other = build("harmonic(hour, 24, 2)", pd.DataFrame({"hour": hours[3:]}))
    np.testing.assert_array_equal(other.fixed, found.fixed[3:])


def test_reference_level():
    frame = pd.DataFrame({"drug": ["b", "a", "c", "b"], "dose": [2, 1, 10, 2]})
    assert build("drug", frame).columns == ("drug[b]", "drug[c]")
    stated = build("drug", frame, reference={"drug": "c", "other": "z"})
    assert stated.columns == ("drug[a]", "drug[b]")
    assert stated.references == {"drug": ("c", True)}
    assert build("drug", frame).references == {"drug": ("a", False)}
    assert build("C(drug, 'c') + (0 + drug | dose)", frame).references == {"drug": ("c", True)}
    assert build("(drug | dose)", frame).references == {"drug": ("a", False)}
    assert build("(0 + drug | dose)", frame).references == {}  # every level has its own column
    assert build("C(drug, 'c')", frame, reference={"drug": "c"}).columns[0] == "C(drug, 'c')[a]"
    assert build("C(drug, 'c')", frame).columns == ("C(drug, 'c')[a]", "C(drug, 'c')[b]")
    assert build("C(drug, reference='c')", frame).formula == "1 + C(drug, 'c')"
    assert build("C(drug, 'c', 'b')", frame).columns[0] == "C(drug, 'c', 'b')[b]"
    assert build("C(dose)", frame).columns == ("C(dose)[2]", "C(dose)[10]")
    assert build("C(dose, 2)", frame).columns == ("C(dose, 2)[1]", "C(dose, 2)[10]")
    ordered = frame.assign(drug=pd.Categorical(frame["drug"], ["c", "unused", "b", "a"]))
    assert build("drug", ordered).columns == ("drug[b]", "drug[a]")
    assert build("drug", ordered, reference={"drug": "a"}).columns == ("drug[c]", "drug[b]")
    with pytest.raises(SpecError, match="no level 'd'"):
        build("C(drug, 'd')", frame)
    with pytest.raises(SpecError, match="no level 'd'"):
        build("drug", frame, reference={"drug": "d"})
    with pytest.raises(SpecError, match="contradicts the reference level 'a' of drug"):
        build("C(drug, 'c')", frame, reference={"drug": "a"})


def test_evaluate_keeps_the_encoding(frame):
    formula = (
        "drug*effort + center(dose) + standardize(log(dose)) + poly(effort, 2) + bs(dose, df=4)"
        " + (effort | subject) + (1 | subject:session)"
    )
    found = build(formula, frame)
    part = frame.iloc[[4, 1]]
    again = found.evaluate(part)
    assert again.columns == found.columns and again.formula == found.formula
    np.testing.assert_array_equal(again.fixed, found.fixed[[4, 1]])
    for new, old in zip(again.groups, found.groups, strict=True):
        assert new.levels == old.levels
        np.testing.assert_array_equal(new.codes, old.codes[[4, 1]])
        np.testing.assert_array_equal(new.values, old.values[[4, 1]])
    centered = again.fixed[:, again.columns.index("center(dose)")]
    np.testing.assert_array_equal(centered, part["dose"] - frame["dose"].mean())
    assert again.evaluate(frame.iloc[:0]).fixed.shape == (0, len(found.columns))


def test_new_groups_and_new_levels(frame):
    found = build("drug + (1 | subject) + (1 | subject:session)", frame)
    new = pd.DataFrame(
        {
            "drug": ["saline", "precursor", "saline"],
            "subject": ["s9", "s1", "s1"],
            "session": [1, 10, 2],
        }
    )
    one, both = found.evaluate(new).groups
    np.testing.assert_array_equal(one.codes, [-1, 0, 0])
    np.testing.assert_array_equal(both.codes, [-1, -1, 1])  # s1:10 never occurred
    with pytest.raises(SpecError) as caught:
        found.evaluate(new.assign(drug=["saline", "novel", "saline"]))
    assert "'novel' at row 1" in str(caught.value)
    assert caught.value.allowed == "antagonist, precursor, saline"
    # a level is its text: 1, 1.0 and "1" are one session
    text = found.evaluate(new.assign(session=["1", "10", "2"]))
    np.testing.assert_array_equal(text.groups[1].codes, both.codes)


@pytest.mark.parametrize(
    ("change", "formula", "message"),
    [
        ({"dose": [1, 2, np.nan, 4, 5, 6]}, "log(dose)", "'dose' is missing at row 12"),
        ({"drug": ["a", None, "a", "b", "b", "b"]}, "drug", "'drug' is missing at row 11"),
        ({"subject": ["a", "a", "b", "b", "b", None]}, "(1|subject)", "'subject' is missing at"),
        ({"dose": [1, 0, 2, 4, 5, 6]}, "center(log(dose))", r"row 11 \(dose = 0\)"),
        ({"dose": [1, 0, 2, np.inf, 5, 6]}, "dose", "not finite at row 13"),
        ({"dose": 3.0}, "standardize(dose)", "all values are equal"),
        ({"drug": "saline"}, "drug", "one level only, 'saline'"),
        ({"dose": [1, 1, 2, 2, 1, 1]}, "poly(dose, 2)", "more than 2 different values"),
        ({"dose": [1, 1, 2, 2, 1, 1]}, "bs(dose, df=4)", "more than 4 different values"),
        ({}, "bs(dose, df=2)", "smaller than the degree 3"),
        ({}, "log(drug)", "holds levels, not numbers"),
        ({"dose": pd.Timestamp("2026-01-01")}, "dose", "holds datetime"),
        ({"drug": [1, "a", 2, "b", 3, "c"]}, "drug", "holds mixed-integer"),
    ],
)
def test_unusable_values(frame, change, formula, message):
    changed = frame.assign(**change)
    with pytest.raises(SpecError, match=message):
        build(formula, changed)


def test_spline_outside_its_range(frame):
    found = build("bs(dose, df=4)", frame)
    with pytest.raises(SpecError, match="64 lies outside 1 to 32"):
        found.evaluate(frame.assign(dose=64.0))


def test_kinds_of_columns(frame):
    other = frame.assign(
        flag=[True, False] * 3,
        count=pd.array([1, 2, 3, 4, 5, 6], dtype="Int64"),
        word=pd.Series(list("xyxyxy"), dtype=object, index=frame.index),
        level=pd.Categorical([3, 1, 3, 1, 2, 2]),
    )
    other["my column"] = other["dose"]
    found = build("flag + count + word + level + log(`my column`)", other)
    assert found.columns == (
        "flag",
        "count",
        "word[y]",
        "level[2]",
        "level[3]",
        "log(`my column`)",
    )
    np.testing.assert_array_equal(found.fixed[:, 0], [1, 0] * 3)
    assert found.evaluate(other).columns == found.columns


def test_arithmetic_inside_a_function(frame):
    found = build("log(dose * 2 + effort ** 2 - (effort + 1) / 4)", frame)
    dose, effort = frame["dose"], frame["effort"]
    expected = np.log(dose * 2 + effort**2 - (effort + 1) / 4)
    np.testing.assert_allclose(found.fixed[:, 0], expected, rtol=1e-15)
    assert found.columns == ("log(dose * 2 + effort ** 2 - (effort + 1) / 4)",)
    assert build("abs(effort - (dose - 2))", frame).columns == ("abs(effort - (dose - 2))",)


@pytest.mark.parametrize(
    ("formula", "canonical"),
    [
        ("~ b + a", "1 + b + a"),
        ("a*b", "1 + a + b + a:b"),
        ("a:b + b:a + a", "1 + a + a:b"),
        ("(a + b + c)^2 - a:b", "1 + a + b + c + a:c + b:c"),
        ("a/(b + c)", "1 + a + a:b + a:c"),
        ("(a + b)/c", "1 + a + b + a:b:c"),
        ("(a|g)+(1|g:h)+(0+b|g)", "1 + (1 + a + b | g) + (1 | g:h)"),
        ("(a - 1 | g)", "1 + (0 + a | g)"),
        ("harmonic( a ,24.0 )", "1 + harmonic(a, 24, 1)"),
        ("harmonic(a, order=2, period=.5)", "1 + harmonic(a, 0.5, 2)"),
        ("bs(a,5,3)", "1 + bs(a, df=5)"),
        ("log(a) + log((a))", "1 + log(a)"),
        ('C(a, "it\'s")', '1 + C(a, "it\'s")'),
    ],
)
def test_canonical_spelling(formula, canonical):
    assert parse(formula, "test").canonical == canonical
    assert parse(canonical, "test").canonical == canonical


def test_static_checks(frame):
    formula = "drug*log(dose) + (effort | subject:session)"
    assert used_columns(formula) == {"drug", "dose", "effort", "subject", "session"}
    assert used_columns("") == frozenset()
    with pytest.raises(SpecError) as caught:
        design("effort + drugg", frame, where="effects.trough_ratio")
    assert "effects.trough_ratio" in caught.value.wrong
    assert "character 10" in caught.value.wrong
    assert caught.value.allowed == "dose, drug, effort, session, site, subject"
    assert caught.value.todo == "did you mean 'drug'?"
    found = build("drug", frame)
    with pytest.raises(SpecError, match="no column 'drug'"):
        found.evaluate(frame.drop(columns="drug"))
    with pytest.raises(SpecError, match="no rows"):
        build("drug", frame.iloc[:0])
    with pytest.raises(SpecError, match="occurs twice"):
        build("drug", pd.concat([frame, frame[["drug"]]], axis=1))


def test_the_frame_is_left_alone(frame):
    before = frame.copy(deep=True)
    found = build("drug*effort + dose + (dose | subject)", frame)
    pd.testing.assert_frame_equal(frame, before)
    values = next(g for g in found.groups if g.label == "dose|subject").values
    frame.loc[10, "dose"] = -1.0
    assert values[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        found.fixed[0, 0] = 1.0


def test_too_many_columns():
    n = 40
    names = [f"level{i}" for i in range(n)]
    frame = pd.DataFrame({"a": names, "b": names[::-1], "s": names})
    with pytest.raises(SpecError, match=f"makes {n * n - 1} columns") as caught:
        build("a*b", frame)
    assert str(MAX_COLUMNS) in caught.value.allowed
    assert len(build("a + (1 | a:b)", frame).columns) == n - 1


def test_ambiguous_labels():
    frame = pd.DataFrame({"a": ["x:y", "x"], "b": ["z", "y:z"]})
    with pytest.raises(SpecError, match="same label"):
        build("(1 | a:b)", frame)


def test_speed_and_memory():
    rng = np.random.default_rng(7)
    n = 200_000
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n) for i in range(8)})
    frame["drug"] = rng.choice(["a", "b", "c"], n)
    frame["subject"] = rng.choice([f"s{i:04d}" for i in range(1000)], n)
    formula = " + ".join([f"x{i}" for i in range(8)]) + " + drug + (x0 | subject)"
    tracemalloc.start()
    build(formula, frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6  # a dense group matrix alone would take 1.6e9 bytes
    start = time.perf_counter()
    found = build(formula, frame)
    assert time.perf_counter() - start < 3  # about 0.2 s on a quiet machine
    assert found.fixed.shape == (n, 10) and len(found.groups) == 2
