"""Rows that read the trace at weighted moments: compiled, by JAX and by numpy, against a loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.sampler.compiled import RowDensity, compile_layout
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from tests.backend.claims import check_gradient, compare, numpy_density, oracle, points, study


def windows(drive: str, **options):
    """A layout in which the rows of two channels read many moments, some rows of one none."""
    model = Model(drive, [Choice(), Latency()], typical_spacing=20.0, **options)
    layout = build_layout(model, study())
    rng, arrays = np.random.default_rng(8), dict(layout.arrays)
    reads = arrays["read_time"].size
    for prefix, fewest in (("choice", 0), ("latency", 1)):
        count = rng.integers(fewest, CHUNK // 8, arrays[f"{prefix}.zero"].size)
        count[:2] = fewest, CHUNK + 30
        arrays[f"{prefix}.moment_offset"] = np.append(0, np.cumsum(count))
        arrays[f"{prefix}.moment_weight"] = rng.normal(0.0, 1.0, count.sum()) / CHUNK
        arrays[f"{prefix}.read"] = rng.integers(0, reads, count.sum())
    return replace(layout, arrays=arrays)


def slowly(layout, theta) -> dict[str, np.ndarray]:
    """Every row's log density, moment after moment."""
    program, arrays = layout.program, layout.arrays
    operations = numpy_operations(arrays)
    moved, found = program.motivation(arrays, theta, operations), {}
    for channel in program.model.channels:
        prefix = channel.prefix
        eta = program.value(f"{prefix}_rest", arrays, theta, operations) + arrays[f"{prefix}.zero"]
        for gain, motivation in zip(program.model.drives[prefix].gains, moved[prefix], strict=True):
            size = program.value(f"{prefix}_{gain}", arrays, theta, operations)
            for row in range(eta.size):
                for k in range(*arrays[f"{prefix}.moment_offset"][row : row + 2]):
                    read = arrays[f"{prefix}.read"][k]
                    eta[row] += size * arrays[f"{prefix}.moment_weight"][k] * motivation[read]
        start = f"{prefix}.data."
        data = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
        _, own = program.arguments(prefix, moved, arrays, theta, operations)
        found[prefix] = channel.logp(np, eta, **data, **own)
    return found


@pytest.mark.parametrize(
    ("drive", "effects"),
    [
        ("encompassing", {}),
        pytest.param("trough", {"trough_ratio": "drug", "peak": "drug"}, marks=pytest.mark.slow),
    ],
)
def test_windows(drive, effects) -> None:
    layout = windows(drive, effects=effects)
    at, density = points(layout), compile_layout(layout)
    normals = layout.coordinates.normals
    theta = layout.coordinates.theta(at[1][:normals], np.exp(at[1][normals:]))
    expected, by_numpy, compiled = (
        slowly(layout, theta),
        evaluate(layout, theta),
        RowDensity(layout),
    )
    for prefix, rows in expected.items():
        np.testing.assert_allclose(by_numpy[prefix], rows, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(compiled(theta)[prefix], rows, rtol=1e-10, atol=1e-12)
    assert compare(oracle(layout), density, at) >= 3
    check_gradient(lambda q: numpy_density(layout, q), at[1], density(at[1])[1])
    # control: a weight is no formality
    weight = layout.arrays["choice.moment_weight"].copy()
    weight[0] += 0.01
    other = replace(layout, arrays=layout.arrays | {"choice.moment_weight": weight})
    assert abs(compile_layout(other)(at[1])[0] - density(at[1])[0]) > 1e-8
