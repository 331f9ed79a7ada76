"""What a notebook shows: small, escaped, stamped, and nothing fetched from outside."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

import dopafit as dp
from dopafit.core.shown import ROWS, Shown
from dopafit.fit.verdict import Diagnostic, Verdict

FAILED = Verdict(False, (Diagnostic("R-hat", 1.3, "< 1.01", False, "<b>peak</b>", "draw more"),))


class Tags(HTMLParser):
    """Every tag is closed, and what they hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.met: set[str] = set()
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert not {"src", "href", "onclick"} & {name for name, _ in attrs}
        self.open.append(tag)
        self.met.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data + "\n"


@pytest.fixture(scope="module")
def shown(tiny_fits):
    """Each kind of value; the names of study and check try to be HTML."""
    fits = {
        name: replace(
            fit, study=replace(fit.study, name="<script>x</script>", simulated=True), verdict=FAILED
        )
        for name, fit in tiny_fits.items()
    }
    one = next(iter(fits.values()))
    values = {
        "study": one.study,
        "model": one.model,
        "fit": one,
        "verdict": one.verdict,
        "report": dp.validate(one.study),
        "check": dp.predictive_check(one, seed=1, draws=4),
        "card": dp.identifiability(one, scaling=False),
    }
    return values | ({"comparison": dp.compare(fits, unit="session")} if len(fits) > 1 else {})


def test_each_kind_shows_itself_escaped(shown):
    assert {"study", "model", "fit", "verdict", "report", "check", "card", "comparison"} == set(
        shown
    )
    for name, value in shown.items():
        tags = Tags(value._repr_html_())
        assert not {"script", "img", "link", "iframe", "style"} & tags.met, name
        assert len(value._repr_html_()) < 40_000
        assert repr(value).split("\n")[0] in tags.words and "object at 0x" not in repr(value)


def test_each_kind_made_from_a_fit_is_stamped(shown):
    for name in ("fit", "verdict", "check", "card", "comparison"):
        for text in (repr(shown[name]), Tags(shown[name]._repr_html_()).words):
            assert "NOT CONVERGED" in text or "did not converge" in text.lower(), name
            assert "SIMULATED" in text or name == "verdict", name
    assert "SIMULATED" in shown["study"]._repr_html_()


def test_a_sound_fit_carries_no_stamp(tiny_fit):
    sound = replace(
        tiny_fit,
        study=replace(tiny_fit.study, simulated=False),
        verdict=Verdict(True, (Diagnostic("R-hat", 1.0, "< 1.01", True),)),
    )
    for text in (repr(sound), sound._repr_html_(), repr(dp.identifiability(sound, scaling=False))):
        assert "NOT CONVERGED" not in text and "SIMULATED" not in text


def test_a_long_table_is_cut_and_says_so():
    class Long(Shown):
        def _table_shown(self):
            return pd.DataFrame({"x": range(ROWS + 5)})

        def __repr__(self):
            return "long\nSIMULATED & more\nwarning: a < b"

    words = Tags(Long()._repr_html_()).words
    assert f"{ROWS} of {ROWS + 5} rows" in words
    assert "SIMULATED & more" in words and "warning: a < b" in words
