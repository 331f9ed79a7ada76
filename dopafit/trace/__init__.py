"""Events become a level over time."""

from __future__ import annotations

from dopafit.trace.kernel import Kernel
from dopafit.trace.opponent import Opponent

__all__ = ["Kernel", "Opponent"]
