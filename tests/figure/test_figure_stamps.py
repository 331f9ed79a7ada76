"""Every figure of `dopafit.plot` says what its fits are: the page's words, read from the PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from dopafit.check.predict import predictive_check
from dopafit.compare.any_shape import any_shape
from dopafit.compare.fits import compare
from dopafit.compare.superposition import Superposition
from dopafit.core.errors import SpecError
from dopafit.figure import plots, stamp, style
from dopafit.fit.explore import explored
from dopafit.fit.joint import joint_stamp
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.claim import Model
from tests.pdf_text import pdf_text

DRAW: dict[str, Callable[[SimpleNamespace], Figure]] = {
    "comparison": lambda w: plots.comparison(w.comparison),
    "diagnostics": lambda w: plots.diagnostics(w.fits),
    "forest": lambda w: plots.forest(w.trough, "choice_rest"),
    "gain_plane": lambda w: plots.gain_plane(w.trough),
    "kernel": lambda w: plots.kernel(w.trough),
    "prior_posterior": lambda w: plots.prior_posterior(w.trough),
    "response": lambda w: plots.response(w.added, w.trough),
    "signatures": lambda w: plots.signatures(w.checks),
    "trace": lambda w: plots.trace(w.trough, *w.session),
}
GOOD = Verdict(True, (Diagnostic("R-hat", 1.001, "< 1.01", True),))
ROUGH = Verdict(False, (Diagnostic("Pareto k", 0.3, "< 0.7", True),
                        Diagnostic("sampled", 0.0, "draws", False)), "Laplace")  # fmt: skip
USELESS = Verdict(False, (Diagnostic("Pareto k", 1.3, "< 0.7", False),), "Laplace")


def world(fits, added, **changes) -> SimpleNamespace:
    fits = {name: replace(fit, **changes) for name, fit in fits.items()}
    layout = fits["trough"].layout
    return SimpleNamespace(
        fits=fits,
        added=added,
        trough=fits["trough"],
        session=(layout.sessions["subject"][0], layout.sessions["session"][0]),
        comparison=compare(fits, unit="session", refits=0),
        checks=[predictive_check(fit, seed=1, draws=5) for fit in fits.values()],
    )


@pytest.fixture(scope="module")
def added(tiny_fits) -> Superposition:
    """A response of any shape, however rough: its curve is drawn beside that of a fit."""
    model, study = tiny_fits["trough"].model, tiny_fits["trough"].study
    channels = [one for one in model.channels if one.table == "observations"]
    own = tuple(f"{one.prefix}_" for one in channels)
    effects = {name: text for name, text in model.effects.items() if name.startswith(own)}
    rows = Model(drive="trough", channels=channels, effects=effects)
    claim, study = any_shape(rows, study)
    return Superposition(pd.DataFrame(), explored(claim, study, seed=1, draws=100)[0])


@pytest.fixture(scope="module")
def failed(tiny_fits, added) -> SimpleNamespace:
    return world(tiny_fits, added)


@pytest.fixture(scope="module")
def sound(tiny_fits, added) -> SimpleNamespace:
    study = replace(tiny_fits["trough"].study, simulated=False)
    return world(tiny_fits, added, verdict=GOOD, study=study)


def test_a_new_figure_is_drawn_here_too() -> None:
    assert set(DRAW) == set(plots.__all__) - {"save"}


@pytest.mark.parametrize("name", DRAW)
def test_the_pdf_says_it(name, failed, sound, tmp_path) -> None:
    with style.context():  # TrueType fonts, as `save` writes them
        DRAW[name](failed).savefig(tmp_path / "figure.pdf")
    said = pdf_text(tmp_path / "figure.pdf")
    assert stamp.SIMULATED in said and stamp.BANNER in said and "NOT CONVERGED: " in said
    plain = " ".join(text.get_text() for text in DRAW[name](sound).texts)  # control
    assert "SIMULATED" not in plain and "NOT CONVERGED" not in plain and "converged" in plain


@pytest.mark.parametrize("name", [n for n in DRAW if n not in ("comparison", "signatures")])
@pytest.mark.parametrize(
    ("verdict", "banner"), [(ROUGH, stamp.EXPLORING), (USELESS, stamp.UNUSABLE)]
)
def test_approximations_are_called_so(name, verdict, banner, failed) -> None:
    rough = {"trough": replace(failed.trough, verdict=verdict)}
    seen = SimpleNamespace(
        fits=rough, trough=rough["trough"], session=failed.session, added=failed.added
    )
    words = [text.get_text() for text in DRAW[name](seen).texts]
    assert banner in words and any("APPROXIMATE (Laplace, Pareto k" in text for text in words)


def test_several_fits_are_named(failed) -> None:
    fits = {
        "trough": replace(failed.fits["trough"], verdict=ROUGH),
        "no_drive": failed.fits["no_drive"],
    }
    found = compare(fits, unit="session", refits=0)
    checks = [replace(check, verdict=fits[check.hypothesis].verdict) for check in failed.checks]
    for figure in (plots.comparison(found), plots.signatures(checks), plots.diagnostics(fits)):
        words = [text.get_text() for text in figure.texts]
        assert "NOT CONVERGED: no_drive · APPROXIMATE: trough" in words and stamp.BANNER in words
    assert "SIMULATED DATA" in str(found) and "SIMULATED DATA" in repr(checks[0])
    assert joint_stamp([]) == ""


def test_diagnostics_want_fits(tiny_fit) -> None:
    for wrong in ({}, tiny_fit.summary, "trough"):
        with pytest.raises(SpecError) as caught:
            plots.diagnostics(wrong)
        assert caught.value.allowed and caught.value.todo


def test_members_are_called_what_they_are(failed, monkeypatch) -> None:
    from dopafit.figure import forest

    seen = {}
    draw = forest.draw
    monkeypatch.setattr(forest, "draw", lambda *a, **k: seen.update(k) or draw(*a, **k))
    plots.forest(failed.trough, "choice_rest")
    assert seen["member"] == "subject"
    tables = plots.forest_tables(failed.trough, "choice_rest")
    monkeypatch.setattr(plots.quantities, "member_term", lambda *_: "1|session")
    plots.forest(failed.trough, "choice_rest", tables=tables)
    assert seen["member"] == "session"
