"""The posterior of the one-lag study by tempered sequential Monte Carlo, in NumPy alone.

Nothing of dopafit is imported: model, kernel and priors are written anew from docs/science.md and
docs/statistics.md. Run from the repository: ``python tests/backend/one_lag/oracle.py [RUNS
[PARTICLES [SWEEPS]]]``; it writes oracle.json beside this file. Each run tempers the likelihood
from 0 to 1 so that the effective size stays at nine tenths, and moves every particle by random
walks, by steps along the difference of two other particles (they cross between modes), and by the
subjects' deviations, which are independent given the rest. The Monte Carlo error is that between
independent runs.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SPACING = 60.0
SHARED = 8  # trough ratio, half-life, onset ratio, two gains, rest, two log spreads


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return delays (subject, trial, cue), magnitudes (subject, cue) and choices."""
    with (folder / "events.csv").open() as file:
        events = list(csv.DictReader(file))
    with (folder / "observations.csv").open() as file:
        trials = list(csv.DictReader(file))
    people = sorted({row["subject"] for row in events})
    cues = [[r for r in events if r["subject"] == p] for p in people]
    own = [[r for r in trials if r["subject"] == p] for p in people]
    cue = np.array([[float(r["time"]) for r in rows] for rows in cues])
    trial = np.array([[float(r["time"]) for r in rows] for rows in own])
    size = np.array([[float(r["magnitude"]) for r in rows] for rows in cues])
    chosen = np.array([[float(r["pursue"]) for r in rows] for rows in own])
    return trial[:, :, None] - cue[:, None, :], size, chosen


def rectified(x: np.ndarray) -> np.ndarray:
    """Return the smooth rectifier of softness 0.1."""
    return 0.1 * (np.logaddexp(0.0, x / 0.1) - np.log(2.0))


def response(t: np.ndarray, ratio: np.ndarray, half_life: np.ndarray, nu: np.ndarray) -> np.ndarray:
    """Return the opponent kernel of peak 1, (time, particle); its crossing is found by halving."""

    def lobes(x_c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        b = (nu + 1) * (1 + x_c)
        root = np.sqrt(np.maximum(b * b - 4 * (nu + 2) * nu * x_c, 0.0))
        top, low = (b + root) / (2 * (nu + 2)), 2 * nu * x_c / (b + root)
        return tuple(x**nu * (1 - x) * (x - x_c) for x in (top, low))

    below, above = np.full_like(ratio, -60.0), np.full_like(ratio, 60.0)
    for _ in range(60):
        y = 0.5 * (below + above)
        top, low = lobes(1 / (1 + np.exp(-y)))
        deep = -low > ratio * top
        above, below = np.where(deep, y, above), np.where(deep, below, y)
    x_c = 1 / (1 + np.exp(-y))
    lam = np.log(2) / half_life
    x = np.exp(-lam / nu * t[:, None])
    return np.exp(-lam * t[:, None]) * (1 - x) * (x - x_c) / lobes(x_c)[0]


class Target:
    """Prior and likelihood of particles (particle, coordinate)."""

    def __init__(self, delay: np.ndarray, size: np.ndarray, chosen: np.ndarray) -> None:
        self.chosen, self.subjects = chosen, len(chosen)
        self.times, where = np.unique(delay[delay >= 0].round(6), return_inverse=True)
        self.weight = np.zeros((*delay.shape[:2], self.times.size))
        i, j, k = np.nonzero(delay >= 0)
        np.add.at(self.weight, (i, j, where), size[i, k])
        self.size = SHARED + 2 * self.subjects

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw from the prior."""
        q = rng.standard_normal((n, self.size))
        q[:, 6], q[:, 7] = np.log(np.abs(q[:, 6])), np.log(0.5 * np.abs(q[:, 7]))
        return q

    def prior(self, q: np.ndarray) -> np.ndarray:
        """Return the log prior density, up to a constant."""
        normal = np.delete(q, [6, 7], axis=1)
        spread = np.exp(q[:, 6:8]) / np.array([1.0, 0.5])
        return -0.5 * (normal**2).sum(1) + q[:, 6:8].sum(1) - 0.5 * (spread**2).sum(1)

    def likelihood(self, q: np.ndarray) -> np.ndarray:
        """Return the log likelihood, (particle, subject)."""
        ratio, nu = 0.3 * np.exp(0.7 * q[:, 0]), 0.1 * np.exp(0.8 * q[:, 2])
        unit = response(self.times, ratio, np.log(2) * SPACING * np.exp(0.8 * q[:, 1]), nu)
        first = SHARED + self.subjects
        peak = np.exp(np.clip(np.exp(q[:, 7:8]) * q[:, first:], -50, 50))
        level = np.einsum("sjt,tn->nsj", self.weight, unit) * peak[:, :, None]
        up, down = rectified(level) / rectified(np.array(1.0)), rectified(-level)
        down = down / rectified(ratio)[:, None, None]
        rest = 1.5 * q[:, 5:6] + np.exp(q[:, 6:7]) * q[:, SHARED:first]
        gain, loss = 1.5 * q[:, 3], 1.5 * q[:, 4]
        eta = rest[:, :, None] + gain[:, None, None] * up + loss[:, None, None] * down
        eta = np.clip(np.nan_to_num(eta), -500, 500)
        return (self.chosen * eta - np.logaddexp(0.0, eta)).sum(-1)


def next_power(beta: float, total: np.ndarray, keep: float = 0.9) -> float:
    """Return the power at which the effective size falls to `keep` of the particles."""

    def size(power: float) -> float:
        w = (power - beta) * total
        w = np.exp(w - w.max())
        return w.sum() ** 2 / (w**2).sum() / w.size

    if size(1.0) >= keep:
        return 1.0
    low, high = beta, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if size(middle) >= keep else (low, middle)
    return low


def sweep(
    rng: np.random.Generator, target: Target, beta: float, q: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Move every particle; return the rows of its new place (q is changed in place)."""
    n, own = len(q), np.arange(SHARED)
    root = np.linalg.cholesky(np.cov(q[:, own].T) + 1e-6 * np.eye(SHARED))
    for kind in ("walk", "coordinate", "difference"):
        p = q.copy()
        if kind == "walk":
            scale = rng.choice([0.1, 0.3, 0.6, 1.3], (n, 1))
            p[:, own] += scale * (rng.standard_normal((n, SHARED)) @ root.T)
        elif kind == "coordinate":
            at = rng.integers(SHARED, size=n)
            p[np.arange(n), at] += rng.choice([0.1, 0.4, 1.5], n) * rng.standard_normal(n)
        else:
            one, other = rng.permutation(n), rng.permutation(n)
            length = rng.choice([1.0, 0.6], (n, 1))
            p[:, own] += length * (q[one][:, own] - q[other][:, own])
            p[:, own] += 0.02 * rng.standard_normal((n, SHARED))
        new = target.likelihood(p)
        change = beta * (new - rows).sum(1) + target.prior(p) - target.prior(q)
        ok = np.log(rng.uniform(size=n)) < change
        q[ok], rows = p[ok], np.where(ok[:, None], new, rows)
    first = SHARED + target.subjects
    halves = [slice(SHARED, first), slice(first, None)]
    for _ in range(2):
        p = q.copy()
        p[:, SHARED:] += rng.choice([0.3, 1.0], (n, 1)) * rng.standard_normal(p[:, SHARED:].shape)
        new = target.likelihood(p)
        change = beta * (new - rows)
        for half in halves:
            change = change - 0.5 * (p[:, half] ** 2 - q[:, half] ** 2)
        ok = np.log(rng.uniform(size=change.shape)) < change
        for half in halves:
            q[:, half] = np.where(ok, p[:, half], q[:, half])
        rows = np.where(ok, new, rows)
    return rows


def run(target: Target, seed: int, particles: int, sweeps: int) -> tuple[np.ndarray, int]:
    """Return particles from the posterior, and the number of powers it took."""
    rng = np.random.default_rng(seed)
    q, beta, powers = target.draw(rng, particles), 0.0, 0
    rows = target.likelihood(q)
    while beta < 1.0:
        total = rows.sum(1)
        new = next_power(beta, total)
        w = (new - beta) * total
        w = np.cumsum(np.exp(w - w.max()))
        at = np.searchsorted(w / w[-1], (np.arange(particles) + rng.uniform()) / particles)
        at = np.minimum(at, particles - 1)
        q, rows, beta, powers = q[at], rows[at], new, powers + 1
        for _ in range(sweeps if beta < 1.0 else 3 * sweeps):
            rows = sweep(rng, target, beta, q, rows)
    return q, powers


def main(runs: int, particles: int, sweeps: int) -> dict[str, object]:
    """Return the shares over independent runs, with the standard error of their mean."""
    target, began = Target(*read(HERE / "study")), time.time()
    found, powers = [], []
    for seed in range(runs):
        q, count = run(target, seed, particles, sweeps)
        gains = 1.5 * q[:, 3:5]
        found.append([(gains[:, 1] < 1.0).mean(), (gains[:, 0] < 1.0).mean(), gains[:, 1].mean()])
        powers.append(count)
    names = ("P(gain_trough < 1)", "P(gain_peak < 1)", "mean gain_trough")
    values = np.array(found)
    return {
        "command": f"python tests/backend/one_lag/oracle.py {runs} {particles} {sweeps}",
        "powers": powers,
        "seconds": round(time.time() - began, 1),
        "runs": dict(zip(names, values.round(4).T.tolist(), strict=True)),
        "mean": dict(zip(names, values.mean(0).round(4).tolist(), strict=True)),
        "error": dict(
            zip(names, (values.std(0, ddof=1) / np.sqrt(runs)).round(4).tolist(), strict=True)
        ),
    }


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]] + [4, 1000, 6][len(sys.argv) - 1 :]
    (HERE / "oracle.json").write_text(json.dumps(main(*numbers), indent=1) + "\n")
