"""YAML without objects, guesses, doubled keys or bottoms."""

from __future__ import annotations

import time
import unicodedata

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.limits import YAML_CHARACTERS, YAML_DEPTH, YAML_NODES
from dopafit.core.reading import ReadingError
from dopafit.core.yaml_text import compose_yaml, dump_yaml, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{yes: 1, no: 0, on: off, y: n}", {"yes": 1, "no": 0, "on": "off", "y": "n"}),
        ("[true, False, null, ~, 'true']", [True, False, None, None, "true"]),
        ("[12:30, 2024-01-01, 1_000, 0x10]", ["12:30", "2024-01-01", "1_000", "0x10"]),
        ("[007, 010, 0, 0.5, .5, 5., +3, -2]", ["007", "010", 0, 0.5, 0.5, 5.0, 3, -2]),
        ("[1e-3, 1E3, -.5e2, 1.e1]", [0.001, 1000.0, -50.0, 10.0]),
        ("[.inf, -.inf, inf, nan]", [float("inf"), -float("inf"), "inf", "nan"]),
        ("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}", {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}}),
        ("", None),
    ],
)
def test_values_are_what_yaml_1_2_says(text: str, value: object) -> None:
    got = parse_yaml(text)
    assert got == value and repr(got) == repr(value)  # repr: 1, 1.0 and True are equal


def test_words_stay_as_they_are_written() -> None:
    text = "{yes: 1, no: 0, 1.0: 007, a: true, b: ~, -999: null, c: 'null'}"
    assert parse_yaml(text, words=True) == {
        "yes": "1", "no": "0", "1.0": "007", "a": "true", "b": None, "-999": None, "c": "null",
    }  # fmt: skip
    assert compose_yaml("a: 1\nb: 2").value[1][0].start_mark.line == 1


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
MERGED = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "wrong", "kind"),
    [
        (LAUGHS, f"more than {YAML_NODES} values", "limit"),
        (MERGED, f"more than {YAML_NODES} values", "limit"),
        ("a: &a [*a]", "a value that holds itself", "limit"),
        ("&a {x: {y: *a}}", "a value that holds itself", "limit"),
        ("[" * 5000, f"more than {YAML_DEPTH} deep", "limit"),
        ("".join(f"{' ' * i}a:\n" for i in range(300)), f"more than {YAML_DEPTH} deep", "limit"),
        ("#" * (YAML_CHARACTERS + 1), f"has {YAML_CHARACTERS + 1} characters", "limit"),
        ("!!python/object/apply:os.system [x]", "tag", "yaml"),
        ("!!int 1:1:1", "tag", "yaml"),
        ("!!binary x", "tag", "yaml"),
        ("!mine x", "tag", "yaml"),
        ("a: 1\nb: {c: 1, c: 2}", "the key 'c' is given twice", "yaml"),
        ("? [a]\n: b", "unhashable", "yaml"),
        ("a: b: c", "mapping values", "yaml"),
        ("a: *nowhere", "undefined alias", "yaml"),
        ("\t- a", "not valid YAML", "yaml"),
        ("---\na\n---\nb", "another document", "yaml"),
    ],
    ids=range(17),
)
def test_the_rest_is_refused_soon(text: str, wrong: str, kind: str) -> None:
    begun = time.process_time()
    for words in (False, True):
        with pytest.raises(ReadingError) as caught:
            parse_yaml(text, words=words)
    error = caught.value
    assert wrong in error.wrong and error.kind == kind and error.allowed and error.todo
    assert time.process_time() - begun < 5 and len(str(error)) < 500


def test_control_what_lies_within_the_limits_is_read() -> None:
    deep = "[" * (YAML_DEPTH - 1) + "]" * (YAML_DEPTH - 1)
    assert str(parse_yaml(deep)) == deep
    eight = "a: &a [1, 2, 3, 4]\nb: [*a, *a]\n"
    assert parse_yaml(eight)["b"] == [[1, 2, 3, 4]] * 2


TEXT = st.one_of(
    st.text(max_size=8).map(lambda text: unicodedata.normalize("NFC", text)),
    st.sampled_from(
        ["1e3", "1e-3", "010", "12:30", "yes", "null", "~", ".inf", "0x1F", "<<", "=1"]
    ),
)
PLAIN = st.one_of(TEXT, st.integers(-(10**9), 10**9), st.booleans(), st.none())
TREES = st.recursive(
    PLAIN | st.floats(allow_nan=False),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXT, below, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(tree=TREES)
def test_what_is_written_is_read_again(tree: object) -> None:
    written = dump_yaml({"tree": tree})
    assert parse_yaml(written) == {"tree": tree}
    assert yaml.safe_load(written) == {"tree": tree}  # other programs read it, too


def test_one_text_in_two_forms_is_one() -> None:
    assert parse_yaml("drug: Zoe\u0308") == parse_yaml("drug: Zo\u00eb") == {"drug": "Zo\u00eb"}


@settings(deadline=None, max_examples=60)
@given(text=st.text(st.sampled_from("ab01.-:{}[],&*!~<>|'\"#? \n"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_yaml(text)
    except ReadingError as error:
        assert error.allowed and error.todo
