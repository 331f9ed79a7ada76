"""dopafit: what data say about the baseline, the peak and the trough."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Choice": "dopafit.channel.choice",
    "Comparison": "dopafit.compare.loo",
    "DopafitError": "dopafit.core.errors",
    "Fit": "dopafit.fit.fit",
    "Latency": "dopafit.channel.latency",
    "Model": "dopafit.model.spec",
    "Presses": "dopafit.channel.press",
    "Prior": "dopafit.core.prior",
    "Study": "dopafit.study.study",
    "WaldLatency": "dopafit.channel.latency_wald",
    "explore": "dopafit.fit.explore",
    "fetch": "dopafit.study.datasets",
    "identifiability": "dopafit.check.identifiability",
    "load_dataset": "dopafit.study.datasets",
    "predictive_check": "dopafit.check.predict",
    "read_analysis": "dopafit.model.analysis",
    "read_study": "dopafit.study.read",
    "run": "dopafit.report.run",
    "simulate": "dopafit.model.replicate",
    "timetable": "dopafit.model.schedule",
    "validate": "dopafit.study.validate",
    "write_study": "dopafit.study.write",
}
# the rooms `fit` and `compare` can be called: their names are their verbs
_MODULES = {"compare": "dopafit.compare", "fit": "dopafit.fit", "plot": "dopafit.figure.plots"}

__all__ = sorted(["__version__", *_HOME, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module 'dopafit' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
