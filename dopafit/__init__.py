"""dopafit: what data say about the baseline, the peak and the trough."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Choice": "dopafit.channel.choice",
    "Comparison": "dopafit.compare.loo",
    "Counts": "dopafit.channel.counts",
    "DopafitError": "dopafit.core.errors",
    "Event": "dopafit.model.stepping",
    "Fit": "dopafit.fit.fit",
    "Latency": "dopafit.channel.latency",
    "Model": "dopafit.model.claim",
    "Offer": "dopafit.model.stepping",
    "Presses": "dopafit.channel.press",
    "Prior": "dopafit.core.prior",
    "Study": "dopafit.study.study",
    "WaldLatency": "dopafit.channel.latency_wald",
    "compare": "dopafit.compare.fits",
    "exclude": "dopafit.study.excluded",
    "explore": "dopafit.fit.explore",
    "fetch": "dopafit.study.datasets",
    "fit": "dopafit.fit.fit",
    "identifiability": "dopafit.check.identifiability",
    "load_dataset": "dopafit.study.datasets",
    "play": "dopafit.model.stepping",
    "predictive_check": "dopafit.check.predict",
    "read_analysis": "dopafit.model.analysis",
    "read_study": "dopafit.study.read",
    "resolved": "dopafit.model.layout.layout",
    "run": "dopafit.report.run",
    "simulate": "dopafit.model.play",
    "timetable": "dopafit.model.schedule",
    "to_pymc": "dopafit.fit.to_pymc",
    "validate": "dopafit.study.validate",
    "with_nuisance": "dopafit.model.nuisance",
    "write_study": "dopafit.study.write",
}
_MODULES = {"plot": "dopafit.figure.plots"}

__all__ = sorted(["__version__", *_HOME, *_MODULES])


class _Front(ModuleType):
    """A package whose functions keep their names beside rooms called the same."""

    def __setattr__(self, name: str, value: Any) -> None:
        # importing dopafit.fit.fit would bind the room over the function dopafit.fit
        if name in _HOME and value is sys.modules.get(f"{__name__}.{name}"):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Front


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module 'dopafit' has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    room = sys.modules.get(f"{__name__}.{name}")
    if room is not None:  # `import dopafit.fit.verdict as v` looks for the module here
        vars(found).update({k: v for k, v in vars(room).items() if isinstance(v, ModuleType)})
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
