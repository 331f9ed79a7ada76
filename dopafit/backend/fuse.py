"""Compile a claim's log density into one function, kept on disk as source and machine code.

The source follows from the claim alone, so it is written once, named by what it was made from, and
loaded again by any later process, without a graph: numba keeps its machine code beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from dopafit.core.cache import cache_folder
from dopafit.model.assemble import Program

__all__ = ["code_folder", "load"]


@cache
def code_folder() -> Path:
    """Return where generated functions are kept; a temporary folder where none can be written."""
    folder = cache_folder() / "compiled"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix="dopafit-"))


@cache
def _version() -> str:
    """Return a digest of everything that generated functions call; numba watches only one file."""
    import llvmlite
    import numba

    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {sys.version}".encode())
    root = Path(__file__).parent.parent
    for name in ("trace/_loops.py", "trace/_solve.py", "trace/newton.py"):
        digest.update((root / name).read_bytes())
    for name in ("fuse_loops.py", "fast_loops.py"):
        digest.update((root / "backend" / name).read_bytes())
    return digest.hexdigest()


def load(program: Program, names: tuple[str, ...], *, gradient: bool) -> Any:
    """Return the compiled function of a claim.

    Parameters
    ----------
    program : Program
        The claim.
    names : tuple of str
        The arrays, in the order in which the function will get them.
    gradient : bool
        `density(q, normals, *arrays)`, which returns (log density, gradient); else
        `rows_of(theta, *arrays)`, which returns every row's log density by channel.
    """
    from dopafit.backend.fuse_plan import make_plan
    from dopafit.backend.fuse_write import write

    source = write(make_plan(program, names, gradient=gradient), names, gradient=gradient)
    key = hashlib.sha256((_version() + source).encode()).hexdigest()[:20]
    path = code_folder() / f"density_{key}.py"
    if not path.exists():
        # a neighbour may write the same file: whoever comes last replaces it by its equal
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".py", delete=False, encoding="utf-8"
        ) as handle:
            handle.write(source)
        os.replace(handle.name, path)
    name = f"dopafit_{path.stem}"
    loader = SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    sys.modules[name] = module  # numba looks it up by its name
    loader.exec_module(module)
    return module.density if gradient else module.rows_of
