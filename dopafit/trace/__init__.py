"""Events become a level over time."""

from __future__ import annotations

from dopafit.trace.kernel import Kernel, load
from dopafit.trace.opponent import Opponent

__all__ = ["Kernel", "Opponent", "load"]
