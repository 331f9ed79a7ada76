"""Formulas: what an analysis writes for a parameter, read, checked and coded."""

from dopafit.model.formula.design import MAX_COLUMNS, Design, GroupTerm, design, used_columns

__all__ = ["MAX_COLUMNS", "Design", "GroupTerm", "design", "used_columns"]
