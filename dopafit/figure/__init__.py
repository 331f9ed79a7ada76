"""What a reader sees: one file per figure, drawn from tidy tables; no statistics here.

Every figure is a module with one function, ``draw(tables, ..., stamp=, converged=, simulated=,
ax=) -> matplotlib.figure.Figure``:

>>> from dopafit.figure import kernel
>>> kernel.draw(curves, landmarks)  # doctest: +SKIP
"""
