"""The same figure gives the same bytes, with its tables beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dopafit.figure import kernel
from dopafit.figure.save import save


def write(stem: Path) -> None:
    """Draw and save one small figure."""
    table = pd.DataFrame(
        {
            "time": [0.0, 60.0, 600.0],
            "median": [0.0, 1.0, -0.2],
            "lower_90": [0.0, 0.9, -0.3],
            "upper_90": [0.0, 1.1, -0.1],
        }
    )
    save(kernel.draw(table, stamp="é · 1"), {"curves": table}, stem)


def test_one_table(tmp_path, figures, tables):
    stem = tmp_path / "new" / "kernel.trough"
    paths = save(figures["kernel"](), {"curves": tables["curves"]}, stem)
    assert [p.name for p in paths] == [
        "kernel.trough.pdf",
        "kernel.trough.png",
        "kernel.trough.csv",
    ]
    assert sorted(p.name for p in stem.parent.iterdir()) == sorted(p.name for p in paths)
    pd.testing.assert_frame_equal(pd.read_csv(paths[2]), tables["curves"], check_exact=True)
    pdf, png = (p.read_bytes() for p in paths[:2])
    assert pdf.startswith(b"%PDF") and png.startswith(b"\x89PNG")
    assert b"CreationDate" not in pdf
    assert b"CIDFontType2" in pdf and b"/Type3" not in pdf  # TrueType, editable text


def test_several_tables(tmp_path, figures, tables):
    both = {k: tables[k] for k in ("curves", "landmarks")}
    names = [p.name for p in save(figures["kernel"](), both, tmp_path / "k")]
    assert names == ["k.pdf", "k.png", "k.curves.csv", "k.landmarks.csv"]


def test_png_has_300_dots_per_inch(tmp_path, figures):
    from matplotlib.image import imread

    figure = figures["kernel"]()
    _, png = save(figure, {}, tmp_path / "k")
    height, width = imread(png).shape[:2]
    assert width == pytest.approx(89 / 25.4 * 300, abs=1)
    assert height == pytest.approx(figure.get_size_inches()[1] * 300, abs=1)


def test_same_bytes_in_another_process(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write(one / "k")
    # neither the order of sets nor the time of day may reach the files
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, __file__, str(other / "k")],
        check=True,
        timeout=300,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": path},
    )
    found = [{p.name: p.read_bytes() for p in folder.iterdir()} for folder in (one, other)]
    assert found[0] == found[1]
    assert set(found[0]) == {"k.pdf", "k.png", "k.csv"}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
