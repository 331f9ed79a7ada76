"""A claim travels as plain data: pickled, copied, in a process of its own."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import dopafit as dp
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate


def make() -> Model:
    return Model(
        name="two_ways",
        trace="dopamine",
        drive={"left": "trough", "right": "peak"},
        channels=[dp.Presses("lever", called="left"), dp.Presses("poke", called="right")],
        effects={"dopamine.peak": "drug", "left.rest": "drug + (1 | subject)"},
        priors={"left.gain_peak": dp.Prior.half_normal(2.0)},  # of a rival drive
    )


def told(model: Model) -> tuple[str, str, list[str], str]:
    return model.hash, model.hypothesis, model.gains, str(model.with_drive("peak").priors)


def test_it_arrives_in_a_spawned_process_as_it_left() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(told, (make(),)) == told(make())


def test_copies_are_equal_and_hold_only_plain_data() -> None:
    model = make()
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin == model and told(twin) == told(model)
    maker, (data,) = model.__reduce__()
    kinds = {type(value) for value in data.values()}
    assert maker == Model.from_dict and kinds <= {dict, str, float, list, type(None)}
    assert Model.from_dict(model.to_dict()) == model


def test_a_program_takes_no_class_along(tiny_world) -> None:
    program, other = (
        build_layout(Model(drive=drive, channels=[dp.Choice("pursue")]), tiny_world).program
        for drive in ("trough", "peak")
    )
    assert program != other and len({program, other}) == 2
    data = pickle.dumps(program)
    assert b"Opponent" not in data
    for twin in (pickle.loads(data), copy.copy(program)):
        assert twin == program and hash(twin) == hash(program)


def test_names_are_part_of_the_claim_only_where_they_say_something() -> None:
    plain = Model(drive="trough", channels=[dp.Choice("pursue")])
    same = Model(drive={"choice": "trough"}, channels=[dp.Choice("pursue", called="choice")])
    named = Model(name="trough", channels=[dp.Choice("pursue")])
    assert plain == same == named and plain.hash == same.hash == named.hash
    assert plain != Model(name="deficit", channels=[dp.Choice("pursue")])
    assert plain != Model(drive="trough", channels=[dp.Choice("pursue", called="approach")])
    assert plain.with_drive("peak").hypothesis == "peak"
    assert make().with_drive("level").hypothesis == "level"
    # the hash that version 0.1 gave
    assert plain.hash == "6546ce930616d7c61412e3391519a180c24a9e610b6fe4a599be959db22b1cc4"


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ([dp.Presses("a"), dp.Presses("b")], "given twice"),
        ([dp.Choice("a"), dp.Choice("b", called="choice_two")], "could belong to either"),
    ],
)
def test_parameters_of_two_channels_can_be_told_apart(channels, words) -> None:
    with pytest.raises(SpecError, match=words):
        Model(channels=channels)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "1st", 3, None])
def test_a_channel_is_called_by_a_word(name) -> None:
    if name == "":
        assert dp.Choice("pursue", called=name).prefix == "choice"
        return
    with pytest.raises(SpecError, match="called"):
        dp.Choice("pursue", called=name)


def test_two_kinds_of_press_are_two_channels_in_every_row() -> None:
    """Simulated together; the density of each is that of the claim that has it alone."""
    left, right = dp.Presses("lever", called="left"), dp.Presses("poke", called="right")
    drives = {"left": "trough", "right": "peak"}
    both = Model(drive=drives, channels=[left, right], effects=PLAIN)
    design = dp.timetable({"subjects": 2, "duration": 60, "cue_interval": 10}, seed=1)
    truth = {"left_rest": -1.5, "right_rest": -2.0, "trough_ratio": 0.4}
    study, values = dp.simulate(both, design, seed=2, truth=truth)
    assert set(study.presses["kind"]) == {"lever", "poke"}
    found = density(both, study, values)
    for channel, drive in ((left, "trough"), (right, "peak")):
        own = {"peak": "1", f"{channel.prefix}_rest": "1"}
        alone = Model(drive=drive, channels=[channel], effects=own)
        mine = density(alone, study, values)
        assert mine == {channel.prefix: pytest.approx(found[channel.prefix], rel=1e-12)}
    swapped = Model(drive={"left": "peak", "right": "trough"}, channels=[left, right])
    assert swapped != both and swapped.gains == ["left_gain_peak", "right_gain_trough"]


PLAIN = {"peak": "1", "left_rest": "1", "right_rest": "1"}


def density(model: Model, study: dp.Study, values: dict[str, float]) -> dict[str, float]:
    layout = build_layout(model, study)
    coordinates = layout.coordinates
    theta = coordinates.theta_from_truth(values, np.zeros(len(coordinates.entries)))
    return {name: float(rows.sum()) for name, rows in evaluate(layout, theta).items()}
