"""Formulas, coordinates and likelihood: a claim and a study become numbers."""
