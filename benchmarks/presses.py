"""Problem D: the presses of twelve FED3 sessions, every drive, timed.

    DOPAFIT_DATA_MIRROR=FOLDER python -m benchmarks.presses

The claims of ``analyses/fed3-rebound/one-history.yaml`` (312,769 rows: presses and quadrature
nodes), one fit each with the settings given here, or else those below. Results go to
``benchmarks/results/D.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.timed import parser, timed_fit

ANALYSIS = Path(__file__).resolve().parent.parent / "analyses" / "fed3-rebound" / "one-history.yaml"
USUAL = {"draws": 500, "tune": 200, "target_accept": 0.8}
OWN = {"peak": {"draws": 600, "tune": 250, "target_accept": 0.85}}
"""What is enough to converge; with the usual settings the peak drive had an R-hat of 1.014."""


def main(argv: list[str] | None = None) -> None:
    """Fit, print and write the results."""
    from dopafit.model.analysis import read_analysis
    from dopafit.report.opening import open_study

    command = parser(__doc__)
    command.add_argument("--drive", action="append", help="these only; all unless given")
    command.add_argument("--try", action="store_true", dest="trial", help="nothing is stored")
    options = command.parse_args(argv)
    analysis = read_analysis(ANALYSIS)
    unknown = sorted(set(options.drive or []) - set(analysis.models))
    if unknown:
        command.error(f"no drive {unknown[0]!r}; allowed: {', '.join(analysis.models)}")
    study = open_study(analysis).study
    for drive in options.drive or list(analysis.models):
        given = {name: value for name, value in vars(options).items() if value is not None}
        settings = argparse.Namespace(**(USUAL | OWN.get(drive, {}) | given))
        timed_fit("D", "presses", analysis.models[drive], study, settings, keep=not options.trial)


if __name__ == "__main__":
    main()
