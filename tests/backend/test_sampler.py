from __future__ import annotations

import itertools
import json
import os
import signal
import threading

import numpy as np
import pytest
import xarray as xr

from dopafit.backend.sampler.draw import Interrupted, SamplerSettings, Snapshot, run
from dopafit.backend.sampler.engine import Target
from dopafit.core.errors import FitError, SpecError

SMALL = SamplerSettings(draws=300, tune=300, chains=2, cores=2, seed=7, target_accept=0.8)


def model(log_density, size=3, start=None):
    """A target from a Python function that returns the log density and its gradient."""
    return Target(size, {"x": (size,)}, log_density, lambda u: {"x": u}, start)


def normal(x):
    return -0.5 * float(x @ x), -x


def funnel(x):
    """Neal's funnel: the log of the others' variance is normal with sd 3."""
    v, z = x[0], x[1:]
    gradient = np.empty_like(x)
    gradient[0] = -v / 9 - 0.5 * len(z) + 0.5 * np.exp(-v) * (z @ z)
    gradient[1:] = -z * np.exp(-v)
    return float(-v * v / 18 - 0.5 * len(z) * v - 0.5 * np.exp(-v) * (z @ z)), gradient


def test_a_normal_has_its_moments_and_its_settings(capfd):
    seen: list[Snapshot] = []
    settings = SamplerSettings(draws=1000, tune=500, chains=2, seed=3)
    tree = run(model(normal), settings, progress=seen.append)
    assert capfd.readouterr() == ("", "")
    assert set(tree.children) == {"posterior", "sample_stats"}
    draws = tree["posterior"]["x"]
    assert draws.dims[:2] == ("chain", "draw") and draws.shape == (2, 1000, 3)
    assert np.allclose(draws.mean(("chain", "draw")), 0, atol=0.15)
    assert np.allclose(draws.std(("chain", "draw")), 1, atol=0.12)
    assert json.loads(tree.attrs["sampler_settings"]) == settings.to_dict()
    assert tree.attrs["tuning_steps"] == 500 and tree.attrs["sampling_time"] > 0
    assert tree.attrs["inference_library"] == "nutpie" and tree.attrs["inference_library_version"]
    recorded = json.loads(tree["sample_stats"].attrs["inference_library_settings"])
    assert recorded["settings"]["num_tune"] == 500
    assert recorded["settings"]["adapt_options"]["step_size_settings"]["target_accept"] == 0.9
    assert seen and all(a.share <= b.share for a, b in itertools.pairwise(seen))
    assert all(s.total == 1500 and len(s.finished) == 2 for s in seen)
    assert tree["sample_stats"]["n_steps"].dtype.kind == "i"


def test_the_seed_decides():
    one, same, other = (
        run(model(normal), SamplerSettings(draws=60, tune=100, chains=2, seed=s))["posterior"]
        for s in (1, 1, 2)
    )
    assert np.array_equal(one["x"], same["x"])
    assert not np.array_equal(one["x"], other["x"])


def test_low_rank_adaptation_finds_a_correlated_normal():
    precision = np.linalg.inv(np.array([[1, 0.95, 0], [0.95, 1, 0], [0, 0, 1]]))
    settings = SamplerSettings(draws=800, tune=500, chains=2, seed=3, adaptation="low_rank")
    tree = run(model(lambda x: (-0.5 * float(x @ precision @ x), -precision @ x)), settings)
    flat = tree["posterior"]["x"].values.reshape(-1, 3)
    assert np.corrcoef(flat.T)[0, 1] == pytest.approx(0.95, abs=0.03)
    assert json.loads(tree.attrs["sampler_settings"])["adaptation"] == "low_rank"


@pytest.fixture(scope="module")
def funnel_tree():
    settings = SamplerSettings(draws=500, tune=200, chains=3, seed=2, target_accept=0.5)
    return run(model(funnel, 8), settings, keep_warmup=True)


def test_divergences_survive_the_way_to_disk(funnel_tree, tmp_path):
    count = int(funnel_tree["sample_stats"]["diverging"].sum())
    assert count > 0
    funnel_tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as back:
        assert int(back["sample_stats"]["diverging"].sum()) == count
        for group in funnel_tree.children:
            for name, values in funnel_tree[group].data_vars.items():
                stored = back[group][name].values
                if values.dtype.kind == "f":
                    assert np.array_equal(stored, values.values, equal_nan=True)
                else:
                    assert np.array_equal(stored.astype(values.dtype), values.values)
        messages = back["sample_stats"]["divergence_message"].values
        assert ((messages != "") == funnel_tree["sample_stats"]["diverging"].values).all()
        assert back.attrs == funnel_tree.attrs


def test_warmup_is_kept_only_if_asked(funnel_tree):
    assert funnel_tree["warmup_posterior"].sizes["draw"] == 200
    assert set(funnel_tree.children) == {
        "posterior",
        "sample_stats",
        "warmup_posterior",
        "warmup_sample_stats",
    }


def stop_when(condition):
    """A progress callback that presses Ctrl-C once."""
    pressed = []

    def watch(snapshot):
        if not pressed and condition(snapshot):
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    return watch


LONG = SamplerSettings(draws=200_000, tune=100, chains=2, cores=2, seed=5)


def test_ctrl_c_keeps_the_draws(capfd):
    before = signal.getsignal(signal.SIGINT)
    watch = stop_when(lambda s: min(s.finished) >= 400)
    with pytest.raises(Interrupted, match="stopped after") as caught:
        run(model(normal), LONG, progress=watch)
    partial = caught.value.partial
    assert signal.getsignal(signal.SIGINT) is before
    assert 300 <= caught.value.draws < 200_000
    for group in ("posterior", "sample_stats"):
        assert dict(partial[group].sizes)["draw"] == caught.value.draws
    assert np.isfinite(partial["posterior"]["x"]).all()
    assert partial.attrs["interrupted"] == 1
    assert isinstance(caught.value, FitError) and "kept" in caught.value.todo
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_in_tuning_leaves_nothing():
    settings = SamplerSettings(draws=100, tune=200_000, chains=2, seed=5)
    with pytest.raises(Interrupted, match="after 0 of 100 draws") as caught:
        run(model(normal), settings, progress=stop_when(lambda s: s.share > 0))
    assert caught.value.partial is None and "nothing to keep" in caught.value.todo


def test_a_second_ctrl_c_leaves_at_once():
    def twice(snapshot):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(model(normal), LONG, progress=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_in_the_progress_stops_the_sampler():
    class BrokenScreen(Exception):
        pass

    def broken(snapshot):
        raise BrokenScreen

    with pytest.raises(BrokenScreen):
        run(model(normal), LONG, progress=broken)


def test_it_runs_beside_the_main_thread():
    out = []
    worker = threading.Thread(target=lambda: out.append(run(model(normal), SMALL)))
    worker.start()
    worker.join(60)
    assert out[0]["posterior"].sizes["draw"] == 300


def test_no_finite_start_is_explained():
    with pytest.raises(FitError, match="could not start") as caught:
        run(model(lambda x: (float("nan"), x)), SMALL)
    assert "NaN" in caught.value.wrong and caught.value.allowed and caught.value.todo
    assert "backtrace" not in str(caught.value).lower()


def test_an_error_in_the_model_is_named():
    def broken(x):
        raise ValueError("unit is zero")

    with pytest.raises(FitError, match="unit is zero"):
        run(model(broken), SMALL)


def test_a_breakdown_on_the_way_is_named():
    calls = []

    def late(x):
        calls.append(1)
        if len(calls) > 2000:
            raise ValueError("table ran out")
        return normal(x)

    with pytest.raises(FitError, match=r"(?s)broke down.*table ran out"):
        run(model(late), SMALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"draws": 10.5},
        {"chains": True},
        {"tune": 0},  # the sampler cannot start without a tuning step
        {"cores": 0},
        {"seed": -1},
        {"seed": 2**64},
        {"maxdepth": 0},
        {"draws": 10**9},  # aborted the process
        {"max_draws": 10**9},
        {"tune": 10**9},
        {"chains": 10_000},
        {"draws": 500, "max_draws": 499},
        {"target_accept": 1.0},
        {"target_accept": "high"},
        {"adaptation": "lowrank"},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(SpecError) as caught:
        SamplerSettings(**wrong)
    assert next(iter(wrong)) in caught.value.wrong
    assert caught.value.allowed and caught.value.todo


def test_settings_are_values():
    assert SamplerSettings(seed=np.int64(3)) == SamplerSettings(seed=3)
    assert SamplerSettings(**SMALL.to_dict()) == SMALL
    assert json.loads(json.dumps(SMALL.to_dict())) == SMALL.to_dict()


LOOKS = SamplerSettings(draws=50, max_draws=230, tune=60, chains=3, seed=9)


def test_looks_double_up_to_the_budget():
    assert LOOKS.looks == (50, 100, 200, 230)
    assert SamplerSettings(draws=80).looks == (80,)
    assert SamplerSettings(draws=80, max_draws=81).looks == (80, 81)


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_the_same_chains_go_on(cores):
    """However many looks, and however many chains run at a time, the draws are the same."""
    whole = run(model(normal), SamplerSettings(draws=230, tune=60, chains=3, seed=9))
    seen = []

    def never(tree):
        seen.append(tree)
        return False

    settings = SamplerSettings(**(LOOKS.to_dict() | {"cores": cores}))
    last = run(model(normal), settings, enough=never)
    assert [tree["posterior"].sizes["draw"] for tree in seen] == [50, 100, 200]
    for tree in [*seen, last]:
        draws = tree["posterior"].sizes["draw"]
        for group in ("posterior", "sample_stats"):
            expected = whole[group].to_dataset().isel(draw=slice(draws))
            for name in ("x", "energy", "diverging"):
                if name in expected:
                    assert np.array_equal(tree[group][name], expected[name])
    assert last["posterior"].sizes["draw"] == 230


def test_draws_end_when_they_are_enough():
    """All chains wait at a look, so none runs ahead; nothing is drawn that is not kept."""
    made = []

    def counted(x):
        made.append(1)
        return normal(x)

    tree = run(
        model(counted),
        SamplerSettings(draws=100, max_draws=100_000, tune=100, chains=2, seed=3),
        enough=lambda tree: tree["posterior"].sizes["draw"] >= 200,
    )
    assert tree["posterior"].sizes["draw"] == 200
    assert np.isfinite(tree["posterior"]["x"]).all()
    steps = int(tree["sample_stats"]["n_steps"].sum())
    assert len(made) < 6 * steps  # tuning is short and restless; 100,000 draws are 250 times this


def test_ctrl_c_while_the_chains_go_on():
    settings = SamplerSettings(draws=100, max_draws=400_000, tune=100, chains=2, cores=2, seed=5)
    with pytest.raises(Interrupted) as caught:
        run(
            model(normal),
            settings,
            progress=stop_when(lambda s: min(s.finished) > 700),
            enough=lambda tree: False,
        )
    assert caught.value.draws > 400 and "400000" in caught.value.wrong
    assert np.isfinite(caught.value.partial["posterior"]["x"]).all()


def test_a_breakdown_after_a_look_is_named():
    calls = []

    def late(x):
        calls.append(1)
        if len(calls) > 4000:
            raise ValueError("table ran out")
        return normal(x)

    settings = SamplerSettings(draws=50, max_draws=100_000, tune=60, chains=2, cores=1, seed=5)
    with pytest.raises(FitError, match=r"(?s)broke down.*table ran out"):
        run(model(late), settings, enough=lambda tree: False)


def test_an_error_at_a_look_stops_the_chains():
    def broken(tree):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(model(normal), LOOKS, enough=broken)


def test_chains_start_by_the_rank_of_their_seed():
    """Three modes so far apart that no chain leaves its own."""
    places = np.array([-500.0, 0.0, 500.0])

    def comb(x):
        nearest = places[np.argmin(np.abs(places - x[0]))]
        return -0.5 * float((x[0] - nearest) ** 2), np.array([nearest - x[0]])

    def start(seed, rank):
        return places[[rank]] + np.random.default_rng(seed).uniform(-1, 1, 1)

    compiled = model(comb, 1, start)
    means = [
        run(compiled, SamplerSettings(draws=50, tune=60, chains=3, seed=2, cores=cores))[
            "posterior"
        ]["x"].values.mean(axis=(1, 2))
        for cores in (1, 3)
    ]
    assert sorted(means[0].round(-2)) == list(places)
    assert np.array_equal(*means)


def test_a_snapshot_estimates_the_time_left():
    snapshot = Snapshot((50, 150), 400, (True, False), (0, 3), (0.2, 0.4), (350, 1050), 10.0)
    assert snapshot.share == pytest.approx(0.25)
    assert snapshot.remaining == pytest.approx(30.0)
    assert snapshot.leapfrogs_per_draw == pytest.approx(7.0)
    assert not snapshot.complete
    empty = Snapshot((0, 0), 400, (True, True), (0, 0), (0.0, 0.0), (0, 0), 0.1)
    assert empty.remaining is None and empty.leapfrogs_per_draw is None
