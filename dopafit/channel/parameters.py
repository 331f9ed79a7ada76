"""Parameters that several channels have: a rate of acts, on the log scale."""

from __future__ import annotations

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior

__all__ = ["LOG_RATE", "LOG_RATE_GAIN"]

LOG_RATE = Parameter(
    "log press rate at baseline",
    "ln 1/s",
    Prior.normal(-3, 2),
    effect=Prior.normal(0, 0.5),
    spread=Prior.half_normal(1),
    varies="row",
)
LOG_RATE_GAIN = Parameter(
    "change of the log rate per unit lobe", "ln 1/s", Prior.normal(0, 1.5), varies="row"
)
