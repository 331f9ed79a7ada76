"""The same figure gives the same bytes, with its tables beside it."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

from dopafit.figure.save import save

CODE = """
import sys
from pathlib import Path
import pandas as pd
from dopafit.figure import kernel, save
t = pd.DataFrame({"time": [0.0, 60, 600], "median": [0.0, 1, -0.2],
                  "lower_90": [0.0, 0.9, -0.3], "upper_90": [0.0, 1.1, -0.1]})
save.save(kernel.draw(t, stamp="é · 1"), {"curves": t}, Path(sys.argv[1]))
"""


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
    found = []
    for seed in ("1", "2"):
        stem = tmp_path / seed / "k"
        subprocess.run(
            [sys.executable, "-c", CODE, str(stem)],
            check=True,
            timeout=120,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        found.append({p.name: p.read_bytes() for p in stem.parent.iterdir()})
    assert found[0] == found[1]
    assert set(found[0]) == {"k.pdf", "k.png", "k.csv"}
