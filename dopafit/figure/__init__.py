"""What a reader sees: one file per figure, drawn from tidy tables; no statistics here.

Every figure is a module with one function, ``draw(tables, ..., stamp=, converged=, simulated=,
ax=) -> matplotlib.figure.Figure``. Modules are read when first asked for, so that importing this
package does not import matplotlib:

>>> from dopafit import figure
>>> figure.kernel.draw(curves, landmarks)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "comparison",
    "density",
    "diagnostics",
    "forest",
    "gain_plane",
    "kernel",
    "prior_posterior",
    "save",
    "signatures",
    "stamp",
    "style",
    "table",
    "trace",
    "unit",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
