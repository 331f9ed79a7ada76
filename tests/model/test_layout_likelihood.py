"""The joint log likelihood against a slow one written from the definitions, and its invariances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.drive import Drive
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate
from dopafit.model.rivals import RIVALS
from dopafit.trace.opponent import Opponent

DRIVES = tuple(dict.fromkeys(rival.drive for rival in RIVALS.values()))


def by_name(layout, theta: np.ndarray) -> dict[str, float]:
    """Every quantity on the scale a reader sees, keyed as in the summary."""
    coordinates, labels = layout.coordinates, layout.coordinates.labels()
    found = {}
    h = np.zeros(coordinates.halves)
    for name, (dims, value) in coordinates.named(theta, h).items():
        if dims:
            found |= {f"{name}[{t}]": float(v) for t, v in zip(labels[dims[0]], value, strict=True)}
        else:
            found[name] = float(value)
    return found


def slow(study, layout, theta, drive: str) -> dict[str, np.ndarray]:
    """Log densities of every row, one row at a time, each from all events before it."""
    v = by_name(layout, theta)
    drug = study.sessions.set_index(["subject", "session"])["drug"]

    def ratio(subject: str, session: str) -> float:
        value = np.log(v["trough_ratio"]) + v[f"trough_ratio_group[1|subject[{subject}]]"]
        # the first level in the alphabet, "drug", is the reference
        if drug[subject, session] == "none":
            value += v["trough_ratio_effect[drug[none]]"]
        return float(np.exp(value))

    def moved(row) -> tuple:
        member = Drive.named(drive)()
        level = 0.0
        shape = {
            "trough_ratio": ratio(row.subject, row.session),
            "recovery_half_life": v["recovery_half_life"],
            "onset_ratio": v["onset_ratio"],
        }
        for event in study.events.itertuples():
            same = (event.subject, event.session) == (row.subject, row.session)
            if same and event.time < row.time:
                peak = v[f"peak_group[1|subject[{event.subject}]]"]
                peak += v["peak_effect[kind[pellet]]"] * (event.kind == "pellet")
                response = Opponent().response(row.time - event.time, peak=np.exp(peak), **shape)
                level += event.magnitude * float(response)
        return member.gains, member.motivation(
            np, {"level": np.float64(level)}, {"trough_ratio": v["trough_ratio"]}
        )

    def eta(prefix: str, row) -> float:
        value = v[f"{prefix}_rest"] + v[f"{prefix}_rest_group[1|subject[{row.subject}]]"]
        if drive != "no_drive":
            for gain, m in zip(*moved(row), strict=True):
                value += v[f"{prefix}_{gain}"] * float(m)
        return value

    found = {"choice": [], "latency": [], "presses": []}
    for row in layout.rows["choice"].frame.itertuples():
        chance = expit(eta("choice", row) + v["choice_rest_effect[cost]"] * row.cost)
        found["choice"].append(stats.bernoulli(chance).logpmf(int(row.pursue)))
    for row in layout.rows["latency"].frame.itertuples():
        reference = stats.lognorm(s=v["latency_sigma"], scale=np.exp(-eta("latency", row)))
        density = reference.logsf if row.latency_censored else reference.logpdf
        found["latency"].append(density(row.latency))
    for row in layout.rows["presses"].frame.itertuples():
        own = study.presses
        own = own[(own["subject"] == row.subject) & (own["session"] == row.session)]["time"]
        before = own[own < row.time]
        rate = eta("presses", row)
        if len(before):
            gap = row.time - before.max()
            rate += v["presses_rest_effect[history_5s]"] * np.exp(-gap / 5)
        found["presses"].append(rate if row.is_press else -row.weight * np.exp(rate))
    return {k: np.array(x) for k, x in found.items()}


@pytest.mark.parametrize("drive", ["encompassing", "trough", "level"])
def test_every_row_is_that_of_the_definitions(tiny, three_channels, draw_theta, drive) -> None:
    model = three_channels(drive)
    layout = build_layout(model, tiny)
    rows = layout.rows["presses"]
    keep = np.unique(np.linspace(0, len(rows) - 1, 90).astype(int))  # each is slow
    theta = draw_theta(layout, seed=4)
    thin = {"presses": type(rows)(rows.frame.iloc[keep], {}, rows.unit[keep])}
    narrow = type(layout)(**{**vars(layout), "rows": {**layout.rows, **thin}})
    exact = slow(tiny, narrow, theta, drive)
    found = evaluate(layout, theta)
    assert found["choice"] == pytest.approx(exact["choice"], rel=1e-10, abs=1e-12)
    assert found["latency"] == pytest.approx(exact["latency"], rel=1e-10, abs=1e-12)
    assert found["presses"][keep] == pytest.approx(exact["presses"], rel=1e-10, abs=1e-12)


def plain(drive: str, channels, **options) -> Model:
    effects = {f"{c.prefix}_rest": "1" for c in channels} | (
        {} if drive == "no_drive" else {"peak": "1"}
    )
    return Model(drive=drive, channels=channels, effects=effects, **options)


def total(model: Model, study, truth: dict[str, float], prefix: str | None = None) -> float:
    layout = build_layout(model, study)
    base = np.array(layout.coordinates.loc)
    rows = evaluate(layout, layout.coordinates.theta_from_truth(truth, base))
    return float(sum(r.sum() for p, r in rows.items() if prefix in (None, p)))


TRUTH = {"trough_ratio": 0.5, "onset_ratio": 0.2, "recovery_half_life": 20.0, "choice_rest": -0.4}
GAINS = {
    "no_drive": {},
    "trough": {"gain_trough": 1.2},
    "peak": {"gain_peak": 0.8},
    "level": {"gain_peak": 0.8},
    "suppression": {"gain_loss": 0.8},
    "encompassing": {"gain_peak": 0.8, "gain_trough": -0.5},
}


def truth_of(drive: str, **changes) -> dict[str, float]:
    kernel = {} if drive == "no_drive" else TRUTH
    gains = {f"choice_{k}": x for k, x in GAINS[drive].items()}
    return {"choice_rest": -0.4} | kernel | gains | changes


def scaled(study, factor: float):
    """The same study with another unit of time."""
    tables = {}
    for name in ("sessions", "windows", "events", "observations", "presses"):
        table = getattr(study, name)
        times = [c for c in ("time", "start", "end") if c in table]
        tables[name] = table.assign(**{c: table[c] * factor for c in times})
    return study.with_tables(tables)


@pytest.mark.parametrize("drive", DRIVES)
def test_the_unit_of_time_does_not_matter_to_choices(tiny, drive) -> None:
    seconds = total(plain(drive, [Choice()]), tiny, truth_of(drive))
    longer = {} if drive == "no_drive" else {"recovery_half_life": 20.0 / 60}
    minutes = plain(drive, [Choice()], typical_spacing=0.5)
    assert total(minutes, scaled(tiny, 1 / 60), truth_of(drive, **longer)) == pytest.approx(
        seconds, rel=1e-10
    )
    if drive != "no_drive":  # negative control: the half-life does matter
        assert total(plain(drive, [Choice()]), tiny, truth_of(drive, **longer)) != pytest.approx(
            seconds, abs=1e-3
        )


def test_the_unit_of_time_shifts_presses_by_a_constant_a_press(tiny) -> None:
    kernel = {"trough_ratio": 0.5, "onset_ratio": 0.2, "presses_gain_trough": 0.5}
    seconds, minutes = (
        total(
            plain("trough", [Presses(history=(5.0 * f,))], typical_spacing=30.0 * f),
            scaled(tiny, f),
            kernel
            | {"recovery_half_life": 20.0 * f, "presses_rest": -3.0 - np.log(f)}
            | {f"presses_rest_effect[{'history_5s' if f == 1 else 'history_50s'}]": 0.9},
        )
        for f in (1.0, 10.0)
    )
    assert minutes - seconds == pytest.approx(-np.log(10) * len(tiny.presses), abs=1e-6)


@pytest.mark.parametrize("drive", [d for d in DRIVES if d != "no_drive"])
def test_the_unit_of_magnitudes_is_the_peaks(tiny, drive) -> None:
    events = tiny.events
    tenfold = tiny.with_tables({"events": events.assign(magnitude=10 * events["magnitude"])})
    model = plain(drive, [Choice()], unit_magnitude=1)
    smaller = plain(drive, [Choice()], unit_magnitude=1, fixed={"peak": 0.1})
    one = total(model, tiny, truth_of(drive))
    assert total(smaller, tenfold, truth_of(drive)) == pytest.approx(one, rel=1e-10)
    assert total(model, tenfold, truth_of(drive)) != pytest.approx(one, abs=1e-3)


@pytest.mark.parametrize("channel", [Choice(), Latency(), WaldLatency(), Presses()])
def test_an_event_at_the_time_of_an_outcome_does_not_leak_into_it(tiny, channel) -> None:
    key = {"subject": "a", "session": "1"}
    at = float(tiny.observations["time"].iloc[4] if channel.table == "observations" else 61.5)
    presses = pd.concat([tiny.presses, pd.DataFrame([key | {"time": 61.5, "kind": "press"}])])
    study = tiny.with_tables({"presses": presses})
    later = pd.DataFrame([key | {"time": at, "kind": "cue", "magnitude": 50.0}])
    shown = study.with_tables({"events": pd.concat([study.events, later])})
    model = plain("encompassing", [channel])
    base, found = (build_layout(model, s) for s in (study, shown))
    theta = np.array(base.coordinates.loc)
    gains = [base.coordinates.place(f"{channel.prefix}_{g}") for g in ("gain_peak", "gain_trough")]
    theta[gains] = 0.3
    rows = []
    for layout in (base, found):
        frame = layout.rows[channel.prefix].frame
        own = (frame["subject"] == "a") & (frame["session"] == "1")
        own &= frame.get("is_press", pd.Series(1.0, index=frame.index)) > 0
        density = evaluate(layout, theta)[channel.prefix][own.to_numpy()]
        rows.append(dict(zip(frame["time"][own], density, strict=True)))
    before, after = rows
    assert at in before
    for time, value in before.items():
        if time <= at:
            assert after[time] == pytest.approx(value, rel=1e-12), time
        else:
            assert after[time] != pytest.approx(value, rel=1e-9), time


def test_the_order_of_tables_does_not_matter(tiny, three_channels) -> None:
    model = three_channels("encompassing")
    shuffled = tiny.with_tables(
        {n: getattr(tiny, n).sample(frac=1, random_state=3) for n in tiny.tables}
    )
    renamed = tiny.with_tables(
        {
            n: t.assign(subject=t["subject"].map({"a": "z", "b": "c"}))
            for n, t in tiny.tables.items()
            if len(t)
        }
    )
    base = build_layout(model, tiny)
    x, h = base.coordinates.prior_draws(np.random.default_rng(1), ())
    theta = base.coordinates.theta(0.5 * x, 0.5 * h)
    one = {k: v.sum() for k, v in evaluate(base, theta).items()}
    values = by_name(base, theta)
    two = evaluate(build_layout(model, shuffled), theta)
    # subjects z and c sort the other way round: effects move with their names
    turned = build_layout(model, renamed)
    names = {k.replace("[a]", "[z]").replace("[b]", "[c]"): v for k, v in values.items()}
    three = evaluate(
        turned, turned.coordinates.theta_from_truth(names, np.array(turned.coordinates.loc))
    )
    for prefix, value in one.items():
        assert two[prefix].sum() == pytest.approx(value, rel=1e-11)
        assert three[prefix].sum() == pytest.approx(value, rel=1e-11)


def test_level_and_encompassing_agree_where_they_are_the_same_claim(tiny) -> None:
    from dopafit.drive import rectify

    b, ratio = 0.8, 0.5
    gains = {
        "choice_gain_peak": b * rectify(np, 1.0),
        "choice_gain_trough": -b * rectify(np, np.float64(ratio)),
    }
    level = total(plain("level", [Choice()]), tiny, truth_of("level"))
    both = total(plain("encompassing", [Choice()]), tiny, truth_of("encompassing") | gains)
    assert both == pytest.approx(level, rel=1e-11)
    for drive in ("peak", "trough", "no_drive"):
        own = {f"choice_{k}": x for k, x in GAINS[drive].items()}
        zero = {"choice_gain_peak": 0.0, "choice_gain_trough": 0.0}
        both = total(plain("encompassing", [Choice()]), tiny, truth_of("encompassing") | zero | own)
        alone = total(plain(drive, [Choice()]), tiny, truth_of(drive))
        assert both == pytest.approx(alone, rel=1e-12)


def test_fixed_parameters_are_the_same_as_given_ones(tiny) -> None:
    fixed = {"trough_ratio": 0.5, "onset_ratio": 0.2, "choice_lapse": 0.05, "choice_gain_peak": 0.8}
    given = total(
        plain("peak", [Choice()], priors={"choice_lapse": Prior.logit_normal(0.1, 1.0)}),
        tiny,
        truth_of("peak") | {"choice_lapse": 0.05},
    )
    held = {"recovery_half_life": 20.0, "choice_rest": -0.4}
    assert total(plain("peak", [Choice()], fixed=fixed), tiny, held) == pytest.approx(given)
    every = fixed | held
    assert total(plain("peak", [Choice()], fixed=every), tiny, {}) == pytest.approx(given)
