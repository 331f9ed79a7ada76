"""Surrogates keep what they must, change what they may, and are refused where they mean nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dopafit.check.earned import same_ratio
from dopafit.check.surrogates import exchanged, redrawn, replicated, shifted
from dopafit.core.errors import SpecError
from dopafit.model.play import Replicator
from dopafit.study.study import Study

KEYS = ["subject", "session"]


def made(
    rng: np.random.Generator, subjects: int = 8, length: float = 200.0, number: int = 12, **more
) -> Study:
    """Two sessions a subject of random events and observations; groups a and b of subjects."""
    keys = [(f"s{i:02d}", f"{j}") for i in range(subjects) for j in range(2)]
    sessions = pd.DataFrame(keys, columns=KEYS).assign(start=10.0, end=10.0 + length)
    sessions["drug"] = np.where(sessions["session"] == "0", "off", "on")

    def rows(count: int) -> pd.DataFrame:
        table = sessions.loc[sessions.index.repeat(count), KEYS]
        return table.assign(time=10.0 + length * rng.uniform(size=len(table)))

    events = rows(number)
    tables = {
        "sessions": sessions,
        "subjects": pd.DataFrame(
            {"subject": sorted(set(sessions["subject"])), "group": np.resize(["a", "b"], subjects)}
        ),
        "events": events.assign(
            kind=rng.choice(["cue", "tone"], len(events)),
            magnitude=rng.choice([1.0, 2.0, 5.0], len(events)),
        ),
        "observations": rows(30).assign(pursue=lambda t: rng.integers(0, 2, len(t)).astype(float)),
    }
    return Study("made", **(tables | more))


def trains(study: Study, since: str = "start") -> dict[tuple[str, str], bytes]:
    """Return each session's events, as times since its start, magnitudes and kinds."""
    start = study.sessions.set_index(KEYS)[since]
    return {
        key: (
            np.round(own["time"].to_numpy() - start[key], 6).tobytes(),
            own["magnitude"].to_numpy().tobytes(),
            tuple(own["kind"]),
        )
        for key, own in study.events.groupby(KEYS)
    }


def test_exchange_moves_whole_trains_between_sessions_that_are_alike() -> None:
    study = made(np.random.default_rng(1))
    found = exchanged(study, None, np.random.default_rng(2), 25)
    assert found.count == 25 and not found.reason
    group = study.subjects.set_index("subject")["group"]
    whose = {train: key for key, train in trains(study).items()}
    seen = set()
    for number in range(25):
        other = found.make(number)
        assert other == found.make(number) and other != study
        for role in ("sessions", "subjects", "windows", "observations"):
            pd.testing.assert_frame_equal(getattr(other, role), getattr(study, role))
        mine = trains(other)
        assert sorted(mine.values()) == sorted(whose)  # every train is kept, once
        for key, train in mine.items():
            before = whose[train]
            assert before[1] == key[1] and group[before[0]] == group[key[0]]
        seen.add(other.hash)
    assert len(seen) == 25


def test_only_the_kinds_asked_for_are_exchanged() -> None:
    study = made(np.random.default_rng(1))
    other = exchanged(study, ["cue"], np.random.default_rng(2), 1).make(0)
    tones = [
        one.events[one.events["kind"] == "tone"].reset_index(drop=True) for one in (study, other)
    ]
    pd.testing.assert_frame_equal(*tones)
    assert other != study


@pytest.mark.parametrize("change", ["length", "start"])
def test_exchange_heeds_length_and_start(change) -> None:
    study = made(np.random.default_rng(1))
    sessions = study.sessions
    odd = sessions["subject"].isin(["s00", "s01", "s02", "s03"])
    if change == "length":
        sessions.loc[odd, "end"] += 100.0
    else:
        sessions.loc[odd, "start"] -= 5.0
    study = study.with_tables({"sessions": sessions, "windows": None})
    other = exchanged(study, None, np.random.default_rng(2), 30)
    whose = {train: key for key, train in trains(study).items()}
    crossed = 0
    for number in range(30):
        for key, train in trains(other.make(number)).items():
            crossed += (key[0] in set(sessions["subject"][odd])) != (
                whose[train][0] in set(sessions["subject"][odd])
            )
    assert (crossed == 0) == (change == "length")


def test_identical_trains_give_no_surrogates() -> None:
    study = made(np.random.default_rng(1))
    one = study.events[(study.events["subject"] == "s00") & (study.events["session"] == "0")]
    keys = study.sessions[KEYS]
    same = pd.concat([one.assign(**dict(key)) for _, key in keys.iterrows()], ignore_index=True)
    found = exchanged(study.with_tables({"events": same}), None, np.random.default_rng(2), 39)
    assert found.count == 0 and "have the same events" in found.reason


def test_few_alike_give_few() -> None:
    """Two subjects in each group: each order of session has two trains, hence 2^4 - 1 others."""
    study = made(np.random.default_rng(1), subjects=4)
    found = exchanged(study, None, np.random.default_rng(2), 39)
    assert found.count == 15 and found.reason.startswith("15 differ from each other")


def test_shifts_keep_intervals_up_to_the_wrap() -> None:
    study = made(np.random.default_rng(3))
    found = shifted(study, None, np.random.default_rng(2), 20, least=40.0)
    assert found.count == 20
    for number in range(3):
        other = found.make(number)
        for (key, before), (same, after) in zip(
            study.events.groupby(KEYS), other.events.groupby(KEYS), strict=True
        ):
            assert key == same
            old, new = (np.sort(one["time"].to_numpy()) for one in (before, after))
            gaps = [np.diff(each, append=each[0] + 200.0) for each in (old, new)]
            np.testing.assert_allclose(*map(np.sort, gaps), atol=1e-6)
            assert new.min() >= 10.0 and new.max() <= 210.0
            # the events themselves, their order apart, moved by one step of 40 to 160 s
            step = np.subtract.outer(new, old) % 200.0
            steps, count = np.unique(np.round(step, 5), return_counts=True)
            assert 40.0 <= steps[count.argmax()] <= 160.0 and count.max() == len(old)


def test_shifts_are_refused_where_events_or_their_sizes_follow_a_trend() -> None:
    study = made(np.random.default_rng(3))
    events = study.events
    early = events.assign(time=10.0 + (events["time"] - 10.0) ** 2 / 200.0)
    larger = events.assign(magnitude=events["time"])
    for table in (early, larger):
        found = shifted(
            study.with_tables({"events": table}), None, np.random.default_rng(2), 5, least=40.0
        )
        assert found.count == 0 and "not spread evenly" in found.reason
    short = shifted(study, None, np.random.default_rng(2), 5, least=100.0)
    assert short.count == 0 and "twice the response" in short.reason


def test_redrawn_magnitudes_leave_the_times() -> None:
    study = made(np.random.default_rng(4))
    found = redrawn(study, None, np.random.default_rng(2), 20)
    assert found.count == 20
    for number in range(3):
        other = found.make(number)
        pd.testing.assert_frame_equal(other.events[[*KEYS, "time"]], study.events[[*KEYS, "time"]])
        old, new = (sorted(train[1:] for train in trains(one).values()) for one in (study, other))
        assert old == new and other != study


def test_simulated_behaviour_leaves_events_and_missing_outcomes(tiny_model, tiny_world) -> None:
    rows = tiny_world.observations
    rows.loc[::7, ["pursue", "latency"]] = np.nan
    study = tiny_world.with_tables({"observations": rows})
    model = tiny_model("trough")
    coordinates = Replicator.of(model, study).layout.coordinates
    theta = coordinates.theta(np.zeros((2, coordinates.normals)), np.ones((2, coordinates.halves)))
    found = replicated(model, study, theta, np.random.SeedSequence(1))
    one, two = (found.make(number) for number in range(2))
    assert found.count == 2 and one == found.make(0) and one != two
    pd.testing.assert_frame_equal(one.events, study.events)
    pd.testing.assert_series_equal(
        one.observations["latency"].isna(), study.observations["latency"].isna()
    )
    assert not one.presses.equals(study.presses)
    earned = replicated(
        model, study, theta, np.random.SeedSequence(1), lambda s: s.with_tables({"events": None})
    )
    assert earned.make(0).events.empty and earned.make(0).presses.equals(one.presses)


@pytest.mark.slow
def test_p_is_uniform_where_events_do_nothing_and_small_where_they_do() -> None:
    """A cheap statistic: how far outcomes differ with the number of recent events."""

    def statistic(study: Study) -> float:
        seen, found = study.observations, []
        for key, own in study.events.groupby(KEYS):
            mine = seen[(seen["subject"] == key[0]) & (seen["session"] == key[1])]
            lag = mine["time"].to_numpy()[:, None] - own["time"].to_numpy()
            recent = ((lag > 0) & (lag < 15.0)).sum(axis=1)
            found.append(np.column_stack([recent, mine["pursue"]]))
        return abs(np.corrcoef(np.concatenate(found).T)[0, 1])

    found: dict[float, list[float]] = {0.0: [], 0.5: []}
    for effect, p_values in found.items():
        for seed in range(25 if effect == 0.0 else 4):
            rng = np.random.default_rng(seed)
            study = made(rng, subjects=4, number=6)
            rows = study.observations
            lag = rows.merge(study.events, on=KEYS, suffixes=("", "_event"))
            gap = lag["time"] - lag["time_event"]
            recent = ((gap > 0) & (gap < 15.0)).groupby([lag[k] for k in (*KEYS, "time")]).any()
            hit = recent.reset_index(name="hit").merge(rows, on=[*KEYS, "time"])
            # outcomes drift over the session, whatever the events do
            chance = 0.2 + 0.5 * (hit["time"] - 10.0) / 200.0 * (1 - effect) + effect * hit["hit"]
            drawn = hit[[*KEYS, "time"]].assign(pursue=1.0 * (rng.uniform(size=len(hit)) < chance))
            study = study.with_tables({"observations": drawn})
            others = exchanged(study, None, rng, 15)
            values = [statistic(others.make(i)) for i in range(others.count)]
            p_values.append((1 + np.sum(np.array(values) >= statistic(study))) / (1 + len(values)))
    assert stats.kstest(found[0.0], "uniform").pvalue > 0.01
    assert max(found[0.5]) < 0.1


def test_events_are_earned_on_the_schedule_of_the_data() -> None:
    study = made(np.random.default_rng(6))
    presses = study.observations[[*KEYS, "time"]].assign(kind="press")
    number = presses.groupby(KEYS).cumcount() + 1
    pellets = presses[number % 5 == 0].assign(kind="pellet", magnitude=1.0)
    pellets["time"] += 1e-4
    tones = study.events[study.events["kind"] == "tone"]
    study = study.with_tables({"presses": presses, "events": pd.concat([tones, pellets])})
    earn = same_ratio(study, ["press"], ["pellet"])
    assert earn(study) == study
    later = study.presses.assign(time=study.presses["time"] + 0.1)
    more = pd.concat([later, later.assign(time=later["time"] + 0.01)])
    found = earn(study.with_tables({"presses": more}))
    counted = found.presses.groupby(KEYS)["time"]
    for key, own in found.events[found.events["kind"] == "pellet"].groupby(KEYS):
        done = np.sort(counted.get_group(key).to_numpy())
        np.testing.assert_allclose(own["time"], done[4::5] + 1e-4)
    assert (found.events["kind"] == "tone").sum() == len(tones)
    none = earn(study.with_tables({"presses": None}))
    assert set(none.events["kind"]) == {"tone"}
    with pytest.raises(SpecError, match="before the first press"):
        same_ratio(study, ["press"])
