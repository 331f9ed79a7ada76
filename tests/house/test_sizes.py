"""Files stay small enough to be read in one sitting."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT, TESTS = 400, 500  # lines


def too_long(folder: Path, limit: int = LIMIT) -> list[str]:
    """Python files below a folder with more lines than the limit."""
    counts = {path: len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.py")}
    return sorted(f"{path.name}: {n} lines" for path, n in counts.items() if n > limit)


def test_no_file_is_too_long():
    assert too_long(ROOT / "dopafit") == []


def test_no_test_file_is_too_long():
    assert too_long(ROOT / "tests", TESTS) == []


def test_control_a_long_file_is_seen(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "fine.py").write_text("x = 1\n" * LIMIT)
    assert too_long(tmp_path) == []
    (tmp_path / "room" / "long.py").write_text("x = 1\n" * (LIMIT + 1))
    assert too_long(tmp_path) == [f"long.py: {LIMIT + 1} lines"]
