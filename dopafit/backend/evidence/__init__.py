"""Scores, weights and sensitivities from draws."""
