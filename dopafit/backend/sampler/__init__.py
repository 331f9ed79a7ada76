"""Draws from the posterior."""
