from __future__ import annotations

import io
import os
import signal

import numpy as np
import pytest

from dopafit.backend.sampler.draw import Interrupted, SamplerSettings
from dopafit.backend.sampler.engine import Target
from dopafit.core.errors import FitError
from dopafit.fit.progress import LogProgress
from dopafit.fit.sampling import draw

SETTINGS = SamplerSettings(draws=100, tune=100, chains=2, seed=1)


def build(log_density=lambda x: (-0.5 * float(x @ x), -x)):
    return Target(2, {"x": (2,)}, log_density, lambda u: {"x": u})


def test_both_phases_are_shown():
    stream = io.StringIO()
    tree = draw(build, SETTINGS, label="trough", progress=LogProgress(stream))
    lines = stream.getvalue().splitlines()
    assert [line.split(" [")[0] for line in lines] == [
        "compiling trough ...",
        "compiling trough: done",
        "sampling trough ...",
        "sampling trough: 2 x 100 draws, 0 divergences",
    ]
    assert tree["posterior"].sizes["draw"] == 100
    quiet = draw(build, SETTINGS, label="trough")
    assert np.array_equal(quiet["posterior"]["x"], tree["posterior"]["x"])


def test_failures_close_the_phase():
    stream = io.StringIO()
    with pytest.raises(FitError):
        draw(
            lambda: build(lambda x: (float("nan"), x)),
            SETTINGS,
            label="peak",
            progress=LogProgress(stream),
        )
    assert stream.getvalue().splitlines()[-1].startswith("sampling peak: stopped [")


def test_ctrl_c_says_how_far_it_came():
    class Press(LogProgress):
        pressed = False

        def sampling(self, snapshot):
            super().sampling(snapshot)
            if not self.pressed and min(snapshot.finished) > 300:
                self.pressed = True
                os.kill(os.getpid(), signal.SIGINT)

    stream = io.StringIO()
    long = SamplerSettings(draws=300_000, tune=100, chains=2, cores=2, seed=1)
    with pytest.raises(Interrupted) as caught:
        draw(build, long, label="level", progress=Press(stream))
    assert caught.value.partial is not None
    last = stream.getvalue().splitlines()[-1]
    assert last.startswith(f"sampling level: stopped after {caught.value.draws} of 300000 draws")
