"""A claim travels as plain data: pickled, copied, in a process of its own."""

from __future__ import annotations

import copy
import multiprocessing
import pickle

import pytest

import dopafit as dp
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model


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
