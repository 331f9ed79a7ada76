# ruff: noqa: RUF001 (true minus signs are what these tests are about)
from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.report.numbers import between, count, decimals, fixed, number, r_hat, seconds, share
from dopafit.report.said.priors import read_prior
from dopafit.report.said.prose import Block, Span, name, say, to_markdown
from dopafit.report.said.quantities import member_of
from dopafit.report.set.escape import clean, code, latex, markdown
from dopafit.report.set.mathematics import draw, draw_line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.033412, "0.0334"),
        (-12.345, "−12.3"),
        (1234.5, "1,234"),
        (0, "0"),
        (-0.0, "0"),
        (0.0000123, "1.23 × 10⁻⁵"),
        (2.5e7, "2.50 × 10⁷"),
        (9.9996, "10.0"),
        (math.nan, "–"),
        (None, "–"),
        ("x", "–"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_have_significant_digits(value, shown):
    assert number(value) == shown


def test_decimals_follow_the_spread():
    assert decimals(0.0312) == 3 and decimals(41.2) == 0 and decimals(0) is None
    assert decimals(math.nan) is None and decimals(1.0, 1e9) is None
    assert fixed(0.33412, 3) == "0.334" and fixed(-0.0001, 2) == "0.00"
    assert between(0.28276, 0.38543, 3) == "0.283 to 0.385"
    assert between(math.nan, 1) == "–"


@given(st.floats(1.0, 5.0))
@settings(deadline=None, max_examples=60)
def test_r_hat_never_looks_better_than_it_is(value):
    assert float(r_hat(value)) >= value - 1e-9
    assert float(r_hat(value)) - value <= 1e-3 + 1e-9


def test_counts_and_shares_are_not_flattered():
    assert count(399.9) == "399" and count(12345) == "12,345"
    assert share(0.9996) == "> 99.9 %" and share(0.0004) == "< 0.1 %" and share(1) == "100 %"
    assert share(0.713) == "71.3 %" and share(0.0123) == "1.23 %"


def test_long_times_are_said_in_their_own_unit():
    assert seconds(512.2) == "8.54 min" and seconds(90) == "" and seconds(7200) == "2.00 h"


HOSTILE = "\\input{x} & 50% $a_b^c$ #1 ~ {}|<script>\n*[x](y) `z` \x00\u202e"


def test_latex_holds_no_live_character():
    text = latex(HOSTILE)
    assert "\n" not in text and "\x00" not in text and "\u202e" not in text
    for mark in "&%#_$":
        assert not re.search(rf"(?<!\\)\{mark}", text), mark
    assert r"\textbackslash{}input\{x\}" in text and "^" not in text and "~" not in text
    assert latex("[x] *") == "{[}x] {*}"  # after a row's end they would be its option
    assert latex("1.2 × 10⁻⁵") == r"1.2 $\times$ 10$^{-5}$" and latex("−3") == "$-$3"


def test_markdown_holds_no_live_character():
    text = markdown(HOSTILE)
    assert "<" not in text and "\n" not in text
    for mark in "*_`[]|#$":
        assert not re.search(rf"(?<!\\)\{mark}", text), mark
    assert markdown("- a") == r"\- a" and markdown("1. a") == r"1\. a"
    assert code("a`b") == "``a`b``" and code("a\nb") == "`a b`"


@given(st.text(max_size=40))
@settings(deadline=None, max_examples=80)
def test_escaped_text_is_one_line_without_tags(text):
    for escape in (latex, markdown, clean):
        assert "\n" not in escape(text) and "\r" not in escape(text)
    assert "<" not in markdown(text) and "<" not in latex(text)


def test_prose_becomes_markdown():
    blocks = [
        Block("heading", (say("A *b*"),)),
        Block("paragraph", (say("x ", name("a_b"), " and ", Span("no", "strong"), ", 1 < 2."),)),
        Block("equation", (say("a < b$$\n\n<script>"),)),
        Block("bullets", (say("one"), say("two"))),
    ]
    assert to_markdown(blocks) == (
        "## A \\*b\\*\n\nx `a_b` and **no**, 1 &lt; 2.\n\n"
        "$$\na <  b < script>\n$$\n\n- one\n- two\n"
    )


def test_an_equation_is_drawn_or_shown_as_its_source():
    drawn = draw(r"M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)")
    assert re.fullmatch(r"[MLQCZ0-9. \-]+", drawn.path) and drawn.box[2] > 50
    for source in (r"\nosuchthing{x}", "a $ b", "", "x" * 5000):
        assert draw(source).path == ""
    first, second = draw_line(r"\sum_i x_i, \quad y")
    assert first.box[1::2] == second.box[1::2] and first.width != second.width


def test_printed_priors_are_read_back():
    prior = read_prior("lognormal(median=0.3, sigma=0.7)")
    assert prior.family == "lognormal" and prior.quantile(0.5) == pytest.approx(0.3)
    for text in ("fixed at 1", "normal(mean=x, sd=1)", "half_normal(sd=-1)", "evil(a=1)"):
        assert read_prior(text) is None


def test_members_are_told_from_population():
    assert member_of("peak_group[1|subject[s[0]1]]") == ("peak", "1|subject", "s[0]1")
    assert member_of("peak_sd[1|subject]") is None and member_of("trough_ratio") is None
