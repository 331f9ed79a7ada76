"""The study that is spoilt is sound to begin with, and the judge is no rubber stamp."""

from __future__ import annotations

from tests.corpus.base import Case, cell, judge, sound, tell


def test_the_base_is_sound(tmp_path) -> None:
    told = tell(sound(tmp_path))
    assert (told.how, told.text, told.incomplete) == ("read", "", ())


def test_the_judge_refuses_wrong_expectations(tmp_path) -> None:
    spoil = (cell("observations.csv", 2, "pursue", 7),)
    assert judge(Case("right", "error", "0, 1", spoil), tmp_path / "a") == []
    (amiss,) = judge(Case("wrong kind", "read", "0, 1", spoil), tmp_path / "b")
    assert amiss.startswith("error, where it must be read")
    (amiss,) = judge(Case("wrong words", "error", "no such words", spoil), tmp_path / "c")
    assert amiss.startswith("does not say")
