"""How each operation is written in the generated loops."""

from __future__ import annotations

__all__ = ["ALONE", "ONCE", "TEXT"]

TEXT = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "divide({0}, {1})",
    "neg": "-{0}",
    "exp": "exp({0})",
    "decay": "exp(-abs({0}))",
    "softplus": "({0} if {0} > 0.0 else 0.0) + log1p_unit({1})",
    "sigmoid": "divide(1.0 if {0} >= 0.0 else {1}, 1.0 + {1})",
    "sqrt": "math.sqrt({0})",
    "maximum": "({0} if {0} > {1} else {1})",
    "switch": "({1} if {0} else {2})",
    "gt": "{0} > {1}",
    "lt": "{0} < {1}",
    "abs": "abs({0})",
    "pow": "{0} ** {1}",
    "expm1": "math.expm1({0})",
    "sin": "math.sin({0})",
    "cos": "math.cos({0})",
    "tanh": "math.tanh({0})",
    "log": "math.log({0})",
    "log1p": "math.log1p({0})",
    "erfcx": "erfcx({0})",
    "log_ndtr": "log_ndtr({0})",
    "log_ndtr_slope": "log_ndtr_slope({0})",
    "normal_or_beyond": "normal_or_beyond_at({0}, {1})",
    "normal_or_beyond_slope": "normal_or_beyond_slope({0}, {1})",
    "solve": "solve_scalar({0}, {1})",
}
"""Operations as text over their arguments."""

ONCE = TEXT | {
    "exp": "math.exp({0})",
    "decay": "math.exp(-abs({0}))",
    "softplus": "({0} if {0} > 0.0 else 0.0) + math.log1p({1})",
}
"""The same outside the long loops, where SIMD code would only take time to compile."""

ALONE = frozenset(
    (
        "pow expm1 sin cos tanh log log1p erfcx log_ndtr log_ndtr_slope normal_or_beyond "
        "normal_or_beyond_slope solve"
    ).split()
)
"""Operations that call a function or take branches: in a loop of their own, lest they keep the
others from becoming SIMD code."""
