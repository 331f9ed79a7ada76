"""A channel from outside whose rows depend on the row before works as the others do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.sampler.compiled import RowDensity, compile_layout
from dopafit.channel import Channel
from dopafit.core.component import OUTSIDE
from dopafit.core.outside import load_components
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.study import Study
from tests.backend.claims import check_gradient, compare, numpy_density, oracle, points

KEYS = ["subject", "session"]


@pytest.fixture(scope="module")
def rating():
    """Load the file as `--components` does, and forget it afterwards."""
    before = Channel.members()
    load_components(Path(__file__).with_name("rating.py"))
    yield Channel.named("rating")
    Channel._members.clear()
    Channel._members.update(before)
    del OUTSIDE["rating.py"]


@pytest.fixture(scope="module")
def model(rating):
    effects = {"rating_rest": "dose + (1 | subject)"}
    return Model("trough", [rating()], effects, typical_spacing=20.0)


@pytest.fixture(scope="module")
def study():
    """Sessions that end within a chunk, fill one, and go on over two; ratings are missing."""
    rng, sessions, rows, events = np.random.default_rng(1), [], [], []
    for subject, lengths in {"a": (1, CHUNK - 1, 3), "b": (2 * CHUNK + 70, 1, 40)}.items():
        for number, length in enumerate(lengths):
            key = {"subject": subject, "session": str(number)}
            sessions.append(key | {"start": 0.0, "end": 1000.0})
            events += [key | {"time": t} for t in np.sort(rng.uniform(0, 900, 6))]
            for time in np.sort(rng.uniform(1, 999, length)):
                row = {"time": time, "vas": rng.normal(), "dose": rng.normal()}
                rows.append(key | row)
    observations = pd.DataFrame(rows)
    observations.loc[[5, 300, 301], "vas"] = np.nan
    shuffled = observations.sample(frac=1, random_state=3)
    tables = {"events": pd.DataFrame(events), "observations": shuffled}
    return Study("ratings", sessions=pd.DataFrame(sessions), **tables)


def joint(layout, theta) -> float:
    """The density of all sessions at once: normal, with the covariance of a stationary AR(1)."""
    m, prefix = numpy_operations(layout.arrays), "rating"
    moved = layout.program.motivation(layout.arrays, theta, m)
    eta, own = layout.program.arguments(prefix, moved, layout.arrays, theta, m)
    rows, total = layout.rows[prefix], 0.0
    for place in rows.frame.groupby(KEYS).indices.values():
        lag = np.abs(np.subtract.outer(np.arange(place.size), np.arange(place.size)))
        noise = rows.data["rating"][place] - eta[place]
        covariance = own["sigma"] ** 2 * own["rho"] ** lag
        total += stats.multivariate_normal(np.zeros(place.size), covariance).logpdf(noise)
    return total


def test_the_density_is_that_of_an_ar1_process(model, study) -> None:
    """Rows in the order of their times, whatever the table's order; compiled, by JAX, by NumPy."""
    layout = build_layout(model, study)
    density, at = compile_layout(layout), points(layout)[:4]
    assert compare(oracle(layout), density, at) >= 3
    check_gradient(lambda q: numpy_density(layout, q), at[1], density(at[1])[1])
    c = layout.coordinates
    theta = c.theta(at[1][: c.normals], np.exp(at[1][c.normals :]))
    rows = evaluate(layout, theta)["rating"]
    assert rows.sum() == pytest.approx(joint(layout, theta), rel=1e-10)
    np.testing.assert_allclose(RowDensity(layout)(theta)["rating"], rows, rtol=1e-10, atol=1e-12)
    times = layout.rows["rating"].frame.groupby(KEYS)["time"]
    assert times.is_monotonic_increasing.all()
