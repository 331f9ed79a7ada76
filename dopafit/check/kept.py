"""Numbers that take long to compute, kept in a file so that a later call goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dopafit.core.files import write_result

__all__ = ["Kept"]


class Kept:
    """What was computed for one question.

    Parameters
    ----------
    path : Path or None
        The file; nothing is kept where None. One that cannot be read, or is about other data or
        hypotheses, is as good as none.
    asked : iterable
        Plain data that say what the question is: hashes, seeds, counts.
    """

    def __init__(self, path: Path | None, asked: Iterable[Any]) -> None:
        self._path = path
        self._key = hashlib.sha256(json.dumps(list(asked)).encode()).hexdigest()
        self.values: dict[str, Any] = {}
        """By name; `save` after a change."""
        if path is not None:
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                found = json.loads(path.read_text("utf-8"))
                self.values = dict(found["statistics"]) if found["key"] == self._key else {}

    def save(self) -> None:
        """Write the file, whole or not at all."""
        if self._path is not None:
            text = json.dumps({"key": self._key, "statistics": self.values})
            write_result(self._path, text.encode())
