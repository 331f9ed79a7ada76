"""Parameters and landmarks that several kernels have, each said once."""

from __future__ import annotations

import math
from dataclasses import replace

from dopafit.core.component import Landmark, Parameter
from dopafit.core.prior import Prior

__all__ = [
    "AREA",
    "CROSSING",
    "DECAY",
    "FALL_RATIO",
    "LN2",
    "OPPONENT_GAIN",
    "PEAK",
    "PEAK_TIME",
    "RECOVERY",
    "RISE_RATIO",
    "TROUGH",
    "TROUGH_RATIO",
]

LN2 = math.log(2)

PEAK = Parameter(
    meaning="maximum of the response to one unit event, above baseline",
    unit="trace",
    prior=None,
    fixed=1.0,
    convention="population peak of the reference event is the unit",
    link="log",
    effect=Prior.normal(0, 0.3),
    spread=Prior.half_normal(0.5),
    varies="event",
)
TROUGH_RATIO = Parameter(
    meaning="depth of the minimum below baseline, over the peak",
    unit="1",
    prior=Prior.lognormal(0.3, 0.7),
    link="log",
    spread=Prior.half_normal(0.3),
    reason="a ratio of sizes is positive; a trough deeper than the peak stays possible",
    phrase="the trough is {} of the peak",
)
RECOVERY = Parameter(
    meaning="half-life of the late return to baseline",
    unit="s",
    prior=Prior.lognormal(30.0, 0.8),
    link="log",
    spread=Prior.half_normal(0.2),
    reason="times are positive; centred on the typical spacing of events, wide",
    centred_on_spacing=True,
)
DECAY = replace(
    RECOVERY,
    meaning="half-life of the decay to baseline, of the slow part where there are two",
    phrase="the decay has a half-life of {}",
)
FALL_RATIO = Parameter(
    meaning="rate of the late return over rate of the fall from the peak; small for a sharp fall",
    unit="1",
    prior=Prior.logit_normal(0.1, 1.0),
    link="logit",
    spread=Prior.half_normal(0.2),
    reason="the fall is faster than the recovery, usually much faster",
)
RISE_RATIO = Parameter(
    meaning="rate of the fall from the peak over rate of the rise; small for a sharp rise",
    unit="1",
    prior=Prior.logit_normal(0.2, 1.0),
    link="logit",
    spread=Prior.half_normal(0.2),
    reason="the rise is faster than the fall, usually much faster",
)

PEAK_TIME = Landmark(
    "time from an event to the maximum", "s", "the peak comes {} after an event", "peak"
)
CROSSING = Landmark("time from an event to the return through baseline", "s", label="crossing")
TROUGH = Landmark(
    "time from an event to the minimum", "s", "the trough comes {} after it", "trough"
)
OPPONENT_GAIN = Landmark(
    "area of the opponent over area of the primary response; 1 is perfect adaptation", "1"
)
AREA = Landmark("net area of the response to one unit event", "peak s")
