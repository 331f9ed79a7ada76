"""Whether a fit may be believed, and what the data said."""
