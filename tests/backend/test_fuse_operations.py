"""Every operation of the table, at every place in a split loop, summed, against numpy and JAX.

A loop is split where a value comes from a function that is called row by row. One claim holds
every operation in the first, a middle and the last part of such a loop: alone in a loop, and all
of them in one. Each is summed (the slope by its weight) and differentiated (by its argument).
"""

from __future__ import annotations

import operator
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from dopafit.backend.bridges.jax_functions import namespace
from dopafit.backend.bridges.jax_operations import solve_y
from dopafit.backend.codegen import load as fuse
from dopafit.backend.codegen.emit import HEADER, write
from dopafit.backend.codegen.expression import Book
from dopafit.backend.codegen.plan import make_plan
from dopafit.backend.codegen.runtime import CHUNK
from dopafit.backend.operations import TEXT
from tests.backend.operations import NUMBERS

ROWS = CHUNK + 45
PLACES = ("first", "middle", "last")
OPERATIONS = sorted(TEXT)
POSITIVE = {"log", "log1p", "sqrt", "pow", "div", "solve"}
"""Operations whose arguments are above 0; every other one gets numbers of both signs."""
WITH_DECAY = {"softplus", "sigmoid"}
"""Their second argument is a function of the first."""
OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg} | {
    "div": operator.truediv,
    "pow": operator.pow,
}
NAMES = {"gt": "greater", "lt": "less", "switch": "where"}


def has_slope(name: str) -> bool:
    """Whether a formula can use it: the others are slopes of these, or parts of them."""
    book = Book()
    leaves = [book.leaf("array", k, domain="rows") for k in "xyz"]
    try:
        parts = map(book.node, arguments(name, *leaves, book.make))
        book.pull(book.leaf(name, *parts, domain="rows"), leaves[0])
    except TypeError:
        return False
    return True


def arguments(name: str, x: Any, flag: Any, y: Any, make: Any) -> list[Any]:
    """Return an operation's arguments, made from positive x and y and a 0/1 flag."""
    count = len(set(re.findall(r"\{(\d)\}", TEXT[name])))
    first = x if name in POSITIVE else make("sub", make("mul", 3.0, x), 1.4)
    if name in WITH_DECAY:
        return [first, make("decay", first)]
    if name == "switch":
        return [make("gt", x, y), first, make("mul", x, y)]
    if name == "pow":
        return [first, 1.7]
    if name.startswith("normal_or_beyond"):
        return [first, flag]
    return [first, y][:count]


def term(name: str, place: str, data: dict[str, Any], at: Any, make: Any) -> Any:
    """Return one operation at one place, weighted; what follows needs two more parts."""
    weight, slope, rest = at
    inner = make("mul", data["x"], slope) if has_slope(name) else data["x"]
    chain = [inner]
    for _ in range(2):
        chain.append(make("log1p", chain[-1]))
    found = make(name, *arguments(name, chain[PLACES.index(place)], data["flag"], data["y"], make))
    end = make("mul", rest, make("log1p", make("exp", chain[-1])))
    return make("add", make("mul", weight, found), end)


CASES = [(name, place) for name in OPERATIONS for place in PLACES]


class Claim:
    """As much of a `Program` as the generated functions ask for: a formula for each channel.

    Parameters
    ----------
    cases : mapping of str to list of (operation, place)
        Terms of each channel.
    shared : bool
        Whether all terms have one argument, and so one derivative.
    """

    varying = frozenset()

    def __init__(self, cases: dict[str, list[tuple[str, str]]], *, shared: bool = False) -> None:
        self.cases, self.shared = cases, shared
        self.model = SimpleNamespace(channels=[SimpleNamespace(prefix=p) for p in cases])
        self.place, self.size = {}, 0
        for prefix, own in cases.items():
            count = len(own) + 2 if shared else 3 * len(own)
            self.place[prefix] = slice(self.size, self.size + count)
            self.size += count

    def logp(self, arrays: Any, theta: Any, machinery: Any) -> dict[str, Any]:
        make = machinery.xp.make
        return {
            p: self.rows(p, arrays, [theta[i] for i in range(own.start, own.stop)], make)
            for p, own in self.place.items()
        }

    def rows(self, prefix: str, arrays: Any, own: Any, make: Any) -> Any:
        """Return a channel's rows: the sum of its operations' terms."""
        data = {name: arrays[f"{prefix}.data.{name}"] for name in ("x", "flag", "y")}
        total: Any = 0.0
        for k, case in enumerate(self.cases[prefix]):
            at = [own[k], *own[-2:]] if self.shared else own[3 * k : 3 * k + 3]
            total = make("add", total, term(*case, data, at, make))
        return total

    def arrays(self) -> dict[str, np.ndarray]:
        """Return data for every channel, and coordinates that are theta itself."""
        rng = np.random.default_rng(5)
        data = {"x": rng.uniform(0.3, 1.2, ROWS), "y": rng.uniform(0.2, 0.9, ROWS)}
        data |= {"flag": (rng.random(ROWS) < 0.4).astype(float)}
        found = {f"{p}.data.{k}": v for p in self.cases for k, v in data.items()}
        found |= {f"{p}.zero": np.zeros(ROWS) for p in self.cases}
        whole = {name: np.zeros(self.size) for name in ("loc", "power", "x_centring")}
        whole |= {name: np.zeros(self.size, np.int64) for name in ("spread", "x_spread")}
        whole |= {"scale": np.ones(self.size), "unit": np.arange(1, self.size + 1)}
        found |= whole | {"half_free": np.zeros(1), "half_scale": np.ones(1)}
        return dict(sorted(found.items()))


def by_numpy(name: str, *values: Any) -> Any:
    return NUMBERS[name](*values)


def by_jax(name: str, *values: Any) -> Any:
    if name in OPERATORS:
        return OPERATORS[name](*values)
    if name == "decay":
        return namespace.exp(-abs(values[0]))
    if name == "solve":
        return solve_y(*values)
    values = values[:1] if name in WITH_DECAY else values
    return getattr(namespace, NAMES.get(name, name))(*values)


def check(claim: Claim, call: Any) -> None:
    """Hold a function's value and slopes against numpy and differences of numpy's values."""
    arrays, theta = claim.arrays(), np.random.default_rng(6).uniform(0.7, 1.3, claim.size)
    value, gradient = call(np.append(theta, 0.0), np.array(claim.size), *arrays.values())
    total, step = 0.0, 1e-5
    for prefix, place in claim.place.items():

        def rows(at: np.ndarray, prefix=prefix) -> float:
            return np.broadcast_to(claim.rows(prefix, arrays, at, by_numpy), ROWS).sum()

        own = theta[place]
        ends = [[rows(own + s * e) for s in (-step, step)] for e in np.eye(own.size)]
        slopes = np.diff(ends, axis=1).ravel() / (2 * step)
        found = (gradient[:-1] + theta)[place]
        np.testing.assert_allclose(found, slopes, rtol=1e-7, atol=1e-5, err_msg=prefix)
        total += rows(own)
    assert value + 0.5 * theta @ theta == pytest.approx(total, rel=1e-11)


def interpreted(claim: Claim, folder: Path) -> Any:
    """Return the generated function as plain Python: what is written, without the compiler."""
    names = tuple(claim.arrays())
    source = write(make_plan(claim, names, gradient=True), names, gradient=True)
    assert source.startswith(HEADER)
    imports = [n for n in HEADER.splitlines() if "codegen.runtime" in n or "_solve" in n]
    head = ["import math", "import operator", "import numpy as np", *imports]
    head += ["exp, plus, divide = math.exp, operator.add, operator.truediv"]
    head += ["log1p_unit = math.log1p"]
    path = folder / "generated.py"
    path.write_text("\n".join(head) + "\n" + source.removeprefix(HEADER))
    return runpy.run_path(str(path))["density"]


def test_every_operation_is_summed_once_wherever_it_stands(tmp_path) -> None:
    claim = Claim({f"{name}_{place}": [(name, place)] for name, place in CASES})
    check(claim, interpreted(claim, tmp_path))


def test_all_operations_in_one_loop(tmp_path) -> None:
    claim = Claim({"mixed": CASES}, shared=True)
    check(claim, interpreted(claim, tmp_path))


ROTATED = [(name, PLACES[k % 3]) for k, name in enumerate(OPERATIONS)]


def test_compiled() -> None:
    """The same by the compiler, each operation at one place."""
    claim = Claim({"mixed": ROTATED}, shared=True)
    check(claim, fuse.load(claim, tuple(claim.arrays()), gradient=True))


def test_jax_differentiates_the_same() -> None:
    claim = Claim({"mixed": [case for case in ROTATED if has_slope(case[0])]}, shared=True)
    arrays = claim.arrays()

    def density(q: np.ndarray, *_: Any) -> tuple[float, np.ndarray]:
        with jax.enable_x64(True):
            rows = jax.value_and_grad(lambda own: claim.rows("mixed", arrays, own, by_jax).sum())
            value, slopes = rows(q[:-1])
        return float(value) - 0.5 * q @ q, np.append(np.array(slopes) - q[:-1], 0.0)

    check(claim, density)
