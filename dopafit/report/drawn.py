"""The figures of a run folder, read back for the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dopafit.core.errors import FitError
from dopafit.core.limits import RECORD_BYTES
from dopafit.core.reading import ReadingError, read_text
from dopafit.report.files import AGAIN, read_png

__all__ = ["Figure", "read_figure", "read_figures"]


@dataclass(frozen=True)
class Figure:
    """One figure of the run.

    Parameters
    ----------
    stem : str
        File name without its suffix.
    title, caption : str
        As the run wrote them.
    fit : str or None
        The fit it was made from; None where it shows several.
    kind : str
        ``"kernel"``, ``"trace"``, ``"gain_plane"`` ...
    png : bytes
        The image.
    width, height : float
        Printed size [mm].
    """

    stem: str
    title: str
    caption: str
    fit: str | None
    kind: str
    png: bytes
    width: float
    height: float


def read_figures(folder: Path) -> tuple[Figure, ...]:
    """Return the figures that ``index.json`` of a folder lists; none without it.

    Raises
    ------
    FitError
        The index or a figure is damaged.
    """
    index = folder / "index.json"
    if not index.exists():
        return ()
    try:
        entries = json.loads(read_text(index, RECORD_BYTES))
        listed = [
            (
                str(e["stem"]),
                str(e["title"]),
                str(e.get("caption") or ""),
                e.get("fit"),
                str(e["kind"]),
            )
            for e in entries
        ]
    except (
        ReadingError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise FitError(
            f"{index} is damaged: {error!r}",
            allowed="a list of figures, each with stem, title, caption, fit and kind",
            todo=AGAIN,
        ) from None
    figures = []
    for stem, title, caption, fit, kind in listed:
        if not stem or Path(stem).name != stem or stem.startswith("."):
            raise FitError(
                f"{index}: {stem!r} is no file name", allowed="a name without folders", todo=AGAIN
            )
        figures.append(read_figure(folder, stem, title, caption, kind=kind, fit=fit))
    return tuple(figures)


def read_figure(
    folder: Path, stem: str, title: str, caption: str, *, kind: str = "", fit: Any = None
) -> Figure:
    """Return one figure; its kind is its stem unless given.

    Raises
    ------
    FitError
        Its PNG is missing or damaged.
    """
    png, width, height = read_png(folder / f"{stem}.png")
    whose = None if fit is None else str(fit)
    return Figure(stem, title, caption, whose, kind or stem, png, width, height)
