"""Two hundred malformed studies: each is refused, doubted or read, in words a newcomer can use."""

from __future__ import annotations

import pytest

from tests.corpus import keys, meaning
from tests.corpus.base import Case, judge

CASES = [*keys.CASES, *meaning.CASES]


def test_there_are_two_hundred() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_malformed_study(case: Case, tmp_path) -> None:
    amiss = judge(case, tmp_path)
    assert not amiss, "\n".join(amiss)
