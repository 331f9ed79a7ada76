"""A formula from a stranger can name columns and listed functions, and do nothing else."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dopafit.core.errors import SpecError
from dopafit.model.formula import Design, design, used_columns

FRAME = pd.DataFrame(
    {
        "a": [1.0, 2.0, 3.0, 5.0, 8.0, 13.0],
        "b": ["u", "v", "u", "w", "v", "w"],
        "g": ["s1", "s1", "s2", "s2", "s3", "s3"],
        "log": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        "__class__": [0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
    }
)

HOSTILE = [
    "__import__('os').system('touch MARK')",
    "open('MARK', 'w')",
    "open(a)",
    'exec(\'open("MARK", "w")\')',
    "eval('1')",
    "eval(a)",
    "(lambda: 0)()",
    "frame",
    "secret",
    "FRAME",
    "np",
    "np.log(a)",
    "pd.read_csv('MARK')",
    "self",
    "source",
    "a.__class__",
    "().__class__",
    "''.__class__",
    "a.values",
    "`a`.__class__",
    "`a.values`",
    "`__import__('os')`",
    "`log`(a)",
    "log(a)(a)",
    "(log)(a)",
    "1(a)",
    "'log'(a)",
    "getattr(a, '__class__')",
    "log(a.__class__)",
    "log(open('MARK'))",
    "log(getattr)",
    "log(__builtins__)",
    "log(log)(log)",
    "C(b, __import__)",
    "C(b, contr=Sum)",
    "C(a + a)",
    "center(a, open)",
    "bs(a, df=open('MARK'))",
    "bs(a, knots=a)",
    "bs(a, df=4, intercept=1)",
    "harmonic(a, a, 1)",
    "harmonic(a, 24, 1e9)",
    "harmonic(a, 0, 1)",
    "harmonic(a, 24, 1.5)",
    "harmonic(a, -24, 1)",
    "poly(a, 'x')",
    "poly(a, 1000000000)",
    "poly(a)",
    "log()",
    "log(a, 2)",
    "log(x=a)",
    "log(2)",
    "log('a')",
    "log(a:b)",
    "log((1|g))",
    "log(harmonic(a, 24, 1))",
    "log(C(b))",
    "I(a)",
    "{a + 1}",
    "a[0]",
    "b['u']",
    "f'{a}'",
    "f\"{open('MARK')}\"",
    "a if a else a",
    "a; b",
    "a\\b",
    "a and b",
    "a b",
    "a, b",
    "(a, b)",
    "a = b",
    "a == b",
    "a := 1",
    "a < 1",
    "a @ a",
    "a % 2",
    "a // 2",
    "a !",
    "$a",
    "#a",
    "a ~ b",
    "b ~ a + (1|g)",
    "~~a",
    "~ a ~ b",
    "0",
    "0 + a",
    "a - 1",
    "-1",
    "-0",
    "a + 0",
    "1 - 1",
    "1 + 0 + a",
    "2",
    "a + 2",
    "1.5",
    "a:1",
    "1:a",
    "a*0",
    "a/1",
    "-a",
    "a - b",
    "a - (1|g)",
    "a - 0",
    "a**2",
    "(a + b)**a",
    "(a + b)**0",
    "(a + b)**-1",
    "(a + b)**2.5",
    "(a + b)**100000",
    "9**9**9**9",
    "log(a + 9**9**9**9)",
    "log(a + 9**9)**9",
    "log(-a)",
    "log(-2**a)",
    "exp(exp(exp(a)))",
    "sqrt(0 - a)",
    "log(a - a)",
    "log(a / 0)",
    "exp(a * 1e300)",
    "log(1e400)",
    "log(a + " + "9" * 400 + ")",
    "a |g",
    "1 | g",
    "(1 | g | g)",
    "((1|g) | g)",
    "(1 | (1|g))",
    "(1 | g):a",
    "(1|g)**2",
    "(0 | g)",
    "(1 | 1)",
    "(1 | 0)",
    "(1 | log(a))",
    "(1 | )",
    "( | g)",
    "(1 + 0 | g)",
    "()",
    "(",
    ")",
    "(a",
    "a)",
    "a +",
    "+ - a",
    "a + * b",
    "1a",
    "1.2.3",
    "1_000",
    "0x10",
    "1e",
    "'",
    '"',
    "`",
    "``",
    "'a'",
    "`a\n`",
    "\x00",
    "a\x00",
    "\ufeffa",
    "\u0430",  # the Cyrillic letter that looks like a
    "\uff41",  # the fullwidth a, which Python itself would read as a
    "\u1d43",
    "log\uff08a\uff09",
    "a\u00a0+ b",
    "a \u2212 1",
    "\u00b2",
    "a\u00b2",
    "\u0663",
    "\U0001d41a",
    "log.log(a)",
    "true",
    "None",
    "b.str",
    "`b",
    "logg(a)",
    "LOG(a)",
    "C(b, 'u', 'u')",
    "C(b, nope)",
    "C(b, '1.2.3')",
    "C(b, '1e999')",
    "C(b, reference='u', reference='v')",
    "C(b, 'u', reference='v')",
    "C('b')",
    "C()",
    "a:b:c:d:e:f",
]


def build(formula):
    secret = "a local variable of the caller"  # noqa: F841
    return design(formula, FRAME, where="test")


@pytest.mark.parametrize("formula", HOSTILE)
def test_refused(formula, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        build(formula.replace("MARK", str(tmp_path / "mark")))
    assert str(caught.value).startswith("test: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("formula", [None, 1, True, b"a", ["a"], {"a": 1}, 1.5])
def test_not_text(formula):
    for call in (build, used_columns):
        with pytest.raises(SpecError, match="is not text"):
            call(formula)


@pytest.mark.parametrize(
    "formula",
    [
        "(" * 900,
        "(" * 400 + "a" + ")" * 400,
        "log(" * 200 + "a" + ")" * 200,
        "abs(" * 20 + "a" + ")" * 20,
        "-" * 900 + "a",
        "+ " * 400 + "a",
        "- " * 400 + "1",
        "a:" * 450 + "c",
        "abs(" + "a+" * 400 + "a)",
        "abs(" + "a*" * 400 + "a)",
        "(a|" * 200 + "g" + ")" * 200,
        "a" * 1001,
        "a + " * 10_000 + "a",
        "`" + "x" * 900 + "`",
        "(a + b + log)**5 * " * 30 + "c",
        "~" * 900,
        "(" + " + ".join(f"v{i}" for i in range(150)) + ")**5",
        "(" + " + ".join(f"v{i}" for i in range(40)) + ")**2",
        " ".join(["log(a)"] * 100),
    ],
)
def test_long_and_deep(formula):
    start = time.perf_counter()
    with pytest.raises(SpecError):
        build(formula)
    assert time.perf_counter() - start < 5


def test_long_chains_that_are_fine():
    assert build("+".join(["a"] * 499)).columns == ("a",)
    assert build(":".join(["a"] * 499)).columns == ("a",)
    assert build("*".join(["a"] * 499)).columns == ("a",)
    assert build("(" * 20 + "a" + ")" * 20).columns == ("a",)
    assert build(" \n\t a \r\n + b ").columns == ("a", "b[v]", "b[w]")


def test_column_named_like_a_function():
    found = build("log + log(log) + `log`")
    assert found.columns == ("log", "log(log)")
    np.testing.assert_array_equal(found.fixed[:, 0], FRAME["log"])
    np.testing.assert_allclose(found.fixed[:, 1], np.arange(6) * np.log(2), rtol=1e-15)


def test_a_column_is_only_a_key():
    found = build("__class__")
    np.testing.assert_array_equal(found.fixed[:, 0], FRAME["__class__"])


def test_column_names_that_look_like_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "__import__('os').system('touch mark')"
    frame = pd.DataFrame({name: [1.0, 2.0], "b": ["x[1]:y", "__import__('os')"]})
    found = design(f"`{name}` + b", frame, where="test")
    assert found.columns == (f"`{name}`", "b[x[1]:y]")
    assert list(tmp_path.iterdir()) == []


PIECES = [
    *("a", "b", "g", "log", "zz", "__class__", "`a`", "0", "1", "2", "3", "1e9", "24", "'u'"),
    *(
        "+",
        "-",
        "*",
        "/",
        ":",
        "|",
        "**",
        "^",
        "(",
        ")",
        "(",
        ")",
        ",",
        "=",
        "~",
        " ",
        ".",
        "[",
        "]",
    ),
    *("log(", "abs(", "center(", "scale(", "C(b", "C(b, 'v')", "bs(a, df=4)", "bs(", "poly(a, 2)"),
    *(
        "harmonic(a, 24, 2)",
        "harmonic(",
        "order=",
        "df=",
        "reference=",
        "(1|g)",
        "(b|g)",
        "(0+b|g)",
    ),
    *(
        "'1.2.3'",
        "C(b, '1.2'",
        "open(",
        "exec(",
        "'",
        '"',
        "`",
        "{",
        "}",
        "\\",
        "\n",
        "\x00",
        "lambda",
        "é",
        "²",
        "a.b",
    ),
]
WELL_FORMED = st.recursive(
    st.sampled_from(
        ["a", "b", "log", "log(log)", "center(a)", "C(b, 'v')", "poly(a, 2)", "abs(a-2)"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", ":", "*", "/"]), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("a + (1 + {} | g)".format),
        inner.map("b + (0 + {} | g:b)".format),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=600)
@given(
    st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
        st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join),
        st.text(max_size=40),
        WELL_FORMED,
    )
)
@example("a**2 b")
@example("(" * 21)
def test_only_a_design_or_a_spec_error(formula):
    before = (os.getcwd(), sorted(os.listdir()), dict(os.environ))
    try:
        found = build(formula)
    except SpecError as error:
        assert error.wrong.startswith("test: ")
    else:
        assert isinstance(found, Design)
        assert np.isfinite(found.fixed).all()
        assert found.fixed.shape == (len(FRAME), len(found.columns))
        assert len(set(found.columns)) == len(found.columns)
        assert used_columns(formula) <= set(FRAME.columns)
        again = build(found.formula)
        assert (again.formula, again.columns) == (found.formula, found.columns)
        np.testing.assert_array_equal(again.fixed, found.fixed)
        same = found.evaluate(FRAME)
        np.testing.assert_array_equal(same.fixed, found.fixed)
        for new, old in zip(same.groups, found.groups, strict=True):
            np.testing.assert_array_equal(new.codes, old.codes)
    after = (os.getcwd(), sorted(os.listdir()), dict(os.environ))
    assert after == before


def test_well_formed_formulas_mostly_work():
    # a, b (2), a:b (2), and three slopes for center(a):b, as center(a) itself is not there
    assert build("a * b + center(a):b + (1 + b | g) + (0 + a | g:b)").fixed.shape == (6, 8)


AUDITED = """
import logging
import sys
import pandas as pd
from dopafit.core.errors import SpecError
from dopafit.model.formula import design
frame = pd.DataFrame({"a": [1.0, 2, 3, 5, 8, 13], "b": list("uvuwvw"), "g": list("xxyyzz")})
fine = "b*log(a) + bs(a, df=4) + poly(a, 2) + harmonic(a, 24, 2) + C(b, 'v') + (b | g)"
design(fine, frame, where="warm")
assert "formulae" not in sys.modules  # an oracle of the tests, never of the package
print(logging.root.handlers, logging.root.level)
hostile = sys.stdin.read().split("\\x1e")
seen, active = [], True
FORBIDDEN = ("open", "exec", "compile", "import", "os.", "subprocess.", "socket.", "shutil.",
             "ctypes.", "pickle.", "code.", "builtins.", "urllib.")
def hook(event, args):
    if active and event.startswith(FORBIDDEN):
        seen.append((event, repr(args)[:80]))
sys.addaudithook(hook)
design(fine, frame, where="audited")
refused = 0
for formula in hostile:
    try:
        design(formula, frame, where="audited")
    except SpecError:
        refused += 1
found = list(seen)
open(sys.executable, "rb").close()
assert len(seen) > len(found), "the hook does not work"
active = False
print(refused, len(hostile), found)
"""


def test_nothing_is_opened_run_or_imported(tmp_path):
    """Python's own audit events, in a fresh process, while every hostile formula is read."""
    hostile = [f.replace("MARK", str(tmp_path / "mark")) for f in HOSTILE]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AUDITED],
        input="\x1e".join(hostile).encode("utf-8"),
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    logs, result = done.stdout.decode().splitlines()
    assert logs == f"[] {logging.WARNING}"
    refused, total, seen = result.split(" ", 2)
    assert int(refused) == int(total) == len(HOSTILE)
    assert seen == "[]"
    assert list(tmp_path.iterdir()) == []


def test_message_points_at_the_place():
    with pytest.raises(SpecError) as caught:
        build("a + \u0430")
    assert "character 5" in caught.value.wrong
    assert "cyrillic small letter a" in caught.value.wrong
    with pytest.raises(SpecError, match="character 3") as caught:
        build("np.log(a)")
    assert "log(dose)" in caught.value.todo
    with pytest.raises(SpecError) as caught:
        build("logg(a)")
    assert caught.value.todo.startswith("did you mean 'log")
    assert "harmonic" in caught.value.allowed


@pytest.mark.parametrize(
    ("formula", "place", "todo"),
    [
        ("log(a", "character 6: the end", "close the bracket"),
        ("a + 1b", "character 5: '1'", "between backticks"),
        ("a | g", "character 3: '|'", "before and \\) after"),
        ("b ~ a", "character 3: '~'", "without a response"),
        ("log(-a)", "character 6: 'a'", "write what is missing"),
        ("log(-2 ** a)", "character 8: '\\*\\*'", "with brackets"),
        ("harmonic(period = 2)", "character 17: '='", "after its column"),
        ("poly(a, 2.5)", "degree is not an integer from 1 to 10", "between the brackets"),
        ("bs(a, knots=2)", "it cannot take 'knots'", "between the brackets"),
        ("a - b", "there is no term b to take away", "the minus"),
    ],
)
def test_what_to_do_instead(formula, place, todo):
    with pytest.raises(SpecError, match=place) as caught:
        build(formula)
    assert re.search(todo, caught.value.todo)
