"""Fixtures every room may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_mirror() -> Path:
    """Return the folder that stands in for the network; say so where there is none."""
    named = os.environ.get("DOPAFIT_DATA_MIRROR")
    place = Path(named) if named else ROOT.parent / "shared" / "data"
    if not (place / "operant-fed3").is_dir():
        pytest.skip(
            f"real data not found at {place}: set DOPAFIT_DATA_MIRROR to a folder that holds "
            "operant-fed3/raw/*.CSV"
        )
    return place
