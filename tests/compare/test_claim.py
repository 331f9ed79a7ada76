"""What may be said: every claim needs all of its conditions, and none is met by being absent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.compare.claim import CONDITIONS, Condition, decide
from dopafit.core.errors import SpecError

SUBJECTS = [f"s{i:02d}" for i in range(24)]
FAMILIES = {
    "no_drive": "no trough",
    "level": "no trough",
    "peak": "no trough",
    "trough": "trough",
    "trough_sharp": "trough",
    "encompassing": "neither",
}
COMPUTED = ("separable", "time_on_task", "events_control", "events_any_curve", "lobe_seen",
            "encompassing_gain", "trough_control", "trough_any_curve", "prior_shift",
            "modes_agree")  # fmt: skip
FINE = [Condition(name, True, 0.0, 1.0) for name in COMPUTED]


def table(**ahead_of_no_drive: float) -> pd.DataFrame:
    """Equal gaps in every subject but for a little noise that sums to nothing."""
    rng = np.random.default_rng(5)
    totals = {"no_drive": 0.0, "level": 10.0, "peak": 12.0, "trough": 40.0, "trough_sharp": 39.0,
              "encompassing": 40.5} | ahead_of_no_drive  # fmt: skip
    noise = rng.normal(0, 0.1, (24, len(totals)))
    noise -= noise.mean(axis=0)
    return pd.DataFrame({k: v / 24 + noise[:, i] for i, (k, v) in enumerate(totals.items())})


def said(points: pd.DataFrame, others=FINE, **changes):
    options = {"without": "no_drive", "converged": dict.fromkeys(points, True), "missing": ()}
    return decide(points, SUBJECTS, FAMILIES, others=others, **(options | changes))


def test_everything_met_says_trough() -> None:
    claim = said(table())
    assert claim.word == "trough"
    assert claim.unmet == ()
    assert [one.name for one in claim.conditions] == list(CONDITIONS)


@pytest.mark.parametrize("lost", COMPUTED)
def test_each_condition_that_fails_or_is_absent_withdraws_the_word(lost: str) -> None:
    weaker = "undecided" if lost in COMPUTED[:4] else "events"
    failed = [one for one in FINE if one.name != lost]
    for others in (failed, [*failed, Condition(lost, False, 2.0, 1.0)]):
        claim = said(table(), others)
        assert claim.word == weaker
        assert [one.name for one in claim.unmet] == [lost]


def test_ties_failures_and_missing_rivals_are_undecided() -> None:
    assert said(table(no_drive=39.0)).word == "undecided"
    failed = dict.fromkeys(FAMILIES, True) | {"peak": False}
    assert said(table(), converged=failed).word == "undecided"
    claim = said(table(), missing=("suppression",))
    assert claim.word == "undecided"
    unmet = [one.name for one in claim.unmet]
    assert unmet == ["rivals_present", "ahead_of_each_no_trough_rival"]
    points = table().drop(columns="no_drive")
    assert said(points, without=None).word == "undecided"


def test_a_rival_without_a_trough_that_ties_leaves_events() -> None:
    claim = said(table(level=38.0))
    assert claim.word == "events"
    assert [one.name for one in claim.unmet] == ["ahead_of_each_no_trough_rival"]
    assert "level" in claim.unmet[0].told


def test_a_better_hypothesis_outside_the_family_leaves_events() -> None:
    claim = said(table(encompassing=60.0))
    assert claim.word == "events"
    assert [one.name for one in claim.unmet] == ["none_ahead"]


def test_members_that_tie_do_not_harm_their_family() -> None:
    assert said(table(trough=40.0, trough_sharp=40.0)).word == "trough"


def test_no_trough_needs_a_small_bound_and_observations_in_the_lobe() -> None:
    points = table(trough=10.0, trough_sharp=10.0, encompassing=11.0)
    small = [*FINE, Condition("trough_effect_small", True, 0.01, 0.02)]
    assert said(points).word == "events"
    assert said(points, small).word == "no_trough"
    blind = [one for one in small if one.name != "lobe_seen"]
    assert said(points, blind).word == "events"


def test_five_subjects_are_spoken_of_alone() -> None:
    points, options = table().iloc[:20], {"without": "no_drive", "missing": ()}
    fine = dict.fromkeys(points, True)
    claim = decide(points, list("abcde") * 4, FAMILIES, converged=fine, others=FINE, **options)
    assert claim.these_only


def test_a_condition_has_one_of_the_names() -> None:
    with pytest.raises(SpecError, match="lobe_sean"):
        Condition("lobe_sean", True)


def test_the_record_holds_every_condition() -> None:
    record = said(table()).to_dict()
    assert record["claim"] == "trough"
    assert set(record["conditions"][0]) == {"name", "met", "value", "limit", "told"}


def test_what_a_run_left_out_is_not_what_data_lack() -> None:
    assert said(table(), missing=("suppression",)).unlooked
    assert said(table(), [one for one in FINE if one.name != "events_control"]).unlooked
    assert not said(table(no_drive=39.0), missing=("suppression",)).unlooked
    assert not said(table()).unlooked
