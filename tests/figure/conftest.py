from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from dopafit.design.confusion import confusion as confused
from dopafit.figure import (
    comparison,
    confusion,
    diagnostics,
    forest,
    gain_plane,
    kernel,
    multiverse,
    prior_posterior,
    signatures,
    trace,
)


def bands(median: np.ndarray, half: float = 0.1) -> dict[str, np.ndarray]:
    return {
        "median": median,
        "lower_50": median - half / 2,
        "upper_50": median + half / 2,
        "lower_90": median - half,
        "upper_90": median + half,
    }


def rays(rho: float) -> pd.DataFrame:
    """Where drives lie in the plane of gains, for a trough of this depth."""
    places = {
        "peak": (1.0, 0.0),
        "trough": (0.0, 1.0),
        "level": (1.0, -rho),
        "suppression": (-1.0, rho),
        "deviation": (1.0, rho),
        "no_drive": (0.0, 0.0),
    }
    table = pd.DataFrame.from_dict(places, "index", columns=["gain_peak", "gain_trough"])
    return table.rename_axis("drive").reset_index()


@pytest.fixture(scope="session")
def tables() -> dict[str, pd.DataFrame]:
    """Small tables of every kind, with known numbers."""
    rng = np.random.default_rng(11)
    time = np.linspace(0, 7200, 61)
    response = np.exp(-time / 1500) * (1 - np.exp(-time / 300)) * (np.exp(-time / 900) - 0.2)
    response = response / response.max()
    members = [f"s{i:02d}" for i in range(8)]
    middle = rng.normal(0, 1, 8)
    draws = [
        pd.DataFrame(
            {
                "channel": channel,
                "source": source,
                "gain_peak": rng.normal(0.2, width, 500),
                "gain_trough": rng.normal(1.0, width, 500),
            }
        )
        for channel in ("choice", "latency")
        for source, width in (("posterior", 0.3), ("prior", 1.5))
    ]
    both = [
        pd.DataFrame(
            {
                "parameter": name,
                "unit": unit,
                "scale": scale,
                "source": source,
                "value": np.exp(rng.normal(0, width, 400)),
            }
        )
        for name, unit, scale in (("trough_ratio", "1", "log"), ("choice_rest", "logit", "linear"))
        for source, width in (("prior", 0.7), ("posterior", 0.2))
    ]
    x = np.geomspace(10, 7200, 7)
    signature = [
        pd.DataFrame(
            {
                "signature": "Pursuit by time since event",
                "channel": "choice",
                "group": group,
                "x": x,
                "x_lower": x * 0.9,
                "x_upper": x * 1.1,
                "observed": np.linspace(0.2, 0.6, 7),
                "observed_lower": np.linspace(0.2, 0.6, 7) - 0.08,
                "observed_upper": np.linspace(0.2, 0.6, 7) + 0.08,
                "n": 20,
                "source": "posterior",
                "hypothesis": drive,
                "x_label": "Time since event [s]",
                "y_label": "P(pursue)",
                "replicate_median": np.linspace(0.25, 0.55, 7) + shift,
                "lower_50": 0.2 + shift,
                "upper_50": 0.5 + shift,
                "lower_90": 0.1 + shift,
                "upper_90": 0.6 + shift,
            }
        )
        for group in ("placebo", "drug")
        for drive, shift in (("trough", 0.0), ("level", 0.05))
    ]
    fits = ["trough", "level", "no_drive"]
    return {
        "curves": pd.DataFrame({"time": time, **bands(response)}),
        "landmarks": pd.DataFrame(
            {
                "label": ["peak", "crossing", "trough"],
                "median": [280.0, 1450.0, 2500.0],
                "lower_90": [200.0, 1200.0, 2000.0],
                "upper_90": [360.0, 1700.0, 3100.0],
                "level": [1.0, 0.0, -0.2],
            }
        ),
        "trace": pd.DataFrame({"time": time, **bands(np.sin(time / 900))}),
        "events": pd.DataFrame(
            {"time": [60.0, 600.0, 3000.0], "kind": ["food", "cue", "food"], "magnitude": [1, 2, 4]}
        ),
        "acts": pd.DataFrame(
            {
                "time": [30.0, 90.0, 400.0, 900.0],
                "kind": ["press", "pursue", "no pursuit", "pursue"],
            }
        ),
        "plane": pd.concat(draws, ignore_index=True),
        "rays": rays(0.3),
        "draws": pd.concat(both, ignore_index=True),
        "contraction": pd.DataFrame(
            {
                "parameter": ["trough_ratio", "choice_rest"],
                "contraction": [0.91, 0.04],
                "status": ["informed", "not informed by your data"],
            }
        ),
        "forest": pd.DataFrame(
            {
                "parameter": "choice_rest",
                "unit": "logit",
                "member": members,
                **bands(middle),
            }
        ),
        "population": pd.DataFrame(
            {"parameter": ["choice_rest"], "median": [0.1], "lower_90": [-0.2], "upper_90": [0.4]}
        ),
        "signature": pd.concat(signature, ignore_index=True),
        "comparison": pd.DataFrame(
            {
                "hypothesis": fits,
                "elpd": [-100.0, -110.0, -130.0],
                "se": 5.0,
                "elpd_diff": [0.0, -10.0, -30.0],
                "dse": [0.0, 3.0, 6.0],
                "weight": [0.9, 0.1, 0.0],
                "max_pareto_k": [0.3, 0.9, 0.2],
                "n_bad_k": [0, 2, 0],
                "converged": [True, True, False],
            }
        ),
        "multiverse": pd.DataFrame(
            {
                "median": np.linspace(-2.0, 12.0, 15)[rng.permutation(15)],
                "lower": -6.0,
                "upper": 20.0,
                "own": np.arange(15) == 0,
                "trusted": np.arange(15) != 4,
                "hypothesis": np.where(np.arange(15) % 2, "trough, opponent", "peak, opponent"),
                "time_on_task": np.where(np.arange(15) % 3, "usual", "none"),
                "history": "with",
                "sessions": "without",
                "kernel_prior": np.where(np.arange(15) % 4, "sd 1", "sd 2"),
                "gain_prior": pd.Categorical(
                    np.where(np.arange(15) % 5, "sd 1", "sd 0.5"), ["sd 0.5", "sd 1"]
                ),
            }
        ),
        "confusion": confused(np.repeat(fits, 4), np.tile([*fits, fits[0]], len(fits)), fits),
        "summary": pd.DataFrame(
            {
                "hypothesis": np.repeat(fits, 20),
                "parameter": [f"p{i}" for i in range(60)],
                "r_hat": 1 + np.abs(rng.normal(0, 0.004, 60)),
                "ess_bulk": rng.lognormal(7, 0.5, 60),
                "ess_tail": rng.lognormal(7, 0.5, 60),
            }
        ),
    }


@pytest.fixture(scope="session")
def figures(tables: dict[str, pd.DataFrame]) -> dict[str, Callable[..., Figure]]:
    """Every figure as a function of the keywords that all share."""
    t = tables
    return {
        "kernel": lambda **k: kernel.draw(t["curves"], t["landmarks"], prior=t["curves"], **k),
        "trace": lambda **k: trace.draw(t["trace"], t["events"], t["acts"], title="s01 · 1", **k),
        "gain_plane": lambda **k: gain_plane.draw(t["plane"], rays=t["rays"], **k),
        "prior_posterior": lambda **k: prior_posterior.draw(t["draws"], t["contraction"], **k),
        "forest": lambda **k: forest.draw(t["forest"], t["population"], **k),
        "signatures": lambda **k: signatures.draw(t["signature"], **k),
        "comparison": lambda **k: comparison.draw(t["comparison"], unit="subject", n_units=8, **k),
        "diagnostics": lambda **k: diagnostics.draw(t["summary"], **k),
        "confusion": lambda **k: confusion.draw(t["confusion"], **k),
        "multiverse": lambda **k: multiverse.draw(t["multiverse"], effect="Size [points]", **k),
    }


NAMES = (
    "kernel",
    "trace",
    "gain_plane",
    "prior_posterior",
    "forest",
    "signatures",
    "comparison",
    "diagnostics",
    "multiverse",
    "confusion",
)


@pytest.fixture(params=NAMES)
def make(request, figures) -> Callable[..., Figure]:
    return figures[request.param]


def _written(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """Every text that reaches the page, and no tick that lies outside the view."""
    texts: list[Text] = []
    draw = Text.draw

    def record(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            texts.append(self)
        return draw(self, renderer, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    return list(dict.fromkeys(texts))


@pytest.fixture
def words(monkeypatch) -> Callable[[Figure], list[str]]:
    """Return what a reader can read."""
    return lambda figure: [t.get_text() for t in _written(figure, monkeypatch)]


@pytest.fixture
def faults(monkeypatch) -> Callable[[Figure], list[str]]:
    """Return texts that leave the page or lie over each other."""

    def check(figure: Figure) -> list[str]:
        texts = _written(figure, monkeypatch)
        renderer = figure.canvas.get_renderer()
        boxes = [Text.get_window_extent(t, renderer) for t in texts]
        width, height = figure.bbox.width, figure.bbox.height
        found = [
            f"outside: {t.get_text()!r}"
            for t, b in zip(texts, boxes, strict=True)
            if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1
        ]
        for i, a in enumerate(boxes):
            for j in range(i):
                b = boxes[j]
                across = min(a.x1, b.x1) - max(a.x0, b.x0)
                up = min(a.y1, b.y1) - max(a.y0, b.y0)
                if across > 1 and up > 1:
                    found.append(f"overlap: {texts[i].get_text()!r} {texts[j].get_text()!r}")
        return found

    return check


@pytest.fixture(scope="session")
def rays_at() -> Callable[[float], pd.DataFrame]:
    return rays
