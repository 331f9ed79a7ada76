"""Writes a claim's log density as one compiled function."""
