"""A line of LaTeX as a drawing for the page: paths only, so it looks the same everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dopafit.report.set.escape import clean

__all__ = ["Equation", "draw", "draw_line", "pieces"]

SIZE = 12.0  # [pt] the drawing is made in; the page scales it to its own type
LONGEST = 2000  # characters; more is no equation
_BREAK = re.compile(r",?\s*\\quad\s*")


@dataclass(frozen=True)
class Equation:
    """One equation, drawn.

    Parameters
    ----------
    latex : str
        Its source.
    path : str
        SVG path data; empty where the source could not be drawn.
    box : tuple of float
        x, y, width, height of the drawing [pt].
    """

    latex: str
    path: str = ""
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def view(self) -> str:
        """The drawing's ``viewBox``."""
        return " ".join(f"{v:.2f}" for v in self.box)

    @property
    def width(self) -> str:
        """Width in em of the text around it."""
        return f"{1.12 * self.box[2] / SIZE:.3f}em"

    @property
    def height(self) -> str:
        """Height in em of the text around it."""
        return f"{1.12 * self.box[3] / SIZE:.3f}em"


def pieces(latex: str) -> list[str]:
    """Split a line at its wide gaps, where a narrow page may break it."""
    return [part for part in _BREAK.split(clean(latex)) if part]


def draw(latex: str) -> Equation:
    """Draw one equation.

    Parameters
    ----------
    latex : str
        The subset of LaTeX that matplotlib's mathtext reads, without dollar signs.

    Returns
    -------
    Equation
        Without a path where the source cannot be read; the page then shows the source.
    """
    source = clean(latex)
    if not source or "$" in source or len(source) > LONGEST:
        return Equation(source)
    import matplotlib
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    default = matplotlib.rcParamsDefault["mathtext.default"]
    settings = {"text.parse_math": True, "text.usetex": False, "mathtext.default": default}
    font = FontProperties(family="STIXGeneral", math_fontfamily="stix")
    try:
        with matplotlib.rc_context(settings):
            path = TextPath((0, 0), f"${source}$", size=SIZE, prop=font)
            extent = path.get_extents()
    except (ValueError, RecursionError):  # mathtext's word for what it cannot read
        return Equation(source)
    if not len(path.vertices):
        return Equation(source)
    pad = 0.6
    box = (
        extent.x0 - pad,
        -extent.y1 - pad,
        extent.width + 2 * pad,
        extent.height + 2 * pad,
    )
    return Equation(source, _svg(path), tuple(float(v) for v in box))


def draw_line(latex: str) -> list[Equation]:
    """Draw a line's pieces in boxes of one height, so that they stand on one baseline."""
    drawn = [draw(piece) for piece in pieces(latex)]
    boxes = [e.box for e in drawn if e.path]
    if not boxes:
        return drawn
    top = min(y for _, y, _, _ in boxes)
    bottom = max(y + height for _, y, _, height in boxes)
    return [replace(e, box=(e.box[0], top, e.box[2], bottom - top)) if e.path else e for e in drawn]


def _svg(path: object) -> str:
    words = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    parts = []
    for points, kind in path.iter_segments(curves=True, simplify=False):
        numbers = [] if kind == 79 else [
            f"{v if i % 2 == 0 else -v:.2f}" for i, v in enumerate(points)
        ]  # fmt: skip
        parts.append(words[int(kind)] + " ".join(numbers))
    return "".join(parts)
