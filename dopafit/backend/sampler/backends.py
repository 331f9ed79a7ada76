"""What can compute the log density: numba on the processor, or JAX, which needs an extra."""

from __future__ import annotations

from dopafit.core.errors import FitError, SpecError

__all__ = ["BACKENDS", "known_backend", "require_backend"]

BACKENDS = ("numba", "jax")


def known_backend(name: str) -> str:
    """Return the name if it is one of `BACKENDS`.

    Raises
    ------
    SpecError
        It is not.
    """
    if name not in BACKENDS:
        raise SpecError(f"backend {name!r} is not known", given=name, known=BACKENDS)
    return name


def require_backend(name: str) -> None:
    """Make sure, before any work is done, that a backend can be used.

    Raises
    ------
    SpecError
        An unknown name.
    FitError
        JAX is asked for and cannot be imported, or is too old.
    """
    if known_backend(name) != "jax":
        return
    reason = ""
    try:
        import jax
    except (ImportError, RuntimeError) as error:  # a jaxlib of another version is a RuntimeError
        reason = f"JAX cannot be imported: {error}"
    else:
        if not hasattr(jax, "enable_x64"):
            reason = f"JAX {jax.__version__} is too old"
    if reason:
        raise FitError(
            f"backend 'jax': {reason}",
            allowed="backend 'numba', which is always there; 'jax' with JAX 0.8 or newer",
            todo='pip install "dopafit[jax]", or take the backend numba',
        )
