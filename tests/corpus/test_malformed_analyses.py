"""A hundred malformed analysis files: each is refused or doubted in words a newcomer can use."""

from __future__ import annotations

import pytest

from tests.corpus.analyses import CASES
from tests.corpus.base import Case, judge


def test_there_are_a_hundred() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_malformed_analysis(case: Case, tmp_path) -> None:
    amiss = judge(case, tmp_path)
    assert not amiss, "\n".join(amiss)
