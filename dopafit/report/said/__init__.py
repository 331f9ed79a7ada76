"""What is true of a run."""
