"""Every operation of the generated functions, worked out by numpy and SciPy."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from dopafit.trace.newton import solve

NUMBERS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "exp": np.exp,
    "decay": lambda x: np.exp(-np.abs(x)),
    "softplus": lambda x, _: np.logaddexp(0, x),
    "sigmoid": lambda x, _: special.expit(x),
    "abs": np.abs,
    "pow": np.power,
    "expm1": np.expm1,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "maximum": np.maximum,
    "switch": np.where,
    "gt": np.greater,
    "lt": np.less,
    "erfcx": special.erfcx,
    "log_ndtr": special.log_ndtr,
    "log_ndtr_slope": lambda x: np.exp(stats.norm.logpdf(x) - special.log_ndtr(x)),
    "normal_or_beyond": lambda z, b: np.where(b > 0, special.log_ndtr(-z), stats.norm.logpdf(z)),
    "normal_or_beyond_slope": lambda z, b: np.where(
        b > 0, -np.exp(stats.norm.logpdf(z) - special.log_ndtr(-z)), -z
    ),
    "solve": solve,
}
