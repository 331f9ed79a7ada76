"""Times since the event before."""

from __future__ import annotations

import numpy as np

from dopafit.trace.gaps import last_event, trace_gaps


def test_which_event_a_read_follows() -> None:
    time, reads = np.array([1.0, 2.0, 2.0, 5.0]), np.array([1.0, 2.0, 2.5, 9.0, 3.0, 0.0, 6.0])
    found = last_event(time, np.array([0, 3, 3, 4]), reads, np.array([0, 4, 5, 7]))
    assert found.tolist() == [0, 1, 3, 3, 0, 0, 4]


def test_gaps_begin_anew_in_every_session() -> None:
    gaps = trace_gaps(
        {
            "event_time": np.array([1.0, 4.0, 2.0]),
            "event_offset": np.array([0, 2, 2, 3]),
            "read_time": np.array([0.5, 4.0, 7.0, 3.0]),
            "read_offset": np.array([0, 2, 3, 4]),
            "kernel_row": np.array([0, 1, 0]),
        }
    )
    assert gaps.event.tolist() == [0.0, 3.0, 0.0] and gaps.begins.tolist() == [True, False, True]
    assert gaps.state.tolist() == [0, 1, 0, 3]
    assert gaps.read.tolist() == [0.0, 3.0, 0.0, 1.0]
    assert gaps.row.tolist() == [0, 0, 1, 0]
