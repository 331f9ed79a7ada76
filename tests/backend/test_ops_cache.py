"""A second process runs the first one's machine code: no Op is compiled again."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np, pytensor, pytensor.tensor as pt
from numba.core import event
from dopafit.backend.ops import Level, columns, linear_rows, solve_y

inputs = [pt.dvector(), pt.dvector(), pt.lvector(), pt.dvector(), pt.lvector(), pt.lvector(),
          pt.dmatrix(), pt.dmatrix(), pt.dmatrix(), pt.lvector(), pt.lvector(), pt.lvector(),
          pt.dvector(), pt.dvector()]
theta = inputs[-1]
coef = columns(*(inputs[6][:, k] for k in range(3)))
levels, _ = Level(progression=True)(*inputs[:6], coef, inputs[7])
cost = levels.sum() + linear_rows(*inputs[8:]).sum()
gradients = pytensor.grad(cost, [inputs[1], theta])
a = np.array
with event.install_recorder("numba:compile") as recorder:
    outputs = [cost, solve_y(theta, inputs[-2]), *gradients]
    function = pytensor.function(inputs, outputs, mode="NUMBA")
    value = function(a([0., 1.]), a([1., 2.]), a([0, 2]), a([.5, 3.]), a([0, 2]), a([0]),
                     a([[-.1, 1.1, -1.]]), a([[.1, 1.1, 2.1]]),
                     a([[1.]]), a([0]), a([0, 1]), a([0]), a([2.]), a([-1.]))
names = [e.data["dispatcher"].py_func.__name__ for _, e in recorder.buffer if e.is_start]
print(float(value[0]), *names)
"""


def run(folder):
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={folder}"}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
    )
    value, *names = result.stdout.split()
    return float(value), set(names)


def test_second_process_compiles_nothing(tmp_path):
    ours = {
        "columns",
        "level",
        "level_pullback",
        "linear_rows",
        "linear_rows_transposed",
        "solve_y",
    }
    first, compiled = run(tmp_path)
    assert ours <= compiled
    second, compiled = run(tmp_path)
    assert compiled == set()
    assert first == second
