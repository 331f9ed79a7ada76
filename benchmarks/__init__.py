"""Slow evidence: recovery and speed, each with a command of its own and recorded results."""
