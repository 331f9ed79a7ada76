"""The first sentences of each claim: what they say, and what they must not say."""

from __future__ import annotations

import json
import re

import pytest

from dopafit.compare.claim import CONDITIONS
from dopafit.core.errors import FitError
from dopafit.report.folder import RunFolder
from dopafit.report.said.answer import answer
from dopafit.report.said.methods import methods

WORDS = ("undecided", "events", "trough", "no_trough")
WINNER = re.compile(r"best|ahead of|favou?r|wins|trough is |drives pursuit", re.I)


def text(lines) -> str:
    return " ".join("".join(span.text for span in line) for line in lines)


def lead(make, claim: str, **options) -> list[str]:
    run = RunFolder.read(make(claim=claim, **options))
    return [text([line]) for line in answer(run).lead]


@pytest.mark.parametrize("claim", WORDS)
def test_at_most_five_sentences(make, claim) -> None:
    found = lead(make, claim)
    assert 3 <= len(found) <= 5
    assert all(line.endswith(".") for line in found)


def test_undecided_names_no_winner_and_what_is_missing(make) -> None:
    run = RunFolder.read(make(claim="undecided"))
    said = answer(run)
    # a rival and controls were left out: nothing is said of what the data could decide
    assert text(said.lead).startswith("This run does not decide whether the events move pursuit.")
    assert not WINNER.search(text(said.lead)) and "%" not in said.lead[0][0].text
    assert said.estimates == ()  # no landmark
    told = text(said.lead)
    assert "that every rival was fitted (not fitted: level_two_scales)" in told
    assert "that the trace is not a trend over the session (not checked)" in told
    assert re.search(r"and \d+ more below", told)
    # the study's own contrasts at rest; the fit in which events do nothing is far behind
    assert "By the fit of trough" in told and "at rest differs by 0.7 points" in told
    assert "peak" not in told


def test_a_trough_has_sizes_on_the_outcomes_scale(make) -> None:
    run = RunFolder.read(make(claim="trough"))
    told = text(answer(run).lead)
    assert "what drives it is the level below baseline, the trough." in told
    assert (
        "At the trough after one unit event (by the fit of trough) the probability of pursuit "
        "rises from 27 to 43 % (95 % interval of the difference 9 to 22 points)." in told
    )
    assert (
        "with drug[precursor] against placebo, peak is 1.24 times as large (1.01 to 1.52)" in told
    )
    assert "the probability of pursuit at rest differs by 0.7 points" in told
    assert "Not shown" not in told and "not checked" not in told
    assert "who decided when they came" in told
    estimates = text(answer(run).estimates)
    assert "trough fit" in estimates and "encompassing fit" not in estimates


def test_events_leave_the_trough_open(make) -> None:
    run = RunFolder.read(make(claim="events"))
    told = text(answer(run).lead)
    assert "whether a level below baseline (a trough) does is not decided." in told
    assert "For a trough it is not shown: that there are observations while" in told
    assert (
        "At the peak after one unit event (by the fit of encompassing, one of those that cannot "
        "be told apart) the probability of pursuit goes from 27 to 26 %" in told
    )
    assert "; at the trough after one unit event the probability of pursuit rises" in told
    assert answer(run).estimates == ()


def test_no_trough_tells_what_events_do_without_one(make) -> None:
    told = " ".join(lead(make, "no_trough"))
    assert "does not move it by as much as would matter" in told
    assert "(by the fit of level) the probability of pursuit falls from 27 to 18 %" in told
    assert "At the trough" not in told
    assert "up to 1.2 points (95 % upper bound) is not excluded; what would matter was set" in told


def test_a_failed_fit_comes_first_and_nothing_is_decided(make) -> None:
    found = lead(make, "trough", failed=("level",))
    assert found[0].startswith("No conclusion can rest on this run: level has not converged")
    assert found[1].startswith("These data do not decide")
    assert "that every fit converged (not converged: level)" in found[-1]


def test_few_subjects_are_all_that_is_told_of(make) -> None:
    folder = make(claim="trough")
    told = json.loads((folder / "answer.json").read_text("utf-8"))
    (folder / "answer.json").write_text(json.dumps(told | {"these_only": True}), "utf-8")
    first = text(answer(RunFolder.read(folder)).lead[:1])
    assert first.startswith("In these 24 subjects, and nothing beyond: the events move pursuit")


def test_methods_name_every_condition(make) -> None:
    told = " ".join(text(block.lines) for block in methods(RunFolder.read(make(claim="events"))))
    assert all(clause in told for clause in CONDITIONS.values())
    assert told.index("Met: every fit converged") < told.index("Not met: there are observations")


def test_a_comparison_without_an_answer_claims_nothing(make) -> None:
    folder = make(claim="trough")
    (folder / "answer.json").unlink()
    run = RunFolder.read(folder)
    assert run.claim.word == "undecided" and run.effects == ()
    assert "that every fit converged (not checked)" in text(answer(run).lead)


@pytest.mark.parametrize(
    "change",
    [
        {"claim": "trough"},
        {"claim": "certain"},
        {"conditions": [{"name": "luck", "met": True}]},
        {"conditions": [{"name": "converged"}]},
        {"conditions": 3},
        {"effects": [{"hypothesis": "trough"}]},
        {"effects": [{"hypothesis": ["trough"]}]},
    ],
)
def test_an_answer_that_was_changed_is_refused(make, change) -> None:
    folder = make(claim="undecided")
    told = json.loads((folder / "answer.json").read_text("utf-8"))
    (folder / "answer.json").write_text(json.dumps(told | change), "utf-8")
    with pytest.raises(FitError, match=r"answer\.json"):
        RunFolder.read(folder)
