"""A model met a study."""
