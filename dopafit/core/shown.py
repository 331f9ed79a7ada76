"""How a value shows itself in a notebook: its text, with what must be said of it in front."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Shown"]

STAMPS = ("SIMULATED", "NOT CONVERGED", "APPROXIMATE", "NOT USABLE")
ROWS = 60  # a longer table is cut, and says so


class Shown:
    """A value whose ``repr`` a notebook shows as HTML, escaped, with nothing fetched from outside.

    A member that has a table returns it from `_table_shown`; else its lines of text are shown.
    """

    def _table_shown(self) -> pd.DataFrame | None:
        return None

    def _repr_html_(self) -> str:
        """Return the head line, the lines that carry a stamp, and the table or the other lines."""
        head, *lines = repr(self).split("\n")
        stamped = [line.strip() for line in lines if any(stamp in line for stamp in STAMPS)]
        parts = [f"<p><b>{html.escape(head)}</b></p>"]
        parts += [f"<p><strong>{html.escape(line)}</strong></p>" for line in stamped]
        table = self._table_shown()
        if table is None:
            rest = "\n".join(line for line in lines if line.strip() not in stamped)
            parts.append(f"<pre>{html.escape(rest)}</pre>" if rest else "")
        else:
            warned = [line for line in lines if line.startswith("warning: ")]
            parts += [f"<p>{html.escape(line)}</p>" for line in warned if line not in stamped]
            parts.append(table.head(ROWS).to_html(border=0, float_format="{:.4g}".format))
            if len(table) > ROWS:
                parts.append(f"<p>{ROWS} of {len(table)} rows</p>")
        return f"<div>{''.join(parts)}</div>"
