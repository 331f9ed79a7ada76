"""Machine code of numba functions, kept from one process to the next.

numba's own cache unpickles whatever lies beside the source, so a file that somebody altered runs,
and one that was cut fails for ever. Here a file is read only from a folder that is this user's
alone, and used only if it has the digest it was written with; else the function is compiled again.
The digest shows damage and careless change. It is no signature: who may write the user's own files
may also write a new digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import CompileResult
from numba.core.environment import Environment, lookup_environment
from numba.core.serialize import dumps, loads

from dopafit.core.cache import own_folder, read_own, sweep_own, write_own

__all__ = ["kept", "kept_callback"]

FOLDER = "compiled"
UNUSED_DAYS, LARGEST_TOTAL = 90.0, 512 * 2**20
DIGEST = hashlib.sha256().digest_size


def kept(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with numba, and keep its machine code on disk.

    Parameters
    ----------
    **options
        Those of `numba.njit`, but for ``cache``.

    Examples
    --------
    >>> @kept(nogil=True)
    ... def double(x):
    ...     return 2 * x
    """

    def decorate(function: Callable[..., Any]) -> Any:
        # nothing calls them by address: that wrapper would only be compiled
        compiled = numba.njit(no_cfunc_wrapper=True, **options)(function)
        compiled._cache = _Kept(function)
        return compiled

    return decorate


def kept_callback(signature: Any, **options: Any) -> Callable[[Callable[..., Any]], CFunc]:
    """Compile a function that others call by its address, and keep its machine code on disk.

    Parameters
    ----------
    signature : numba signature
        Its types in C.
    **options
        Those of `numba.cfunc`, but for ``cache``.
    """

    def decorate(function: Callable[..., Any]) -> CFunc:
        compiled = CFunc(function, (signature.args, signature.return_type), {}, options)
        compiled._cache = _Kept(function)
        compiled.compile()
        return compiled

    return decorate


class _Kept(NullCache):
    """What numba asks before it compiles, and tells afterwards."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the kept code for a signature; None where it is to be compiled."""
        target_context.refresh()
        folder = own_folder(FOLDER)
        if folder is None:
            return None
        key = self._key(sig, target_context.codegen())
        content = read_own(folder, self._file(key))
        if content is None or hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
            return None
        with contextlib.suppress(Exception):  # of whatever kind: it can be compiled again
            stored, (library, description, own, *rest, others) = loads(content[DIGEST:])
            if stored == key:
                kept_parts = (library, description, _restored(*own), *rest)
                others = tuple(_restored(*other) for other in others)
                return CompileResult._rebuild(target_context, *kept_parts, others)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, where it can be kept."""
        folder = own_folder(FOLDER)
        if folder is None or data.library.has_dynamic_globals or data.lifted:
            return
        key = self._key(sig, data.codegen)
        library, description, own, *rest, others = data._reduce()
        plain = (library, description, _plain(own), *rest, tuple(map(_plain, others)))
        content = dumps((key, plain))
        name = self._file(key)
        if write_own(folder, name, hashlib.sha256(content).digest() + content):
            sweep_own(folder, days=UNUSED_DAYS, total=LARGEST_TOTAL)

    def _key(self, sig: Any, codegen: Any) -> str:
        """Return everything that the code follows from."""
        function = f"{self._function.__module__}.{self._function.__qualname__}"
        versions = f"{sys.version} {numba.__version__} {llvmlite.__version__}"
        machine = repr(codegen.magic_tuple())
        return "\n".join((function, repr(sig), versions, machine, self._stamp))

    @cached_property
    def _stamp(self) -> str:
        """Return a digest of the function's source and of that of all it calls."""
        spaces: dict[str, Mapping[str, Any]] = {}
        waiting = [self._function.__globals__]
        while waiting:
            space = waiting.pop()
            if space["__name__"] not in spaces:
                spaces[space["__name__"]] = space
                waiting += [vars(sys.modules[name]) for name in _called(space)]
        digest = hashlib.sha256()
        for name in sorted(spaces):
            digest.update(f"{name}\n{_source(spaces[name])}\n".encode())
        return digest.hexdigest()

    def _file(self, key: str) -> str:
        return f"{self._function.__name__}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.bin"


def _plain(environment: Environment) -> tuple[list[Any], str]:
    """Return constants and name: numba's own form would import a module that need not be one."""
    return list(environment.consts), environment.env_name


def _restored(constants: list[Any], name: str) -> Environment:
    found = lookup_environment(name)
    if found is None:
        found = Environment({"__name__": name})  # only code for Python objects reads globals
        found.consts[:], found.env_name = constants, name
        Environment._memo[name] = found
    return found


def _called(namespace: Mapping[str, Any]) -> set[str]:
    """Return the modules of dopafit whose compiled functions and intrinsics a namespace holds."""
    found = set()
    for value in namespace.values():
        function = getattr(value, "py_func", None) or getattr(value, "_defn", None)
        module = getattr(function, "__module__", None)
        if isinstance(module, str) and module.startswith("dopafit") and module in sys.modules:
            found.add(module)
    return found


def _source(namespace: Mapping[str, Any]) -> str:
    loader = getattr(namespace["__spec__"], "loader", None)
    if hasattr(loader, "get_source"):
        return loader.get_source(namespace["__name__"]) or ""
    return Path(namespace["__file__"] or "").read_text(encoding="utf-8")
