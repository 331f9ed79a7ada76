"""The events that move a model's trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.core.errors import SpecError, StudyError
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

if TYPE_CHECKING:
    from dopafit.model.claim import Model

__all__ = ["moving_events"]


def moving_events(model: Model, study: Study) -> pd.DataFrame:
    """Return the events of the model's kinds, sorted by session and time, (event,).

    Raises
    ------
    SpecError
        A kind that the study does not have, or no events for a drive that needs them.
    StudyError
        An event without a time or a magnitude.
    """
    events = study.events
    if model.events is not None:
        kinds = sorted(events["kind"].astype(str).unique())
        for kind in model.events:
            if kind not in kinds:
                wrong = f"events: the study has no events of kind {kind!r}"
                todo = "name kinds that occur, or leave the key out"
                raise SpecError(wrong, given=kind, known=kinds, todo=todo)
        events = events[events["kind"].isin(model.events)]
    for column in ("time", "magnitude"):
        bad = ~np.isfinite(events[column].to_numpy(float))
        if bad.any():
            first = events[bad].iloc[0]
            raise StudyError(
                f"events: subject {first['subject']}, session {first['session']}: "
                f"{column} = {first[column]}",
                allowed="finite numbers",
                todo="leave the event out, or give it a time and a magnitude",
            )
    if model.moved and events.empty:
        raise SpecError(
            f"the hypothesis {model.hypothesis} needs events, and the study has none",
            allowed="a study with a table of events, or the drive no_drive",
            todo="add an events table, or fit no_drive",
        )
    return events.sort_values([*KEYS, "time"], kind="stable").reset_index(drop=True)
