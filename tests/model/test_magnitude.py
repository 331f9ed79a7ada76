"""One unit event is the study's typical event, whatever unit magnitudes are written in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dopafit.channel.choice import Choice
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.layout.events import in_unit_events
from dopafit.model.layout.layout import build_layout, resolved
from dopafit.model.layout.magnitude import checked_unit, unit_event
from dopafit.model.numpy_operations import evaluate
from dopafit.model.play import simulate


def frame(**sizes) -> pd.DataFrame:
    return pd.DataFrame(
        [{"kind": kind, "magnitude": m} for kind, own in sizes.items() for m in own]
    )


EVENTS = frame(cue=[1.0, 0.0, -3.0, 2.0], dose=[100.0, 400.0])


# ---------------------------------------------------------------------- the unit itself
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (None, 3.0),  # of 1, 3, 2, 100, 400: no zero, no sign, every kind
        ("median", 3.0),
        (2.5, 2.5),
        (2, 2.0),
        ({"cue": 0.5, "dose": 50}, {"cue": 0.5, "dose": 50.0}),
        ({"cue": "median", "dose": 50}, {"cue": 2.0, "dose": 50.0}),
        ([["cue"], ["dose"]], {"cue": 2.0, "dose": 250.0}),
        (["cue", "dose"], {"cue": 2.0, "dose": 250.0}),
        ([["cue", "dose"]], {"cue": 3.0, "dose": 3.0}),
    ],
)
def test_the_unit(declared, expected) -> None:
    unit, sizes = in_unit_events(checked_unit(declared), EVENTS)
    assert unit == expected
    assert (
        in_unit_events(checked_unit(unit), EVENTS)[0] == unit
    )  # a resolved unit is a declared one
    divisor = [expected if isinstance(expected, float) else expected[k] for k in EVENTS["kind"]]
    assert sizes == pytest.approx(EVENTS["magnitude"] / divisor, rel=1e-15)


@pytest.mark.parametrize(
    "declared",
    [0, -1, np.nan, True, "mean", {}, [], {"cue": 0}, {"cue": "x"}, [["cue"], "cue"], [[]], [3]],
)
def test_impossible_units(declared) -> None:
    with pytest.raises(SpecError) as caught:
        Model(channels=[Choice()], unit_magnitude=declared)
    assert "unit_magnitude" in caught.value.wrong
    assert caught.value.allowed and caught.value.todo


def test_kinds_without_a_unit_and_magnitudes_of_nothing(tiny, three_channels) -> None:
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(unit_magnitude={"cue": 1, "pelet": 2}), tiny)
    assert "kind 'pellet'" in caught.value.wrong
    assert caught.value.todo == "did you mean 'pelet'?" and "cue, pellet" in caught.value.allowed
    nothing = tiny.with_tables({"events": tiny.events.assign(magnitude=0.0)})
    with pytest.raises(SpecError) as caught:
        build_layout(three_channels(), nothing)
    assert "all events are 0" in caught.value.wrong and caught.value.allowed and caught.value.todo
    some = tiny.events
    some.loc[some["kind"] == "pellet", "magnitude"] = 0.0
    some = tiny.with_tables({"events": some})
    build_layout(three_channels(), some)  # pellets of no size: known by the unit of cues
    with pytest.raises(SpecError, match="of kind pellet are 0"):
        build_layout(three_channels(unit_magnitude=["cue", "pellet"]), some)
    build_layout(three_channels("no_drive"), nothing)  # control: nothing is moved, nothing wrong


def test_words() -> None:
    assert unit_event(2.0) == "one event of magnitude 2"
    assert unit_event(3.0, EVENTS) == "one event of magnitude 3 (the median)"
    assert unit_event(2.5, EVENTS) == "one event of magnitude 2.5"
    assert unit_event(4.0, frame(cue=[4.0, -4.0])) == "one event of magnitude 4 (as all are)"
    each = checked_unit({"dose": 250, "cue": 2})
    assert unit_event(each, EVENTS) == "one event of magnitude 2 if cue, 250 if dose"
    assert unit_event(None) == "one event of the events' median magnitude"


# ---------------------------------------------------------------------- what stays the same
def times(study, factor, kinds=("cue", "pellet")):
    events = study.events
    at = events["kind"].isin(kinds)
    events.loc[at, "magnitude"] = events.loc[at, "magnitude"] * factor
    return study.with_tables({"events": events})


def same(one, two) -> bool:
    assert one.arrays.keys() == two.arrays.keys()
    return all(np.array_equal(one.arrays[name], two.arrays[name]) for name in one.arrays)


@pytest.mark.parametrize("factor", [10, 1000, 0.01])
@pytest.mark.parametrize("effect", ["kind", "log(magnitude) + kind"])
def test_another_unit_is_the_same_claim(tiny, three_channels, draw_theta, factor, effect) -> None:
    """Arrays are equal to the last bit, so log density and gradient are, at every point."""
    model = three_channels("encompassing", effects={"peak": effect})
    first, other = build_layout(model, tiny), build_layout(model, times(tiny, factor))
    assert same(first, other)
    assert other.program.model.unit_magnitude == factor * first.program.model.unit_magnitude
    theta = draw_theta(first)
    ours, theirs = evaluate(first, theta), evaluate(other, theta)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    # control: as it was
    raw = three_channels("encompassing", effects={"peak": effect}, unit_magnitude=1)
    assert not same(build_layout(raw, tiny), build_layout(raw, times(tiny, factor)))


@pytest.mark.parametrize("factor", [10, 1000, 0.01])
def test_kinds_have_units_of_their_own_only_where_that_is_declared(
    tiny, three_channels, factor
) -> None:
    changed = times(tiny, factor, ["pellet"])
    apart = three_channels(unit_magnitude=["cue", "pellet"])
    assert same(build_layout(apart, tiny), build_layout(apart, changed))
    together = three_channels()  # a pellet of 10 is ten times a cue of 1
    assert not same(build_layout(together, tiny), build_layout(together, changed))


def test_signs_and_zeros_are_kept(tiny, three_channels) -> None:
    size = tiny.events["magnitude"].to_numpy() * 5
    size[::4] *= -1
    size[3] = 0
    study = tiny.with_tables({"events": tiny.events.assign(magnitude=size)})
    layout = build_layout(three_channels(), study)
    unit = np.median(np.abs(size[size != 0]))
    assert np.array_equal(layout.arrays["event_magnitude"], size / unit)


# ---------------------------------------------------------------------- found once
def test_a_part_of_a_study_keeps_the_unit_of_the_whole(tiny, three_channels) -> None:
    events = tiny.events
    events["magnitude"] = np.where(events["subject"] == "a", 2.0, 6.0)
    study = tiny.with_tables({"events": events})
    part, model = study.select(subjects=["b"]), three_channels(effects={})
    whole = resolved(model, study)
    assert whole.unit_magnitude == 2.0 and whole != model
    assert resolved(whole, study) == whole and resolved(whole, part) == whole
    assert (build_layout(whole, part).arrays["event_magnitude"] == 3.0).all()
    assert (build_layout(model, part).arrays["event_magnitude"] == 1.0).all()  # alone it is one
    again = Model.from_dict(whole.to_dict())
    assert again == whole and again.hash == whole.hash and again.unit_magnitude == 2.0
    assert whole.with_drive("peak").unit_magnitude == 2.0
    apart = resolved(three_channels(effects={}, unit_magnitude=["cue", "pellet"]), study)
    assert Model.from_dict(apart.to_dict()) == apart and resolved(apart, part) == apart


def test_a_simulation_means_the_same_in_every_unit(tiny, three_channels) -> None:
    truth = {"peak_sd[1|subject]": 0.0, "trough_ratio": 0.5, "presses_rest": -4.0}
    made = [simulate(three_channels(), times(tiny, f), seed=3, truth=truth)[0] for f in (1, 1000)]
    pd.testing.assert_frame_equal(made[0].observations, made[1].observations)
    pd.testing.assert_frame_equal(made[0].presses, made[1].presses)


def test_the_claim_says_what_it_is_declared_to_be() -> None:
    plain = Model(channels=[Choice()])
    assert plain.unit_magnitude is None and Model(channels=[Choice()], unit_magnitude=1) != plain
    groups = [Model(channels=[Choice()], unit_magnitude=g) for g in (["b", "a"], [["a"], ["b"]])]
    assert groups[0] == groups[1] and groups[0].hash == groups[1].hash
    assert Model.from_dict(groups[0].to_dict()) == groups[0]
