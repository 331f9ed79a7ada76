from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from dopafit.report.set.html import write_report

VOID = {"meta", "img", "br", "wbr", "path", "link", "input", "hr"}
HOSTILE = "<script>alert('1')</script><img src=x onerror=alert(2)>\"'&amp;{{ 7 * 7 }}"


class Page(HTMLParser):
    """Elements, attributes and text of a page; faults where a tag is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.parts: dict[str, str] = {}
        self.section = ""
        self.feed(text)
        self.close()
        self.faults += [f"never closed: {tag}" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs).get("id", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)
            self.parts[self.section] = self.parts.get(self.section, "") + data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def part(self, section: str) -> str:
        return " ".join(self.parts.get(section, "").split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and attributes.items() <= {**a}.items()]


def read(folder) -> tuple[str, Page]:
    text = write_report(folder).read_text("utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def good(one_run) -> tuple[str, Page]:
    return read(one_run)


def test_the_page_is_well_formed(good):
    text, page = good
    assert page.faults == []
    assert text.lstrip().startswith("<!DOCTYPE html>")
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.all("a")]
    assert links and {h.removeprefix("#") for h in links} <= set(ids)
    named = {a["aria-labelledby"] for a in page.all("table") if "aria-labelledby" in a}
    assert named and named <= set(ids)


def test_control_a_broken_page_is_seen():
    assert Page("<p><b>x</p>").faults and Page("<div>").faults
    assert Page("<p>x<br></p>").faults == []


def test_nothing_is_loaded_and_nothing_runs(good):
    text, page = good
    sources = [a["src"] for a in page.all("img")]
    assert sources and all(s.startswith("data:image/png;base64,") for s in sources)
    loading = {"script", "link", "iframe", "object", "embed", "video", "audio", "base", "form"}
    assert loading & {tag for tag, _ in page.elements} == set()
    targets = [a[k] for _, a in page.elements for k in ("href", "src", "action") if k in a]
    assert all(t.startswith(("#", "data:")) for t in targets)
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    assert "url(" not in style and "@import" not in style
    assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in page.elements)


def test_the_policy_allows_only_this_style(good):
    text, page = good
    policy = next(a for a in page.all("meta") if "http-equiv" in a)["content"]
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_every_figure_is_embedded_whole(good, one_run):
    _, page = good
    files = {p.read_bytes() for p in (one_run / "figures").glob("*.png")}
    shown = [base64.b64decode(a["src"].partition(",")[2]) for a in page.all("img")]
    assert len(shown) == 8 and set(shown) == files
    assert all(a["alt"] for a in page.all("img"))
    assert sorted(map(int, re.findall(r"Figure (\d+)\.", page.text))) == list(range(1, 9))


def test_the_verdict_comes_first(good):
    _, page = good
    assert page.text.index("Verdict") < page.text.index("Question and answer")
    verdict = page.part("verdict")
    for fit in ("trough", "encompassing", "level", "no_drive"):
        assert f"{fit} converged" in verdict
    assert "R-hat ≤ 1.005, ESS ≥ 913, 0 divergences" in verdict
    assert "NOT CONVERGED" not in page.text and "PROVISIONAL" not in page.text


def test_the_answer_has_unit_uncertainty_and_limits(good):
    _, page = good
    answer = page.part("answer")
    assert "Does the trough below baseline drive pursuit?" in answer
    assert "what drives it is the level below baseline, the trough" in answer
    assert "trough is ahead of level by 27.9 ± 6.3 (elpd, unit: session)" in page.part("comparison")
    assert "The baseline level is not identified; the resting predictor is." in answer
    assert "not about a new one" in answer
    assert "their posteriors are their priors: onset_ratio" in answer
    assert "choice_gain_trough 1.22 (0.70 to 1.73)" in answer
    assert "for 0 to 2 of 48 sessions, by hypothesis, that computation cannot be trusted" in answer
    assert re.search(r"The trough fit lies where .*: trough_ratio \(\W3\.4\)", answer)
    assert "onset_ratio (" not in answer


def test_numbers_are_rounded_on_the_page_only(good):
    _, page = good
    response = page.part("response")
    assert "0.335 0.283 to 0.385 0.334 0.031" in response  # median, interval, mean, sd
    assert "time_to_trough" in response and "8.55 min" in response
    assert "90 % equal-tailed posterior interval" in response
    assert "factor 1.04 to 1.47" in page.part("pursuit")


def test_every_table_says_what_its_intervals_are(good):
    _, page = good
    captions = re.findall(r"Table S?\d+\. (.*?)(?=Table S?\d+\.|$)", page.text)
    assert len(captions) >= 12
    for caption in captions:
        assert re.search(r"interval|standard error|measured once", caption), caption[:80]


def test_simulated_is_said_everywhere(good):
    _, page = good
    count = len(page.all("figure")) + sum("aria-labelledby" in a for a in page.all("table"))
    tags = [a for a in page.all("span") if a.get("class") == "tag sim"]
    assert len(tags) >= count + len(page.all("section")) - 1
    assert "SIMULATED DATA" in page.text[:120]


def test_measured_data_are_not_called_simulated(make):
    _, page = read(make(simulated=False))
    assert "SIMULATED" not in page.text and "simulated" not in page.part("answer")
    assert page.part("data").count("measured") == 1
    assert page.part("truth") == ""


def test_group_members_are_folded_away(good):
    _, page = good
    assert len(page.all("details")) == 5 and all("open" not in a for a in page.all("details"))
    assert "trough fit: 3 deviations" in page.part("subjects")
    assert "choice_rest_group" not in page.text


def test_equations_are_drawn(good):
    _, page = good
    drawn = page.all("svg")
    assert len(drawn) >= 6 and len(page.all("path")) == len(drawn)
    assert any("Bernoulli" in a["aria-label"] for a in drawn)
    assert "all fits" in page.part("model") and "encompassing" in page.part("model")


def test_a_failed_fit_is_shouted(make):
    text, page = read(make(failed=("level",)))
    assert page.faults == []
    verdict = page.part("verdict")
    assert "level NOT CONVERGED" in verdict and "trough converged" in verdict
    assert "R-hat 1.088 in trough_ratio, limit < 1.01. Run longer." in verdict
    assert "divergences 31, limit = 0. Raise target_accept." in verdict
    assert 'class="watermark"' in text
    assert page.text.count("PROVISIONAL") >= 3
    answer = page.part("answer")
    assert answer.index("No conclusion can rest on this run") < answer.index(
        "whether the events move pursuit"
    )
    assert "Provisional: trough is ahead" in page.part("comparison")
    assert "NOT CONVERGED: level" in page.part("comparison")
    response = page.part("response")
    assert response.index("NOT CONVERGED: level") > response.index("encompassing fit")
    assert "✕ 1.088" in page.part("diagnostics")


def test_text_from_the_study_is_text(make):
    folder = make(
        name=HOSTILE, description=HOSTILE, title=HOSTILE, question=HOSTILE,
        subjects=("s01", HOSTILE, "\u202egnirts"),
    )  # fmt: skip
    text, page = read(folder)
    assert page.faults == []
    assert "script" not in {tag for tag, _ in page.elements}
    assert not any("onerror" in a for _, a in page.elements)
    assert "<script" not in text and "\u202e" not in text and " 49" not in page.part("answer")
    assert page.text.count("alert('1')") >= 5  # it is shown, as text
    assert "<script>alert('1')</script>" in page.part("subjects")


def test_a_run_of_one_fit_without_extras(make):
    folder = make(optional=False, simulated=False, question=None)
    _, page = read(folder)
    assert page.faults == [] and page.all("img") == []
    assert "Nothing was compared" in page.part("answer")
    assert "states no question" in page.part("answer")
    for section in ("comparison", "signatures", "learning", "truth", "traces"):
        assert page.part(section) == ""
        assert not page.all("a", href=f"#{section}")
    assert "trough_ratio" in page.part("response")


def test_the_page_is_the_same_when_written_again(one_run):
    assert write_report(one_run).read_bytes() == write_report(one_run).read_bytes()


def test_warnings_stand_at_the_top_once(good, make):
    _, page = good
    text = "events.csv: 3 events lie outside every window"
    assert text in page.part("verdict") and page.text.count(text) == 1
    folder = make()
    data = json.loads((folder / "data.json").read_text("utf-8"))
    (folder / "data.json").write_text(json.dumps(data | {"warnings": []}), "utf-8")
    _, page = read(folder)
    assert "Warnings" not in page.part("verdict") and "No warnings" in page.part("data")


def test_the_checklist_links_to_the_sections_of_the_page(good, make):
    _, page = good
    assert page.all("a", href="#learning") and page.all("a", href="#truth")
    _, bare = read(make(optional=False, simulated=False))
    assert not bare.all("a", href="#truth")


def test_one_fit_has_no_rivals_to_speak_of(make):
    folder = make(optional=False)
    head = "signature,group,bins,inside,p_value,p_least,hypothesis,source"
    text = f"{head}\nlag,a,8,1,.4,.1,trough,posterior\n"
    (folder / "tables").mkdir()
    (folder / "tables" / "predictive_checks.csv").write_text(text)
    _, page = read(folder)
    assert "wins the comparison" not in page.part("signatures") and "lag" in page.part("signatures")
