"""Compile every table of a run folder with pdflatex on an A4 page, and say what does not fit.

    python tools/tex.py RUN_FOLDER

Ends with 1 where a table has an error, is too wide or too high for the page.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = r"""\documentclass[a4paper]{article}
\usepackage[margin=25mm]{geometry}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{array,booktabs,longtable}
\begin{document}
"""
FAULT = re.compile(
    r"^! .*|^Overfull \\[hv]box \((?:[5-9]|\d\d)[\d.]*pt.*|.*Float too large.*", re.MULTILINE
)


def faults(table: Path, folder: Path) -> list[str]:
    """Return what pdflatex complains of."""
    text = HEAD + table.read_text(encoding="utf-8") + "\\end{document}\n"
    (folder / "table.tex").write_text(text, encoding="utf-8")
    for _ in range(2):  # a long table settles its columns in the second run
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "table.tex"],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
        )
    log = (folder / "table.log").read_text(encoding="latin-1")
    found = FAULT.findall(log)
    return found or (["pdflatex failed"] if done.returncode else [])


def main() -> int:
    """Compile the tables of the folder that was named."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "tables").is_dir():
        print("give a run folder: python tools/tex.py runs/cue-pursuit", file=sys.stderr)
        return 2
    tables = sorted((Path(sys.argv[1]) / "tables").glob("*.tex"))
    bad = 0
    with tempfile.TemporaryDirectory() as place:
        for table in tables:
            found = faults(table, Path(place))
            bad += bool(found)
            print(f"{'FAULT' if found else 'ok   '} {table.name}", *found, sep="\n      ")
    print(f"{len(tables) - bad} of {len(tables)} tables compile and fit an A4 page")
    return int(bool(bad) or not tables)


if __name__ == "__main__":
    sys.exit(main())
